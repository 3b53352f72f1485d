"""Metrics, the table of their results, and files of results."""

from mmlite.evaluation.coco_metric import CocoMetric
from mmlite.evaluation.mean_ap import eval_map
from mmlite.evaluation.report import map_table
from mmlite.evaluation.results import bbox2result, load_results, result2bbox, save_results
from mmlite.evaluation.results_metric import (
    KeptResults,
    ResultsFile,
    ResultsMetric,
    build_metrics,
    evaluate_results,
)
from mmlite.evaluation.voc_metric import VOCMetric

__all__ = [
    'CocoMetric',
    'KeptResults',
    'ResultsFile',
    'ResultsMetric',
    'VOCMetric',
    'bbox2result',
    'build_metrics',
    'eval_map',
    'evaluate_results',
    'load_results',
    'map_table',
    'result2bbox',
    'save_results',
]
