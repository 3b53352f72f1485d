from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from mmengine.config import Config

from mmlite.config import load_config
from mmlite.datasets import DetDataset, build_dataset, relocate
from mmlite.datasets.demo import draw_demo_set
from mmlite.datasets.relocate import (
    allow_bad_items,
    dataset_dicts,
    demo_classes,
    skip_bad_images,
    use_demo_data,
)
from mmlite.datasets.voc import VOCDataset
from mmlite.errors import ConfigError
from tests.runs import CLASSES, CONFIGS, TINY

SSD300 = CONFIGS / 'ssd/ssd300_voc.py'
VOC_CLASSES = VOCDataset.METAINFO['classes']
SMALL = dict(num_train=3, num_test=2, size=(112, 96), seed=0)


@pytest.fixture(scope='module')
def part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder of VOC layout with VOC's class names."""
    return draw_demo_set(tmp_path_factory.mktemp('voc') / 'part', VOC_CLASSES, 3, 2, (112, 96))


def parts_of(cfg) -> list[tuple[str, str, str]]:
    """Data root, list and part folder of each data set."""
    return [
        (data['data_root'], data['ann_file'], data['data_prefix']['sub_data_root'])
        for _, data in dataset_dicts(cfg)
    ]


def test_a_devkit_keeps_its_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cfg = load_config(SSD300)
    relocate.relocate(cfg, 'VOCdevkit')
    root = str(tmp_path / 'VOCdevkit')
    test = (root, 'VOC2007/ImageSets/Main/test.txt', 'VOC2007/')
    assert parts_of(cfg) == [
        (root, 'VOC2007/ImageSets/Main/trainval.txt', 'VOC2007/'),
        (root, 'VOC2012/ImageSets/Main/trainval.txt', 'VOC2012/'),
        test,
        test,
    ]


def test_one_part_stands_for_all_of_them_once(part: Path) -> None:
    cfg = load_config(SSD300)
    relocate.relocate(cfg, part)
    test = (str(part), 'ImageSets/Main/test.txt', '')
    assert parts_of(cfg) == [(str(part), 'ImageSets/Main/trainval.txt', ''), test, test]
    train = build_dataset(cfg.train_dataloader.dataset)
    assert len(train) == 10 * 3  # RepeatDataset of 3 images, not of twice 3
    assert len(build_dataset(cfg.test_dataloader.dataset)) == 2


def test_a_part_without_a_test_list_is_tested_on_val(part: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(part, tmp_path / 'VOC2012')
    (copy / 'ImageSets/Main/test.txt').unlink()
    cfg = load_config(SSD300)
    relocate.relocate(cfg, copy)
    assert cfg.test_dataloader.dataset.ann_file == 'ImageSets/Main/val.txt'


def test_a_config_that_draws_its_data_has_no_root() -> None:
    with pytest.raises(ConfigError, match='no data set of the config has a data_root'):
        relocate.relocate(load_config(TINY), 'somewhere')


def test_demo_data_have_the_classes_of_the_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relocate, 'DEMO_SIZE', SMALL)
    cfg = load_config(SSD300)
    root = use_demo_data(cfg)
    assert {data_root for data_root, _, _ in parts_of(cfg)} == {str(root)}
    assert build_dataset(cfg.train_dataloader.dataset).classes == VOC_CLASSES
    bccd = load_config(SSD300.with_name('ssd300_bccd.py'))
    assert use_demo_data(bccd) != root
    assert build_dataset(bccd.test_dataloader.dataset).classes == ('RBC', 'WBC', 'Platelets')


def test_demo_data_change_nothing_where_they_are_drawn_anyway() -> None:
    cfg = load_config(TINY)
    assert use_demo_data(cfg) is None
    assert cfg.to_dict() == load_config(TINY).to_dict()


class Unnamed(DetDataset):
    """A data set of a plugin, whose classes are in its files."""


def test_demo_data_need_class_names() -> None:
    cfg = load_config(SSD300)
    for _, data in dataset_dicts(cfg):
        data['type'] = Unnamed
    with pytest.raises(ConfigError, match='says which classes it has'):
        use_demo_data(cfg)
    cfg.train_dataloader.dataset.dataset.datasets[0].metainfo = dict(classes=CLASSES)
    assert demo_classes(cfg) == CLASSES


@pytest.mark.parametrize(('config', 'count'), [(SSD300, 4), (TINY, 3)])
def test_bad_images_are_skipped_in_every_data_set(config: Path, count: int) -> None:
    cfg = load_config(config)
    skip_bad_images(cfg)
    assert cfg.pretty_text.count('skip_bad_images=True') == count
    allow_bad_items(cfg, 0.1)
    assert cfg.pretty_text.count('max_bad=0.1') == count
    with pytest.raises(ConfigError, match=r'--max-bad: .* a share of the images from 0 to 1'):
        allow_bad_items(cfg, 10)


def test_wrappers_with_a_pipeline_of_their_own_get_no_such_argument() -> None:
    inner = dict(type='VOCDataset', data_root='x', pipeline=[])
    mixed = dict(type='MultiImageMixDataset', dataset=inner, pipeline=[])
    cfg = Config(dict(train_dataloader=dict(dataset=mixed)))
    skip_bad_images(cfg)
    dataset = cfg.train_dataloader.dataset
    assert 'skip_bad_images' not in dataset and dataset.dataset.skip_bad_images


def coco_config(**dataset) -> Config:
    data = dict(
        type='CocoDataset',
        data_root='data/coco/',
        ann_file='annotations/instances_val2017.json',
        data_prefix=dict(img='val2017/'),
        test_mode=True,
    )
    evaluator = dict(type='CocoMetric', ann_file='data/coco/annotations/instances_val2017.json')
    loader = dict(dataset={**data, **dataset})
    return Config(dict(test_dataloader=loader, test_evaluator=evaluator))


@pytest.mark.parametrize(
    ('layout', 'ann_file', 'img'),
    [
        # as COCO's own, the images one folder deeper, all in one folder with a file of any name
        ({'annotations/instances_val2017.json', 'val2017/a.jpg'}, None, 'val2017/'),
        ({'annotations/instances_val2017.json', 'images/val2017/a.jpg'}, None, 'images/val2017/'),
        ({'_annotations.coco.json', 'a.jpg'}, '_annotations.coco.json', ''),
        ({'labels_train.json', 'labels_test.json', 'images/a.jpg'}, 'labels_test.json', 'images'),
    ],
)
def test_where_coco_data_lie(tmp_path: Path, layout, ann_file, img) -> None:
    for name in layout:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    cfg = coco_config()
    relocate.relocate(cfg, tmp_path)
    dataset = cfg.test_dataloader.dataset
    assert dataset.data_root == str(tmp_path)
    assert dataset.ann_file == (ann_file or 'annotations/instances_val2017.json')
    assert dataset.data_prefix.img == img
    assert cfg.test_evaluator.ann_file is None


def test_demo_data_for_a_coco_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('MMLITE_CACHE', str(tmp_path))
    monkeypatch.setattr(relocate, 'DEMO_SIZE', SMALL)
    cfg = coco_config(metainfo=dict(classes=('cat', 'dog')))
    root = use_demo_data(cfg)
    dataset = build_dataset(cfg.test_dataloader.dataset)
    assert len(dataset) == 2 and dataset.classes == ('cat', 'dog')
    # the same boxes as in the set's VOC form
    voc = VOCDataset(
        data_root=str(root),
        ann_file='ImageSets/Main/test.txt',
        metainfo=dict(classes=('cat', 'dog')),
        test_mode=True,
    )
    for i in range(2):
        own, other = dataset.get_ann_info(i), voc.get_ann_info(i)
        assert {k: v.tolist() for k, v in own.items()} == {k: v.tolist() for k, v in other.items()}


def test_demo_data_have_two_layouts() -> None:
    cfg = coco_config(type='YoloDataset', metainfo=dict(classes=('cat', 'dog')))
    with pytest.raises(ConfigError, match=r"VOC's and COCO's layout, .* is a YoloDataset"):
        use_demo_data(cfg)


def empty_prefix(kind: str) -> Config:
    names = dict(metainfo=dict(classes=('cat', 'dog')))
    if kind == 'CocoDataset':
        return coco_config(data_prefix=dict(img=''), **names)
    dataset = dict(type=kind, data_root='x', ann_file='', data_prefix=dict(sub_data_root=''))
    dataset |= dict(img_subdir='', ann_subdir='', test_mode=True, **names)
    return Config(dict(test_dataloader=dict(dataset=dataset)))


@pytest.mark.parametrize('kind', ['CocoDataset', 'VOCDataset'])
def test_demo_data_for_images_beside_their_annotations(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('MMLITE_CACHE', str(tmp_path))
    monkeypatch.setattr(relocate, 'DEMO_SIZE', SMALL)
    cfg = empty_prefix(kind)
    use_demo_data(cfg)
    dataset = build_dataset(cfg.test_dataloader.dataset)
    assert all(Path(dataset.filename(i)).is_file() for i in range(len(dataset)))


@pytest.mark.parametrize(
    ('listed', 'layout', 'img'),
    [
        ('a.jpg', ['a.jpg'], ''),
        ('a.jpg', ['images/a.jpg'], 'images'),
        ('images/a.jpg', ['images/a.jpg'], ''),  # the folder is a part of the name
        ('val2017/a.jpg', ['images/val2017/a.jpg'], 'images'),
    ],
)
def test_an_empty_prefix_is_no_folder_with_images(tmp_path: Path, listed, layout, img) -> None:
    for name in layout:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    content = dict(images=[dict(id=1, file_name=listed)], annotations=[], categories=[])
    (tmp_path / 'instances_val2017.json').write_text(json.dumps(content))
    cfg = coco_config(data_prefix=dict(img=''))
    relocate.relocate(cfg, tmp_path)
    assert cfg.test_dataloader.dataset.data_prefix.img.rstrip('/') == img


def test_the_demo_set_has_its_own_rules(part: Path, monkeypatch, tmp_path) -> None:
    """What a config says about the corners and files of its own data does not hold for others."""
    monkeypatch.setenv('MMLITE_CACHE', str(tmp_path / 'cache'))
    monkeypatch.setattr(relocate, 'DEMO_SIZE', SMALL)
    cfg = load_config(CONFIGS / 'ssd/ssd300_bccd.py')
    for _, dataset in dataset_dicts(cfg):
        dataset.update(coordinates='zero_based', missing_annotation='error')
    use_demo_data(cfg)
    for _, dataset in dataset_dicts(cfg):
        assert not {'coordinates', 'missing_annotation'} & set(dataset)


def test_a_folder_with_xml_beside_the_images_is_a_part(part: Path, tmp_path) -> None:
    root = shutil.copytree(part, tmp_path / 'flat')
    for path in list((root / 'Annotations').iterdir()):
        path.rename(root / 'JPEGImages' / path.name)
    (root / 'Annotations').rmdir()
    cfg = load_config(SSD300)
    for _, dataset in dataset_dicts(cfg):
        dataset['coordinates'] = 'inclusive'
    relocate.relocate(cfg, root)
    for _, dataset in dataset_dicts(cfg):
        assert dataset['data_prefix'] == dict(sub_data_root='')
        assert dataset['coordinates'] == 'inclusive'  # --data-root is another place of the data


def test_yolo_data_keep_their_own_keys(part: Path) -> None:
    """A folder in VOC's layout says nothing about where YOLO data are."""
    yolo = dict(type='YoloDataset', data_root='x', ann_file='data.yaml', split='val')
    cfg = Config(dict(val_dataloader=dict(dataset=yolo)))
    relocate.relocate(cfg, part)
    assert dict(cfg.val_dataloader.dataset) == {**yolo, 'data_root': str(part)}
