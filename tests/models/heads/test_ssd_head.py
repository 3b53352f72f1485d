"""SSDHead: background is first in memory and last on disk, whichever way weights travel."""

from __future__ import annotations

import copy
import io

import pytest
import torch
from torch import Tensor, nn

from mmlite.engine.checkpoint import load_weights
from mmlite.errors import ConfigError
from mmlite.models import build_detector
from mmlite.models.heads import SSDHead
from mmlite.registry import HEADS
from tests.models.tiny import tiny_ssd

KEY = 'cls_convs.0.0.bias'


def build(**changes) -> SSDHead:
    model = tiny_ssd()
    torch.manual_seed(0)
    return HEADS.build({**model['bbox_head'], **changes})


def numbered(head: SSDHead) -> SSDHead:
    """Level 0 has 4 priors of 4 outputs; output k of prior a is 10a + k, k = 0 the background."""
    with torch.no_grad():
        head.cls_convs[0][0].bias.copy_(Tensor([10 * a + k for a in range(4) for k in range(4)]))
    return head


ON_DISK = [10.0 * a + k for a in range(4) for k in (1, 2, 3, 0)]


def test_background_is_each_priors_last_output_on_disk():
    head = numbered(build())
    state_dict = head.state_dict()
    assert state_dict[KEY].tolist() == ON_DISK
    # the weights move with their biases, and the boxes stay
    rows = [4 * a + k for a in range(4) for k in (1, 2, 3, 0)]
    assert torch.equal(state_dict['cls_convs.0.0.weight'], head.cls_convs[0][0].weight[rows])
    assert torch.equal(state_dict['reg_convs.0.0.weight'], head.reg_convs[0][0].weight)
    assert head.cls_convs[0][0].bias[0] == 0  # memory is as it was


@pytest.mark.parametrize('prefix', ['', 'bbox_head.'], ids=['head', 'detector'])
def test_a_saved_file_gives_the_same_model(prefix):
    torch.manual_seed(1)
    module = build() if not prefix else build_detector(tiny_ssd())
    numbered(module.bbox_head if prefix else module)
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    assert saved[f'{prefix}{KEY}'].tolist() == ON_DISK
    before = {key: value.clone() for key, value in saved.items()}
    other = build() if not prefix else build_detector(tiny_ssd())
    other.load_state_dict(saved)
    for (name, own), theirs in zip(other.named_parameters(), module.parameters(), strict=True):
        assert torch.equal(own, theirs), name
    # the dict that was handed in still has the layout of the disk
    assert all(torch.equal(saved[key], before[key]) for key in saved)


def test_loading_puts_the_background_first():
    head = build()
    head.load_state_dict({**head.state_dict(), KEY: Tensor(ON_DISK)})
    assert head.cls_convs[0][0].bias.tolist() == [10.0 * a + k for a in range(4) for k in range(4)]


def test_a_copy_converts_for_itself():
    head = numbered(build())
    copied = copy.deepcopy(head)
    assert copied.state_dict()[KEY].tolist() == ON_DISK
    # EMA holds a deep copy: loading into it goes by the copy's own layers, not the original's
    head.cls_convs = nn.ModuleList()
    copied.load_state_dict(copied.state_dict())
    assert copied.cls_convs[0][0].bias[:4].tolist() == [0, 1, 2, 3]


def test_another_number_of_classes_is_reported_not_mixed_up():
    # 4 priors of 4 outputs in the file are no whole number of priors of 5
    file = build().state_dict()
    head = build(num_classes=4)
    with pytest.raises(RuntimeError, match=r'size mismatch for cls_convs\.0\.0\.weight'):
        head.load_state_dict(file)
    report = load_weights(head, file, 'three.pth')
    assert report.wrong_shape == [key for key in file if key.startswith('cls_convs')]
    assert torch.equal(head.reg_convs[1][0].weight, file['reg_convs.1.0.weight'])


def test_outputs_are_rows_columns_then_priors():
    head = build()
    with torch.no_grad():
        for convs in (head.cls_convs, head.reg_convs):
            for (conv,) in convs:
                conv.weight.zero_()
                # channel c of the last prior looks at the input's channel 0
                conv.weight[-1, 0, 1, 1] = 1
                conv.bias.zero_()
    feat = torch.zeros(1, 16, 2, 3)
    feat[0, 0] = torch.arange(6.0).reshape(2, 3)
    outs = head([feat, torch.zeros(1, 32, 1, 1), torch.zeros(1, 16, 1, 1)])
    # 6 + 1 + 1 cells, 4 priors each
    assert outs['cls_score'].shape == (1, 32, 4) and outs['bbox_pred'].shape == (1, 32, 4)
    for key in ('cls_score', 'bbox_pred'):
        per_cell = outs[key][0, :24].reshape(2, 3, 4, 4)
        assert torch.equal(per_cell[:, :, 3, 3], feat[0, 0])
        assert per_cell[:, :, :3].abs().sum() == 0


def test_ratio_and_beta_of_train_cfg_reach_the_losses():
    head = build(train_cfg=dict(neg_pos_ratio=5, smoothl1_beta=0.25))
    assert (head.loss_cls.neg_pos_ratio, head.loss_bbox.beta) == (5, 0.25)
    assert (build().loss_cls.neg_pos_ratio, build().loss_bbox.beta) == (3, 1.0)


def test_levels_must_agree_with_the_priors():
    with pytest.raises(ConfigError, match='in_channels has 2 levels, anchor_generator has 3'):
        build(in_channels=(16, 32))
