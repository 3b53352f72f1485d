"""Single rules, on small changes of a whole config; and what cannot be mapped is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from mmlite.config import load_config
from mmlite.errors import ConfigError
from mmlite.models import build_detector
from mmlite.registry import TASK_UTILS
from mmlite.tools.migrate import Migration, Notes, migrate
from mmlite.tools.migrate.datasets import common_root
from mmlite.tools.migrate.notes import Section
from mmlite.tools.migrate.pipeline import migrate_pipeline
from mmlite.tools.migrate.settings import _test_cfg
from tests.runs import CHECKOUT

OLD = Path(__file__).parent / 'old'
NORMALIZE = dict(type='Normalize', mean=[10, 20, 30], std=[1, 1, 1], to_rgb=True)


def changed(folder: Path, text: str, base: str = 'retinanet_r50_2x.py') -> Migration:
    """Migrates a config that changes one of the old ones."""
    path = folder / 'old.py'
    path.write_text(f'_base_ = {str(OLD / base)!r}\n{text}')
    return migrate(path)


def unmapped(migration: Migration) -> dict[str, Any]:
    return {entry.key: entry.value for entry in migration.notes.unmapped}


def steps_of(*steps: dict) -> tuple[list[dict], Notes]:
    notes = Notes()
    return migrate_pipeline(steps, 'pipeline', False, notes).transforms, notes


def test_unknown_keys_are_reported_wherever_they_are(tmp_path: Path) -> None:
    migration = changed(
        tmp_path,
        'surprise = dict(a=1)\n'
        'model = dict(backbone=dict(gcb=dict(ratio=4), strides=(1, 2, 2, 2)), extra=5, '
        'test_cfg=dict(nms=dict(odd_thr=3)))\nlr_config = dict(odd=1)\n'
        'data = dict(train=dict(seg_prefix=7), odd=2)\nevaluation = dict(odd=3)\n'
        'optimizer_config = dict(odd=4)\n',
    )
    assert unmapped(migration) == {
        'surprise': dict(a=1),
        'model.backbone.gcb': dict(ratio=4),
        'model.extra': 5,
        'model.test_cfg.nms.odd_thr': 3,
        'lr_config.odd': 1,
        'data.train.seg_prefix': 7,
        'data.odd': 2,
        'evaluation.odd': 3,
        'optimizer_config.odd': 4,
    }
    text = migration.text()
    assert "# TODO not mapped: model.backbone.gcb = {'ratio': 4}: ResNet takes no" in text
    assert 'gcb' not in text.split('\ndefault_scope')[1]


def test_a_name_that_nobody_reads_is_no_variable(tmp_path: Path) -> None:
    """In mmdet it had no effect to set data_root again and leave the rest to the base."""
    migration = changed(
        tmp_path, "data_root = 'other/'\nlr = 0.02\noptimizer = dict(lr=lr / 2)\nnumber = 2"
    )
    assert unmapped(migration) == dict(data_root='other/', number=2)
    assert migration.cfg['train_dataloader']['dataset']['data_root'] == 'data/coco/'
    assert migration.cfg['optim_wrapper']['optimizer']['lr'] == 0.01


def test_each_key_of_the_old_config_is_in_the_notes_or_used() -> None:
    """A rule that takes a key without using it would hide here."""
    migration = migrate(OLD / 'retinanet_r50_1x.py')
    names = ' '.join(f'{change.old} ' for change in migration.notes.changes)
    for key in ('total_epochs', 'device_ids', 'workflow', 'resume_from', 'img_norm_cfg'):
        assert f'{key} ' in names


@pytest.mark.parametrize(
    ('resize', 'new'),
    [
        (
            dict(img_scale=(1333, 800)),
            dict(type='Resize', scale=(1333, 800), keep_ratio=True),
        ),
        (
            dict(img_scale=[(1333, 640), (1333, 800)], keep_ratio=True, multiscale_mode='range'),
            dict(type='RandomResize', scale=[(1333, 640), (1333, 800)], keep_ratio=True),
        ),
        (
            dict(img_scale=[(4, 3), (5, 4), (6, 5)], keep_ratio=False, multiscale_mode='value'),
            dict(type='RandomChoiceResize', scales=[(4, 3), (5, 4), (6, 5)], keep_ratio=False),
        ),
        (
            dict(img_scale=(640, 640), ratio_range=(0.8, 1.2), bbox_clip_border=False),
            dict(
                type='RandomResize',
                scale=(640, 640),
                ratio_range=(0.8, 1.2),
                keep_ratio=True,
                clip_object_border=False,
            ),
        ),
    ],
)
def test_resize(resize: dict, new: dict) -> None:
    steps, notes = steps_of(dict(type='Resize', **resize))
    assert steps == [new]
    assert notes.unmapped == []


def test_sizes_have_the_width_first() -> None:
    steps, _ = steps_of(
        dict(type='RandomCrop', crop_size=(300, 400)),
        dict(type='RandomCrop', crop_type='absolute_range', crop_size=(300, 400)),
        NORMALIZE,
        dict(type='Pad', size=(300, 400)),
    )
    assert steps[0]['crop_size'] == (400, 300)
    assert steps[1]['crop_size'] == (300, 400)  # least and greatest, no (h, w)
    # black behind Normalize is the mean before it, in the order of the picture: BGR
    assert steps[2] == dict(type='Pad', size=(400, 300), pad_val=dict(img=[30, 20, 10]))


def test_a_step_that_is_not_there_is_left_out_and_said() -> None:
    steps, notes = steps_of(dict(type='InstaBoost', hflag=False), dict(type='DefaultFormatBundle'))
    assert steps == []
    assert [entry.value for entry in notes.unmapped] == [dict(hflag=False)]


def test_a_step_behind_normalize_sees_other_pixels() -> None:
    _, notes = steps_of(NORMALIZE, dict(type='PhotoMetricDistortion'))
    assert [entry.key for entry in notes.unmapped] == ['pipeline.PhotoMetricDistortion']


def test_collected_keys() -> None:
    collect = dict(
        type='Collect', keys=['img', 'gt_masks'], meta_keys=('filename', 'scale_factor', 'weather')
    )
    steps, notes = steps_of(collect)
    assert steps[0]['meta_keys'][-1] == 'weather'
    assert 'filename' not in steps[0]['meta_keys']
    assert [entry.value for entry in notes.unmapped] == [['gt_masks']]


def test_pipelines_that_normalise_differently(tmp_path: Path) -> None:
    text = (
        'data = dict(val=dict(pipeline=[dict(type="LoadImageFromFile"), dict(type="MultiScale'
        'FlipAug", img_scale=(64, 64), transforms=[dict(type="Resize"), dict(type="Normalize", '
        'mean=[0, 0, 0], std=[255, 255, 255]), dict(type="Collect", keys=["img"])])]))'
    )
    migration = changed(tmp_path, text)
    assert list(unmapped(migration)) == ['data.val.pipeline']
    assert migration.cfg['model']['data_preprocessor']['mean'] == [123.675, 116.28, 103.53]


def test_own_classes_and_paths(tmp_path: Path) -> None:
    text = (
        "classes = ('cat', 'dog')\n"
        "data = dict(train=dict(classes=classes, ann_file='mine/a/train.json', "
        "img_prefix='mine/images/', filter_empty_gt=False))\n"
        'model = dict(bbox_head=dict(num_classes=2))'
    )
    migration = changed(tmp_path, text)
    dataset = migration.cfg['train_dataloader']['dataset']
    assert dataset['metainfo'] == dict(classes=('cat', 'dog'))
    assert (dataset['data_root'], dataset['ann_file']) == ('mine/', 'a/train.json')
    assert dataset['data_prefix'] == dict(img='images/')
    assert dataset['filter_cfg']['filter_empty_gt'] is False
    assert migration.notes.unmapped == []


def test_classes_that_were_written_into_mmdet_itself(tmp_path: Path) -> None:
    migration = changed(tmp_path, 'model = dict(bbox_head=dict(num_classes=2))')
    assert list(unmapped(migration)) == ['data.train.classes']
    assert 'CocoDataset has 80 classes, the head 2' in migration.text()


@pytest.mark.parametrize(
    ('ann_file', 'folder', 'root'),
    [
        ('data/coco/a.json', 'data/coco/train/', 'data/coco/'),
        ('data/coco/annotations/a.json', 'elsewhere/train/', ''),
        ('/a/b/x.json', '/a/b/images', '/a/b/'),
        ('x.json', 'images', ''),
        ('x.json', '', ''),
    ],
)
def test_common_root(ann_file: str, folder: str, root: str) -> None:
    assert common_root(ann_file, folder, '') == root


@pytest.mark.parametrize(
    ('text', 'schedulers'),
    [
        (
            "lr_config = dict(_delete_=True, policy='poly', power=0.9, min_lr=1e-4)",
            [dict(type='PolyLR', power=0.9, eta_min=1e-4, begin=0, end=12, by_epoch=True)],
        ),
        (
            "lr_config = dict(_delete_=True, policy='step', step=3, gamma=0.5)",
            [dict(type='StepLR', step_size=3, gamma=0.5, begin=0, end=12, by_epoch=True)],
        ),
        (
            "lr_config = dict(_delete_=True, policy='CosineAnnealing', min_lr_ratio=0.01)",
            [
                dict(
                    type='CosineAnnealingLR',
                    T_max=12,
                    eta_min_ratio=0.01,
                    begin=0,
                    end=12,
                    by_epoch=True,
                )
            ],
        ),
        ("lr_config = dict(_delete_=True, policy='fixed')", []),
    ],
)
def test_rates(tmp_path: Path, text: str, schedulers: list[dict]) -> None:
    migration = changed(tmp_path, text)
    assert migration.cfg['param_scheduler'] == schedulers
    assert migration.notes.unmapped == []


def test_rates_that_are_not_there(tmp_path: Path) -> None:
    text = "lr_config = dict(_delete_=True, policy='cyclic', warmup='exp', warmup_iters=5)"
    migration = changed(tmp_path, text)
    assert unmapped(migration) == {'lr_config.policy': 'cyclic', 'lr_config.warmup': 'exp'}


def test_layers_of_1x_have_their_later_names(tmp_path: Path) -> None:
    text = "optimizer = dict(paramwise_cfg=dict(custom_keys={'head.fcos_cls': dict(lr_mult=2)}))"
    wrapper = changed(tmp_path, text).cfg['optim_wrapper']
    assert wrapper['paramwise_cfg'] == dict(custom_keys={'head.conv_cls': dict(lr_mult=2)})


def test_gradients_that_are_summed_up(tmp_path: Path) -> None:
    text = (
        "optimizer_config = dict(type='GradientCumulativeFp16OptimizerHook', cumulative_iters=4, "
        "loss_scale='dynamic')\nfp16 = None"
    )
    wrapper = changed(tmp_path, text).cfg['optim_wrapper']
    assert (wrapper['type'], wrapper['loss_scale']) == ('AmpOptimWrapper', 'dynamic')
    assert wrapper['accumulative_counts'] == 4


def test_runtime(tmp_path: Path) -> None:
    text = (
        "resume_from = 'old.pth'\nseed = 3\nworkflow = [('train', 1), ('val', 1)]\n"
        "custom_imports = dict(imports=['not_here'])\nlog_config = dict(hooks=["
        "dict(type='TextLoggerHook', by_epoch=False), dict(type='TensorboardLoggerHook')])\n"
        "custom_hooks = [dict(type='EMAHook', momentum=0.001, warm_up=10, priority=49), "
        "dict(type='MyHook')]\n"
    )
    migration = changed(tmp_path, text)
    cfg = migration.cfg
    assert (cfg['load_from'], cfg['resume']) == ('old.pth', True)
    assert cfg['randomness'] == dict(seed=3, deterministic=False)
    assert cfg['custom_hooks'] == [dict(type='EMAHook', momentum=0.001, priority=49)]
    backends = [backend['type'] for backend in cfg['visualizer']['vis_backends']]
    assert backends == ['LocalVisBackend', 'TensorboardVisBackend']
    assert list(unmapped(migration)) == [
        *('custom_hooks[0].warm_up', 'custom_hooks[1]', 'workflow', 'custom_imports'),
    ]


def test_a_backbone_of_ones_own_is_kept(tmp_path: Path) -> None:
    migration = changed(
        tmp_path, "model = dict(backbone=dict(_delete_=True, type='Mine', width=3))"
    )
    assert unmapped(migration) == {'model.backbone.type': 'Mine'}
    assert migration.cfg['model']['backbone'] == dict(type='Mine', width=3)


def test_a_list_of_necks_is_kept(tmp_path: Path) -> None:
    fpn = dict(type='FPN', in_channels=[256, 512], out_channels=256, num_outs=5)
    bfp = dict(type='BFP', in_channels=256, num_levels=5, refine_level=1)
    necks = [dict(fpn, add_extra_convs=True), dict(bfp, odd=1)]
    migration = changed(tmp_path, f'model = dict(neck={necks!r})')
    assert unmapped(migration) == {'model.neck.1.odd': 1}
    assert migration.cfg['model']['neck'] == [dict(fpn, add_extra_convs='on_input'), bfp]


def test_legacy_boxes_of_2x(tmp_path: Path) -> None:
    text = (
        "model = dict(bbox_head=dict(anchor_generator=dict(type='LegacyAnchorGenerator', "
        "center_offset=0.5), bbox_coder=dict(type='LegacyDeltaXYWHBBoxCoder')))"
    )
    migration = changed(tmp_path, text)
    head = migration.cfg['model']['bbox_head']
    assert head['anchor_generator']['type'] == 'LegacyAnchorGenerator'
    assert head['anchor_generator']['center_offset'] == 0.5
    assert head['bbox_coder']['type'] == 'LegacyDeltaXYWHBBoxCoder'
    assert not unmapped(migration)


@pytest.mark.parametrize(
    ('text', 'version', 'classes'),
    [
        ('', '2.x', 80),
        ('model = dict(bbox_head=dict(num_classes=81))', '1.x', 80),
        # with classes of its own the count of them decides
        (
            'model = dict(bbox_head=dict(num_classes=3))\n'
            "data = dict(train=dict(classes=['a', 'b']))",
            '1.x',
            2,
        ),
        # neither says it: the spelling of the batch size does
        (
            'model = dict(bbox_head=dict(num_classes=5))\ndata = dict(imgs_per_gpu=1, '
            "train=dict(type='Mine'))",
            '1.x',
            4,
        ),
        (
            "model = dict(bbox_head=dict(num_classes=5))\ndata = dict(train=dict(type='Mine'))",
            '2.x',
            5,
        ),
    ],
)
def test_version_of_fcos(tmp_path: Path, text: str, version: str, classes: int) -> None:
    migration = changed(tmp_path, text, base='fcos_r50_2x.py')
    assert migration.version == version
    assert migration.cfg['model']['bbox_head']['num_classes'] == classes


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('model = dict(a=1)', "no dict 'data'"),
        ('data = dict(train=dict())', "no dict 'model'"),
        ('train_dataloader = dict()', "'train_dataloader' is mmdet 3.x's"),
        (
            "model = dict(type='FasterRCNN')\ndata = dict()",
            "detector 'FasterRCNN' .* not supported",
        ),
        (
            "model = dict(type='CascadeRCNN', bbox_head=[dict()])\ndata = dict()",
            "detector 'CascadeRCNN'",
        ),
        ('model = undefined', 'NameError'),
    ],
)
def test_mistakes(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / 'old.py'
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        migrate(path)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('runner = None', 'how long to train'),
        ('optimizer = None', "'optimizer' is missing"),
        ('data = dict(train=None)', "'train' is missing"),
    ],
)
def test_what_no_config_is_without(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        changed(tmp_path, text)


def test_ssd512_of_1x(tmp_path: Path) -> None:
    text = (
        'model = dict(backbone=dict(input_size=512), bbox_head=dict(input_size=512, '
        'in_channels=(512, 1024, 512, 256, 256, 256, 256), basesize_ratio_range=(0.1, 0.9), '
        'anchor_strides=(8, 16, 32, 64, 128, 256, 512), '
        'anchor_ratios=([2], [2, 3], [2, 3], [2, 3], [2, 3], [2], [2])))'
    )
    model = changed(tmp_path, text, base='ssd300_coco_1x.py').cfg['model']
    own = load_config(CHECKOUT / 'configs' / 'ssd' / 'ssd512_coco.py').model
    assert model['neck'] == own.neck
    legacy = model['bbox_head']['anchor_generator']
    assert legacy['type'] == 'LegacySSDAnchorGenerator'
    sizes = [
        TASK_UTILS.build(dict(generator)).base_priors
        for generator in (
            dict(legacy, type='SSDAnchorGenerator'),
            own.bbox_head.anchor_generator,
        )
    ]
    assert all(torch.equal(*pair) for pair in zip(*sizes, strict=True))


def test_an_ssd_of_another_size_has_no_known_levels(tmp_path: Path) -> None:
    text = 'model = dict(backbone=dict(input_size=384))'
    with pytest.raises(ConfigError, match='300 and 512 px, found 384'):
        changed(tmp_path, text, base='ssd300_voc0712_2x.py')


def test_the_policies_of_autoaugment_are_pipelines() -> None:
    several = dict(type='Resize', img_scale=[(480, 1333), (800, 1333)], multiscale_mode='value')
    crop = dict(type='RandomCrop', crop_size=(384, 600), crop_type='absolute_range')
    steps, notes = steps_of(dict(type='AutoAugment', policies=[[several], [crop, several]]))
    resize = dict(type='RandomChoiceResize', scales=[(480, 1333), (800, 1333)], keep_ratio=True)
    assert steps == [dict(type='AutoAugment', policies=[[resize], [crop, resize]])]
    assert not notes.unmapped


def test_the_border_of_an_affine_was_h_w() -> None:
    steps, _ = steps_of(dict(type='RandomAffine', border=(-240, -320)))
    assert steps == [dict(type='RandomAffine', border=(-320, -240))]


def test_stages_of_an_assignment_are_sections(tmp_path: Path) -> None:
    migration = changed(
        tmp_path,
        "model = dict(type='RepPointsDetector', bbox_head=dict(_delete_=True, "
        "type='RepPointsHead', num_classes=80, in_channels=256, transform_method='minmax', "
        "loss_bbox_init=dict(type='SmoothL1Loss', beta=0.11, loss_weight=0.5, odd=1)), "
        'train_cfg=dict(_delete_=True, '
        "init=dict(assigner=dict(type='PointAssigner', scale=4, pos_num=1), allowed_border=-1, "
        'pos_weight=-1, debug=False), '
        "refine=dict(assigner=dict(type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.4), "
        'pos_weight=2)))\n',
    )
    assert unmapped(migration) == {
        'model.bbox_head.loss_bbox_init.odd': 1,
        'model.train_cfg.refine.pos_weight': 2,
    }
    model = migration.cfg['model']
    points = dict(type='PointAssigner', scale=4, pos_num=1)
    assert model['train_cfg'] == dict(
        init=dict(assigner=points, allowed_border=-1, pos_weight=-1, debug=False),
        refine=dict(assigner=dict(type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.4)),
    )
    loss = dict(type='SmoothL1Loss', beta=0.11, loss_weight=0.5)
    assert model['bbox_head']['loss_bbox_init'] == loss


def test_soft_nms(tmp_path: Path) -> None:
    nms = "nms=dict(_delete_=True, type='soft_nms', iou_thr=0.5, min_score=0.05, odd=1)"
    migration = changed(tmp_path, f'model = dict(test_cfg=dict({nms}))\n')
    assert migration.cfg['model']['test_cfg']['nms'] == dict(
        type='soft_nms', iou_threshold=0.5, min_score=0.05
    )
    assert unmapped(migration) == {'model.test_cfg.nms.odd': 1}
    # what hard NMS never read is reported, and a type that is not there becomes hard NMS
    migration = changed(tmp_path, 'model = dict(test_cfg=dict(nms=dict(sigma=1, max_num=9)))\n')
    assert unmapped(migration) == {'model.test_cfg.nms.sigma': 1}
    assert migration.cfg['model']['test_cfg']['nms']['max_num'] == 9
    migration = changed(tmp_path, "model = dict(test_cfg=dict(nms=dict(type='nms_match')))\n")
    assert unmapped(migration) == {'model.test_cfg.nms.type': 'nms_match'}
    assert migration.cfg['model']['test_cfg']['nms'] == dict(type='nms', iou_threshold=0.5)


def test_settings_of_two_stages() -> None:
    notes = Notes()
    rpn = dict(
        nms_across_levels=True, nms_pre=900, nms_post=900, max_num=800, nms_thr=0.7, min_bbox_size=0
    )
    rcnn = dict(score_thr=0.05, nms=dict(type='soft_nms', iou_thr=0.5), max_per_img=100)
    test_cfg = Section(dict(rpn=rpn, rcnn=rcnn, odd=1), 'test_cfg', notes)
    assert _test_cfg(test_cfg, '') == dict(
        rpn=dict(
            max_per_img=800, nms=dict(type='nms', iou_threshold=0.7, class_agnostic=True),
            nms_pre=900, min_bbox_size=0,
        ),
        rcnn=dict(
            score_thr=0.05, max_per_img=100, nms=dict(type='soft_nms', iou_threshold=0.5)
        ),
    )  # fmt: skip
    assert {change.old: change.new for change in notes.changes} == {
        'test_cfg.rpn.max_num': 'model.test_cfg.rpn.max_per_img',
        'test_cfg.rpn.nms_thr': 'model.test_cfg.rpn.nms.iou_threshold',
        'test_cfg.rpn.nms_across_levels': 'model.test_cfg.rpn.nms.class_agnostic',
        'test_cfg.rpn.nms_post': '',
        'test_cfg.rcnn.nms.iou_thr': 'model.test_cfg.rcnn.nms.iou_threshold',
    }
    assert [entry.key for entry in notes.unmapped] == ['test_cfg.odd']


def test_centernet(tmp_path: Path) -> None:
    """2.x named channels in the singular; the head's test_cfg has keys of its own."""
    migration = changed(
        tmp_path,
        "model = dict(_delete_=True, type='CenterNet', backbone=dict(type='ResNet', depth=18),\n"
        "    neck=dict(type='CTResNetNeck', in_channel=512, num_deconv_filters=(256, 128, 64),\n"
        '        num_deconv_kernels=(4, 4, 4), use_dcn=True),\n'
        "    bbox_head=dict(type='CenterNetHead', num_classes=80, in_channel=64, feat_channel=64,\n"
        "        loss_wh=dict(type='L1Loss', loss_weight=0.1)),\n"
        '    train_cfg=None,\n'
        '    test_cfg=dict(topk=50, local_maximum_kernel=3, max_per_img=100))\n',
    )
    assert unmapped(migration) == {}
    new = tmp_path / 'new.py'
    new.write_text(migration.text(), encoding='utf-8')
    model = load_config(new).model
    assert model.neck.in_channels == 512
    assert (model.bbox_head.in_channels, model.bbox_head.feat_channels) == (64, 64)
    assert model.bbox_head.num_classes == 80  # of 2.x, in which the background is not counted
    assert model.test_cfg == dict(topk=50, local_maximum_kernel=3, max_per_img=100)
    with torch.device('meta'):
        assert build_detector(model).bbox_head.test_cfg['topk'] == 50
