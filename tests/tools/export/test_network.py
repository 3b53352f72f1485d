"""The graph's post-processing against the head's own; no ONNX in here."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmlite.config import load_config
from mmlite.errors import ConfigError
from mmlite.inference import Detections
from mmlite.models import build_detector
from mmlite.tools.export.network import ExportNetwork, keep_best, nms_per_class
from mmlite.tools.export.verify import same_detections
from tests.nms_rules import hard, soft
from tests.runs import CHECKOUT

TESTS = CHECKOUT / 'tests'
TINY = ('ssd', 'retinanet', 'fcos', 'rtmdet', 'yolox', 'yolov3')
SHAPES = ((96, 96), (72, 96), (96, 50))  # (h, w) of pictures in an input of 96


def tiny_detector(name: str, **test_cfg: object) -> nn.Module:
    """A tiny detector with drawn weights whose scores all count."""
    torch.manual_seed(0)
    detector = build_detector(load_config(TESTS / f'tiny_{name}.py').model)
    detector.init_weights()
    spread_scores(detector.bbox_head)
    detector.bbox_head.test_cfg |= dict(score_thr=0.0, **test_cfg)
    return detector.eval()


@torch.no_grad()
def spread_scores(head: nn.Module) -> None:
    """YOLOv3's anchors have nearly equal scores at the start, because its weights are so small."""
    for name, parameter in head.named_parameters():
        if 'convs_' in name and parameter.ndim == 4 and 'YOLOV3' in type(head).__name__:
            parameter.mul_(30)


def pictures(count: int = 3) -> Tensor:
    return torch.from_numpy(np.random.default_rng(1).normal(size=(count, 3, 96, 96))).float()


def check_equal(found: tuple[Tensor, ...], expected: list[dict[str, Tensor]]) -> None:
    for i, det in enumerate(expected):
        count = len(det['scores'])
        assert (found[1][i] > 0).sum() == count > 0
        torch.testing.assert_close(found[1][i, :count], det['scores'])
        assert not found[1][i, count:].any() and not found[2][i, count:].any()
        # equal scores may change places
        of_graph = [values[i, :count].numpy() for values in found]
        of_head = [det[key].numpy() for key in ('bboxes', 'scores', 'labels')]
        a, b = same_detections(Detections(*of_head, ()), Detections(*of_graph, ()))
        assert len(a) == count
        np.testing.assert_allclose(of_graph[0][b], of_head[0][a], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    'test_cfg',
    [
        {},
        dict(nms_pre=20),
        dict(nms_pre=-1, max_per_img=200),
        dict(max_per_class=15),
        dict(geometric_score=True),
    ],
    ids=str,
)
@pytest.mark.parametrize('name', TINY)
@torch.no_grad()
def test_it_finds_what_the_head_finds(name: str, test_cfg: dict) -> None:
    detector = tiny_detector(name)
    detector.bbox_head.test_cfg |= test_cfg
    img = pictures()
    found = ExportNetwork(detector)(img, torch.tensor(SHAPES).float())
    check_equal(found, detector.predict(img, [dict(img_shape=(*shape, 3)) for shape in SHAPES]))


@torch.no_grad()
def test_the_threshold() -> None:
    detector, img = tiny_detector('ssd'), pictures()
    scores = detector.predict(img, [{}, {}, {}])[0]['scores']
    detector.bbox_head.test_cfg['score_thr'] = float(scores[9])  # above it, not from it on
    found = ExportNetwork(detector)(img)
    assert (found[1][0] > 0).sum() == 9
    check_equal(found, detector.predict(img, [{}, {}, {}]))


@pytest.mark.parametrize('name', TINY)
@torch.no_grad()
def test_without_nms_it_gives_what_the_nms_needs(name: str) -> None:
    detector, img = tiny_detector(name), pictures()
    with_nms, without = ExportNetwork(detector), ExportNetwork(detector, with_nms=False)
    bboxes, scores, *factors = without(img)
    assert len(factors) == (name in ('fcos', 'yolov3'))
    cfg = detector.bbox_head.test_cfg
    best = keep_best(bboxes, scores, *(factors or [None]), without.num_per_level, cfg)
    for a, b in zip(best, with_nms(img), strict=True):
        assert torch.equal(a, b)


CFG = dict(score_thr=0.1, nms_pre=-1, max_per_class=-1, nms=hard(0.5), max_per_img=4)


def test_keep_best_by_hand() -> None:
    # the first two overlap by 80 / 100 = 0.8; the third overlaps none; the fourth has no height
    bboxes = Tensor([[[0, 0, 10, 10], [0, 0, 10, 8], [20, 20, 30, 30], [0, 0, 9, 0]]])
    scores = Tensor([[[0.9, 0.3], [0.8, 0.4], [0.05, 0.6], [1.0, 1.0]]])
    found, best, labels = keep_best(bboxes, scores, None, [4], CFG)
    # class 1: the first suppresses the second; class 2: the third, then the second
    assert best.tolist() == [pytest.approx([0.9, 0.6, 0.4, 0])]
    assert labels.tolist() == [[1, 2, 2, 0]]
    assert found[0, :3].tolist() == [[0, 0, 10, 10], [20, 20, 30, 30], [0, 0, 10, 8]]


def test_a_level_gives_only_its_best_pairs() -> None:
    bboxes = Tensor([[[i * 10, 0, i * 10 + 5, 5] for i in range(4)]])
    scores = Tensor([[[0.9], [0.8], [0.3], [0.2]]])
    _, best, _ = keep_best(bboxes, scores, None, [2, 2], dict(CFG, nms_pre=1))
    assert best.tolist() == [pytest.approx([0.9, 0.3, 0, 0])]  # one of each level


def test_the_factor_counts_after_the_threshold() -> None:
    bboxes = Tensor([[[0, 0, 5, 5], [10, 0, 15, 5]]])
    scores, factors = Tensor([[[0.2], [0.05]]]), Tensor([[0.1, 1.0]])
    _, best, _ = keep_best(bboxes, scores, factors, [2], CFG)
    assert best.tolist() == [pytest.approx([0.2 * 0.1, 0])]


def test_nms_leaves_the_classes_and_images_alone() -> None:
    box = Tensor([[0, 0, 10, 10]]).expand(2, 2, 4)  # twice the same box in two images
    scores = Tensor([[[0.5, 0.6], [0.7, 0]], [[0, 0], [0.1, 0.2]]])
    assert nms_per_class(box, scores, 0.5).tolist() == [[0, 0, 1], [0, 1, 0], [1, 1, 1]]


def test_what_a_graph_cannot_do() -> None:
    with pytest.raises(ConfigError, match=r'min_bbox_size: 2 pixels of the original'):
        ExportNetwork(tiny_detector('ssd', min_bbox_size=2))
    unlimited = tiny_detector('ssd', max_per_img=-1)
    with pytest.raises(ConfigError, match=r'max_per_img.*found -1'):
        ExportNetwork(unlimited)
    ExportNetwork(unlimited, with_nms=False)


@pytest.mark.parametrize(
    ('rule', 'setting'),
    [
        (soft(), "type='soft_nms'"),
        (hard(0.5, class_agnostic=True), 'class_agnostic=True'),
        (hard(0.5, offset=1), 'offset=1'),
    ],
    ids=str,
)
@pytest.mark.parametrize('max_per_img', [100, -1])
@torch.no_grad()
def test_nms_that_onnx_has_not_is_done_after_the_graph(
    rule: dict, setting: str, max_per_img: int
) -> None:
    detector, img = tiny_detector('retinanet', nms=rule, max_per_img=max_per_img), pictures()
    with pytest.raises(ConfigError, match=rf'test_cfg\.nms: .* has no {setting}\. With --no-nms'):
        ExportNetwork(detector.eval())
    without = ExportNetwork(detector, with_nms=False)
    bboxes, scores = without(img)
    found = keep_best(bboxes, scores, None, without.num_per_level, detector.bbox_head.test_cfg)
    check_equal(found, detector.predict(img, [dict(img_shape=(96, 96, 3))] * 3))


@torch.no_grad()
def test_max_num_is_in_the_graph() -> None:
    detector, img = tiny_detector('ssd', nms=hard(0.45, max_num=7)), pictures()
    found = ExportNetwork(detector)(img)
    assert found[1].shape == (3, 7)
    check_equal(found, detector.predict(img, [dict(img_shape=(96, 96, 3))] * 3))
