"""Every config: it builds, runs a step on a drawn batch, and points at data in a known layout."""

from __future__ import annotations

import copy

import pytest
import torch

from mmlite.config import load_config
from mmlite.datasets.relocate import dataset_dicts
from mmlite.engine.parts import Parts
from mmlite.models import build_detector
from mmlite.registry import DATASETS
from tests.runs import CONFIGS, LEAVES


def test_there_are_configs_of_each_detector():
    assert {path.parent.name for path in LEAVES} == {
        *('ssd', 'retinanet', 'fcos', 'rtmdet', 'yolox', 'atss', 'gfl', 'tood', 'vfnet'),
        *('faster_rcnn', 'cascade_rcnn'),
        'configs',
    }


def test_the_augmentation_of_ssd_is_written_once():
    """Other sizes and data sets read it from their base."""
    files = [path for path in CONFIGS.rglob('*.py') if 'min_ious=(0.1, ' in path.read_text()]
    assert files == [CONFIGS / '_base_/datasets/ssd300_pipelines.py']


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_config(path):
    cfg = load_config(path)
    for task in ('train', 'test'):
        _ = Parts(cfg, task).checked_cfg
    for at, dataset in dataset_dicts(cfg):
        assert dataset['data_root'].startswith('data/'), at
        DATASETS.check(dataset, at)
    # the head has the classes of the data, wherever those are said
    for at, dataset in dataset_dicts(cfg):
        own = DATASETS.find(dataset['type'], at).METAINFO['classes']
        classes = (dataset.get('metainfo') or {}).get('classes', own)
        head = cfg.model.get('bbox_head') or cfg.model.roi_head.bbox_head
        for one in head if isinstance(head, list) else [head]:  # a cascade has several
            assert len(classes) == one.num_classes, at


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_model(path):
    """Built without memory; neck, head and priors fit each other on an input of the config's."""
    cfg = load_config(path)
    with torch.device('meta'):
        detector = build_detector(copy.deepcopy(cfg.model)).eval()
        head = detector.dense_head
        size = head.prior_generator.input_size or 320
        feats = detector.extract_feat(torch.zeros(1, 3, size, size))
        outs = head(feats)
    counts = head.prior_generator.num_priors_per_location
    cells = [feat.shape[-2] * feat.shape[-1] for feat in feats]
    priors = sum(count * cell for count, cell in zip(counts, cells, strict=True))
    assert outs['cls_score'].shape[:2] == outs['bbox_pred'].shape[:2] == (1, priors)
