"""Files written, run by onnxruntime, and read again."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from mmlite.errors import ConfigError, DataError
from mmlite.inference.apis import inference_detector, init_detector, load_detector
from mmlite.tools.export.onnx_detector import OnnxDetector
from mmlite.tools.export.onnx_file import export_onnx, read_description
from mmlite.tools.export.preprocessing import preprocessing_of
from mmlite.tools.export.verify import same_detections
from tests.nms_rules import hard
from tests.runs import BCCD, TINY, Ended, cli

for module in ('onnx', 'onnxscript', 'onnxruntime'):
    pytest.importorskip(module, reason=f"{module} is missing: pip install 'mmlite[export]'")

TESTS = TINY.parent


def drawn_checkpoint(config: Path, path: Path, overrides: Sequence[str] = ()) -> Path:
    """A checkpoint of drawn weights; its scores are far enough from each other."""
    torch.manual_seed(0)
    detector = load_detector(config, overrides=overrides)
    detector.init_weights()
    with torch.no_grad():
        for name, parameter in detector.bbox_head.named_parameters():
            if '_cls.' in name and name.endswith('weight'):  # else all scores are about 0.01
                parameter.mul_(10)
    meta = dict(mmlite_version='0.1', cfg=detector.cfg.pretty_text)
    torch.save(dict(meta=meta, state_dict=detector.state_dict()), path)
    return path


@pytest.mark.parametrize(
    ('name', 'batch_size', 'with_nms', 'rule'),
    [
        ('ssd', 1, False, 'nms'),
        ('ssd', None, True, 'nms'),
        ('retinanet', 2, True, 'nms'),
        ('retinanet', 2, False, 'soft_nms'),
        ('fcos', None, False, 'nms'),
        ('rtmdet', None, True, 'nms'),
        ('yolox', 1, True, 'nms'),
    ],
)
def test_the_file_detects_what_the_model_does(
    tmp_path: Path, name: str, batch_size: int | None, with_nms: bool, rule: str
) -> None:
    config = TESTS / f'tiny_{name}.py'
    checkpoint = drawn_checkpoint(config, tmp_path / 'a.pth')
    low = {'model.test_cfg.score_thr': 0.005, '+model.test_cfg.nms.type': rule}
    detector = load_detector(config, checkpoint, overrides=low)
    path = tmp_path / 'a.onnx'
    export_onnx(detector, preprocessing_of(detector.cfg), path, batch_size, with_nms)
    exported = OnnxDetector(path)
    assert exported.batch_size == batch_size
    assert exported.classes == detector.classes
    rng = np.random.default_rng(0)
    # square: fitted into 96 x 96 by both, so that neither pads
    imgs = [rng.integers(0, 256, (side, side, 3), np.uint8) for side in (96, 50, 130)]
    model = init_detector(config, checkpoint, overrides=low)
    for ours, theirs in zip(inference_detector(model, imgs), exported(imgs), strict=True):
        a, b = same_detections(ours, theirs)
        assert len(a) == len(ours) == len(theirs) > 0
        np.testing.assert_allclose(theirs.bboxes[b], ours.bboxes[a], atol=1e-3)
        np.testing.assert_allclose(theirs.scores[b], ours.scores[a], atol=1e-4)


def test_the_metadata_are_for_everybody(tmp_path: Path) -> None:
    import onnx

    detector = load_detector(TINY)
    export_onnx(detector, preprocessing_of(detector.cfg), tmp_path / 'a.onnx')
    model = onnx.load(tmp_path / 'a.onnx')
    onnx.checker.check_model(model)
    found = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert found['classes'] == list(detector.classes)
    assert found['preprocessing'] == dict(
        size=[96, 96], fit=[96, 96], keep_ratio=False, interpolation='bilinear', to_rgb=True,
        mean=pytest.approx([123.675, 116.28, 103.53]), std=pytest.approx([58.395, 57.12, 57.375]),
        pad_value=0.0,
    )  # fmt: skip
    assert found['postprocessing']['nms_in_graph'] is True
    assert found['postprocessing']['nms'] == hard(0.45)
    assert [given.name for given in model.graph.input] == ['img']
    assert [given.name for given in model.graph.output] == ['bboxes', 'scores', 'labels']


def test_files_from_before_soft_nms_are_read() -> None:
    sizes = dict(size=[9, 9], fit=[9, 9], keep_ratio=False, interpolation='bilinear')
    colours = dict(to_rgb=True, mean=[0, 0, 0], std=[1, 1, 1], pad_value=0)
    content = dict(classes=['a'], preprocessing={**sizes, **colours})
    content['postprocessing'] = dict(iou_thr=0.6, nms_in_graph=False)
    metadata = {key: json.dumps(value) for key, value in content.items()}
    assert read_description(metadata, 'a.onnx')['postprocessing']['nms'] == hard(0.6)


def test_the_model_stays_as_it_was(tmp_path: Path) -> None:
    detector = load_detector(TINY)
    before = {key: value.clone() for key, value in detector.state_dict().items()}
    export_onnx(detector, preprocessing_of(detector.cfg), tmp_path / 'a.onnx')
    assert detector.memory_format == torch.channels_last
    assert all(torch.equal(before[key], value) for key, value in detector.state_dict().items())


@pytest.mark.parametrize('missing', ['onnx', 'onnxscript'])
def test_without_the_packages_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    detector = load_detector(TINY)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ConfigError, match=rf"package {missing} .*pip install 'mmlite\[export\]'"):
        export_onnx(detector, preprocessing_of(detector.cfg), tmp_path / 'a.onnx')


def test_files_that_are_none_of_ours(tmp_path: Path) -> None:
    from onnx import TensorProto, helper, save

    (tmp_path / 'a.onnx').write_bytes(b'no model')
    with pytest.raises(DataError, match=r'a\.onnx: onnxruntime cannot read it'):
        OnnxDetector(tmp_path / 'a.onnx')
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in 'xy']
    graph = helper.make_graph([helper.make_node('Relu', ['x'], ['y'])], 'g', values[:1], values[1:])
    opset = [helper.make_opsetid('', 18)]
    save(helper.make_model(graph, opset_imports=opset, ir_version=9), tmp_path / 'b.onnx')
    with pytest.raises(DataError, match=r"b\.onnx: its metadata do not hold.*KeyError\('classes'"):
        OnnxDetector(tmp_path / 'b.onnx')


@pytest.fixture(scope='module')
def exported(trained: tuple[Ended, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained tiny model in a file, by the command."""
    path = tmp_path_factory.mktemp('export') / 'a.onnx'
    ended = cli('export_onnx', TINY, trained[1] / 'epoch_2.pth', '--out', path, '--dynamic-batch')
    assert ended.status == 0, ended.err
    lines = ended.out.splitlines()
    assert any(line.endswith('input 96x96') for line in lines)
    assert any(line.startswith('6 images, ') for line in lines)
    assert any(line.startswith('pascal_voc/mAP: ') for line in lines)
    assert lines[-1].startswith('largest difference: box ') and lines[-1].endswith('metric 0.0e+00')
    return path


def test_verify_compares_a_file_that_is_there(exported: Path, trained: tuple[Ended, Path]) -> None:
    before = exported.read_bytes()
    arguments = (TINY, trained[1] / 'epoch_2.pth', '--verify', exported, '--images', 2)
    ended = cli('export_onnx', *arguments)
    assert ended.status == 0 and '2 images, ' in ended.out, ended.err
    assert exported.read_bytes() == before


def test_verify_finds_other_weights(exported: Path, trained: tuple[Ended, Path]) -> None:
    arguments = (TINY, trained[1] / 'epoch_1.pth', '--verify', exported)
    ended = cli('export_onnx', *arguments)
    assert ended.status == 1 and 'detects something else than' in ended.err


def test_predict_takes_the_file(
    exported: Path, trained: tuple[Ended, Path], voc_part: Path, tmp_path: Path
) -> None:
    found = {}
    for model in (exported, trained[1] / 'epoch_2.pth'):
        arguments = (model, voc_part / 'JPEGImages', '--out', tmp_path, '--save', 'json')
        assert cli('predict', *arguments, '--score-thr', '0.03').status == 0
        found[model.suffix] = json.loads((tmp_path / 'detections.json').read_text())
    assert found['.onnx']['classes'] == found['.pth']['classes']
    counts = [
        [len(image['detections']) for image in content['images']] for content in found.values()
    ]
    assert counts[0] == counts[1] and sum(counts[0]) > 0


def test_deformable_convolutions_take_a_later_version_of_the_operators(tmp_path: Path) -> None:
    config = TESTS / 'tiny_fcos.py'
    deformable = ['model.bbox_head.dcn_on_last_conv=True']
    checkpoint = drawn_checkpoint(config, tmp_path / 'a.pth', deformable)
    low = {deformable[0].split('=')[0]: True, 'model.test_cfg.score_thr': 0.005}
    detector = load_detector(config, checkpoint, overrides=low)
    preprocessing, path = preprocessing_of(detector.cfg), tmp_path / 'a.onnx'
    with pytest.raises(ConfigError, match='--opset 18: 19 or above'):
        export_onnx(detector, preprocessing, path, opset=18)
    export_onnx(detector, preprocessing, path)
    imgs = [np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)]
    model = init_detector(config, checkpoint, overrides=low)
    (ours,), (theirs,) = inference_detector(model, imgs), OnnxDetector(path)(imgs)
    a, b = same_detections(ours, theirs)
    assert len(a) == len(ours) == len(theirs) > 0
    np.testing.assert_allclose(theirs.scores[b], ours.scores[a], atol=1e-4)


def test_mistakes(trained: tuple[Ended, Path], tmp_path: Path) -> None:
    checkpoint = trained[1] / 'epoch_2.pth'
    cases = [
        ((TINY, tmp_path / 'gone.pth'), 'no such file'),
        ((TINY, checkpoint, '--verify', tmp_path / 'gone.onnx'), 'no such ONNX file'),
        ((TINY, checkpoint, '--opset', 11), '--opset 11: 18 or above is expected'),
    ]
    for arguments, message in cases:
        ended = cli('export_onnx', *arguments)
        assert ended.status == 2 and message in ended.err, ended.err
        assert 'Traceback' not in ended.err


NARROW = (
    'model.backbone.base_channels=16',
    'model.neck.in_channels=[16,32,64,128]',
    'model.neck.out_channels=32',
    'model.bbox_head.in_channels=32',
    'model.bbox_head.feat_channels=32',
)


@pytest.mark.skipif(not BCCD.is_dir(), reason=f'{BCCD} is not there')
@pytest.mark.parametrize(
    ('config', 'size', 'overrides'),
    [
        ('ssd/ssd300_bccd.py', (), ()),
        ('retinanet/retinanet_r18_fpn_bccd.py', ('--size', 320, 256), NARROW),
        ('fcos/fcos_r18_fpn_gn-head_bccd.py', ('--size', 320, 256), NARROW),
    ],
)
def test_real_images(config: str, size: tuple, overrides: tuple, tmp_path: Path) -> None:
    path = TESTS.parent / 'configs' / config
    checkpoint = drawn_checkpoint(path, tmp_path / 'a.pth', overrides)
    ended = cli(
        'export_onnx', path, checkpoint, '--data-root', BCCD, '--images', 4, *size,
        '--cfg-options', 'model.test_cfg.score_thr=0.005', *overrides,
        '--out', tmp_path / 'a.onnx', '--dynamic-batch',
    )  # fmt: skip
    assert ended.status == 0, ended.err
    assert '4 images, ' in ended.out
    last = ended.out.splitlines()[-1]  # largest difference: box X px, score X, metric X
    box, score, metric = (float(number) for number in re.findall(r' ([\d.]+e[+-]\d+)', last))
    assert max(box, score) <= 1e-3 and metric <= 1e-4
