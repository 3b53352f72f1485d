from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmlite.datasets import build_dataloader
from mmlite.engine.build import build_runner
from mmlite.engine.hooks import val_loss
from mmlite.engine.hooks.val_loss import ValLossHook, with_ground_truth
from mmlite.engine.runner import Runner
from mmlite.errors import ConfigError
from mmlite.parallel import DataContainer
from tests.runs import log, scalars, tiny

HOOK = dict(type='ValLossHook')


def run(work_dir: Path, hooks: list[dict], **overrides: object) -> Runner:
    runner = build_runner(tiny(work_dir, custom_hooks=hooks, **overrides))
    runner.train()
    return runner


def validations(work_dir: Path) -> list[dict]:
    return [line for line in scalars(work_dir) if 'pascal_voc/mAP' in line]


@torch.no_grad()
def losses_by_hand(runner: Runner, batches: int = 2) -> dict[str, float]:
    """The losses of the validation images, with the boxes that the pipeline of training loads."""
    cfg = runner.cfg.val_dataloader.to_dict()
    cfg['dataset']['pipeline'].insert(1, dict(type='LoadAnnotations', with_bbox=True))
    model, sums = runner.model.eval(), {}
    for batch, images in zip(build_dataloader(cfg, seed=0), [4, 2][:batches], strict=False):
        assert len(batch['gt_bboxes'].data) == images
        for name, value in model(**batch, return_loss=True).items():
            sums[name] = sums.get(name, 0) + images * value.item()
    means = {f'val_{name}': value / [4, 6][batches - 1] for name, value in sums.items()}
    return dict(means, val_loss=sum(means.values()))


def test_the_losses_are_metrics_of_each_validation(tmp_path: Path) -> None:
    runner = run(tmp_path, [HOOK], default_hooks__checkpoint__save_best='val_loss')
    first, last = validations(tmp_path)
    expected = losses_by_hand(runner)
    assert set(expected) == {'val_loss', 'val_loss_cls', 'val_loss_bbox'}
    assert {name: last[name] for name in expected} == pytest.approx(expected, rel=1e-5)
    assert first['val_loss'] != last['val_loss']  # not the mean of all, as mmengine would show
    assert f'val_loss: {last["val_loss"]:.4f}' in log(tmp_path)
    best = 1 + (last['val_loss'] < first['val_loss'])
    assert [f.name for f in tmp_path.glob('best_*')] == [f'best_val_loss_epoch_{best}.pth']


def test_every_second_batch(tmp_path: Path) -> None:
    runner = run(tmp_path, [dict(HOOK, interval=2)], train_cfg__max_epochs=1)
    expected = losses_by_hand(runner, batches=1)
    [last] = validations(tmp_path)
    assert {name: last[name] for name in expected} == pytest.approx(expected, rel=1e-5)


def test_nothing_else_changes(tmp_path: Path) -> None:
    run(tmp_path / 'with', [HOOK], train_cfg__max_epochs=1)
    run(tmp_path / 'without', [], train_cfg__max_epochs=1)
    [one], [other] = validations(tmp_path / 'with'), validations(tmp_path / 'without')
    assert one['pascal_voc/mAP'] == other['pascal_voc/mAP']
    assert 'val_loss' not in other


def test_the_boxes_are_those_of_the_input() -> None:
    ann = dict(
        bboxes=np.float32([[4, 1, 4, 2], [1, 1, 3, 2], [11, 0, 12, 1], [8, 1, 99, 2]]),
        labels=np.int64([1, 2, 3, 4]),
        bboxes_ignore=np.float32([[0, 0, 1, 1]]),
    )
    dataset = SimpleNamespace(get_ann_info={7: ann}.get)
    meta = dict(img_id=7, img_shape=(12, 20, 3), scale_factor=np.float32([2, 3, 2, 3]))
    batch = with_ground_truth(dict(img='img'), [meta], dataset)
    # x times 2, y times 3, clipped to 20 x 12: of the first nothing is left, nor of the third
    assert batch['gt_bboxes'].data[0].tolist() == [[2, 3, 6, 6], [16, 3, 20, 6]]
    assert batch['gt_labels'].data[0].tolist() == [2, 4]
    assert batch['gt_bboxes_ignore'].data[0].tolist() == [[0, 0, 2, 3]]
    assert batch['img'] == 'img'


def test_an_image_without_boxes_has_none() -> None:
    empty = np.zeros((0, 4), np.float32)
    ann = dict(bboxes=empty, labels=np.zeros(0, np.int64), bboxes_ignore=empty)
    dataset = SimpleNamespace(get_ann_info=lambda i: ann)
    meta = dict(img_id=0, img_shape=(12, 20, 3), scale_factor=np.ones(4, np.float32))
    batch = with_ground_truth({}, [meta], dataset)
    assert batch['gt_bboxes'].data[0].shape == (0, 4)
    assert batch['gt_labels'].data[0].shape == (0,)


def test_the_metas_are_those_before_the_first_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(val_loss, 'with_ground_truth', lambda batch, metas, dataset: dict(m=metas))
    seen = []

    def model(m: list[dict], return_loss: bool) -> dict:
        seen.extend(dict(meta) for meta in m)
        return dict(loss_cls=torch.tensor(1.0))

    metas = [dict(pad_shape=(5, 7, 3))]
    batch = dict(img_metas=DataContainer(metas, cpu_only=True))
    runner = SimpleNamespace(model=model, val_dataloader=SimpleNamespace(dataset=None))
    hook = ValLossHook()
    hook.before_val_iter(runner, 0, batch)
    metas[0]['pad_shape'] = (32, 32, 3)  # what the preprocessor does
    hook.after_val_iter(runner, 0, batch, [])
    assert seen == [dict(pad_shape=(5, 7, 3))]


@pytest.mark.parametrize('processes', [1, 2])
def test_processes_need_the_same_number_of_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    runner = build_runner(tiny(tmp_path, val_dataloader__sampler__round_up=False))
    monkeypatch.setattr(val_loss, 'get_world_size', lambda: processes)
    if processes == 1:
        ValLossHook().before_val_epoch(runner)
    else:
        with pytest.raises(ConfigError, match=r'val_dataloader\.sampler: .*round_up=True'):
            ValLossHook().before_val_epoch(runner)
