"""The hops of testing: detections, results by class, the metric (rows 13 to 15)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.config import Config
from torch import Tensor, nn

from mmlite.datasets import build_dataloader
from mmlite.evaluation import build_metrics
from mmlite.evaluation.results import bbox2result
from mmlite.parallel import MMDataParallel, unwrapped
from mmlite.parallel.model_wrapper import ModelWrapper
from mmlite.tools.explain.head import watch_model
from mmlite.tools.explain.hop import Hop, describe
from mmlite.tools.explain.places import place
from mmlite.tools.explain.recorder import Recorder
from mmlite.visualization.pictures import drawn_image


def test_hops(cfg: Config, wrapper: MMDataParallel, seed: int) -> list[Hop]:
    """Rows 13 to 15 of the first batch of the test set."""
    loader = build_dataloader(cfg.test_dataloader, seed, 'test_dataloader', debug=True)
    drawn = next(iter(loader.batch_sampler))
    batch = loader.collate_fn(loader.dataset.__getitems__(drawn))
    indices = [int(i) for i in drawn]
    detector = wrapper.module
    wrapper.eval()
    with Recorder() as recorder:
        watch_model(recorder, detector)
        dets = wrapper.val_step(batch)
    metas = unwrapped(batch['img_metas'])
    img = recorder.last('preprocessor').result
    return [
        _predict_hop(batch, img, metas, dets, detector, loader.dataset, indices),
        _result_hop(dets, detector.num_classes),
        _metric_hop(cfg, loader.dataset, indices, metas, dets),
    ]


def _predict_hop(
    batch: Mapping[str, Any],
    img: Tensor,
    metas: Sequence[Mapping[str, Any]],
    dets: Sequence[dict[str, Tensor]],
    detector: nn.Module,
    dataset: Any,
    indices: Sequence[int],
) -> Hop:
    head = detector.classifier
    who = [
        f'MMDataParallel.val_step  {place(ModelWrapper.val_step)}',
        f'{type(detector).__name__}.predict  {place(type(detector).predict)}',
        f'{type(head).__name__}.predict  {place(type(head).predict)}',
    ]
    transforms = [
        type(t).__name__ for t in getattr(getattr(dataset, 'pipeline', None), 'transforms', ())
    ]
    hop = Hop('13', 'Test: detections of each image, in pixels of the original', who)
    hop.values = [describe('img (the test batch)', unwrapped(batch['img']), 'NCHW')]
    hop.values.append(describe('img (input)', img, 'NCHW'))
    for i, det in enumerate(dets[:4]):
        units = dict(bboxes='xyxy, original pixels', labels='1..C')
        hop.values += [describe(f'image {i}: {k}', v, units.get(k, '')) for k, v in det.items()]
    cfg = dict(getattr(head, 'test_cfg', {}))
    hop.notes = [
        f'test pipeline: {", ".join(transforms)}',
        f'scores -> candidates -> decode -> NMS, with {cfg}; boxes / scale_factor '
        f'(w, h, w, h) = {np.asarray(metas[0]["scale_factor"]).tolist()} for image 0',
    ]
    if 'border' in metas[0]:
        border = np.asarray(metas[0]['border']).tolist()
        hop.notes.append(
            f'before that the boxes are moved: image 0 has (top, bottom, left, right) = {border}'
        )
    for i, index in enumerate(indices[:4]):
        best = {key: value[:20].cpu() for key, value in dets[i].items()}
        drawn = drawn_image(dataset, index, best, score_thr=0)
        hop.pictures.append((f'image {index}: the 20 best (solid), ground truth (dashes)', drawn))
    return hop


def _result_hop(dets: Sequence[dict[str, Tensor]], num_classes: int) -> Hop:
    hop = Hop('14', 'bbox2result: by class', [f'bbox2result  {place(bbox2result)}'])
    for i, det in enumerate(dets[:4]):
        result = bbox2result(det, num_classes)
        name, layout = f'results[{i}]', '[c]: x1, y1, x2, y2, score of label c + 1'
        hop.values.append(describe(name, result, layout))
    hop.notes = ['over a data set: (n_imgs)(n_class)(k, 5), what --out X.pkl writes']
    return hop


def _metric_hop(
    cfg: Config,
    dataset: Any,
    indices: Sequence[int],
    metas: Sequence[Mapping[str, Any]],
    dets: Sequence[dict[str, Tensor]],
) -> Hop:
    metrics = build_metrics(cfg.test_evaluator, 'test_evaluator')
    hop = Hop('15', 'The metric', [])
    part = _Part(dataset, indices)
    kept = [{**meta, 'img_id': i} for i, meta in enumerate(metas)]
    rows: list[Sequence[Any]] = [('figure', f'of only these {len(indices)} images')]
    for metric in metrics:
        cls = type(metric)
        hop.who = [*hop.who, f'{cls.__name__}.compute_metrics  {place(cls.compute_metrics)}']
        if not hasattr(metric, 'set_dataset'):
            hop.notes.append(f'{cls.__name__} is not run: it does not take a data set')
            continue
        if hasattr(metric, 'outfile_prefix'):
            metric.outfile_prefix = None  # nothing is written here
        metric.set_dataset(part)
        metric.process(dict(img_metas=kept), dets)
        rows += [(name, f'{value:.4f}') for name, value in metric.evaluate(len(indices)).items()]
    truth = dataset.get_ann_info(indices[0])
    layout = dict(bboxes='xyxy, original pixels', labels='1..C')
    hop.values = [
        describe(f'image {indices[0]}: {k}', v, layout.get(k.removesuffix('_ignore'), ''))
        for k, v in truth.items()
    ]
    who = f'{type(dataset).__name__}.get_ann_info  {place(type(dataset).get_ann_info)}'
    hop.notes.append(f"ground truth from the data set's own records, by no transform: {who}")
    hop.tables = [rows] if len(rows) > 1 else []
    return hop


class _Part:
    """Some images of a data set, counted from 0: all that a metric asks of one."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self._dataset = dataset
        self._indices = list(indices)
        self.metainfo = dataset.metainfo
        self.classes = dataset.classes

    def __len__(self) -> int:
        return len(self._indices)

    def locate(self, i: int) -> tuple[Any, int]:
        return self._dataset, self._indices[i]

    def filename(self, i: int) -> str:
        return self._dataset.filename(self._indices[i])

    def get_ann_info(self, i: int) -> dict[str, np.ndarray]:
        return self._dataset.get_ann_info(self._indices[i])

    def get_coco_info(self, i: int) -> dict[str, np.ndarray]:
        return self._dataset.get_coco_info(self._indices[i])
