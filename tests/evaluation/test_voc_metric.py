"""VOCMetric and ResultsFile over a data set of two images, with and without a model's batches."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import distributed, multiprocessing

from mmlite.errors import ConfigError
from mmlite.evaluation import (
    CocoMetric,
    KeptResults,
    ResultsFile,
    VOCMetric,
    evaluate_results,
    load_results,
)
from mmlite.evaluation import results_metric as results_metric_module
from mmlite.evaluation import voc_metric as voc_metric_module
from mmlite.parallel import DataContainer
from mmlite.registry import METRICS

A, B = (0, 0, 9, 9), (20, 20, 29, 29)


class TwoImages:
    """Image 0: a cat at A and a dog at B; image 1: a cat at B and a difficult dog at A."""

    def __init__(self):
        self.metainfo = dict(classes=('cat', 'dog'), dataset_type='VOC2007')

    def __len__(self):
        return 2

    def get_ann_info(self, i):
        box = [np.array([b], np.float32) for b in (A, B)]
        one, two = np.array([1]), np.array([2])
        if i == 0:
            empty = dict(bboxes_ignore=np.zeros((0, 4)), labels_ignore=np.zeros(0, int))
            return dict(bboxes=np.concatenate(box), labels=np.array([1, 2]), **empty)
        return dict(bboxes=box[1], labels=one, bboxes_ignore=box[0], labels_ignore=two)


def det(*found) -> dict:
    bboxes, scores, labels = zip(*found, strict=True)
    return dict(
        bboxes=torch.tensor(bboxes, dtype=torch.float32),
        scores=torch.tensor(scores),
        labels=torch.tensor(labels),
    )


DETS = [
    det((A, 0.9, 1), (B, 0.8, 2)),  # both right
    det((A, 0.7, 1), (A, 0.6, 2)),  # a wrong cat; the difficult dog: does not count
]
# cat: 1 of 2 found at precision 1, 11 points: 6/11; dog: 1
EXPECTED = (6 / 11 + 1) / 2


def fed(metric, order=(0, 1)):
    metric.set_dataset(TwoImages())
    for i in order:
        metric.process(dict(img_metas=DataContainer([dict(img_id=i)], cpu_only=True)), [DETS[i]])
    return metric


def test_figures():
    figures = fed(VOCMetric()).evaluate(2)
    assert list(figures) == ['pascal_voc/mAP', 'pascal_voc/AP50']
    assert figures['pascal_voc/mAP'] == pytest.approx(EXPECTED)
    assert figures['pascal_voc/AP50'] == round(EXPECTED, 3)
    assert type(figures['pascal_voc/mAP']) is float


def test_several_thresholds_and_a_prefix():
    figures = fed(VOCMetric(iou_thrs=[0.5, 0.55], eval_mode='area', prefix='voc')).evaluate(2)
    # cat: area 1/2; dog: 1; the boxes are exact, so every threshold agrees
    assert figures == {'voc/mAP': 0.75, 'voc/AP50': 0.75, 'voc/AP55': 0.75}


def test_images_in_any_order_and_repeated_by_a_sampler():
    metric = fed(VOCMetric(), order=(1, 0, 1))
    assert metric.evaluate(3)['pascal_voc/mAP'] == pytest.approx(EXPECTED)
    assert metric.results == []  # ready for the next epoch


def test_a_whole_batch_with_a_plain_list_of_metas():
    metric = VOCMetric()
    metric.set_dataset(TwoImages())
    metric.process(dict(img_metas=[dict(img_id=0), dict(img_id=1)]), DETS)
    assert metric.evaluate(2)['pascal_voc/mAP'] == pytest.approx(EXPECTED)


def test_one_array_an_image_is_kept():
    metric = fed(VOCMetric(), order=(1,))
    ((image, rows),) = metric.results
    assert (image, rows.shape, rows.dtype) == (1, (2, 6), np.float32)
    assert rows[:, 5].tolist() == [1, 2]


def worker(rank: int, folder: Path) -> None:
    """Each process has one image; both have image 0 once more, as a sampler repeats it."""
    torch.set_num_threads(1)
    os.chdir(folder)  # mmengine leaves a folder behind
    distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/meet', rank=rank, world_size=2
    )
    figures = [fed(metric, order=(rank, 0)).evaluate(2) for metric in (VOCMetric(), KeptResults())]
    torch.save(figures, folder / f'{rank}.pth')
    distributed.destroy_process_group()


@pytest.mark.skipif(not distributed.is_gloo_available(), reason='this torch has no gloo')
def test_processes_send_what_they_have_to_the_first(tmp_path):
    multiprocessing.spawn(worker, (tmp_path,), nprocs=2)
    first, second = (torch.load(tmp_path / f'{rank}.pth') for rank in range(2))
    assert first == second
    assert first[0]['pascal_voc/mAP'] == pytest.approx(EXPECTED)


def test_kept_results_read_as_lists():
    metric = fed(KeptResults(), order=(1, 0))
    metric.evaluate(2)
    assert [[len(rows) for rows in image] for image in metric.kept] == [[1, 1], [1, 1]]
    np.testing.assert_allclose(metric.kept[0][1], [[*B, 0.8]])
    assert evaluate_results(metric.kept, TwoImages(), [VOCMetric()])[
        'pascal_voc/mAP'
    ] == pytest.approx(EXPECTED)


def test_missing_images_are_counted():
    with pytest.raises(ConfigError, match='1 of 2 images have no result, image 1 is the first'):
        fed(VOCMetric(), order=(0,)).evaluate(2)


class NamedImages(TwoImages):
    def filename(self, i):
        return f'{i}.jpg'


def test_skipped_images_are_left_out_and_counted(monkeypatch):
    logged = []
    monkeypatch.setattr(results_metric_module, 'print_log', lambda text, **_: logged.append(text))
    metric = VOCMetric()
    metric.set_dataset(NamedImages())
    metric.process(dict(img_metas=[dict(img_id=0), dict(img_id=1, bad_image=True)]), DETS)
    figures = metric.evaluate(2)
    assert figures['pascal_voc/mAP'] == 1  # of image 0; what image 1 has and shows counts not
    assert figures['pascal_voc/skipped_images'] == 1
    assert logged == [
        'metrics cover 1 of 2 images: left out as bad, with the 1 objects annotated in them: 1.jpg'
    ]


@pytest.mark.parametrize('metric', [VOCMetric(), CocoMetric()])
def test_all_images_skipped(metric):
    metric.set_dataset(NamedImages())
    metas = [dict(img_id=i, bad_image=True) for i in range(2)]
    metric.process(dict(img_metas=metas), DETS)
    figures = metric.evaluate(2)
    assert figures[f'{metric.prefix}/skipped_images'] == 2


def test_a_data_set_is_needed():
    with pytest.raises(RuntimeError, match=r'VOCMetric: set_dataset'):
        VOCMetric().process(dict(img_metas=[dict(img_id=0)]), DETS[:1])


def test_table_and_unusual_mode_are_logged(monkeypatch):
    logged = []
    monkeypatch.setattr(voc_metric_module, 'print_log', lambda text, logger: logged.append(text))
    fed(VOCMetric()).evaluate(2)
    assert len(logged) == 1
    assert '| cat   |   2 |    2 |  0.500 | 0.545 |' in logged[0]
    logged.clear()
    fed(VOCMetric(eval_mode='area')).evaluate(2)
    assert logged[0].startswith("VOC2007 is measured with eval_mode='11points' elsewhere")


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(metric='recall'), "metric: only 'mAP' is supported, found 'recall'"),
        (dict(scale_ranges=[(0, 32)]), 'scale_ranges: only None'),
        (dict(eval_mode='11point'), "found '11point'. Did you mean '11points'"),
        (dict(iou_thrs=[0.5, 50]), r'iou_thrs: numbers in \(0, 1\]'),
        (dict(iou_thrs=[]), 'iou_thrs'),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ConfigError, match=message):
        VOCMetric(**arguments)


def test_a_config_of_mmdet_builds():
    assert isinstance(METRICS.build(dict(type='VOCMetric', metric='mAP')), VOCMetric)
    assert isinstance(METRICS.build(dict(type='ResultsFile', out='r.pkl')), ResultsFile)


def test_results_file_then_evaluation_without_a_model(tmp_path):
    out = tmp_path / 'r.pkl'
    assert fed(ResultsFile(str(out)), order=(1, 0)).evaluate(2) == {}
    results = load_results(out, 2, 2)
    np.testing.assert_allclose(results[0][1], [[*B, 0.8]])
    figures = evaluate_results(results, TwoImages(), [VOCMetric(), VOCMetric(prefix='again')])
    assert figures['pascal_voc/mAP'] == figures['again/mAP'] == pytest.approx(EXPECTED)


def test_results_file_is_checked_before_the_run():
    with pytest.raises(ConfigError, match=r'r\.json'):
        ResultsFile('r.json')


@pytest.mark.parametrize(
    ('coordinates', 'matched'), [('devkit', 1), ('inclusive', 0), ('zero_based', 0)]
)
def test_boxes_that_are_read_whole_are_measured_as_they_are(coordinates, matched) -> None:
    """A, 9 px wide, against A shifted by 3.1 px: (10 - 3.1) / (10 + 3.1) = 0.527 with the devkit's
    pixel, (9 - 3.1) / (9 + 3.1) = 0.488 without."""
    dataset = TwoImages()
    dataset.coordinates, dataset.bad_items = coordinates, {}
    dataset.num_objects = lambda: 3
    metric = VOCMetric()
    metric.set_dataset(dataset)
    shifted = (3.1, 0, 12.1, 9)
    metric.process(
        dict(img_metas=[dict(img_id=0), dict(img_id=1)]),
        [det((shifted, 0.9, 1)), det((B, 0.1, 2))],
    )
    # one of two cats, at a recall of 0.5: 6 of 11 points; no dog is found
    assert metric.evaluate(2)['pascal_voc/mAP'] == pytest.approx(matched * 6 / 11 / 2)
