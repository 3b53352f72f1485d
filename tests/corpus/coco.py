"""COCO's annotation files, damaged and unusual. One file holds all: a wrong entry refuses it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from mmlite.datasets import build_dataloader
from tests.corpus.case import Case
from tests.corpus.good import CLASSES, first_image, good_copy, refused, skipped
from tests.corpus.good import coco as build

FILE = 'instances_train2017.json'
Change = Callable[[dict], Any]


def rewritten(folder: Path, change: Change) -> Path:
    root = good_copy(folder)
    content = json.loads((root / FILE).read_text())
    change(content)
    (root / FILE).write_text(json.dumps(content))
    return root


def refused_content(change: Change, parts: tuple[str, ...], folder: Path) -> None:
    root = rewritten(folder, change)
    for test_mode in (False, True):
        refused(partial(build, root, test_mode=test_mode), FILE, *parts)


def wrong(name: str, change: Change, *parts: str) -> Case:
    return Case('coco', name, 'refused', partial(refused_content, change, parts))


def without_annotations(folder: Path) -> None:
    """As COCO's lists of test images: they can be tested, not trained on."""
    root = rewritten(folder, lambda c: c.pop('annotations'))
    refused(lambda: build(root), FILE, "no list of objects under 'annotations'")
    dataset = build(root, test_mode=True)
    assert len(dataset) == 8 and dataset.get_coco_info(0)['labels'].tolist() == []
    assert dataset.image_id(0) == 1 and dataset.category_id(1) == 1
    assert any("no 'annotations'" in text for text in dataset.warnings)


def root_category(name: str, folder: Path) -> None:
    """Roboflow's category 0 is above all others and has no object."""
    expected = boxes(build(good_copy(folder / 'good'), test_mode=True))

    def change(content: dict) -> None:
        for category in content['categories']:
            category['supercategory'] = name
        root = dict(id=0, name=name, supercategory='none')
        content['categories'].insert(0, root)

    root = rewritten(folder, change)
    dataset = build(root, test_mode=True, metainfo=dict(classes='auto'))
    assert dataset.classes == CLASSES and dataset.category_id(1) == 1
    assert boxes(dataset) == expected
    assert f"category '{name}' of id 0" in dataset.summary


def category_0_of_others(folder: Path) -> None:
    """A class of id 0 without an object in this file is no root: others are without one too."""

    def change(content: dict) -> None:
        for category in content['categories']:
            category['supercategory'] = 'none'
        content['categories'].insert(0, dict(id=0, name='walrus', supercategory='none'))

    root = rewritten(folder, change)
    assert build(root, metainfo=dict(classes='auto')).classes == ('walrus', *CLASSES)


def backslashes(folder: Path) -> None:
    root = good_copy(folder)
    (root / 'JPEGImages').rename(root / 'part')
    (root / 'JPEGImages').mkdir()
    (root / 'part').rename(root / 'JPEGImages' / 'part')
    content = json.loads((root / FILE).read_text())
    for image in content['images']:
        image['file_name'] = f'part\\{image["file_name"]}'
    (root / FILE).write_text(json.dumps(content))
    dataset = build(root)
    assert dataset.bad_items == {} and dataset[0]['img_metas'].data['ori_shape']
    content['images'][0]['file_name'] = '..\\..\\x.jpg'
    (root / FILE).write_text(json.dumps(content))
    refused(lambda: build(root), "x.jpg' leaves the data root")


def one_name_in_two_folders(folder: Path) -> None:
    root = good_copy(folder)
    for part in ('a', 'b'):
        (root / 'JPEGImages' / part).mkdir()
    (root / 'JPEGImages/000001.jpg').rename(root / 'JPEGImages/a/1.jpg')
    (root / 'JPEGImages/000002.jpg').rename(root / 'JPEGImages/b/1.jpg')
    content = json.loads((root / FILE).read_text())
    for image, part in zip(content['images'], 'ab', strict=False):
        image['file_name'] = f'{part}/1.jpg'
    (root / FILE).write_text(json.dumps(content))
    expected = boxes(build(good_copy(folder / 'good'), test_mode=True))
    assert boxes(build(root, test_mode=True)) == expected
    refused(lambda: build(root, indices=['1.jpg']), '2 images have that name', 'b/1.jpg')
    chosen = build(root, test_mode=True, indices=['b/1.jpg', '000003.jpg'])
    assert boxes(chosen) == expected[1:3]


def refused_text(text: bytes, parts: tuple[str, ...], folder: Path) -> None:
    root = good_copy(folder)
    (root / FILE).write_bytes(text)
    refused(lambda: build(root), FILE, *parts)


def wrong_text(name: str, text: bytes, *parts: str) -> Case:
    return Case('coco', name, 'refused', partial(refused_text, text, parts))


def truncated(folder: Path) -> None:
    text = (good_copy(folder / 'good') / FILE).read_bytes()
    refused_text(text[: len(text) // 2], (':1: not well-formed JSON', 'ends too early'), folder)


def boxes(dataset: Any) -> list[list]:
    infos = [dataset.get_ann_info(i) for i in range(len(dataset))]
    return [[info[key].tolist() for key in ('bboxes', 'labels', 'bboxes_ignore')] for info in infos]


def same_content(change: Change, folder: Path) -> None:
    """A case: the data set is still the good one."""
    expected = boxes(build(good_copy(folder / 'good'), test_mode=True))
    for test_mode in (False, True):
        dataset = build(rewritten(folder / str(test_mode), change), test_mode=test_mode)
        assert boxes(dataset) == expected
        assert 'skipped_files' not in dataset[0]['img_metas'].data


def unusual(name: str, change: Change) -> Case:
    return Case('coco', name, 'read', partial(same_content, change))


def counted(change: Change, note: str, folder: Path) -> None:
    """A case: annotations are left out, and counted."""
    before = sum(len(labels) for _, labels, _ in boxes(build(good_copy(folder / 'good'))))
    dataset = build(rewritten(folder, change), test_mode=True)
    assert note in dataset.summary, dataset.summary
    assert sum(len(labels) for _, labels, _ in boxes(dataset)) == before


def left_out(name: str, change: Change, note: str) -> Case:
    return Case('coco', name, 'skipped', partial(counted, change, note))


def added(**changes: Any) -> Change:
    """Adds an annotation to the first image, a good one but for these entries."""

    def change(content: dict) -> None:
        base = dict(id=9999, image_id=1, category_id=1, bbox=[5, 6, 20, 30], area=600, iscrowd=0)
        content['annotations'].append({**base, **changes})

    return change


def of_all(key: str, change: Change) -> Change:
    def change_all(content: dict) -> None:
        for entry in content[key]:
            change(entry)

    return change_all


def first(key: str, **changes: Any) -> Change:
    return lambda content: content[key][0].update(changes)


def in_text(key: str) -> Change:
    return lambda entry: entry.update({key: str(entry[key])})


def in_shares(entry: dict) -> None:
    x, y, width, height = entry['bbox']
    entry['bbox'] = [x / 112, y / 112, width / 112, height / 112]


def text_ids(content: dict) -> None:
    for image in content['images']:
        image['id'] = f'image {image["id"]}'
    for annotation in content['annotations']:
        annotation.update(id=f'a{annotation["id"]}', image_id=f'image {annotation["image_id"]}')


def other_class_order(content: dict) -> None:
    """Categories in another order, with other ids: their names identify them."""
    content['categories'].reverse()
    for entry in content['categories']:
        entry['id'] = 100 - entry['id']
    for annotation in content['annotations']:
        annotation['category_id'] = 100 - annotation['category_id']


def crowd(segmentation: dict, folder: Path) -> None:
    root = rewritten(folder, added(iscrowd=1, area=321, segmentation=segmentation))
    dataset = build(root, test_mode=True)
    info = dataset.get_coco_info(0)
    assert info['xywh'][-1].tolist() == [5, 6, 20, 30]
    assert info['areas'][-1] == 321 and info['crowd'][-1]
    assert dataset.get_ann_info(0)['bboxes_ignore'].tolist()[-1] == [5, 6, 25, 36]


def no_annotations(folder: Path) -> None:
    root = rewritten(folder, lambda content: content.update(annotations=[]))
    dataset = build(root)
    assert len(dataset) == 8 and '8 images without boxes kept' in dataset.summary
    loader = dict(dataset=dataset, sampler=dict(type='DefaultSampler', shuffle=True))
    refused(lambda: build_dataloader(loader), 'no object is left to train on')
    refused(lambda: build(root, filter_cfg=dict(filter_empty_gt=True)), 'no image is left of 8')


def bad_image(spoil: Callable[[Path], Any], reason: str, known: bool, folder: Path) -> None:
    root = good_copy(folder)
    spoil(first_image(root))
    skipped(build, root, reason, known)


def outside(name: str, file_name: str) -> Case:
    change = first('images', file_name=file_name)
    return wrong(name, change, 'leaves the data root')


def inside(folder: Path) -> None:
    """An absolute path is fine where it stays inside."""
    root = good_copy(folder)
    content = json.loads((root / FILE).read_text())
    content['images'][0]['file_name'] = str(first_image(root))
    content['images'][1]['file_name'] = '../JPEGImages/000002.jpg'
    (root / FILE).write_text(json.dumps(content))
    assert build(root).bad_items == {}


def classes(names: tuple[str, ...], *parts: str) -> Callable[[Path], None]:
    def check(folder: Path) -> None:
        root = good_copy(folder)
        refused(lambda: build(root, metainfo=dict(classes=names)), *parts)

    return check


NAN = float('nan')
BBOX = 'annotation 9999: bbox is four numbers'
UNUSABLE = '1 annotations without a usable box'
CASES = [
    wrong('duplicate image ids', first('images', id=2), 'images[0] and images[1] share the id 2'),
    wrong('duplicate annotation ids', added(id=1), 'share the id 1'),
    wrong('duplicate category ids', first('categories', id=2), 'categories[0]', 'share the id 2'),
    wrong('duplicate category names', first('categories', name='ring'), "the name 'ring' more"),
    wrong('image without an id', lambda c: c['images'][0].pop('id'), 'images[0]', 'as id: None'),
    wrong('image whose id is true', first('images', id=True), 'images[0]', 'as id: True'),
    wrong('image whose id is a list', first('images', id=[1]), 'images[0]', 'as id: [1]'),
    wrong('image without a file name', lambda c: c['images'][0].pop('file_name'), 'no file_name'),
    wrong('file name is a number', first('images', file_name=7), 'no file_name, found 7'),
    wrong('file name with half a character', first('images', file_name='\ud800'), 'no text'),
    wrong('annotation without an id', added(id=None), 'as id: None'),
    wrong('annotation without a category', added(category_id=None), 'category_id None, which'),
    wrong('unknown category', added(category_id=77), 'category_id 77, which', '1, 2, 3, 4, 5'),
    wrong('category is a list', added(category_id=[1]), 'category_id [1], which'),
    wrong('iscrowd is a word', added(iscrowd='perhaps'), "iscrowd is 0 or 1, found 'perhaps'"),
    wrong('boxes in shares of the image', of_all('annotations', in_shares), 'lie within 0 to 1',
          'pixels are expected'),
    wrong('NaN in a box', added(bbox=[5, 6, NAN, 9]), BBOX, 'nan'),
    wrong('infinity in a box', added(bbox=[5, 6, float('inf'), 9]), BBOX),
    wrong('text in a box', added(bbox=[5, 6, 'wide', 9]), BBOX),
    wrong('number without end in a box', added(bbox=[5, 6, 10**400, 9]), BBOX),
    wrong('three numbers in a box', added(bbox=[5, 6, 7]), BBOX),
    wrong('no box', added(bbox=None), BBOX),
    wrong('box is an object', added(bbox=dict(x=5)), BBOX),
    wrong('area is text', added(area='large'), 'annotation 9999: area is a number', "'large'"),
    wrong('area is NaN', added(area=NAN), 'annotation 9999: area is a number'),
    wrong('no images', lambda c: c.pop('images'), "under 'images'", 'annotations, categories'),
    wrong('no categories', lambda c: c.pop('categories'), "under 'categories'"),
    Case('coco', 'no annotations', 'read', without_annotations),
    Case('coco', "Roboflow's root category", 'read', partial(root_category, 'shapes')),
    Case('coco', "Roboflow's root, named like a class", 'read', partial(root_category, CLASSES[1])),
    Case('coco', 'a class of id 0 without objects', 'read', category_0_of_others),
    Case('coco', 'backslashes in paths', 'read', backslashes),
    Case('coco', 'two images of one name in two folders', 'read', one_name_in_two_folders),
    wrong('list of images empty', lambda c: c.update(images=[]), 'images is empty'),
    wrong('images are names', lambda c: c.update(images=['a.jpg']), "under 'images'"),
    outside('file name that leaves the data root', '../../etc/passwd'),
    outside('file name with an absolute path', '/etc/passwd'),
    Case('coco', 'truncated', 'refused', truncated),
    wrong_text('empty file', b'', 'not well-formed JSON'),
    wrong_text('a list', b'[]', 'an object is expected, found a list'),
    wrong_text('detections in place of annotations', b'[{"image_id": 1, "score": 0.9}]', 'a list'),
    wrong_text('an image', b'\xff\xd8\xff\xe0', 'cannot be read as JSON'),
    wrong_text('lists in lists', b'{"images": ' + b'[' * 100000, 'cannot be read as JSON'),
    wrong_text('number of 5000 digits', b'{"images": ' + b'9' * 5000 + b'}', 'cannot be read'),
    Case('coco', 'all classes unknown', 'refused', classes(('rings',), "Did you mean 'ring' or")),
    Case('coco', 'class in another case', 'refused', classes(('Ring',), "is spelt 'ring'")),
    unusual('no areas', of_all('annotations', lambda entry: entry.pop('area'))),
    unusual('no iscrowd where it is 0',
            of_all('annotations', lambda e: e['iscrowd'] or e.pop('iscrowd'))),
    unusual('further keys', of_all('images', lambda entry: entry.update(licence=[{}], date=None))),
    unusual('no info, no licenses', lambda c: [c.pop(key, None) for key in ('info', 'licenses')]),
    unusual('polygons',
            of_all('annotations', lambda e: e.update(segmentation=[[1, 2, 3, 4, 5, 6]]))),
    unusual('sizes with fractions', of_all('images', lambda e: e.update(width=e['width'] + 0.0))),
    unusual('text ids', text_ids),
    unusual('image_id as text', of_all('annotations', in_text('image_id'))),
    unusual('category_id as text', of_all('annotations', in_text('category_id'))),
    unusual('ids with fractions of 0', of_all('annotations', lambda e: e.update(
        {key: float(e[key]) for key in ('id', 'image_id', 'category_id')}))),
    unusual('flags as text', of_all('annotations', in_text('iscrowd'))),
    unusual('flags as truth values',
            of_all('annotations', lambda e: e.update(iscrowd=bool(e['iscrowd'])))),
    unusual('area null', of_all('annotations', lambda e: e.update(area=None))),
    unusual('numbers as text', of_all('annotations', lambda e: e.update(
        bbox=list(map(str, e['bbox'])), area=str(e['area'])))),
    unusual('sizes as text', of_all('images', in_text('width'))),
    unusual('width and height swapped',
            of_all('images', lambda e: e.update(width=e['height'], height=e['width']))),
    unusual('class order unlike the config', other_class_order),
    unusual('annotations in another order',
            lambda c: c['annotations'].sort(key=lambda e: (-e['image_id'], e['id']))),
    Case('coco', 'crowd as RLE counts', 'read',
         partial(crowd, dict(counts=[9, 9], size=[112, 96]))),
    Case('coco', 'crowd as compressed RLE', 'read', partial(crowd, dict(counts='aQ', size=[9, 9]))),
    Case('coco', 'no annotation at all', 'refused', no_annotations),
    Case('coco', 'absolute path inside the data root', 'read', inside),
    left_out('annotation of an image not listed', added(image_id=4711), '1 annotations of images'),
    left_out('annotation of no image', added(image_id=None), '1 annotations of images'),
    left_out('image id is a list', added(image_id=[1]), '1 annotations of images'),
    left_out('box without width', added(bbox=[5, 6, 0, 30]), UNUSABLE),
    left_out('box of negative height', added(bbox=[5, 6, 20, -30]), UNUSABLE),
    left_out('box outside the image', added(bbox=[900, 900, 20, 30]),
             '1 boxes without a pixel in their image left out'),
    left_out('area zero', added(area=0), UNUSABLE),
    Case('coco', 'missing image', 'skipped',
         partial(bad_image, lambda p: p.unlink(), 'there is no such image file', True)),
    Case('coco', 'image cut off', 'skipped',
         partial(bad_image, lambda p: p.write_bytes(p.read_bytes()[:-300]), 'cut off', False)),
]  # fmt: skip
