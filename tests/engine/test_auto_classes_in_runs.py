"""A run of a config with 'auto' records the names: its checkpoint needs no training data."""

from __future__ import annotations

from mmlite.apis import init_detector
from mmlite.config import load_config
from mmlite.engine.build import build_runner
from tests.runs import TINY, cli, log
from tests.tools.init.folders import voc

NAMES = [f'n{i}' for i in range(6)]


def test_names_are_in_log_config_and_checkpoint(tmp_path):
    for part in ('train', 'val'):
        voc(tmp_path / part / 'Annotations', tmp_path / part / 'images', NAMES, ['b', 'a'])
    pipeline = load_config(TINY).train_dataloader.dataset.pipeline
    test_pipeline = load_config(TINY).val_dataloader.dataset.pipeline
    file = tmp_path / 'auto.py'
    data = "type='VOCDataset', metainfo=dict(classes='auto')"
    file.write_text(
        f'_base_ = {str(TINY)!r}\n'
        f'train_dataloader = dict(dataset=dict(_delete_=True, {data}, '
        f'data_root={str(tmp_path / "train")!r}, pipeline={pipeline!r}))\n'
        f'val_dataloader = dict(dataset=dict(_delete_=True, {data}, test_mode=True, '
        f'data_root={str(tmp_path / "val")!r}, pipeline={test_pipeline!r}))\n'
        'test_dataloader = val_dataloader\n'
        "model = dict(bbox_head=dict(num_classes='auto'))\n"
        'train_cfg = dict(max_epochs=1)\n',
        'utf-8',
    )
    run = tmp_path / 'run'
    build_runner(load_config(file, {'+work_dir': str(run)})).train()
    assert "num_classes='auto': 2, the classes of the training data: a, b" in log(run)
    (tmp_path / 'train').rename(tmp_path / 'gone')
    checkpoint = run / 'epoch_1.pth'
    assert init_detector(None, checkpoint).classes == ('a', 'b')
    assert init_detector(file, checkpoint).classes == ('a', 'b')
    tested = cli('test', file, checkpoint, '--work-dir', tmp_path / 'test')
    assert tested.status == 0, tested.err
