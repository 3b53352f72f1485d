"""Samples as the model sees them, and after each transform."""

from __future__ import annotations

import numpy as np
import pytest

from mmlite.datasets import build_dataset
from mmlite.tools.dataset_analysis.browse import (
    model_views,
    preprocessor_of,
    stage_views,
    stages,
    with_title,
)
from mmlite.visualization.drawing import class_colour
from tests.runs import TINY, load_config

MIXED = [
    dict(type='Mosaic', img_scale=(96, 96), prob=1.0),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
TITLE = 33  # pixels: a twentieth of 7 x 96, which is what pictures of 96 px are enlarged to


def tiny_dataset(split: str = 'train', **overrides: object):
    cfg = load_config(TINY, overrides)
    return build_dataset(cfg[f'{split}_dataloader'].dataset), cfg


def boxless(view: np.ndarray) -> np.ndarray:
    return view[TITLE:].astype(int)


@pytest.mark.parametrize(
    'preprocessor',
    [
        dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True),
        dict(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225], bgr_to_rgb=True),
        dict(mean=[103.53, 116.28, 123.675], std=[1.0, 1.0, 1.0], bgr_to_rgb=False),
        dict(bgr_to_rgb=True),
        None,
    ],
)
def test_whatever_the_preprocessor_does_is_turned_back(preprocessor: dict | None) -> None:
    dataset, _ = tiny_dataset()
    model = preprocessor and dict(
        data_preprocessor=dict(type='DetDataPreprocessor', pad_size_divisor=64, **preprocessor)
    )
    (view,) = model_views(dataset, 0, preprocessor_of(model), seed=0)
    last = stage_views(dataset, 0, seed=0)[-1]
    # Compose joins the steps for the one and runs them apart for the other: rounding differs
    np.testing.assert_allclose(boxless(view), boxless(last), atol=8)


def test_channels_turned_after_the_pipeline_normalised() -> None:
    normalize = dict(type='Normalize', mean=[103.53, 116.28, 123.675], std=[1, 1, 1], to_rgb=False)
    _, cfg = tiny_dataset()
    steps = [dict(step) for step in cfg.train_dataloader.dataset.pipeline]
    steps.insert(-1, normalize)
    cfg.train_dataloader.dataset.pipeline = steps
    dataset = build_dataset(cfg.train_dataloader.dataset)
    model = dict(data_preprocessor=dict(type='DetDataPreprocessor', bgr_to_rgb=True))
    (view,) = model_views(dataset, 0, preprocessor_of(model), seed=0)
    last = stage_views(dataset, 0, seed=0)[-1]
    np.testing.assert_allclose(boxless(view), boxless(last), atol=8)


def test_the_seed_decides() -> None:
    dataset, cfg = tiny_dataset()
    preprocessor = preprocessor_of(cfg.model)
    views = [model_views(dataset, 0, preprocessor, seed)[0] for seed in (0, 0, 1, 2, 3, 4)]
    np.testing.assert_array_equal(views[0], views[1])
    assert any((view != views[0]).any() for view in views[2:])  # some flip


def test_one_picture_for_each_transform() -> None:
    dataset, _ = tiny_dataset()
    names = [name for name, _ in stages(dataset, 0)]
    assert names == [
        'LoadImageFromFile',
        'LoadAnnotations',
        'Resize',
        'RandomFlip',
        'PackDetInputs',
    ]
    views = stage_views(dataset, 0, seed=0)
    assert len(views) == 5
    assert (boxless(views[0]) != boxless(views[1])).any()  # the boxes


def test_mixed_samples_show_both_pipelines() -> None:
    inner, _ = tiny_dataset()
    inner.pipeline.transforms = inner.pipeline.transforms[:2]
    mixed = dict(type='MultiImageMixDataset', dataset=inner, pipeline=MIXED)
    names = [name for name, _ in stages(build_dataset(mixed), 0)]
    assert names == [
        'LoadImageFromFile',
        'LoadAnnotations',
        'Mosaic',
        'RandomFlip',
        'PackDetInputs',
    ]


def test_a_dropped_sample_says_so() -> None:
    dataset, _ = tiny_dataset()
    steps = dataset.pipeline.transforms
    dataset.pipeline.transforms = [*steps[:2], lambda results: None, *steps[2:]]
    found = list(stages(dataset, 0))
    assert found[-1] == ('<lambda>', None)
    assert len(stage_views(dataset, 0, seed=0)) == 3


def test_boxes_of_a_test_pipeline_come_from_the_records() -> None:
    """Its pipeline loads none; they are drawn at the size of the input."""
    dataset, cfg = tiny_dataset('val')
    (view,) = model_views(dataset, 0, preprocessor_of(cfg.model), seed=0)
    ann = dataset.get_ann_info(0)
    # 112x96 becomes 96x96, and is then drawn 7 times as large
    box = ann['bboxes'][0] * [96 / 112, 1, 96 / 112, 1] * 7
    y = TITLE + round((box[1] + box[3]) / 2)
    left = view[y, round(box[0]) - 3 : round(box[0]) + 4]
    colour = class_colour(ann['labels'][0])
    assert (left == colour).all(axis=1).any()


def test_a_title_is_above_the_picture() -> None:
    img = np.full((40, 200, 3), 7, np.uint8)
    titled = with_title(img, 'a long title that has to be made smaller to fit in')
    np.testing.assert_array_equal(titled[-40:], img)
    assert titled[:-40].min() < 100  # letters
    assert (titled[:-40, -4:] == 245).all()
