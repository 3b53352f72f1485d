"""CenterNetHead and CenterNetUpdateHead: what they find, keys, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from mmlite.errors import ConfigError
from mmlite.inference.apis import inference_detector, init_detector
from mmlite.models import build_detector
from mmlite.models.heads import CenterNetHead, CenterNetUpdateHead
from mmlite.registry import HEADS
from tests.models.tiny import BOXES, FEATS, LABELS, META, tiny_head
from tests.runs import CHECKOUT

FEAT, METAS = [torch.rand(2, 8, 16, 24)], [META, META]  # a stride of 4


def centernet(**changes) -> CenterNetHead:
    torch.manual_seed(0)
    cfg = dict(type='CenterNetHead', num_classes=3, in_channels=8, feat_channels=8)
    head = HEADS.build({**cfg, **changes}, at='model.bbox_head')
    head.init_weights()
    return head


def update(**changes) -> CenterNetUpdateHead:
    return tiny_head(
        'CenterNetUpdateHead', norm_cfg=None, strides=[8, 16],
        regress_ranges=[(0, 24), (16, 1e8)], **changes,
    )  # fmt: skip


class Drawn(torch.nn.Module):
    """Stands for the branches of a head: maps that were made before."""

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        self.values = values

    def forward(self, feat: Tensor) -> Tensor:
        return self.values


def drawn(head: CenterNetHead, *peaks: tuple, sides: tuple = (4.0, 2.0)) -> CenterNetHead:
    """The head on a map of 16 x 24 cells with peaks: (image, label, row, column, logit)."""
    heat = torch.full((2, 3, 16, 24), -1e3)  # a score of 0
    for image, label, row, column, logit in peaks:
        heat[image, label - 1, row, column] = logit
    head.heatmap_head = Drawn(heat)
    head.wh_head = Drawn(torch.tensor(sides)[:, None, None].expand(2, 2, 16, 24))
    head.offset_head = Drawn(torch.tensor([0.5, 0.25])[:, None, None].expand(2, 2, 16, 24))
    return head


def test_keys_are_mmdets() -> None:
    keys = {f'{b}_head.{i}.{p}' for b in ('heatmap', 'wh', 'offset') for i in (0, 2)
            for p in ('weight', 'bias')}  # fmt: skip
    assert set(centernet().state_dict()) == keys
    for key in ('conv_cls.weight', 'conv_reg.bias', 'scales.1.scale', 'cls_convs.0.conv.bias'):
        assert key in update().state_dict()


def test_losses_of_a_perfect_prediction() -> None:
    # centres (27, 24) and (65, 40) px are (6.75, 6) and (16.25, 10) cells
    boxes = [Tensor([[19, 20, 35, 28], [57, 36, 73, 44]]), torch.zeros(0, 4)]
    head = drawn(centernet(), (0, 2, 6, 6, 40.0), (0, 3, 10, 16, 40.0))
    losses = head.loss(FEAT, METAS, boxes, LABELS)
    assert losses['loss_center_heatmap'].item() == pytest.approx(0, abs=1e-6)
    assert losses['loss_wh'].item() == 0  # 4 x 2 cells
    # offsets (0.75, 0) and (0.25, 0) for (0.5, 0.25): 0.5 in each of the two, over 2 * 2 numbers
    assert losses['loss_offset'].item() == pytest.approx(0.25)


def test_peaks_become_boxes() -> None:
    peaks = [(0, 1, 4, 6, 2.0), (0, 1, 4, 7, 1.0), (0, 3, 9, 20, 0.0), (1, 2, 0, 0, 1.0)]
    first, second = drawn(centernet(), *peaks).predict(FEAT, METAS)
    # the cell beside the first peak has less: no maximum. Centres (6.5, 4.25) and (20.5, 9.25)
    assert first['bboxes'].tolist() == [[18, 13, 34, 21], [74, 33, 90, 41]]
    assert first['scores'].tolist() == pytest.approx([1 / (1 + math.exp(-2)), 0.5])
    assert first['labels'].tolist() == [1, 3] and second['labels'].tolist() == [2]
    assert second['bboxes'].tolist() == [[-6, -3, 10, 5]]  # not clipped, as in mmdet


def test_boxes_are_put_back_into_the_original() -> None:
    head = drawn(centernet(), (0, 1, 4, 6, 2.0), (1, 1, 4, 6, 2.0))
    whole = dict(META, scale_factor=[2.0, 0.5, 2.0, 0.5])
    inside = dict(whole, border=[3, 60, 10, 90])  # top, bottom, left, right
    first, second = head.predict(FEAT, [whole, inside], rescale=True)
    assert first['bboxes'].tolist() == [[9, 26, 17, 42]]  # [18, 13, 34, 21] / (2, 0.5)
    assert second['bboxes'].tolist() == [[4, 20, 12, 36]]  # [8, 10, 24, 18] / (2, 0.5)
    assert head.predict(FEAT, [whole, inside])[1]['bboxes'].tolist() == [[18, 13, 34, 21]]


def test_nms_only_where_it_is_asked_for() -> None:
    # two peaks two cells apart, boxes of 5 x 5 cells: IoU 3 / 7
    peaks = [(0, 1, 4, 6, 2.0), (0, 1, 4, 8, 1.0), (0, 2, 4, 8, 0.0)]

    def found(**test_cfg) -> list[int]:
        head = drawn(centernet(test_cfg=test_cfg), *peaks, sides=(5.0, 5.0))
        return head.predict(FEAT, METAS)[0]['labels'].tolist()

    nms = dict(type='nms', iou_threshold=0.4)
    assert found() == found(nms=nms) == [1, 1, 2]
    assert found(with_nms=True, nms=nms) == [1, 2]
    assert found(with_nms=True, nms=dict(nms, iou_threshold=0.45)) == [1, 1, 2]
    assert found(topk=2) == found(max_per_img=2) == [1, 1]
    assert found(local_maximum_kernel=5) == [1, 2]


def test_images_without_boxes_have_an_ordinary_loss() -> None:
    """mmdet fills the heat map of an image without boxes with the number of classes."""
    head = update()
    nothing = [torch.zeros(0, 4)] * 2, [torch.zeros(0, dtype=torch.int64)] * 2
    empty = head.loss(FEATS, METAS, *nothing)
    assert 0 < empty['loss_cls'] < 10 and empty['loss_bbox'] == 0
    one = head.loss(FEATS, METAS, BOXES, LABELS)
    # all scores are 0.01: 0.75 * 0.01^2 * -log(0.99) for each of 2 * (96 + 24) points and 3 classes
    negative = 0.75 * 1e-4 * -math.log(0.99)
    assert empty['loss_cls'].item() == pytest.approx(720 * negative, rel=0.2)
    # each of two boxes at least once: 0.25 * 0.99^2 * -log(0.01), divided by their number
    assert one['loss_cls'].item() == pytest.approx(0.25 * 0.99**2 * -math.log(0.01), rel=0.05)


def test_soft_weights() -> None:
    """A box of 60 x 40 px: the points beside the centre count less where the weight is soft."""
    boxes = [Tensor([[10, 10, 70, 50]]), torch.zeros(0, 4)]
    losses = []
    for soft in (False, True):
        head = update(soft_weight_on_reg=soft)
        torch.nn.init.zeros_(head.conv_reg.weight)
        # 16 px to the left and the right, 8 to the top and the bottom, at a stride of 16
        head.conv_reg.bias.data = torch.tensor([1.0, 0.5, 1.0, 0.5])
        losses.append(head.loss(FEATS, METAS, boxes, [torch.tensor([1]), LABELS[1]]))
    assert losses[0]['loss_cls'] == losses[1]['loss_cls']
    # the better predictions are those in the middle, (40, 30) px
    assert losses[1]['loss_bbox'] < losses[0]['loss_bbox'] - 0.01


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(train_cfg=dict(assigner={})), 'CenterNetHead assigns nothing; found assigner'),
        (dict(test_cfg=dict(score_thr=0.1)), "model.test_cfg: no key 'score_thr'"),
        (dict(test_cfg=dict(local_maximum_kernel=4)), 'local_maximum_kernel: 1 or 3'),
        (dict(test_cfg=dict(topk=0)), 'from 1 up'),
        (dict(loss_center_heatmap=dict(type='FocalLoss')), 'takes probabilities'),
        (dict(loss_wh=dict(type='GIoULoss')), 'loss_wh: CenterNetHead needs a loss that compares'),
    ],
)
def test_what_centernet_refuses(changes: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        centernet(**changes)


def test_a_head_that_reads_one_map() -> None:
    with pytest.raises(ConfigError, match='reads one map, as CTResNetNeck gives it, found 2'):
        centernet().loss(FEATS, METAS, BOXES, LABELS)


def test_a_detector_trains_on_one_object() -> None:
    """The peak, the size and the place of one object are learnt: a box comes out."""
    torch.manual_seed(0)
    model = build_detector(
        dict(
            type='CenterNet',
            backbone=dict(type='ResNet', depth=18, base_channels=8),
            neck=dict(
                type='CTResNetNeck', in_channels=64, num_deconv_filters=[32, 16, 16],
                num_deconv_kernels=[4, 4, 4], use_dcn=False,
            ),
            bbox_head=dict(
                type='CenterNetHead', num_classes=2, in_channels=16, feat_channels=16
            ),
        )
    )  # fmt: skip
    model.init_weights()
    img = torch.zeros(1, 3, 32, 32)
    img[:, :, 6:22, 8:24] = 1
    box, label = torch.tensor([[8.0, 6, 24, 22]]), torch.tensor([2])
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(30):
        losses = model.loss(img, [{}], [box], [label])
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    (found,) = model.predict(img, [{}])  # in training mode: the statistics of the batch
    assert found['labels'][0] == 2
    torch.testing.assert_close(found['bboxes'][0], box[0], atol=4, rtol=0)


def test_from_a_picture_to_boxes_in_it() -> None:
    model = init_detector(CHECKOUT / 'tests/tiny_centernet.py', device='cpu')
    head = model.bbox_head
    heat = torch.full((1, 5, 24, 32), -1e3)
    heat[0, 2, 12, 16] = 3.0
    head.heatmap_head = Drawn(heat)
    head.wh_head = Drawn(torch.tensor([4.0, 2.0])[:, None, None].expand(1, 2, 24, 32))
    head.offset_head = Drawn(torch.tensor([0.5, 0.25])[:, None, None].expand(1, 2, 24, 32))
    found = inference_detector(model, np.zeros((80, 100, 3), np.uint8))
    # 100 x 80 px in the middle of 128 x 96: (14, 8). The centre (16.5, 12.25) cells is (66, 49) px
    # of the input, and (52, 41) of the picture; the box has 16 x 8 px
    assert found.bboxes.tolist() == [[44, 37, 60, 45]]
    assert found.labels.tolist() == [3]
