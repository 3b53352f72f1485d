"""CocoMetric against pycocotools on whole files: ids, ties, float64, crowds, maxDets."""

from __future__ import annotations

import copy
import gzip
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmlite.datasets import CocoDataset
from mmlite.evaluation import CocoMetric, evaluate_results, load_results, save_results
from tests.evaluation.test_coco import pycocotools_twelve

SAMPLE = Path(__file__).parents[1] / 'data/coco_sample'
SIDE = 300
TRIPLES = ((1, 10, 100), (100, 300, 1000), (1, 10, 300))


def names(nums) -> list[str]:
    a, b, c = nums
    sizes = ('s', 'm', 'l')
    recalls = [f'AR@{a}', f'AR@{b}', f'AR@{c}', *(f'AR_{size}@{c}' for size in sizes)]
    return ['mAP', 'mAP_50', 'mAP_75', *(f'mAP_{size}' for size in sizes), *recalls]


def figures_of(content, rows, folder, nums) -> list[float]:
    """What mmlite makes of a file and of detections in COCO's form."""
    path = folder / 'ann.json'
    path.write_text(json.dumps(content), encoding='utf-8')
    classes = tuple(entry['name'] for entry in content['categories'])
    dataset = CocoDataset(
        data_root=str(folder),
        ann_file='ann.json',
        data_prefix=dict(img=''),
        metainfo=dict(classes=classes),
        test_mode=True,
    )
    label = {entry['id']: c for c, entry in enumerate(content['categories'])}
    place = {image['id']: i for i, image in enumerate(content['images'])}
    found = [[[] for _ in classes] for _ in place]
    for row in rows:
        x, y, w, h = row['bbox']
        mine = found[place[row['image_id']]][label[row['category_id']]]
        mine.append((x, y, x + w, y + h, row['score']))
    arrays = [[np.array(one).reshape(-1, 5) for one in image] for image in found]
    save_results(arrays, folder / 'found.pkl')
    results = load_results(folder / 'found.pkl', len(dataset), len(classes))
    figures = evaluate_results(results, dataset, [CocoMetric(proposal_nums=nums)])
    return [figures[f'coco/bbox_{name}'] for name in names(nums)]


def drawn(rng: np.random.Generator, crowded: bool) -> tuple[dict, list[dict]]:
    """A file with ids in any order, and detections of float64 of which 40% share their scores."""
    image_ids = rng.permutation(1000)[: rng.integers(2, 5)].tolist()
    category_ids = (rng.permutation(90)[: rng.integers(2, 4)] + 1).tolist()
    annotations, rows = [], []

    def found(image_id, category_id, bbox):
        score = rng.choice([0.2, 0.5, 0.8]) if rng.random() < 0.4 else rng.random()
        bbox = [*bbox[:2], *np.maximum(bbox[2:], 1)]
        row = dict(image_id=image_id, category_id=category_id, score=float(score))
        rows.append(dict(row, bbox=[float(v) for v in bbox]))

    for image_id in image_ids:
        for _ in range(rng.integers(0, 5)):  # 0: an image without objects
            bbox = np.concatenate([rng.uniform(0, 150, 2), rng.uniform(8, 140, 2)])
            if rng.random() < 0.3:
                bbox = bbox.round(-1).clip(10)  # IoUs that lie on a threshold
            category_id = int(rng.choice(category_ids[1:]))  # the first has no object
            annotation = dict(
                image_id=image_id,
                category_id=category_id,
                bbox=bbox.tolist(),
                area=float(bbox[2:].prod() * rng.choice([1, rng.uniform(0.3, 1)])),
                iscrowd=int(rng.random() < 0.2),
            )
            annotations += [annotation] * int(rng.choice([1, 1, 1, 2]))
            for _ in range(rng.integers(0, 4)):
                step = rng.choice([-10, 0, 0, 10], 4) if rng.random() < 0.3 else rng.normal(0, 5, 4)
                found(image_id, category_id, bbox + step)
    if all(annotation['iscrowd'] for annotation in annotations):  # a set without truth is refused
        box = dict(bbox=[5.0, 5.0, 20.0, 20.0], area=400.0, iscrowd=0)
        annotations.append(dict(image_id=image_ids[0], category_id=category_ids[1], **box))
    noise = 330 if crowded else 3
    for _ in range(noise):
        found(image_ids[0], category_ids[1], rng.uniform(1, 150, 4))
    rows += [dict(row) for row in rows[:2]]  # duplicates
    annotations = [dict(annotations[i]) for i in rng.permutation(len(annotations))]
    for annotation, number in zip(annotations, rng.permutation(len(annotations)), strict=True):
        annotation['id'] = int(number) + 1
    images = [
        dict(id=image_id, file_name=f'{i}.png', width=SIDE, height=SIDE)
        for i, image_id in enumerate(image_ids)
    ]
    categories = [dict(id=number, name=f'class{number}') for number in category_ids]
    return dict(images=images, annotations=annotations, categories=categories), rows


@pytest.mark.parametrize('part', range(4))
def test_200_drawn_sets(part, tmp_path):
    for i in range(4):
        cv2.imwrite(str(tmp_path / f'{i}.png'), np.zeros((SIDE, SIDE, 3), np.uint8))
    rng = np.random.default_rng(part)
    seen = []
    for number in range(50):
        content, rows = drawn(rng, crowded=number % 25 == 0)
        if not content['annotations']:
            content, rows = drawn(rng, crowded=False)
        for nums in TRIPLES:
            expected = pycocotools_twelve(copy.deepcopy(content), copy.deepcopy(rows), nums)
            found = figures_of(content, rows, tmp_path, nums)
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9, err_msg=f'set {number}')
            assert found[0] == -1 or 100 in nums
            seen.append(expected[1])
    assert np.std(seen) > 0.05  # sets that differ


def unpacked(name: str):
    return json.loads(gzip.decompress((SAMPLE / f'{name}.json.gz').read_bytes()))


def test_the_published_figures_of_cocos_own_sample(tmp_path):
    """Source: pycocoEvalDemo.ipynb of cocodataset/cocoapi, see README.md beside the data."""
    published = [0.505, 0.697, 0.573, 0.586, 0.519, 0.501, 0.387, 0.594, 0.595, 0.640, 0.566, 0.564]
    content = unpacked('instances_val2014_100')
    rows = unpacked('instances_val2014_fakebbox100_results')
    found = figures_of(content, rows, tmp_path, (1, 10, 100))
    assert [round(value, 3) for value in found] == published
    expected = pycocotools_twelve(content, rows)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
