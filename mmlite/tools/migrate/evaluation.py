"""What `evaluation` says of metrics: a val_evaluator and a test_evaluator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmlite.tools.migrate.datasets import innermost
from mmlite.tools.migrate.notes import Section

# arguments of evaluate() that the metric itself has now, and their new names
_COCO_KEYS = {
    **{key: key for key in ('classwise', 'proposal_nums', 'iou_thrs', 'metric_items')},
    'jsonfile_prefix': 'outfile_prefix',
}
_VOC_KEYS = dict(iou_thr='iou_thrs')
# how 2.x's hook worked inside
_INNER = ('tmpdir', 'pre_eval', 'broadcast_bn_buffer', 'priority')


def migrate_evaluators(evaluation: Section, loaders: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the evaluators of the loaders that there are.

    Args:
        evaluation: what it says of metrics is taken out; when to evaluate and which figure decides
            on the best checkpoint is left.
        loaders: the new ones.
    """
    splits = [split for split in ('val', 'test') if f'{split}_dataloader' in loaders]
    datasets = [loaders[f'{split}_dataloader']['dataset'] for split in splits]
    if not datasets:
        return {}
    asked = evaluation.move('metric', 'val_evaluator, test_evaluator', 'metrics are objects')
    voc = _is_voc(datasets[0], asked)
    measured = 'proposal_fast' if asked in ('proposal_fast', ['proposal_fast']) else 'bbox'
    _check_metrics(evaluation, asked, 'mAP' if voc else measured)
    options = {}
    for old, new in (_VOC_KEYS if voc else _COCO_KEYS).items():
        if old in evaluation:
            options[new] = evaluation.move(old, f'val_evaluator.{new}', 'metrics are objects')
    if evaluation.move('gpu_collect', 'val_evaluator.collect_device', 'renamed'):
        options['collect_device'] = 'gpu'
    for key in _INNER:
        evaluation.drop(key, 'the evaluator works in another way')
    return {
        f'{split}_evaluator': {
            **(_voc_metric(dataset) if voc else _coco_metric(dataset, measured)),
            **options,
        }
        for split, dataset in zip(splits, datasets, strict=True)
    }


def best_figure(name: str, evaluators: Mapping[str, Any]) -> str:
    """Returns the name that CheckpointHook has for a figure such as 'bbox_mAP'."""
    metric = evaluators.get('val_evaluator') or {}
    prefix = 'pascal_voc' if metric.get('type') == 'VOCMetric' else 'coco'
    return name if name == 'auto' else f'{prefix}/{name}'


def _is_voc(dataset: Mapping[str, Any], asked: Any) -> bool:
    """A data set of one's own has the metric that is asked for."""
    kind = innermost(dataset)['type']
    if kind in ('VOCDataset', 'CocoDataset'):
        return kind == 'VOCDataset'
    return asked in ('mAP', ['mAP'])


def _check_metrics(evaluation: Section, asked: Any, supported: str) -> None:
    listed = asked if isinstance(asked, (list, tuple)) else [asked]
    others = [name for name in listed if name not in (supported, None)]
    if others:
        why = f'{supported} is measured on this data set'
        evaluation.notes.not_mapped(evaluation.at('metric'), others, why)


def _voc_metric(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """The devkit of 2007 measured in another way than the later ones."""
    part = innermost(dataset)
    folder = part['data_root'] + part['data_prefix']['sub_data_root']
    eval_mode = '11points' if '2007' in folder else 'area'
    return dict(type='VOCMetric', metric='mAP', eval_mode=eval_mode)


def _coco_metric(dataset: Mapping[str, Any], measured: str) -> dict[str, Any]:
    new: dict[str, Any] = dict(type='CocoMetric', metric=measured)
    if dataset['type'] == 'CocoDataset':
        new['ann_file'] = dataset['data_root'] + dataset['ann_file']
    return new
