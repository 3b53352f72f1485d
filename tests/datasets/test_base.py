from __future__ import annotations

import logging

import numpy as np
import pytest

from mmlite.datasets import DetDataset
from mmlite.datasets import base as base_module
from mmlite.datasets import paths as paths_module
from mmlite.datasets import samples as samples_module
from mmlite.datasets.bad_items import BadItemError
from mmlite.datasets.paths import missing_data, resolve_data_root
from mmlite.errors import ConfigError, DataError
from tests.datasets.toy import BOXES, LOAD, toy, write_images


def test_training_gets_clipped_boxes_and_evaluation_gets_them_as_annotated() -> None:
    dataset = toy([(100, 50, BOXES)])
    ann = dataset.get_data_info(0)['ann']
    assert ann['bboxes'].tolist() == [[10, 10, 30, 30], [0, 10, 100, 30]]
    assert ann['labels'].tolist() == [1, 2]
    assert ann['bboxes_ignore'].tolist() == [[50, 5, 60, 15]]
    assert ann['labels_ignore'].tolist() == [2]
    truth = dataset.get_ann_info(0)
    assert truth['bboxes'].tolist() == [list(BOXES[i][:4]) for i in (0, 1, 2, 4)]
    assert truth['bboxes'].dtype == np.float32
    assert truth['labels'].dtype == np.int64
    assert dataset.category_counts() == {'cat': 1, 'dog': 1}


def test_testing_changes_no_box_and_drops_no_image() -> None:
    filters = dict(filter_empty_gt=True, min_size=1000, bbox_min_size=1000)
    dataset = toy([(100, 50, BOXES), (100, 50, ())], test_mode=True, filter_cfg=filters)
    assert len(dataset) == 2
    truth, shown = dataset.get_ann_info(0), dataset.get_data_info(0)['ann']
    assert all(np.array_equal(truth[key], shown[key]) for key in truth)
    assert len(truth['bboxes']) == 4
    assert truth['bboxes_ignore'].tolist() == [[50, 5, 60, 15]]
    assert dataset.get_ann_info(1)['bboxes'].shape == (0, 4)


def test_what_was_done_is_logged_with_counts(monkeypatch) -> None:
    lines = []
    monkeypatch.setattr(base_module, 'print_log', lambda text, **_: lines.append(text))
    toy(
        [(100, 50, BOXES), (100, 50, ()), (20, 90, (BOXES[0],))],
        filter_cfg=dict(filter_empty_gt=True, min_size=32, bbox_min_size=15),
        metainfo=dict(classes=('cat', 'dog', 'cow')),
    )
    (line,) = lines
    for part in (
        '1 image, 2 boxes of 3 classes, 1 ignored ones',
        '1 boxes with xmax < xmin',
        '2 boxes clipped',  # the one that sticks out; and cat (10, 10, 30, 30) in the 20 px image
        '2 boxes of zero size',
        '1 images left out by min_size',
        '1 images left out that have no boxes',
        '1 boxes ignored by bbox_min_size',  # the difficult one, 10 px wide
        'no boxes of cow',
    ):
        assert part in line


def test_small_boxes_are_ignored_not_dropped() -> None:
    dataset = toy([(100, 50, BOXES[:2])], filter_cfg=dict(bbox_min_size=21))
    ann = dataset.get_data_info(0)['ann']
    # sides 20 x 20, and 125 x 20 before it is clipped
    assert len(ann['bboxes']) == 0
    assert ann['bboxes_ignore'].tolist() == [[10, 10, 30, 30], [0, 10, 100, 30]]
    assert len(dataset.get_ann_info(0)['bboxes']) == 2


def test_an_image_with_difficult_boxes_only_is_not_empty() -> None:
    images = [(100, 50, BOXES[:1]), (100, 50, BOXES[5:])]
    assert len(toy(images, filter_cfg=dict(filter_empty_gt=True))) == 2


def test_an_unknown_size_neither_clips_nor_filters() -> None:
    dataset = toy([(0, 0, BOXES[:2])], filter_cfg=dict(min_size=32))
    assert dataset.get_data_info(0)['ann']['bboxes'].tolist() == [
        [10, 10, 30, 30],
        [0, 10, 120, 30],
    ]


def test_an_empty_data_set_is_refused_with_the_reasons() -> None:
    with pytest.raises(DataError) as error:
        toy(
            [(20, 50, BOXES[:1]), (100, 50, BOXES[2:3])],
            filter_cfg=dict(min_size=32, filter_empty_gt=True),
            metainfo=dict(classes=('cat', 'Katze')),
        )
    for part in ('of 2', '1 images left out by min_size', 'no boxes', 'cat, Katze', 'cat 2'):
        assert part in str(error.value)


@pytest.mark.parametrize(
    ('metainfo', 'message'),
    [
        (dict(classes=('Cat', 'dog')), "class 'Cat' of the config is spelt 'cat'"),
        (dict(classes=('cow', 'catt')), r"none of the classes.*cow, catt.*cat 1, dog 1.*'cat'\?"),
        (dict(classes='cat'), r"classes=\('cat',\)"),
        (dict(classes=()), 'none'),
        (dict(classes=('cat', 'cat')), 'more than once'),
        (dict(classes=('cat', 3)), 'names are expected'),
        (dict(CLASSES=('cat', 'dog')), "Did you mean 'classes'"),
    ],
)
def test_classes_that_do_not_fit_are_refused(metainfo: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        toy([(100, 50, BOXES[:2])], metainfo=metainfo)


@pytest.mark.parametrize('classes', [None, 'auto'])
def test_classes_are_found_in_the_data(classes: str | None) -> None:
    dataset = toy([(100, 50, BOXES[1:3])], metainfo=dict(classes=classes, palette='mine'))
    assert dataset.classes == ('cat', 'dog')
    assert dataset.metainfo == dict(classes=('cat', 'dog'), palette='mine')


def test_unknown_filter_and_backend_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"no key 'minsize'.*'min_size'"):
        toy([(9, 9, BOXES)], filter_cfg=dict(minsize=3))
    with pytest.raises(ConfigError, match='backend_args'):
        toy([(9, 9, BOXES)], backend_args=dict(backend='petrel'))


def test_a_subclass_without_load_records_is_refused() -> None:
    with pytest.raises(NotImplementedError, match='DetDataset must define load_records'):
        DetDataset()


def test_indexing() -> None:
    dataset = toy([(50, 50, BOXES[:1])] * 3)
    assert dataset[-1]['img_id'] == 2
    assert [sample['img_id'] for sample in dataset] == [0, 1, 2]
    with pytest.raises(IndexError, match='3 images'):
        dataset[3]


def test_training_takes_another_image_for_a_bad_one(tmp_path, caplog) -> None:
    write_images(tmp_path, [True, False, True])
    dataset = toy([(100, 50, BOXES[:1])] * 3, tmp_path, pipeline=LOAD, max_bad=0.4)
    bad = str(tmp_path / '1.png')
    with caplog.at_level(logging.WARNING):
        samples = [dataset[1] for _ in range(10)]
    for sample in samples:
        metas = sample['img_metas'].data
        assert set(metas['skipped_files']) == {bad}
        assert metas['filename'] == str(tmp_path / f'{metas["img_id"]}.png') != bad
    assert {sample['img_metas'].data['img_id'] for sample in samples} == {0, 2}
    assert 'skipped_files' not in dataset[0]['img_metas'].data


def test_a_bad_file_is_reported_once(tmp_path, monkeypatch) -> None:
    write_images(tmp_path, [True, False])
    dataset = toy([(100, 50, BOXES[:1])] * 2, tmp_path, pipeline=LOAD, max_bad=0.5)
    lines = []
    monkeypatch.setattr(samples_module, 'print_log', lambda text, **_: lines.append(text))
    for _ in range(5):
        dataset[1]
    (line,) = lines
    assert str(tmp_path / '1.png') in line


def test_training_takes_another_image_for_one_that_the_pipeline_refuses() -> None:
    def refuse_first(results: dict) -> dict | None:
        return results if results['img_id'] else None

    dataset = toy([(100, 50, BOXES[:1])] * 2, pipeline=[refuse_first])
    assert dataset[0]['img_id'] == 1
    dataset = toy([(100, 50, BOXES[:1])], pipeline=[refuse_first], max_refetch=4)
    with pytest.raises(DataError, match=r'5 samples in a row.*0 were of images'):
        dataset[0]


def test_testing_stops_at_a_bad_image(tmp_path) -> None:
    write_images(tmp_path, [False])
    dataset = toy([(100, 50, BOXES[:1])], tmp_path, pipeline=LOAD, test_mode=True)
    with pytest.raises(BadItemError, match=r'0\.png'):
        dataset[0]


def test_testing_can_put_a_black_image_in_the_place_of_a_bad_one(tmp_path) -> None:
    write_images(tmp_path, [True, False, False])
    images = [(100, 50, BOXES[:1]), (100, 50, BOXES[:1]), (0, 0, BOXES[:1])]
    dataset = toy(images, tmp_path, pipeline=LOAD, test_mode=True, skip_bad_images=True)
    good, bad, unknown = dataset
    assert 'bad_image' not in good['img_metas'].data
    metas = bad['img_metas'].data
    assert metas['bad_image'] is True
    assert metas['img_id'] == 1
    assert metas['filename'] == str(tmp_path / '1.png')
    assert bad['img'].data.shape == (3, 50, 100)
    assert bad['img'].data.sum() == 0
    assert unknown['img'].data.shape == (3, 1, 1)


def test_testing_refuses_a_pipeline_that_drops_images() -> None:
    dataset = toy([(9, 9, BOXES[:1])], pipeline=[lambda results: None], test_mode=True)
    with pytest.raises(DataError, match='every image counts'):
        dataset[0]


def test_resolve_data_root(tmp_path, monkeypatch) -> None:
    checkout, here = tmp_path / 'checkout', tmp_path / 'here'
    for folder in (checkout / 'data' / 'a', checkout / 'data' / 'b', here / 'data' / 'b'):
        folder.mkdir(parents=True)
    monkeypatch.setattr(paths_module, 'CHECKOUT', checkout)
    monkeypatch.chdir(here)
    assert resolve_data_root('data/a/') == str(checkout / 'data' / 'a')
    assert resolve_data_root('data/b') == str(here / 'data' / 'b')  # the current folder wins
    assert resolve_data_root('data/c') == str(here / 'data' / 'c')
    assert resolve_data_root(str(tmp_path)) == str(tmp_path)


def test_missing_data_names_what_is_near(tmp_path) -> None:
    (tmp_path / 'VOCdevkit').mkdir()
    path = str(tmp_path / 'VOCdevkt' / 'VOC2007')
    text = str(missing_data('Toy()', path, '', 'Ask around.'))
    for part in (f"'{path}'", f"exists is '{tmp_path}'", "'VOCdevkit'?", 'Ask around.'):
        assert part in text
    assert 'relative' not in text


def test_missing_data_name_a_folder_once(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for i in range(8):
        (tmp_path / f'part{i}').touch()
    text = str(missing_data('Toy()', str(tmp_path / 'gone'), 'gone', ''))
    assert text.count(str(tmp_path)) == 1
    assert "'. Its folder holds part0, part1, part2, part3, part4, part5 and 2 more. The" in text
    assert text.endswith('checkout: --data-root DIR sets another.')


def test_boxes_that_are_no_numbers_are_left_out_everywhere() -> None:
    boxes = (BOXES[0], (10, 10, float('nan'), 30, 'dog', False), (5, 5, float('inf'), 9, 'dog', 0))
    for test_mode in (False, True):
        dataset = toy([(100, 50, boxes)], test_mode=test_mode)
        assert dataset.get_ann_info(0)['bboxes'].tolist() == [[10, 10, 30, 30]]
        assert '2 boxes with a number that is not finite left out' in dataset.summary


def test_shares_of_the_image_are_no_pixels() -> None:
    shares = (0.1, 0.2, 0.5, 0.75, 'cat', False)
    for test_mode in (False, True):
        with pytest.raises(DataError, match=r'all of its 2 boxes lie within 0 to 1, such as 0.1, '):
            toy([(100, 50, (shares,))] * 2, test_mode=test_mode)
    some = toy([(100, 50, (shares, BOXES[0]))])
    assert some.warnings == ['1 boxes within 0 to 1: shares of the image, not pixels?']
    # one pixel in the corner is a box
    assert toy([(100, 50, ((0, 0, 1, 1, 'cat', False),))]).num_objects() == 1


@pytest.mark.parametrize(
    ('filters', 'message'),
    [
        (
            dict(bbox_min_size=0.01),
            'bbox_min_size: a number of pixels, 0 or from 1 up, is expected',
        ),
        (dict(min_size=0.5), 'min_size: a number of pixels'),
        (dict(min_size='32'), "min_size: a number of pixels.*found '32'"),
        (dict(min_size=-1), 'min_size: a number of pixels'),
        (dict(bbox_min_size=True), 'bbox_min_size: a number of pixels'),
        (dict(filter_empty_gt='False'), "filter_empty_gt: True or False is expected.*'False'"),
    ],
)
def test_values_of_filters_that_mean_something_else(filters: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        toy([(100, 50, BOXES)], filter_cfg=filters)
    assert len(toy([(100, 50, BOXES)], filter_cfg=dict(min_size=0, bbox_min_size=1.5))) == 1


def test_ignored_boxes_are_counted_by_cause_and_nothing_left_is_a_warning() -> None:
    dataset = toy([(100, 50, BOXES[5:])])
    assert '1 boxes ignored as difficult' in dataset.summary
    assert dataset.num_objects() == 0
    assert dataset.warnings == ['no object is left to train on']
    assert toy([(100, 50, ())], test_mode=True, metainfo=dict(classes=('cat',))).warnings == [
        'no object is left to find'
    ]
