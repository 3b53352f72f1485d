"""Detectors of two stages in an ONNX file: the graph against the detector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mmlite.config import load_config
from mmlite.errors import ConfigError
from mmlite.inference.apis import inference_detector, init_detector, load_detector
from mmlite.models import build_detector
from mmlite.tools.export.onnx_detector import OnnxDetector
from mmlite.tools.export.onnx_file import export_onnx
from mmlite.tools.export.preprocessing import preprocessing_of
from mmlite.tools.export.two_stages import TwoStageNetwork
from mmlite.tools.export.verify import same_detections
from tests.runs import CHECKOUT
from tests.tools.export.test_network import SHAPES, check_equal, pictures

NAMES = ('faster_rcnn', 'cascade_rcnn')


def config_of(name: str) -> Path:
    return CHECKOUT / f'tests/tiny_{name}.py'


def drawn(detector: torch.nn.Module) -> torch.nn.Module:
    """Weights whose scores and boxes are far enough from each other."""
    torch.manual_seed(0)
    detector.init_weights()
    with torch.no_grad():
        for name, parameter in detector.named_parameters():
            if name.endswith('weight') and any(part in name for part in ('rpn_', 'fc_')):
                parameter.mul_(10)
    return detector.eval()


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize(
    'changes',
    [
        {},
        {'model.test_cfg.rpn.nms_pre': -1, 'model.test_cfg.rpn.max_per_img': 400},
        {'model.test_cfg.rcnn.max_per_img': 5},
        {'+model.test_cfg.rcnn.nms.class_agnostic': True},
    ],
    ids=str,
)
@torch.no_grad()
def test_the_graph_finds_what_the_detector_does(name: str, changes: dict) -> None:
    detector = drawn(build_detector(load_config(config_of(name), changes).model))
    img = pictures()
    found = TwoStageNetwork(detector)(img, torch.tensor(SHAPES).float())
    check_equal(found, detector.predict(img, [dict(img_shape=(*shape, 3)) for shape in SHAPES]))


@torch.no_grad()
def test_without_a_proposal_there_is_no_detection() -> None:
    large = {'+model.test_cfg.rpn.min_bbox_size': 500}
    detector = drawn(build_detector(load_config(config_of('faster_rcnn'), large).model))
    bboxes, scores, labels = TwoStageNetwork(detector)(pictures())
    assert bboxes.shape[1] == 50
    assert not scores.any() and not labels.any()


@pytest.mark.parametrize(
    ('changes', 'with_nms', 'message'),
    [
        ({}, False, '--no-nms: a detector of two stages needs the NMS'),
        ({'+model.test_cfg.rcnn.nms.type': 'soft_nms'}, True, "rcnn.nms: .* type='nms'"),
        ({'model.test_cfg.rpn.max_per_img': -1}, True, 'rpn.max_per_img: .* above 0'),
    ],
)
def test_what_a_graph_cannot_do(changes: dict, with_nms: bool, message: str) -> None:
    detector = build_detector(load_config(config_of('faster_rcnn'), changes).model)
    with pytest.raises(ConfigError, match=message):
        TwoStageNetwork(detector, with_nms)


@pytest.mark.parametrize(('name', 'batch_size'), [('faster_rcnn', None), ('cascade_rcnn', 1)])
def test_the_file_detects_what_the_model_does(
    tmp_path: Path, name: str, batch_size: int | None
) -> None:
    for module in ('onnx', 'onnxscript', 'onnxruntime'):
        pytest.importorskip(module, reason=f"{module} is missing: pip install 'mmlite[export]'")
    detector = drawn(load_detector(config_of(name)))
    checkpoint, path = tmp_path / 'a.pth', tmp_path / 'a.onnx'
    meta = dict(mmlite_version='0.1', cfg=detector.cfg.pretty_text)
    torch.save(dict(meta=meta, state_dict=detector.state_dict()), checkpoint)
    export_onnx(detector, preprocessing_of(detector.cfg), path, batch_size)
    rng = np.random.default_rng(0)
    imgs = [rng.integers(0, 256, (side, side, 3), np.uint8) for side in (96, 50, 130)]
    model = init_detector(config_of(name), checkpoint)
    for ours, theirs in zip(inference_detector(model, imgs), OnnxDetector(path)(imgs), strict=True):
        a, b = same_detections(ours, theirs)
        assert len(a) == len(ours) == len(theirs) > 0
        np.testing.assert_allclose(theirs.bboxes[b], ours.bboxes[a], atol=1e-2)
        np.testing.assert_allclose(theirs.scores[b], ours.scores[a], atol=1e-4)
