"""COCO's figures against pycocotools itself, on drawn sets and on real images with crowds."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlite.datasets import CocoDataset, VOCDataset
from mmlite.datasets.demo import draw_demo_set
from mmlite.errors import ConfigError
from mmlite.evaluation import CocoMetric, VOCMetric, evaluate_results
from mmlite.evaluation.coco import coco_tables
from mmlite.evaluation.detections import flatten
from tests.golden import FOLDER
from tests.runs import SHARED

TINY = SHARED / 'data/tiny_coco'


def twelve(tables) -> list[float]:
    """The figures that pycocotools prints, in its order."""
    sizes = ('s', 'm', 'l')
    return [
        *(tables.ap(thr) for thr in (None, 0.5, 0.75)),
        *(tables.ap(area=size) for size in sizes),
        *(tables.ar(max_dets=num) for num in (1, 10, 100)),
        *(tables.ar(area=size) for size in sizes),
    ]


def pycocotools_twelve(dataset: dict, rows: list[dict], max_dets=(1, 10, 100)) -> np.ndarray:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = dataset
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(rows), 'bbox')
        evaluation.params.maxDets = list(max_dets)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats


@st.composite
def sets(draw):
    """Truths and results of a few images and classes; detections are jittered truths and noise."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    num_images, num_classes = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    truths, results = [], []
    for _ in range(num_images):
        count = draw(st.integers(0, 6))
        xywh = np.concatenate([rng.uniform(0, 200, (count, 2)), rng.uniform(5, 150, (count, 2))], 1)
        labels = rng.integers(1, num_classes + 1, count)
        areas = xywh[:, 2:].prod(1) * rng.uniform(0.4, 1, count)
        crowd = rng.random(count) < 0.25
        truths.append(dict(xywh=xywh, labels=labels, areas=areas, crowd=crowd))
        found = [np.zeros((0, 5), np.float32)] * num_classes
        for c in range(num_classes):
            mine = xywh[labels == c + 1]
            boxes = np.repeat(np.concatenate([mine, rng.uniform(5, 90, (2, 4))]), 2, axis=0)
            boxes = boxes + rng.normal(0, 6, boxes.shape)
            boxes[:, 2:] = boxes[:, :2] + np.abs(boxes[:, 2:]) + 1
            scores = rng.integers(1, 9, (len(boxes), 1)) / 10  # ties occur
            found[c] = np.concatenate([boxes, scores], 1).astype(np.float32)
        results.append(found)
    return truths, results


def as_coco(truths, num_classes) -> dict:
    annotations = [
        dict(image_id=i, bbox=list(b), category_id=int(c), area=float(a), iscrowd=int(k))
        for i, t in enumerate(truths)
        for b, c, a, k in zip(t['xywh'], t['labels'], t['areas'], t['crowd'], strict=True)
    ]
    for number, annotation in enumerate(annotations, 1):
        annotation['id'] = number
    return dict(
        images=[dict(id=i) for i in range(len(truths))],
        annotations=annotations,
        categories=[dict(id=c) for c in range(1, num_classes + 1)],
    )


def as_rows(results) -> list[dict]:
    return [
        dict(image_id=i, category_id=c, bbox=[x1, y1, x2 - x1, y2 - y1], score=score)
        for i, per_class in enumerate(results)
        for c, dets in enumerate(per_class, 1)
        for x1, y1, x2, y2, score in dets.tolist()
    ]


@settings(max_examples=25, deadline=None)
@given(sets())
def test_equals_pycocotools(data):
    truths, results = data
    expected = pycocotools_twelve(as_coco(truths, len(results[0])), as_rows(results))
    np.testing.assert_allclose(twelve(coco_tables(results, truths)), expected, atol=1e-9)


@settings(max_examples=10, deadline=None)
@given(sets())
def test_equals_the_library_as_its_user_calls_it(data):
    from faster_coco_eval import COCO, COCOeval_faster

    truths, results = data
    truth = COCO(as_coco(truths, len(results[0])))
    evaluation = COCOeval_faster(truth, truth.loadRes(as_rows(results)), 'bbox')
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert twelve(coco_tables(flatten(results), truths)) == evaluation.stats[:12].tolist()


def test_the_collector_runs_again_afterwards():
    with pytest.raises(KeyError):
        coco_tables([dets()], [{}])
    assert gc.isenabled()


ONE = dict(
    xywh=np.array([[0.0, 0, 10, 10]]),
    labels=np.array([1]),
    areas=np.array([100.0]),
    crowd=np.array([False]),
)


def dets(*rows) -> list[np.ndarray]:
    return [np.array(rows, np.float32).reshape(-1, 5)]


def test_half_of_the_thresholds():
    # IoU 70 / 100: right at 0.50 to 0.70, wrong at 0.75 to 0.95
    tables = coco_tables([dets((0, 0, 10, 7, 0.9))], [ONE])
    assert tables.ap() == pytest.approx(0.5)
    assert (tables.ap(0.5), tables.ap(0.7), tables.ap(0.75)) == pytest.approx((1, 1, 0))
    assert tables.ap(area='s') == pytest.approx(0.5) and tables.ap(area='l') == -1
    assert tables.ar() == pytest.approx(0.5)


def test_what_lies_on_a_crowd_is_no_mistake():
    crowd = dict(
        xywh=np.array([[0.0, 0, 10, 10], [20, 0, 50, 50]]),
        labels=np.array([1, 1]),
        areas=np.array([100.0, 2500]),
        crowd=np.array([False, True]),
    )
    found = dets((30, 10, 40, 20, 0.95), (0, 0, 10, 10, 0.9))
    assert coco_tables([found], [crowd]).ap() == pytest.approx(1)
    # without the crowd the better-scored one is a mistake: precision 1/2
    assert coco_tables([found], [ONE]).ap() == pytest.approx(0.5)


def test_nothing_found_and_nothing_to_find():
    assert coco_tables([dets()], [ONE]).ap() == 0
    none = {key: value[:0] for key, value in ONE.items()}
    assert coco_tables([dets((0, 0, 5, 5, 0.5))], [none]).ap() == -1


def test_area_ranges_of_ones_own():
    ranges = dict(all=(0, 1e10), tiny=(0, 50), rest=(50, 1e10))
    tables = coco_tables([dets((0, 0, 10, 10, 0.9))], [ONE], area_ranges=ranges)
    assert tables.ap(area='tiny') == -1 and tables.ap(area='rest') == pytest.approx(1)


class TwoImages:
    """A plain data set, as a plugin may have it."""

    def __init__(self):
        self.metainfo = dict(classes=('cat', 'dog'))

    def __len__(self):
        return 2

    def get_ann_info(self, i):
        boxes = np.array([[0, 0, 40, 40], [50, 50, 60, 60]], np.float32)
        return dict(
            bboxes=boxes[: i + 1],
            labels=np.array([1, 2])[: i + 1],
            bboxes_ignore=boxes[i + 1 :],
            labels_ignore=np.array([1, 2])[i + 1 :],
        )


RESULTS = [
    [np.array([[0, 0, 40, 40, 0.9]], np.float32), np.array([[50, 50, 60, 60, 0.8]], np.float32)],
    [np.array([[0, 0, 40, 40, 0.9]], np.float32), np.zeros((0, 5), np.float32)],
]


def test_metric_on_any_data_set(caplog):
    figures = evaluate_results(RESULTS, TwoImages(), [CocoMetric(classwise=True)])
    # the dog of image 0 is ignored, that of image 1 missed; both cats are found
    assert figures['coco/cat_precision'] == pytest.approx(1)
    assert figures['coco/dog_precision'] == 0
    assert figures['coco/bbox_mAP'] == figures['coco/bbox_mAP_50'] == pytest.approx(0.5)
    # 1600 square pixels are medium, 100 small
    assert figures['coco/bbox_mAP_m'] == pytest.approx(1) and figures['coco/bbox_mAP_s'] == 0
    assert figures['coco/bbox_mAP_l'] == figures['coco/bbox_mAP_50_l'] == -1
    assert {'coco/bbox_AR@1', 'coco/bbox_AR@100', 'coco/bbox_AR_s@100'} <= set(figures)


def test_metric_with_choices_of_ones_own():
    metric = CocoMetric(
        iou_thrs=[0.5], proposal_nums=(1, 100, 300), area_ranges=dict(tiny=(0, 200)),
        metric_items=['mAP', 'mAP_50_tiny', 'AR@300'], prefix='mine',
    )  # fmt: skip
    figures = evaluate_results(RESULTS, TwoImages(), [metric])
    assert set(figures) == {'mine/bbox_mAP', 'mine/bbox_mAP_50_tiny', 'mine/bbox_AR@300'}
    assert figures['mine/bbox_mAP_50_tiny'] == 0


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (
            dict(metric='segm'),
            "only 'bbox' is supported, .* found 'segm'. Instead: a config",
        ),
        (dict(metric=['bbox', 'proposal']), "only 'bbox'"),
        (dict(iou_thrs=[50]), r'numbers in \(0, 1\]'),
        (dict(area_ranges=dict(a=(5, 3))), r"\(least, greatest\) is expected for 'a'"),
        (dict(format_only=True), 'needs outfile_prefix'),
        (dict(proposal_nums=(1, 300)), r'proposal_nums: three different .*\(1, 300\)'),
        (dict(proposal_nums=(1, 10, 100.0)), 'whole numbers'),
        (dict(proposal_nums=100), 'found 100'),
        (dict(proposal_nums=(1, 10, 10)), 'three different'),
    ],
)
def test_arguments_that_do_not_fit(args, message):
    with pytest.raises(ConfigError, match=message):
        CocoMetric(**args)


def test_numbers_of_detections_in_any_order():
    """mmdet's RTMDet has them so, and pycocotools sorts them."""
    assert CocoMetric(proposal_nums=(100, 1, 10)).proposal_nums == (1, 10, 100)


def test_an_unknown_figure_is_named():
    metric = CocoMetric(metric_items=['mAP50'])
    with pytest.raises(ConfigError, match=r"no figure 'mAP50'.*'mAP_50'"):
        evaluate_results(RESULTS, TwoImages(), [metric])


def test_detections_as_a_file(tmp_path):
    metric = CocoMetric(format_only=True, outfile_prefix=str(tmp_path / 'out/found'))
    assert evaluate_results(RESULTS, TwoImages(), [metric]) == {}
    rows = json.loads((tmp_path / 'out/found.bbox.json').read_text())
    assert rows[1] == dict(
        image_id=0, category_id=2, bbox=[50, 50, 10, 10], score=pytest.approx(0.8)
    )


needs_tiny = pytest.mark.skipif(not TINY.is_dir(), reason=f'needs {TINY}')


def tiny(**changes) -> CocoDataset:
    args = dict(
        data_root=str(TINY),
        ann_file='annotations/instances_train2017.json',
        data_prefix=dict(img='train2017/'),
        test_mode=True,
    )
    return CocoDataset(**{**args, **changes})


@needs_tiny
@pytest.mark.parametrize('split', ['train2017', 'val2017'])
def test_twelve_figures_on_real_images_with_crowds(split, tmp_path):
    """Jittered truths as detections; the same file evaluated by pycocotools."""
    path = TINY / f'annotations/instances_{split}.json'
    dataset = tiny(ann_file=str(path), data_prefix=dict(img=split))
    rng = np.random.default_rng(0)
    results = []
    for i in range(len(dataset)):
        truth = dataset.get_coco_info(i)
        per_class = []
        for label in range(1, 81):
            boxes = np.repeat(truth['xywh'][truth['labels'] == label], 3, axis=0)
            boxes = boxes + rng.normal(0, 0.12, boxes.shape) * np.tile(boxes[:, 2:], 2)
            boxes[:, 2:] = boxes[:, :2] + np.abs(boxes[:, 2:])
            scores = rng.random((len(boxes), 1))
            per_class.append(np.concatenate([boxes, scores], 1).astype(np.float32))
        results.append(per_class)
    content = json.loads(path.read_text())
    assert sum(ann['iscrowd'] for ann in content['annotations']) > 0
    prefix = str(tmp_path / 'found')
    metric = CocoMetric(outfile_prefix=prefix, ann_file=str(path))
    figures = evaluate_results(results, dataset, [metric])
    rows = json.loads(Path(f'{prefix}.bbox.json').read_text(encoding='utf-8'))
    expected = pycocotools_twelve(content, rows)
    names = ['mAP', 'mAP_50', 'mAP_75', 'mAP_s', 'mAP_m', 'mAP_l']
    names += ['AR@1', 'AR@10', 'AR@100', 'AR_s@100', 'AR_m@100', 'AR_l@100']
    found = [figures[f'coco/bbox_{name}'] for name in names]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
    assert 0.05 < expected[0] < 0.95


@needs_tiny
def test_golden_chain():
    """Source of the numbers: mmdet 3.3.0 and pycocotools (golden/chain_tiny_coco)."""
    facts = json.loads((FOLDER / 'chain_tiny_coco.json').read_text())
    det = np.load(FOLDER / 'chain_tiny_coco.npz')['det']
    dataset = tiny()
    assert [os.path.basename(dataset.filename(i)) for i in range(32)] == facts['files']
    results = [
        [det[(det[:, 0] == i) & (det[:, 1] == c), 2:].astype(np.float32) for c in range(80)]
        for i in range(32)
    ]
    tables = coco_tables(results, [dataset.get_coco_info(i) for i in range(32)])
    np.testing.assert_allclose(twelve(tables), facts['coco_stats'], rtol=0, atol=1e-6)


@needs_tiny
def test_another_file_than_the_data_sets():
    metric = CocoMetric(ann_file='annotations/instances_val2017.json')
    with pytest.raises(ConfigError, match=r"the data set reads '.*instances_train2017\.json'"):
        metric.set_dataset(tiny())


def test_ground_truth_as_detections_scores_one(tmp_path):
    """On files in VOC's layout and in COCO's, whose difficult objects are crowds."""
    classes = ('cat', 'dog')
    root = draw_demo_set(tmp_path / 'set', classes, 2, 6, (112, 96))
    args = dict(data_root=str(root), metainfo=dict(classes=classes), test_mode=True)
    voc = VOCDataset(ann_file='ImageSets/Main/test.txt', data_prefix=dict(sub_data_root=''), **args)
    coco = CocoDataset(
        ann_file='instances_val2017.json', data_prefix=dict(img='JPEGImages'), **args
    )
    for dataset in (voc, coco):
        results = []
        for i in range(len(dataset)):
            truth = dataset.get_ann_info(i)
            rows = np.concatenate([truth['bboxes'], np.ones((len(truth['bboxes']), 1))], axis=1)
            results.append([rows[truth['labels'] == label].astype(np.float32) for label in (1, 2)])
        figures = evaluate_results(results, dataset, [CocoMetric(), VOCMetric(eval_mode='area')])
        assert figures['coco/bbox_mAP'] == pytest.approx(1)
        assert figures['pascal_voc/mAP'] == pytest.approx(1)
