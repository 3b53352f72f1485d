from __future__ import annotations

import pytest
from mmengine.config import Config

from mmlite.datasets.auto_classes import needs_classes, settle_classes
from mmlite.errors import ConfigError, DataError
from tests.tools.init.folders import coco, pictures, table, voc, yolo

AUTO = dict(metainfo=dict(classes='auto'))


def config(train, val, num_classes='auto'):
    loaders = {
        f'{name}_dataloader': dict(dataset=part) for name, part in (('train', train), ('val', val))
    }
    return Config(dict(model=dict(bbox_head=dict(num_classes=num_classes)), **loaders))


def settled(cfg, classes=None):
    settle_classes(cfg, classes)
    assert not needs_classes(cfg)
    names = [cfg[f'{part}_dataloader'].dataset.metainfo.classes for part in ('train', 'val')]
    assert names[0] == names[1]
    assert cfg.model.bbox_head.num_classes == len(names[0])
    return tuple(names[0])


def test_validation_gets_the_list_of_the_training_in_each_layout(tmp_path):
    """Each validation has other names, or another order, than the training."""
    root = dict(data_root=str(tmp_path))
    for part, classes in (('train', ['a', 'b', 'c']), ('val', ['c', 'd'])):
        voc(tmp_path / f'xml_{part}', tmp_path / f'voc_{part}', ['x', 'y', 'z'], classes)
        coco(tmp_path / f'{part}.json', tmp_path / part, 3, classes)
    sets = [
        dict(type='VOCDataset', ann_subdir=f'xml_{part}', img_subdir=f'voc_{part}', **root, **AUTO)
        for part in ('train', 'val')
    ]
    assert settled(config(*sets)) == ('a', 'b', 'c')
    sets = [
        dict(
            type='CocoDataset', ann_file=f'{part}.json', data_prefix=dict(img=part), **root, **AUTO
        )
        for part in ('train', 'val')
    ]
    assert settled(config(*sets)) == ('a', 'b', 'c')
    names = pictures(tmp_path / 'csv', 2)
    table(tmp_path / 'csv/train.csv', names)
    table(tmp_path / 'csv/val.csv', names[:1])
    # a CsvDataset has classes='auto' where nothing is said
    sets = [
        dict(type='CsvDataset', data_root=str(tmp_path / 'csv'), ann_file=f'{part}.csv')
        for part in ('train', 'val')
    ]
    assert settled(config(*sets)) == ('a', 'b')
    yolo(tmp_path / 'images', tmp_path / 'labels', 2)
    (tmp_path / 'classes.txt').write_text('z\ny\n', 'utf-8')
    part = dict(type='YoloDataset', **root)
    assert settled(config(part, dict(part))) == ('z', 'y')


def test_written_names_are_counted_without_the_data():
    part = dict(type='CocoDataset', data_root='not/there', metainfo=dict(classes=('a', 'b')))
    cfg = config(part, dict(type='CocoDataset', data_root='not/there', **AUTO))
    assert settled(cfg) == ('a', 'b')
    cfg = config(dict(type='RepeatDataset', times=2, dataset=part), part)
    settle_classes(cfg)
    assert cfg.model.bbox_head.num_classes == 2


def test_names_of_several_training_sets_are_joined(tmp_path):
    for name, classes in (('one', ['b']), ('two', ['a', 'b'])):
        coco(tmp_path / f'{name}.json', tmp_path / name, 2, classes)
    parts = [
        dict(type='CocoDataset', data_root=str(tmp_path), ann_file=f'{name}.json', **AUTO)
        | dict(data_prefix=dict(img=name))
        for name in ('one', 'two')
    ]
    cfg = config(dict(type='ConcatDataset', datasets=parts), dict(parts[0]))
    settle_classes(cfg)
    assert cfg.val_dataloader.dataset.metainfo.classes == ('b', 'a')
    assert cfg.train_dataloader.dataset.datasets[1].metainfo.classes == ('b', 'a')


def test_names_of_a_checkpoint_need_no_data():
    part = dict(type='VOCDataset', data_root='not/there', **AUTO)
    assert settled(config(part, dict(part)), ['x', 'y']) == ('x', 'y')


def test_refusals():
    part = dict(type='VOCDataset', data_root='not/there', **AUTO)
    with pytest.raises(DataError, match='not/there'):
        settle_classes(config(part, part))
    with pytest.raises(ConfigError, match='no data set whose classes could be counted'):
        settle_classes(Config(dict(model=dict(bbox_head=dict(num_classes='auto')))))
    # a data set that finds its classes by itself stays as it is where the training is elsewhere
    silent = dict(type='CsvDataset', data_root='not/there', ann_file='a.csv')
    cfg = config(silent, silent, num_classes=2)
    settle_classes(cfg)
    assert 'metainfo' not in cfg.val_dataloader.dataset


def test_a_config_without_auto_is_not_touched():
    part = dict(type='VOCDataset', data_root='not/there')
    cfg = config(part, part, num_classes=20)
    before = cfg.to_dict()
    settle_classes(cfg)
    assert cfg.to_dict() == before
