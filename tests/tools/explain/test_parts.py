"""Small parts: the line about a value, the recorder, who owns a prior, one sample by itself."""

from __future__ import annotations

import re

import numpy as np
import torch
from torch import nn

from mmlite.datasets import build_dataset
from mmlite.datasets.loader import SeededIndex
from mmlite.datasets.single_transforms import transforms_of
from mmlite.parallel import DataContainer, collate, scatter
from mmlite.tools.explain.head import box_table, level_table, owners
from mmlite.tools.explain.hop import describe
from mmlite.tools.explain.places import place
from mmlite.tools.explain.recorder import Recorder
from mmlite.tools.explain.sample import transform_hops
from tests.runs import CHECKOUT


def test_the_line_about_an_image() -> None:
    line = describe('img', np.full((4, 6, 3), 7, np.uint8), colours='BGR')
    assert line == ('img', '4 x 6 x 3', 'uint8', 'host (numpy)', 'HWC', 'BGR', '7 .. 7')
    tensor = torch.zeros(2, 3, 4, 6).to(memory_format=torch.channels_last)
    assert describe('img', tensor).layout == 'NCHW, NHWC in memory'


def test_the_line_about_a_container_of_boxes_and_about_none() -> None:
    boxes = [torch.tensor([[0.0, 1, 2, 3]]), torch.zeros(0, 4)]
    line = describe('gt_bboxes', DataContainer(boxes))
    assert line.shape == '2 x: (1, 4) (0, 4)'
    assert line.layout == 'xyxy, pixels of img, DataContainer, a list'
    assert line.range == '0 .. 3'
    assert describe('gt_bboxes', torch.zeros(0, 4)).range == ''


def test_places_are_lines_of_the_checkout() -> None:
    for function in (collate, scatter, Recorder.watch, Recorder):
        file, line = place(function).split(':')
        text = (CHECKOUT / file).read_text().splitlines()[int(line) - 1]
        assert f' {function.__name__}(' in text.replace(':', '(')
    assert place(len) == 'builtins.len'


def test_the_recorder_keeps_calls_and_leaves_no_trace() -> None:
    layer = nn.Linear(2, 2)
    values = torch.ones(1, 2)
    with Recorder() as recorder:
        recorder.watch(layer, 'forward', 'layer')
        recorder.watch(layer, 'no_such_method', 'nothing')
        result = layer(values)
    assert recorder.last('layer') == ((values,), {}, result)
    assert recorder.last('nothing') is None
    assert 'forward' not in vars(layer)


def test_owners_and_their_tables() -> None:
    # 5 priors, 3 of them on level 0; priors 0 and 4 are of box 1, prior 2 is of box 0
    gt_bboxes = torch.tensor([[0.0, 0, 4, 4], [2, 2, 9, 6]])
    gt_labels = torch.tensor([1, 2])
    labels = torch.tensor([2, 0, 1, -1, 2])
    matched = torch.stack([gt_bboxes[1], torch.zeros(4), *gt_bboxes[[0]], torch.zeros(4)] * 1)
    matched = torch.cat([matched, gt_bboxes[1:]])
    own = owners(labels, matched, gt_bboxes, gt_labels)
    assert own.tolist() == [1, -1, 0, -1, 1]
    assert level_table(labels[None], [3, 2])[1:] == [(0, 3, 2, 1, 0), (1, 2, 1, 0, 1)]
    table = box_table([own], [3, 2], [gt_bboxes], [gt_labels], ('cat', 'dog'))
    assert table[1:] == [(0, 0, 'cat', '4 x 4', 1, 1, 0), (0, 1, 'dog', '7 x 4', 2, 1, 1)]


def test_owners_without_a_box() -> None:
    none = torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)
    assert owners(torch.zeros(3, dtype=torch.int64), torch.zeros(3, 4), *none).tolist() == [-1] * 3


def demo(pipeline: list) -> dict:
    drawn = dict(type='DemoDataset', num_train=12, num_test=6, size=(112, 96))
    return dict(**drawn, split='trainval', pipeline=pipeline)


LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations', with_bbox=True)]


def test_a_sample_inside_wrappers_has_the_config_path_of_its_steps() -> None:
    inner = demo(LOAD)
    dataset = build_dataset(
        dict(
            type='ConcatDataset',
            datasets=[inner, dict(type='RepeatDataset', dataset=inner, times=2)],
        )
    )
    leaf, index, transforms = transforms_of(dataset, 12 + 12 + 3, 'at')
    assert leaf is dataset.datasets[1].dataset and index == 3
    assert [path for path, _ in transforms] == [
        f'at.datasets.1.dataset.pipeline.{i}' for i in (0, 1)
    ]


def test_a_step_that_drops_the_sample_is_the_last() -> None:
    too_small = dict(type='FilterAnnotations', min_gt_bbox_wh=(500, 500))
    dataset = build_dataset(demo([*LOAD, too_small, dict(type='PackDetInputs')]))
    hops = transform_hops(dataset, 0, 1, 'at', lambda key: '', None)
    assert [hop.title for hop in hops] == [
        'LoadImageFromFile', 'LoadAnnotations', 'FilterAnnotations',
    ]  # fmt: skip
    assert 'None: another image' in hops[-1].notes[-1]


def test_by_itself_each_step_draws_what_it_draws_in_the_run() -> None:
    random = [
        *(dict(type='Expand'), dict(type='MinIoURandomCrop')),
        *(dict(type='Resize', scale=(96, 96), keep_ratio=False), dict(type='RandomFlip', prob=0.5)),
        *(dict(type='PhotoMetricDistortion'), dict(type='PackDetInputs')),
    ]
    dataset = build_dataset(demo(LOAD + random))
    for seed in range(6):
        sample = dataset.__getitems__([SeededIndex(0, seed)])[0]
        note = transform_hops(dataset, 0, seed, 'at', lambda key: '', sample)[-1].notes[-1]
        average = re.search(r'differs by \S+ at most and (\S+) on average', note)
        # arrays and windows round otherwise where the picture is expanded
        assert float(average[1]) < 1, note


def test_a_sample_of_several_goes_through_both_pipelines() -> None:
    pipeline = [dict(type='Mosaic', img_scale=(64, 64)), dict(type='PackDetInputs')]
    dataset = build_dataset(
        dict(type='MultiImageMixDataset', dataset=demo(LOAD), pipeline=pipeline)
    )
    sample = dataset.__getitems__([SeededIndex(2, 7)])[0]
    hops = transform_hops(dataset, 2, 7, 'at', lambda key: key, sample)
    assert [(hop.row, hop.title) for hop in hops] == [
        ('3.1', 'LoadImageFromFile'),
        ('3.2', 'LoadAnnotations'),
        ('3.3', 'Mosaic'),
        ('4.4', 'PackDetInputs'),
    ]
    assert 'at.pipeline.0' in hops[2].who[1] and 'mix.py' in hops[2].who[0]
    assert 'differs by 0 at most' in hops[3].notes[-1]
