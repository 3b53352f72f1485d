"""Whole configs, written by hand as mmdet 1.x and 2.x had them: what they become must run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmlite.config import load_config
from mmlite.engine.parts import Parts
from mmlite.models import build_detector
from mmlite.registry import TASK_UTILS
from mmlite.tools.migrate import migrate
from mmlite.tools.migrate.verify import problem_of
from tests.runs import CHECKOUT

OLD = Path(__file__).parent / 'old'
OLD_FILES = sorted(path.name for path in OLD.glob('*.py'))
# mmlite's own config of the same model
TWINS = {
    'ssd300_coco_1x.py': 'ssd/ssd300_coco.py',
    'ssd300_voc0712_2x.py': 'ssd/ssd300_voc.py',
    'ssdlite_mobilenetv2_2x.py': 'ssd/ssdlite_mobilenetv2_coco.py',
    'retinanet_r50_1x.py': 'retinanet/retinanet_r50_fpn_1x_coco.py',
    'retinanet_r50_2x.py': 'retinanet/retinanet_r50_fpn_1x_coco.py',
    'fcos_r50_1x.py': 'fcos/fcos_r50-caffe_fpn_gn-head_1x_coco.py',
    'fcos_r50_2x.py': (
        'fcos/fcos_r50-caffe_fpn_gn-head-center-normbbox-centeronreg-giou_1x_coco.py'
    ),
}


def migrated(name: str, folder: Path) -> Config:
    """What an old config becomes, written and loaded."""
    path = folder / 'new.py'
    path.write_text(migrate(OLD / name).text())
    return load_config(path)


@pytest.mark.parametrize('name', OLD_FILES)
def test_everything_is_mapped_and_the_result_runs(name: str, tmp_path: Path) -> None:
    migration = migrate(OLD / name)
    assert migration.version == ('1.x' if '_1x' in name else '2.x')
    assert migration.notes.unmapped == []
    cfg = migrated(name, tmp_path)
    assert cfg.to_dict() == migration.cfg
    _ = Parts(cfg, 'train').checked_cfg
    _ = Parts(cfg, 'test').checked_cfg
    assert problem_of(tmp_path / 'new.py') == ''


def test_yolov3_of_2x(tmp_path: Path) -> None:
    name = 'without_twin/yolov3_d53_2x.py'
    migration = migrate(OLD / name)
    assert (migration.version, migration.notes.unmapped) == ('2.x', [])
    cfg = migrated(name, tmp_path)
    assert problem_of(tmp_path / 'new.py') == ''
    head = cfg.model.bbox_head
    losses = [head[f'loss_{part}'] for part in ('cls', 'conf', 'xy', 'wh')]
    assert [(loss.reduction, loss.loss_weight) for loss in losses] == [
        ('sum', 1.0), ('sum', 1.0), ('sum', 2.0), ('sum', 2.0)
    ]  # fmt: skip
    assert cfg.model.test_cfg.conf_thr == 0.005
    assert cfg.model.data_preprocessor.std == [255.0] * 3


@pytest.mark.parametrize('name', ['cascade_rcnn_r50_2x', 'faster_rcnn_c4_2x', 'rpn_r50_2x'])
def test_two_stages_of_2x(name: str, tmp_path: Path) -> None:
    migration = migrate(OLD / f'without_twin/{name}.py')
    unmapped = [entry.key for entry in migration.notes.unmapped]
    assert migration.version == '2.x'
    assert unmapped == (['model.roi_head.mask_head'] if 'cascade' in name else [])
    cfg = migrated(f'without_twin/{name}.py', tmp_path)
    assert problem_of(tmp_path / 'new.py') == ''
    model = cfg.model
    # mmdet's default where the config named none
    losses = dict(cascade_rcnn_r50_2x='SmoothL1Loss')
    assert model.rpn_head.loss_bbox.type == losses.get(name, 'L1Loss')
    if name == 'rpn_r50_2x':
        assert cfg.val_evaluator.metric == 'proposal_fast'
        assert model.test_cfg.rpn.max_per_img == 1000
    elif name == 'faster_rcnn_c4_2x':
        weights = dict(type='Pretrained', checkpoint='open-mmlab://detectron2/resnet50_caffe')
        assert model.backbone.init_cfg == model.roi_head.shared_head.init_cfg == weights
    else:
        nms = dict(type='nms', iou_threshold=0.7)
        assert model.train_cfg.rpn_proposal == dict(
            max_per_img=1500, nms=nms, nms_pre=2000, min_bbox_size=0
        )
        assert model.test_cfg.rpn.max_per_img == 1000
        assert [stage.sampler.type for stage in model.train_cfg.rcnn] == ['OHEMSampler'] * 2
        assert all(head.reg_decoded_bbox for head in model.roi_head.bbox_head)


@pytest.mark.parametrize('name', OLD_FILES)
def test_model_is_that_of_the_own_config(name: str, tmp_path: Path) -> None:
    new = migrated(name, tmp_path).model
    own = load_config(CHECKOUT / 'configs' / TWINS[name]).model
    with torch.device('meta'):
        built = [build_detector(model) for model in (new, own)]
    shapes = [{key: v.shape for key, v in one.state_dict().items()} for one in built]
    assert shapes[0] == shapes[1]
    assert built[0].backbone.norm_eval == built[1].backbone.norm_eval
    assert new.bbox_head.num_classes == own.bbox_head.num_classes
    if 'anchor_generator' in own.bbox_head:
        anchors = dict(new.bbox_head.anchor_generator)
        if '_1x' in name:  # the same sizes, counted and placed as 1.x did
            assert anchors['type'].startswith('Legacy')
            anchors['type'] = anchors['type'].removeprefix('Legacy')
            assert anchors.pop('center_offset', 0.5) == 0.5
        generators = [TASK_UTILS.build(cfg) for cfg in (anchors, own.bbox_head.anchor_generator)]
        assert generators[0].strides == generators[1].strides
        levels = zip(generators[0].base_priors, generators[1].base_priors, strict=True)
        assert all(torch.equal(*pair) for pair in levels)
    for key in ('type', 'init_cfg', 'style', 'frozen_stages'):
        assert new.backbone.get(key) == own.backbone.get(key), key


def test_ssd_1x(tmp_path: Path) -> None:
    cfg = migrated('ssd300_coco_1x.py', tmp_path)
    assert cfg.model.data_preprocessor.to_dict() == dict(
        type='DetDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[1, 1, 1],
        bgr_to_rgb=True,
        pad_size_divisor=1,
    )
    assert cfg.model.neck.l2_norm_scale == 20
    assert cfg.model.bbox_head.bbox_coder.target_stds == (0.1, 0.1, 0.2, 0.2)
    assert cfg.model.test_cfg.nms == dict(type='nms', iou_threshold=0.45)
    assert cfg.model.test_cfg.nms_pre == -1
    assert cfg.model.train_cfg.neg_pos_ratio == 3
    loader = cfg.train_dataloader
    assert (loader.batch_size, loader.num_workers) == (8, 3)
    assert 'batch_sampler' not in loader  # all images are 300 x 300 anyway
    assert (loader.dataset.type, loader.dataset.times) == ('RepeatDataset', 5)
    inner = loader.dataset.dataset
    assert inner.data_root == 'data/coco/'
    assert inner.ann_file == 'annotations/instances_train2017.json'
    assert inner.data_prefix == dict(img='train2017/')
    assert inner.filter_cfg == dict(filter_empty_gt=True, min_size=32)
    types = [step.type for step in inner.pipeline]
    assert types[2:] == [
        *('PhotoMetricDistortion', 'Expand', 'MinIoURandomCrop', 'Resize', 'RandomFlip'),
        'PackDetInputs',
    ]
    assert inner.pipeline[5] == dict(type='Resize', scale=(300, 300), keep_ratio=False)
    assert cfg.env_cfg.cudnn_benchmark is True
    assert cfg.work_dir == './work_dirs/ssd300_coco'
    assert cfg.train_cfg == dict(type='EpochBasedTrainLoop', max_epochs=24, val_interval=1)
    warmup, steps = cfg.param_scheduler
    assert warmup == dict(type='LinearLR', start_factor=1 / 3, by_epoch=False, begin=0, end=500)
    assert (steps.type, steps.milestones, steps.end) == ('MultiStepLR', [16, 22], 24)


def test_retinanet_1x(tmp_path: Path) -> None:
    cfg = migrated('retinanet_r50_1x.py', tmp_path)
    assert cfg.model.data_preprocessor.pad_size_divisor == 32
    assert cfg.model.neck.add_extra_convs == 'on_input'
    assert cfg.model.bbox_head.loss_bbox == dict(type='SmoothL1Loss', beta=0.11, loss_weight=1.0)
    assert cfg.optim_wrapper.clip_grad == dict(max_norm=35, norm_type=2)
    assert cfg.train_dataloader.batch_sampler == dict(type='AspectRatioBatchSampler')
    changed = {
        change.old: change.new for change in migrate(OLD / 'retinanet_r50_1x.py').notes.changes
    }
    assert changed['modelzoo://resnet50'] == 'torchvision://resnet50'
    head = cfg.model.bbox_head
    assert head.anchor_generator.type == 'LegacyAnchorGenerator'  # 1.x's weights fit no others
    assert head.bbox_coder.type == 'LegacyDeltaXYWHBBoxCoder'
    assert "model.bbox_head.anchor_generator.type = 'LegacyAnchorGenerator'" in changed.values()


def test_retinanet_2x(tmp_path: Path) -> None:
    cfg = migrated('retinanet_r50_2x.py', tmp_path)
    assert cfg.optim_wrapper == dict(
        type='AmpOptimWrapper',
        optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0001),
        loss_scale=512.0,
    )
    assert cfg.auto_scale_lr == dict(enable=False, base_batch_size=16)
    assert cfg.custom_hooks == [dict(type='NumClassCheckHook')]
    own = load_config(CHECKOUT / 'configs' / TWINS['retinanet_r50_2x.py'])
    assert cfg.model.data_preprocessor == own.model.data_preprocessor
    assert cfg.train_dataloader == own.train_dataloader
    assert cfg.val_dataloader.dataset.data_prefix == own.val_dataloader.dataset.data_prefix
    assert cfg.param_scheduler == own.param_scheduler
    assert cfg.val_evaluator.ann_file == 'data/coco/annotations/instances_val2017.json'


def test_fcos_reads_no_train_cfg(tmp_path: Path) -> None:
    for name in ('fcos_r50_1x.py', 'fcos_r50_2x.py'):
        cfg = migrated(name, tmp_path)
        assert 'train_cfg' not in cfg.model
        assert cfg.model.neck.add_extra_convs == 'on_output'
        assert cfg.model.data_preprocessor.bgr_to_rgb is False
        assert cfg.optim_wrapper.paramwise_cfg == dict(bias_lr_mult=2.0, bias_decay_mult=0.0)
        assert cfg.optim_wrapper.clip_grad == dict(max_norm=35, norm_type=2)
        assert cfg.param_scheduler[0].type == 'ConstantLR'
    dropped = {c.old: c.why for c in migrate(OLD / name).notes.changes if c.new == ''}
    assert 'never read' in dropped['model.train_cfg.assigner']


def test_versions_of_a_test_are_asked_for_by_tta(tmp_path: Path) -> None:
    cfg = migrated('fcos_r50_2x.py', tmp_path)
    steps = cfg.test_dataloader.dataset.pipeline
    assert steps[1] == dict(type='Resize', scale=(1333, 800), keep_ratio=True)
    assert 'RandomFlip' not in [step.type for step in steps]
    resizes, flips, *_ = cfg.tta_pipeline[1].transforms
    assert [step.scale for step in resizes] == [(1333, 800), (1000, 600)]
    assert [step.prob for step in flips] == [1.0, 0.0]
    assert cfg.tta_model.tta_cfg == dict(nms=dict(type='nms', iou_threshold=0.6), max_per_img=100)
    train = cfg.train_dataloader.dataset.pipeline
    assert train[2].type == 'RandomChoiceResize'
    assert train[2].scales == [(1333, 640), (1333, 800)]


def test_voc(tmp_path: Path) -> None:
    cfg = migrated('ssd300_voc0712_2x.py', tmp_path)
    own = load_config(CHECKOUT / 'configs' / TWINS['ssd300_voc0712_2x.py'])
    assert cfg.model.neck == own.model.neck
    both, own_both = (c.train_dataloader.dataset.dataset for c in (cfg, own))
    assert (both.type, both.ignore_keys) == ('ConcatDataset', ['dataset_type'])
    for part, own_part in zip(both.datasets, own_both.datasets, strict=True):
        for key in ('type', 'data_root', 'ann_file', 'data_prefix', 'filter_cfg'):
            assert part[key] == own_part[key], key
    assert cfg.val_evaluator == dict(type='VOCMetric', metric='mAP', eval_mode='11points')
    assert cfg.default_hooks.checkpoint.save_best == 'pascal_voc/mAP'
    assert cfg.optim_wrapper.optimizer == own.optim_wrapper.optimizer
    assert cfg.param_scheduler == own.param_scheduler


def test_a_schedule_in_iterations(tmp_path: Path) -> None:
    cfg = migrated('ssdlite_mobilenetv2_2x.py', tmp_path)
    assert cfg.train_cfg == dict(type='IterBasedTrainLoop', max_iters=60000, val_interval=5000)
    assert cfg.train_dataloader.sampler == dict(type='InfiniteSampler', shuffle=True)
    assert cfg.log_processor.by_epoch is False
    cosine = cfg.param_scheduler[1]
    assert (cosine.type, cosine.T_max, cosine.by_epoch) == ('CosineAnnealingLR', 60000, False)
    assert cfg.default_hooks.checkpoint.save_best == 'auto'
    assert cfg.default_hooks.checkpoint.max_keep_ckpts == 2
    assert cfg.model.data_preprocessor.pad_size_divisor == 320
