"""CocoDataset: categories by name, crowds, what is left out, and files that are wrong."""

from __future__ import annotations

import gc
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmlite.datasets import CocoDataset, ConcatDataset, MissingDataError
from mmlite.datasets.coco_json import load_coco_json, read_json
from mmlite.errors import ConfigError, DataError
from mmlite.evaluation import VOCMetric, evaluate_results
from tests.golden import FOLDER
from tests.runs import SHARED

TINY = SHARED / 'data/tiny_coco'


def annotation(number, image, category, bbox, **changes) -> dict:
    base = dict(id=number, image_id=image, category_id=category, bbox=bbox, iscrowd=0)
    return {**base, 'area': bbox[2] * bbox[3], **changes}


def content() -> dict:
    """Three images; ids have gaps, and categories are in no order."""
    return dict(
        images=[
            dict(id=30, file_name='c.jpg', width=40, height=30),
            dict(id=10, file_name='a.jpg', width=40, height=30),
            dict(id=20, file_name='b.jpg', width=40, height=30),
        ],
        categories=[dict(id=9, name='dog'), dict(id=4, name='cat'), dict(id=7, name='owl')],
        annotations=[
            annotation(1, 10, 4, [1, 2, 10, 12]),
            annotation(2, 30, 9, [0, 0, 20.5, 20], iscrowd=1, area=77),
            annotation(3, 10, 9, [5, 5, 6, 7]),
            annotation(4, 30, 7, [3, 3, 9, 9]),
        ],
    )


@pytest.fixture
def build(tmp_path):
    (tmp_path / 'imgs').mkdir()
    for name in 'abc':
        cv2.imwrite(str(tmp_path / f'imgs/{name}.jpg'), np.zeros((30, 40, 3), np.uint8))

    def make(data=None, **changes) -> CocoDataset:
        text = data if isinstance(data, str) else json.dumps(data or content())
        (tmp_path / 'all.json').write_text(text)
        args = dict(
            data_root=str(tmp_path),
            ann_file='all.json',
            data_prefix=dict(img='imgs/'),
            metainfo=dict(classes=('cat', 'dog')),
            test_mode=True,
        )
        return CocoDataset(**{**args, **changes})

    return make


def truth(dataset, i) -> list[tuple]:
    info = dataset.get_ann_info(i)
    return [
        (kind, int(label), *box)
        for kind in ('', '_ignore')
        for box, label in zip(
            info[f'bboxes{kind}'].tolist(), info[f'labels{kind}'].tolist(), strict=True
        )
    ]


def test_categories_are_found_by_name_in_the_order_of_the_config(build):
    dataset = build()
    # images as the file has them; cat is 1, dog 2, whatever their ids
    assert [Path(dataset.filename(i)).name for i in range(3)] == ['c.jpg', 'a.jpg', 'b.jpg']
    assert truth(dataset, 0) == [('_ignore', 2, 0, 0, 20.5, 20)]
    assert truth(dataset, 1) == [('', 1, 1, 2, 11, 14), ('', 2, 5, 5, 11, 12)]
    assert truth(dataset, 2) == []
    assert '1 objects of other classes left out' in dataset.summary
    turned = build(metainfo=dict(classes=('owl', 'dog', 'cat')))
    assert truth(turned, 0) == [('', 1, 3, 3, 12, 12), ('_ignore', 2, 0, 0, 20.5, 20)]
    assert (turned.category_id(1), turned.category_id(3), turned.image_id(0)) == (7, 4, 30)


def test_all_classes_of_the_file(build):
    assert build(metainfo=dict(classes='auto')).classes == ('dog', 'cat', 'owl')


def test_ids_may_be_text(build):
    data = content()
    for image in data['images']:
        image['id'] = f'img-{image["id"]}'
    for ann in data['annotations']:
        ann['image_id'] = f'img-{ann["image_id"]}'
    dataset = build(data)
    assert dataset.image_id(1) == 'img-10' and len(truth(dataset, 1)) == 2


def test_coco_info_is_as_in_the_file(build):
    info = build(metainfo=dict(classes=('owl', 'dog'))).get_coco_info(0)
    assert info['xywh'].tolist() == [[0, 0, 20.5, 20], [3, 3, 9, 9]]
    assert info['areas'].tolist() == [77, 81] and info['crowd'].tolist() == [True, False]
    assert info['labels'].tolist() == [2, 1]


def test_what_is_left_out_of_training_still_counts_for_cocos_metric(build):
    data = content()
    data['annotations'] += [
        annotation(5, 20, 4, [50, 5, 10, 10]),  # beyond the right border
        annotation(6, 20, 4, [5, 5, 0.5, 10]),  # narrower than a pixel
        annotation(7, 20, 4, [5, 5, 9, 9], area=0),
        annotation(8, 20, 4, [5, 5, 8, 8], ignore=1),
        annotation(9, 20, 4, [35, 25, 10, 10]),  # sticks out, but is seen
    ]
    dataset = build(data)
    assert truth(dataset, 2) == [('', 1, 35, 25, 45, 35)]
    assert (
        "3 annotations without a usable box (1 marked 'ignore', 1 less than a pixel wide or high, "
        '1 of an area of 0 or less)'
    ) in dataset.summary
    assert '1 boxes without a pixel in their image left out' in dataset.summary
    assert len(dataset.get_coco_info(2)['labels']) == 5
    # in training it is clipped to the image
    assert build(data, test_mode=False).get_data_info(2)['ann']['bboxes'].tolist() == [
        [35, 25, 40, 30]
    ]


def test_missing_areas_and_sizes(build):
    data = content()
    del data['annotations'][0]['area'], data['images'][1]['width'], data['images'][1]['height']
    dataset = build(data)
    assert dataset.get_coco_info(1)['areas'].tolist() == [120, 42]
    assert dataset.get_data_info(1)['width'] == 40 and len(truth(dataset, 1)) == 2  # the picture's


def test_filters_and_indices(build):
    kept = build(test_mode=False, filter_cfg=dict(filter_empty_gt=True))
    assert len(kept) == 2  # an image with only a crowd is kept, as in mmdet
    first = build(indices=1)
    assert len(first) == 1 and first.image_id(0) == 30
    named = build(indices=['b.jpg', 1])
    assert [named.image_id(i) for i in range(2)] == [20, 10]
    assert len(named.get_coco_info(1)['labels']) == 2
    with pytest.raises(ConfigError, match=r"indices has 'd\.jpg', and it has 3 images"):
        build(indices=['d.jpg'])


def test_through_a_concatenation(build):
    both = ConcatDataset([build(), build()])
    assert both.get_coco_info(3)['areas'].tolist() == [77]


def test_annotations_of_unlisted_images_are_counted(build):
    data = content()
    data['annotations'].append(annotation(5, 99, 4, [1, 1, 5, 5]))
    assert '1 annotations of images that are not listed' in build(data).summary


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda d: d.pop('images'), "no list of objects under 'images'.* annotations"),
        (lambda d: d.update(categories={}), "no list of objects under 'categories'"),
        (lambda d: d.update(images=[]), 'images is empty'),
        (lambda d: d['images'][2].update(id=10), r'images\[1\] and images\[2\] share the id 10'),
        (lambda d: d['annotations'][3].update(id=1), r'share the id 1'),
        (lambda d: d['images'][0].pop('file_name'), 'images with id 30: no file_name'),
        (lambda d: d['images'][0].pop('id'), r'images\[0\]: a number or text is expected as id'),
        (lambda d: d['annotations'][0].update(category_id=5), 'annotation 1 has the category_id 5'),
        (lambda d: d['annotations'][0].update(bbox=[1, 2, 3]), r'annotation 1: bbox .*\[1, 2, 3\]'),
        (lambda d: d['annotations'][0].update(bbox=[1, 2, 3, 'x']), 'annotation 1: bbox'),
        (lambda d: d['annotations'][2].update(bbox=[1, 2, 3, float('nan')]), 'annotation 3: bbox'),
        (lambda d: d['annotations'][2].pop('bbox'), 'annotation 3: bbox .*None'),
        (lambda d: d['annotations'][0].update(area='big'), "annotation 1: area .*'big'"),
        (lambda d: d['categories'][0].update(name='cat'), "the name 'cat' more than once"),
    ],
)
def test_wrong_entries_are_named(build, change, message):
    data = content()
    change(data)
    with pytest.raises(DataError, match=message):
        build(data)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (json.dumps(content())[:-30], r'all\.json:1: not well-formed JSON'),
        ('[]', 'an object is expected, found a list'),
        ('', 'not well-formed'),
    ],
)
def test_wrong_files(build, text, message):
    with pytest.raises(DataError, match=message):
        build(text)


def test_missing_file_and_wrong_prefix(build):
    with pytest.raises(MissingDataError, match=r"al\.json.*'all\.json'\?"):
        build(ann_file='al.json')
    with pytest.raises(ConfigError, match=r"no key 'imgs'.*'img'"):
        build(data_prefix=dict(imgs='imgs'))
    with pytest.raises(ConfigError, match='ann_file is missing'):
        build(ann_file='')
    with pytest.raises(ConfigError, match='none of the classes'):
        build(metainfo=dict(classes=('lion',)))


needs_tiny = pytest.mark.skipif(not TINY.is_dir(), reason=f'needs {TINY}')


@needs_tiny
def test_golden_boxes_and_map():
    """Source of the numbers: mmdet 3.3.0's CocoDataset and eval_map (golden/chain_tiny_coco)."""
    facts = json.loads((FOLDER / 'chain_tiny_coco.json').read_text())
    with np.load(FOLDER / 'chain_tiny_coco.npz') as file:
        gt, det = file['gt'], file['det']
    dataset = CocoDataset(
        data_root=str(TINY), ann_file='annotations/instances_train2017.json', test_mode=True,
        data_prefix=dict(img='train2017/'),
    )  # fmt: skip
    assert [Path(dataset.filename(i)).name for i in range(len(dataset))] == facts['files']
    assert [[dataset.get_data_info(i)[k] for k in ('width', 'height')] for i in range(32)] == (
        facts['sizes_wh']
    )
    rows = [
        (i, label - 1, *map(np.float32, box), bool(kind))
        for i in range(32)
        for kind, label, *box in truth(dataset, i)
    ]
    assert sorted(rows) == sorted(map(tuple, gt))
    results = [
        [det[(det[:, 0] == i) & (det[:, 1] == c), 2:].astype(np.float32) for c in range(80)]
        for i in range(32)
    ]
    for expected in facts['voc']:
        args = dict(iou_thrs=expected['iou_thr'], eval_mode=expected['eval_mode'])
        figures = evaluate_results(results, dataset, [VOCMetric(**args)])
        assert figures['pascal_voc/mAP'] == pytest.approx(expected['mAP'], abs=1e-6)


def test_outlines_are_not_kept_and_change_nothing(tmp_path, build, monkeypatch):
    monkeypatch.setenv('MMLITE_CACHE', str(tmp_path / 'cache'))
    plain = build()
    outlined = content()
    outlined['annotations'][0]['segmentation'] = [[1, 2, 11, 2, 11, 14]]
    outlined['annotations'][1]['segmentation'] = dict(counts=[3, 5], size=[40, 30])
    assert [truth(build(outlined), i) for i in range(3)] == [truth(plain, i) for i in range(3)]
    read = read_json(str(tmp_path / 'all.json'))
    assert read == content()


@pytest.mark.parametrize('text', [json.dumps(content()), '{"images"'], ids=['good', 'broken'])
@pytest.mark.parametrize('collecting', [True, False])
def test_the_garbage_collector_is_left_as_it_was(tmp_path, text, collecting):
    (tmp_path / 'a.json').write_text(text)
    (gc.enable if collecting else gc.disable)()
    try:
        load_coco_json(str(tmp_path / 'a.json'))
    except DataError:
        assert text != json.dumps(content())
    finally:
        left = gc.isenabled()
        gc.enable()
    assert left == collecting


def of_all(data: dict, key: str, change) -> dict:
    for entry in data['annotations']:
        entry[key] = change(entry[key])
    return data


@pytest.mark.parametrize(
    ('key', 'change', 'said'),
    [
        ('image_id', str, "4 annotations whose image_id has another type .* such as '10' for 10"),
        ('image_id', lambda i: f'{i:06}', "such as '000010' for 10: matched"),
        ('image_id', float, ''),
        ('category_id', str, "4 annotations whose category_id .* in categories, such as '4' for 4"),
        ('category_id', float, ''),
        ('iscrowd', str, ''),
        ('iscrowd', bool, ''),
        ('iscrowd', float, ''),
        ('iscrowd', lambda value: ('false', 'True')[value], ''),
        ('area', str, ''),
        ('bbox', lambda box: [str(number) for number in box], ''),
        ('id', float, ''),
        ('id', str, ''),
    ],
)
def test_numbers_and_truth_values_in_other_types_are_read(build, key, change, said):
    plain, changed = build(), build(of_all(content(), key, change))
    for i in range(3):
        assert truth(changed, i) == truth(plain, i)
        assert changed.get_coco_info(i)['areas'].tolist() == (
            plain.get_coco_info(i)['areas'].tolist()
        )
    assert re.search(said, changed.summary)
    assert bool(changed.warnings) == bool(said)


def test_ids_of_images_may_be_of_another_type(build):
    data = content()
    for image in data['images']:
        image['id'] = f'{image["id"]:012}'
    dataset = build(data)
    assert truth(dataset, 1) == truth(build(), 1)
    dataset = build(data)
    assert dataset.image_id(1) == '000000000010'  # as the file has it


def test_ids_that_would_be_the_same_are_not_guessed(build):
    data = content()
    data['images'][2]['id'] = '10'  # beside 10
    assert truth(build(data), 1) == truth(build(), 1)
    data['annotations'][0]['image_id'] = '010'
    dataset = build(data)
    assert len(truth(dataset, 1)) == 1 and len(truth(dataset, 2)) == 0
    assert "1 annotations of images that are not listed left out (such as image_id '010')" in (
        dataset.summary
    )


def test_areas_that_do_not_fit_are_counted(build):
    data = content()
    # boxes of 10 x 12 and 6 x 7: a share of the image, and ten times the box
    data['annotations'][0]['area'], data['annotations'][2]['area'] = 0.1, 420
    assert "2 annotations whose 'area' does not fit their box" in build(data).summary
    data['annotations'][0]['area'], data['annotations'][2]['area'] = 99, 8 * 7
    assert 'does not fit' not in build(data).summary  # (6 + 1) * (7 + 1): half a pixel on each side


def test_a_flag_that_says_nothing_is_named(build):
    data = content()
    data['annotations'][2]['iscrowd'] = 'perhaps'
    with pytest.raises(DataError, match="annotation 3: iscrowd is 0 or 1, found 'perhaps'"):
        build(data)
