"""Data sets: records from annotation files, samples through a pipeline, batches from a loader."""

from mmlite.datasets.base import DetDataset
from mmlite.datasets.coco import CocoDataset, CocoIdsDataset
from mmlite.datasets.coco_likes import (
    CityscapesDataset,
    Objects365V1Dataset,
    Objects365V2Dataset,
)
from mmlite.datasets.csv_table import CsvDataset
from mmlite.datasets.demo_dataset import DemoDataset
from mmlite.datasets.loader import build_dataloader, build_dataset
from mmlite.datasets.mixed import MultiImageMixDataset
from mmlite.datasets.paths import MissingDataError
from mmlite.datasets.samplers import AspectRatioBatchSampler
from mmlite.datasets.voc import VOCDataset
from mmlite.datasets.wrappers import (
    ClassBalancedDataset,
    ConcatDataset,
    RepeatDataset,
)
from mmlite.datasets.yolo import YoloDataset

__all__ = [
    'AspectRatioBatchSampler',
    'CityscapesDataset',
    'ClassBalancedDataset',
    'CocoDataset',
    'CocoIdsDataset',
    'ConcatDataset',
    'CsvDataset',
    'DemoDataset',
    'DetDataset',
    'MissingDataError',
    'MultiImageMixDataset',
    'Objects365V1Dataset',
    'Objects365V2Dataset',
    'RepeatDataset',
    'VOCDataset',
    'YoloDataset',
    'build_dataloader',
    'build_dataset',
]
