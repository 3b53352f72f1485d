"""Merging by hand, and the versions that a config gets."""

from __future__ import annotations

import pytest
import torch
from mmengine.config import Config
from torch import Tensor

from mmlite.engine.tta import collate_versions, merge_versions, use_tta, with_mirrored
from mmlite.errors import ConfigError
from mmlite.ops.boxes import flip_boxes
from mmlite.parallel import DataContainer
from tests.nms_rules import hard, soft

PLAIN = dict(ori_shape=(50, 100, 3), flip=False, flip_direction=None)
MIRRORED = dict(ori_shape=(50, 100, 3), flip=True, flip_direction='horizontal')


@pytest.mark.parametrize(
    ('direction', 'expected'),
    [
        ('horizontal', [70, 5, 90, 15]),
        ('vertical', [10, 35, 30, 45]),
        ('diagonal', [70, 35, 90, 45]),
    ],
)
def test_flipped_boxes(direction, expected):
    box = Tensor([[10, 5, 30, 15]])
    flipped = flip_boxes(box, (50, 100, 3), direction)
    assert flipped.tolist() == [expected]
    assert torch.equal(flip_boxes(flipped, (50, 100), direction), box)


def detections(*rows) -> dict[str, Tensor]:
    """Rows of x1, y1, x2, y2, score, label."""
    table = Tensor(rows).reshape(-1, 6)
    return dict(bboxes=table[:, :4], scores=table[:, 4], labels=table[:, 5].long())


def test_versions_are_merged_class_by_class():
    plain = detections((10, 5, 30, 15, 0.6, 1), (50, 5, 60, 15, 0.5, 1))
    # mirrored back: 10..30, which is the first again, and 72..90; a second class where the first is
    mirrored = detections((70, 5, 90, 15, 0.9, 1), (10, 5, 28, 15, 0.4, 1), (70, 5, 90, 15, 0.3, 2))
    merged = merge_versions([plain, mirrored], [PLAIN, MIRRORED], hard(0.5), -1)
    assert merged['scores'].tolist() == pytest.approx([0.9, 0.5, 0.4, 0.3])
    assert merged['labels'].tolist() == [1, 1, 1, 2]
    assert merged['bboxes'].tolist() == [
        [10, 5, 30, 15], [50, 5, 60, 15], [72, 5, 90, 15], [10, 5, 30, 15]
    ]  # fmt: skip
    best = merge_versions([plain, mirrored], [PLAIN, MIRRORED], hard(0.5), 2)
    assert best['scores'].tolist() == pytest.approx([0.9, 0.5])


def test_soft_nms_merges_by_scores():
    plain = detections((10, 5, 30, 15, 0.6, 1))
    # mirrored back: 10..26, which covers 16 / 20 of the first
    mirrored = detections((74, 5, 90, 15, 0.5, 1))
    merged = merge_versions([plain, mirrored], [PLAIN, MIRRORED], soft(), -1)
    assert merged['scores'].tolist() == pytest.approx([0.6, 0.5 * (1 - 0.8)])
    assert merged['bboxes'].tolist() == [[10, 5, 30, 15], [10, 5, 26, 15]]


def test_one_version_stays_as_it_is():
    one = detections((10, 5, 30, 15, 0.9, 1), (50, 5, 60, 15, 0.5, 2))
    merged = merge_versions([one], [PLAIN], hard(0.5), 100)
    assert all(torch.equal(merged[key], value) for key, value in one.items())


def test_nothing_found_in_any_version():
    merged = merge_versions([detections(), detections()], [PLAIN, MIRRORED], hard(0.5), 100)
    assert merged['bboxes'].shape == (0, 4)


def test_collated_version_by_version():
    samples = [
        dict(versions=[dict(name=DataContainer(f'{i}{v}', cpu_only=True)) for v in 'ab'])
        for i in range(3)
    ]
    names = [batch['name'].data for batch in collate_versions(samples)]
    assert names == [['0a', '1a', '2a'], ['0b', '1b', '2b']]


PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(64, 64)),
    dict(type='PackDetInputs'),
]


def config(**changes) -> Config:
    test_cfg = dict(nms=dict(type='nms', iou_threshold=0.45), max_per_img=200)
    loader = dict(dataset=dict(type='RepeatDataset', dataset=dict(pipeline=PIPELINE)))
    return Config(dict(model=dict(test_cfg=test_cfg), test_dataloader=loader, **changes))


def test_mirrored_without_a_word_in_the_config():
    cfg = config()
    assert use_tta(cfg) == dict(nms=hard(0.45), max_per_img=200)
    *first, last = cfg.test_dataloader.dataset.dataset.pipeline
    assert [step['type'] for step in first] == ['LoadImageFromFile', 'Resize']
    flips, pack = last['transforms']
    assert [flip['prob'] for flip in flips] == [0, 1] and pack[0]['type'] == 'PackDetInputs'


def test_the_configs_own_versions():
    own = [dict(type='LoadImageFromFile'), dict(type='TestTimeAug', transforms=[])]
    tta_cfg = dict(nms=dict(type='nms', iou_threshold=0.6), max_per_img=50)
    cfg = config(tta_pipeline=own, tta_model=dict(type='DetTTAModel', tta_cfg=tta_cfg))
    assert use_tta(cfg) == dict(nms=hard(0.6), max_per_img=50)
    assert cfg.test_dataloader.dataset.dataset.pipeline == own


def test_of_two_stages_the_second_says_how():
    cfg = config()
    rcnn = dict(nms=dict(type='soft_nms', iou_threshold=0.5, min_score=0.05), max_per_img=30)
    cfg.model.test_cfg = dict(rpn=dict(nms=dict(type='nms', iou_threshold=0.7)), rcnn=rcnn)
    assert use_tta(cfg) == dict(nms=soft(iou_threshold=0.5, min_score=0.05), max_per_img=30)


def test_what_cannot_be_merged():
    wrong = dict(type='DetTTAModel', tta_cfg=dict(nms=dict(type='soft-nms')))
    with pytest.raises(ConfigError, match=r"tta_cfg\.nms\.type: .*found 'soft-nms'.*'soft_nms'"):
        use_tta(config(tta_model=wrong))
    with pytest.raises(ConfigError, match="'DetTTAModel' is supported, found 'SegTTAModel'"):
        use_tta(config(tta_model=dict(type='SegTTAModel')))
    with pytest.raises(ConfigError, match=r'test\.pipeline: --tta needs .* PackDetInputs'):
        with_mirrored([dict(type='LoadImageFromFile')], 'test')
