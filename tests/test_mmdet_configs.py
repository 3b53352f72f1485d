"""mmdet 3.3's own configs of the detectors here: built, one training step, one prediction.

They are not ours to copy. To get them:

    pip download --no-deps mmdet==3.3.0 && unzip -q mmdet-3.3.0-*.whl -d mmdet330
    MMLITE_MMDET_CONFIGS=mmdet330/mmdet/.mim/configs python -m pytest tests/test_mmdet_configs.py
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from lab.scoreboard.step import Roots, Stop, StopHook, drawn_sets, quarter, small
from mmlite.config import load_config
from mmlite.engine.build import build_runner
from mmlite.engine.tta import TTALoop
from mmlite.evaluation import KeptResults

VARIABLE = 'MMLITE_MMDET_CONFIGS'
FOLDER = os.environ.get(VARIABLE)
VOC = ('ssd300_voc0712', 'ssd512_voc0712', 'retinanet_r50_fpn_1x_voc0712')
NUM_CONFIGS = 65
FAMILIES = ('ssd', 'retinanet', 'fcos', 'rtmdet', 'yolox')
FRAGMENT = 'retinanet_tta'
# parts of a config, instance segmentation, and a backbone of the package mmpretrain
OTHERS = ('_tta', 'rtmdet-ins_', '_convnext_')

pytestmark = pytest.mark.skipif(
    not FOLDER, reason=f'{VARIABLE} is not set: the folder `configs` of mmdet 3.3.0'
)


def found() -> list[Path]:
    folder = Path(FOLDER or '')
    files = [path for name in FAMILIES for path in folder.glob(f'{name}/*.py')]
    files += [path for name in VOC for path in folder.glob(f'pascal_voc/{name}.py')]
    return sorted(files)


def test_all_of_them_are_there() -> None:
    assert len(found()) == NUM_CONFIGS, f'{FOLDER}: {len(found())} files of {NUM_CONFIGS}'


CONFIGS = [
    path for path in (found() if FOLDER else []) if not any(part in path.stem for part in OTHERS)
]


@pytest.fixture(scope='module')
def data_roots(tmp_path_factory: pytest.TempPathFactory) -> Roots:
    """Classes -> the root of a small set with them, in both layouts."""
    return drawn_sets(tmp_path_factory.mktemp('data'))


@pytest.mark.parametrize('path', CONFIGS, ids=[path.stem for path in CONFIGS])
def test_a_step_and_a_prediction(path: Path, data_roots, tmp_path: Path) -> None:
    cfg = small(path, data_roots, tmp_path)
    runner = build_runner(cfg)
    runner.register_hook(StopHook(), 'VERY_LOW')
    before = {}

    def keep(model: torch.nn.Module, args: tuple) -> None:
        before.update((key, value.clone()) for key, value in model.named_parameters())

    runner.model.module.register_forward_pre_hook(keep)
    with pytest.raises(Stop) as stopped:
        runner.train()
    losses = stopped.value.args[0]
    assert {'loss', 'loss_cls', 'loss_bbox'} <= losses.keys()
    assert all(torch.isfinite(value).all() for value in losses.values()), losses
    after = dict(runner.model.module.named_parameters())
    # warm-up makes the first step smaller than the neck's weights can show
    assert any(not torch.equal(before[key], after[key]) for key in before if 'bbox_head' in key)

    kept = KeptResults()
    test = build_runner(cfg, 'test', [kept])
    test.test()
    assert len(kept.kept) == 2  # one result for each of the two images
    assert len(kept.kept[0]) == runner.model.module.bbox_head.num_classes


def test_the_tta_fragment(data_roots, tmp_path: Path) -> None:
    """It holds a pipeline and a model to merge with, to be put on top of another config."""
    folder = Path(FOLDER) / 'retinanet'
    cfg = small(folder / 'retinanet_r18_fpn_1x_coco.py', data_roots, tmp_path)
    fragment = load_config(folder / f'{FRAGMENT}.py')
    quarter(fragment)
    cfg.tta_model, cfg.tta_pipeline = fragment.tta_model, fragment.tta_pipeline
    kept = KeptResults()
    runner = build_runner(cfg, 'test', [kept], tta=True)
    loop = runner.build_test_loop(runner._test_loop)
    assert isinstance(loop, TTALoop)
    assert (loop.iou_thr, loop.max_per_img) == (0.5, 100)
    assert len(next(iter(loop.dataloader))) == 6  # three scales, each as it is and mirrored
    runner.test()
    assert len(kept.kept) == 2
