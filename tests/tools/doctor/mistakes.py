"""Mistakes to plant into the tiny SSD's config: each a function that makes it."""

from __future__ import annotations

import copy
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from mmengine.config import Config

from mmlite.models import build_detector
from tests.runs import CLASSES

HERE = 'tests.tools.doctor.parts.'
IMAGENET = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
ZERO_WEIGHT = dict(
    loss_cls=dict(type='CrossEntropyLoss', loss_weight=0.0),
    loss_bbox=dict(type='SmoothL1Loss', beta=1.0, loss_weight=0.0),
)
CAFFE = 'open-mmlab://detectron/resnet50_caffe'


class Mistake(NamedTuple):
    """`plant(cfg, voc, folder)` makes it; `check` has to find it and to give this verdict."""

    name: str
    check: str
    plant: Callable[[Config, Path, Path], None]
    verdict: str = 'error'


def on_voc(cfg: Config, voc: Path, kind: str = 'VOCDataset', classes: tuple = CLASSES) -> None:
    """Has both data sets read files in VOC's layout."""
    for loader, part in (('train_dataloader', 'trainval'), ('val_dataloader', 'test')):
        cfg[loader].dataset = dict(
            type=kind,
            data_root=str(voc),
            ann_file=f'ImageSets/Main/{part}.txt',
            metainfo=dict(classes=classes),
            pipeline=cfg[loader].dataset.pipeline,
            test_mode=part == 'test',
        )
    cfg.test_dataloader = cfg.val_dataloader


def swapped_classes(cfg: Config, voc: Path, folder: Path) -> None:
    on_voc(cfg, voc)
    cfg.val_dataloader.dataset.metainfo = dict(classes=(CLASSES[1], CLASSES[0], *CLASSES[2:]))


def misspelt_class(cfg: Config, voc: Path, folder: Path) -> None:
    on_voc(cfg, voc, classes=('square', 'triangel', 'cross', 'ring', 'hourglass'))


def labels_from_zero(cfg: Config, voc: Path, folder: Path) -> None:
    on_voc(cfg, voc, HERE + 'LabelsFromZero')


def every_box_twice(cfg: Config, voc: Path, folder: Path) -> None:
    on_voc(cfg, voc, HERE + 'EveryBoxTwice')


def widths_as_corners(cfg: Config, voc: Path, folder: Path) -> None:
    on_voc(cfg, voc, HERE + 'WidthsAsCorners')


def corners_as_widths(cfg: Config, voc: Path, folder: Path) -> None:
    on_voc(cfg, voc, HERE + 'CornersAsWidths')


def one_class_too_few(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.model.bbox_head.num_classes = 4


def empty_split(cfg: Config, voc: Path, folder: Path) -> None:
    on_voc(cfg, shutil.copytree(voc, folder / 'voc'))
    (folder / 'voc/ImageSets/Main/test.txt').write_text('')


def images_elsewhere(cfg: Config, voc: Path, folder: Path) -> None:
    on_voc(cfg, voc)
    cfg.train_dataloader.dataset.img_subdir = 'Pictures'


def tested_on_training(cfg: Config, voc: Path, folder: Path) -> None:
    on_voc(cfg, voc)
    cfg.val_dataloader.dataset.ann_file = 'ImageSets/Main/val.txt'  # a fifth of trainval


def twins_of_training(cfg: Config, voc: Path, folder: Path) -> None:
    """An image of the test set is one of the training under another name."""
    root = shutil.copytree(voc, folder / 'voc')
    on_voc(cfg, root)
    first = {
        part: (root / f'ImageSets/Main/{part}.txt').read_text().split()[0]
        for part in ('trainval', 'test')
    }
    for place, ending in (('JPEGImages', 'jpg'), ('Annotations', 'xml')):
        source, target = (root / place / f'{stem}.{ending}' for stem in first.values())
        shutil.copy(source, target)


def mean_of_bgr(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.model.data_preprocessor.mean = IMAGENET['mean'][::-1]


def pictures_of_unit_range(cfg: Config, voc: Path, folder: Path) -> None:
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.dataset.pipeline.insert(1, dict(type=HERE + 'ToUnitRange'))


def mean_and_std_of_two_kinds(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.model.data_preprocessor.std = [0.229, 0.224, 0.225]


def caffe_weights_on_rgb(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.model.backbone.init_cfg = dict(type='Pretrained', checkpoint=CAFFE)
    cfg.model.data_preprocessor.std = [1.0, 1.0, 1.0]


def torchvision_weights_with_std_1(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.model.backbone.init_cfg = dict(type='Pretrained', checkpoint='torchvision://resnet18')
    cfg.model.data_preprocessor.std = [1.0, 1.0, 1.0]


def normalised_in_training_only(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.model.data_preprocessor = dict(type='DetDataPreprocessor')
    cfg.train_dataloader.dataset.pipeline.insert(-1, dict(type='Normalize', **IMAGENET))


def tested_at_another_size(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.val_dataloader.dataset.pipeline[1].scale = (200, 200)


def boxes_scaled_twice(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.train_dataloader.dataset.pipeline.insert(3, dict(type=HERE + 'ScaleBoxesAgain'))


def boxes_loaded_after_resize(cfg: Config, voc: Path, folder: Path) -> None:
    steps = cfg.train_dataloader.dataset.pipeline
    steps[1], steps[2] = steps[2], steps[1]


def boxes_not_flipped(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.train_dataloader.dataset.pipeline.insert(3, dict(type=HERE + 'FlipPictureOnly'))


def boxes_not_loaded(cfg: Config, voc: Path, folder: Path) -> None:
    del cfg.train_dataloader.dataset.pipeline[1]


def scale_forgotten_in_testing(cfg: Config, voc: Path, folder: Path) -> None:
    steps = cfg.val_dataloader.dataset.pipeline
    steps[1].scale = (192, 192)
    steps.insert(2, dict(type=HERE + 'ForgetsScale'))
    cfg.model.bbox_head.anchor_generator.input_size = None


def frozen_without_weights(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.model.backbone.frozen_stages = 1


def rate_ten_times_too_high(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.optim_wrapper.optimizer.lr *= 10


def rate_that_diverges(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.optim_wrapper.optimizer.lr = 50.0


def rate_for_another_batch(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.auto_scale_lr = dict(base_batch_size=16)


def endless_warm_up(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.param_scheduler[0].end = 500


def by_iteration(cfg: Config) -> None:
    """400 iterations; three are a pass through the data."""
    cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=400, val_interval=100)


def milestones_in_iterations(cfg: Config, voc: Path, folder: Path) -> None:
    by_iteration(cfg)
    cfg.param_scheduler = [dict(type='MultiStepLR', milestones=[300, 350])]


def schedule_without_unit(cfg: Config, voc: Path, folder: Path) -> None:
    by_iteration(cfg)
    cfg.param_scheduler = [dict(type='MultiStepLR', milestones=[80, 90])]


def milestones_after_the_end(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.param_scheduler = [dict(type='MultiStepLR', by_epoch=True, milestones=[8, 11])]


def checkpoints_in_iterations(cfg: Config, voc: Path, folder: Path) -> None:
    by_iteration(cfg)
    cfg.default_hooks.checkpoint = dict(type='CheckpointHook', interval=200)


def metrics_by_epoch(cfg: Config, voc: Path, folder: Path) -> None:
    by_iteration(cfg)
    cfg.default_hooks.logger = dict(type='LoggerHook', log_metric_by_epoch=True)


def average_after_the_end(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.custom_hooks = [dict(type='EMAHook', begin_epoch=3)]


def validation_all_the_time(cfg: Config, voc: Path, folder: Path) -> None:
    by_iteration(cfg)
    cfg.train_dataloader.dataset.num_train = 120  # 30 iterations
    cfg.train_cfg.val_interval = 1


def no_shuffling(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.train_dataloader.sampler.shuffle = False


def last_batch_not_tested(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.val_dataloader.drop_last = True


def anchors_too_large(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.model.bbox_head.anchor_generator.update(min_sizes=(60, 75, 85), max_sizes=(75, 85, 95))


def coder_forgets_its_stds(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.model.bbox_head.bbox_coder.type = HERE + 'ForgetsStds'


def coder_leaves_the_image(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.model.bbox_head.bbox_coder.type = HERE + 'ForgetsTheBorder'


def one_detection_an_image(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.model.test_cfg.max_per_img = 1


def weights_of_another_width(cfg: Config, voc: Path, folder: Path) -> None:
    model = copy.deepcopy(cfg.model)
    model.backbone.base_channels = 16
    model.neck.update(in_channels=(32, 64), out_channels=(32, 64, 32))
    model.bbox_head.in_channels = (32, 64, 32)
    other = build_detector(model).state_dict()
    torch.save(dict(state_dict=other, meta=dict(mmlite_version='0')), folder / 'other.pth')
    cfg.load_from = str(folder / 'other.pth')


def weights_of_other_class_order(cfg: Config, voc: Path, folder: Path) -> None:
    meta = dict(mmlite_version='0', dataset_meta=dict(classes=CLASSES[::-1]))
    state = build_detector(cfg.model).state_dict()
    torch.save(dict(state_dict=state, meta=meta), folder / 'order.pth')
    cfg.load_from = str(folder / 'order.pth')


def backbone_cut_off(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.model.backbone.type = HERE + 'Detached'


def validated_on_the_training_list(cfg: Config, voc: Path, folder: Path) -> None:
    on_voc(cfg, voc)
    cfg.val_dataloader.dataset.ann_file = 'ImageSets/Main/trainval.txt'
    cfg.test_dataloader = cfg.val_dataloader


def test_images_in_the_training_list(cfg: Config, voc: Path, folder: Path) -> None:
    root = shutil.copytree(voc, folder / 'voc')
    on_voc(cfg, root)
    lists = root / 'ImageSets/Main'
    with (lists / 'trainval.txt').open('a') as file:
        file.writelines(f'{stem}\n' for stem in (lists / 'test.txt').read_text().split()[:2])


def reencoded_twin(cfg: Config, voc: Path, folder: Path) -> None:
    """An image of the test set is one of the training, saved again at another size."""
    root = shutil.copytree(voc, folder / 'voc')
    on_voc(cfg, root)
    first, last = (
        (root / f'ImageSets/Main/{part}.txt').read_text().split()[0]
        for part in ('trainval', 'test')
    )
    img = cv2.imread(str(root / f'JPEGImages/{first}.jpg'))
    other = root / f'JPEGImages/{last}.jpg'
    height, width = cv2.imread(str(other)).shape[:2]
    cv2.imwrite(str(other), cv2.resize(img, (width, height)), [cv2.IMWRITE_JPEG_QUALITY, 80])


def listed_twice(cfg: Config, voc: Path, folder: Path) -> None:
    root = shutil.copytree(voc, folder / 'voc')
    on_voc(cfg, root)
    file = root / 'ImageSets/Main/test.txt'
    file.write_text(file.read_text().rstrip() + '\n' + file.read_text().split()[0] + '\n')


def labels_one_too_high(cfg: Config, voc: Path, folder: Path) -> None:
    on_voc(cfg, voc, HERE + 'LabelsFromTwo')


def boxes_as_shares(cfg: Config, voc: Path, folder: Path) -> None:
    on_voc(cfg, voc, HERE + 'BoxesAsShares')


def x_and_y_swapped(cfg: Config, voc: Path, folder: Path) -> None:
    on_voc(cfg, voc, HERE + 'XAndYSwapped')


def sizes_swapped(cfg: Config, voc: Path, folder: Path) -> None:
    root = shutil.copytree(voc, folder / 'voc')
    on_voc(cfg, root)
    for path in (root / 'Annotations').iterdir():
        text = path.read_text().replace('width>', 'w>').replace('height>', 'width>')
        path.write_text(text.replace('w>', 'height>'))


def all_difficult(cfg: Config, voc: Path, folder: Path, part: str = 'trainval') -> None:
    root = shutil.copytree(voc, folder / 'voc')
    on_voc(cfg, root)
    for stem in (root / f'ImageSets/Main/{part}.txt').read_text().split():
        path = root / f'Annotations/{stem}.xml'
        text = re.sub('<difficult>.*?</difficult>', '', path.read_text())
        path.write_text(text.replace('<bndbox>', '<difficult>1</difficult><bndbox>'))


def all_difficult_in_testing(cfg: Config, voc: Path, folder: Path) -> None:
    all_difficult(cfg, voc, folder, 'test')


def endings_in_other_case(cfg: Config, voc: Path, folder: Path) -> None:
    """COCO's file names end in .JPG, the files in .jpg."""
    on_coco(cfg, shutil.copytree(voc, folder / 'voc'))
    for part in ('train', 'val'):
        file = folder / f'voc/instances_{part}2017.json'
        file.write_text(file.read_text().replace('.jpg', '.JPG'))


def on_coco(cfg: Config, root: Path) -> None:
    for loader, part in (('train_dataloader', 'train'), ('val_dataloader', 'val')):
        cfg[loader].dataset = dict(
            type='CocoDataset',
            data_root=str(root),
            ann_file=f'instances_{part}2017.json',
            data_prefix=dict(img='JPEGImages/'),
            metainfo=dict(classes=CLASSES),
            pipeline=cfg[loader].dataset.pipeline,
            test_mode=part == 'val',
        )
    cfg.test_dataloader = cfg.val_dataloader


def metric_of_another_file(cfg: Config, voc: Path, folder: Path) -> None:
    on_coco(cfg, voc)
    other = str(voc / 'instances_train2017.json')
    cfg.val_evaluator = cfg.test_evaluator = dict(type='CocoMetric', ann_file=other)


def turned_by_exif_after_annotation(cfg: Config, voc: Path, folder: Path) -> None:
    """The annotator saw the pictures as they are stored; viewers and mmlite turn them."""
    on_voc(cfg, voc)
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.dataset.pipeline.insert(1, dict(type=HERE + 'TurnPictureOnly'))


def twelve_bits_in_sixteen(cfg: Config, voc: Path, folder: Path) -> None:
    root = shutil.copytree(voc, folder / 'voc')
    on_voc(cfg, root)
    for path in (root / 'JPEGImages').iterdir():
        img = cv2.imread(str(path)).astype(np.uint16) * 16
        path.unlink()
        cv2.imwrite(str(path.with_suffix('.png')), img)


def grey_pictures(cfg: Config, voc: Path, folder: Path) -> None:
    """One channel is loaded, and the network has three."""
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.dataset.pipeline[0] = dict(type=HERE + 'LoadGrey')


def objects_vanish(cfg: Config, voc: Path, folder: Path) -> None:
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        for step in loader.dataset.pipeline:
            if step.type == 'Resize':
                step.scale = (8, 8)
    cfg.model.bbox_head.anchor_generator.input_size = None


def normalised_twice(cfg: Config, voc: Path, folder: Path) -> None:
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.dataset.pipeline.insert(-1, dict(type='Normalize', **IMAGENET))


def mean_of_unit_range_with_std_of_255(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.model.data_preprocessor.mean = [0.485, 0.456, 0.406]


def everything_frozen(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.optim_wrapper.paramwise_cfg = dict(
        custom_keys={name: dict(lr_mult=0.0) for name in ('backbone', 'neck', 'bbox_head')}
    )


def head_frozen(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.optim_wrapper.paramwise_cfg = dict(custom_keys=dict(bbox_head=dict(lr_mult=0.0)))


def rate_too_low(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.optim_wrapper.optimizer.lr = 1e-8


def huge_weight_decay(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.optim_wrapper.optimizer.weight_decay = 0.5


def nothing_above_the_threshold(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.model.test_cfg.score_thr = 0.9


def few_candidates(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.model.test_cfg.nms_pre = 2


def more_objects_than_detections(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.model.test_cfg.max_per_img = 5


def nms_that_leaves_few(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.model.test_cfg.nms.max_num = 5


def soft_nms_that_leaves_high_scores(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.model.test_cfg.nms.update(type='soft_nms', min_score=0.6)


def anchors_too_small(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.model.bbox_head.anchor_generator.update(min_sizes=(2, 3, 4), max_sizes=(3, 4, 5))


def losses_switched_off(cfg: Config, voc: Path, folder: Path) -> None:
    for name in ('loss_cls', 'loss_bbox'):
        cfg.model.bbox_head[name] = dict(ZERO_WEIGHT[name])


def one_class_too_many(cfg: Config, voc: Path, folder: Path) -> None:
    cfg.model.bbox_head.num_classes = 6


MISTAKES = (
    Mistake('swapped class order', 'classes', swapped_classes),
    Mistake('misspelt class', 'classes', misspelt_class, 'warning'),
    Mistake('labels from 0', 'classes', labels_from_zero),
    Mistake('xywh as xyxy', 'annotations', widths_as_corners),
    Mistake('xyxy as xywh', 'annotations', corners_as_widths),
    Mistake('num_classes off by one', 'parts', one_class_too_few),
    Mistake('empty split', 'parts', empty_split),
    Mistake('images elsewhere', 'parts', images_elsewhere),
    Mistake('two kinds of mean and std', 'parts', mean_and_std_of_two_kinds),
    Mistake('test images in train', 'splits', tested_on_training),
    Mistake('test images in train, renamed', 'splits', twins_of_training),
    Mistake('mean in the order of BGR', 'normalisation', mean_of_bgr),
    Mistake('BGR weights, RGB input', 'normalisation', caffe_weights_on_rgb),
    Mistake('torchvision weights, std 1', 'normalisation', torchvision_weights_with_std_1),
    Mistake('testing not normalised', 'normalisation', normalised_in_training_only),
    Mistake('0-1 pictures, 0-255 numbers', 'input', pictures_of_unit_range),
    Mistake('tested at another size', 'input', tested_at_another_size, 'warning'),
    Mistake('boxes scaled twice', 'boxes', boxes_scaled_twice),
    Mistake('boxes loaded after Resize', 'boxes', boxes_loaded_after_resize),
    Mistake('boxes not flipped', 'boxes', boxes_not_flipped),
    Mistake('boxes not loaded', 'boxes', boxes_not_loaded),
    Mistake('scale forgotten in testing', 'boxes', scale_forgotten_in_testing),
    Mistake('frozen without weights', 'frozen', frozen_without_weights),
    Mistake('learning rate x 10', 'learning_rate', rate_ten_times_too_high),
    Mistake('learning rate of another batch', 'learning_rate', rate_for_another_batch, 'warning'),
    Mistake('warm-up without end', 'schedule', endless_warm_up),
    Mistake('milestones in iterations', 'units', milestones_in_iterations),
    Mistake('schedule without unit', 'units', schedule_without_unit, 'warning'),
    Mistake('milestones after the end', 'units', milestones_after_the_end, 'warning'),
    Mistake('checkpoints in iterations', 'units', checkpoints_in_iterations),
    Mistake('metrics by epoch', 'units', metrics_by_epoch),
    Mistake('average after the end', 'units', average_after_the_end),
    Mistake('validation all the time', 'units', validation_all_the_time, 'warning'),
    Mistake('no shuffling', 'sampling', no_shuffling, 'warning'),
    Mistake('last batch not tested', 'sampling', last_batch_not_tested),
    Mistake('anchors far too large', 'priors', anchors_too_large),
    Mistake('coder not inverse', 'coder', coder_forgets_its_stds),
    Mistake('one detection an image', 'coder', one_detection_an_image),
    Mistake('every box twice', 'ground_truth', every_box_twice),
    Mistake('weights of another model', 'weights', weights_of_another_width),
    Mistake('weights, other class order', 'weights', weights_of_other_class_order),
    Mistake('backbone cut off', 'step', backbone_cut_off),
    Mistake('detections not put back', 'evaluation', scale_forgotten_in_testing),
    Mistake('detections left of the image', 'evaluation', coder_leaves_the_image),
    Mistake('validated on the training list', 'splits', validated_on_the_training_list),
    Mistake('test images in the training list', 'splits', test_images_in_the_training_list),
    Mistake('test image in train, saved again', 'splits', reencoded_twin),
    Mistake('image listed twice', 'splits', listed_twice, 'warning'),
    Mistake('labels from 2', 'parts', labels_one_too_high),
    Mistake('boxes from 0 to 1', 'annotations', boxes_as_shares),
    Mistake('x and y swapped', 'annotations', x_and_y_swapped),
    Mistake('width and height swapped', 'annotations', sizes_swapped, 'warning'),
    Mistake('all objects difficult', 'parts', all_difficult),
    Mistake('all objects difficult in val', 'ground_truth', all_difficult_in_testing),
    Mistake('file names in another case', 'parts', endings_in_other_case),
    Mistake('metric of another file', 'ground_truth', metric_of_another_file),
    Mistake('pictures turned, boxes not', 'boxes', turned_by_exif_after_annotation),
    Mistake('12 bits in files of 16', 'input', twelve_bits_in_sixteen, 'warning'),
    Mistake('grey pictures, three channels', 'step', grey_pictures),
    Mistake('objects vanish in the input', 'input', objects_vanish),
    Mistake('normalised twice', 'input', normalised_twice),
    Mistake('mean of 0-1, std of 0-255', 'parts', mean_of_unit_range_with_std_of_255),
    Mistake('everything frozen', 'frozen', everything_frozen),
    Mistake('head frozen', 'frozen', head_frozen),
    Mistake('learning rate of nearly 0', 'learning_rate', rate_too_low),
    Mistake('huge weight decay', 'learning_rate', huge_weight_decay),
    Mistake('score_thr of 0.9', 'coder', nothing_above_the_threshold, 'warning'),
    Mistake('nms_pre of 2', 'coder', few_candidates),
    Mistake('fewer detections than objects', 'coder', more_objects_than_detections, 'warning'),
    Mistake('fewer boxes after NMS than objects', 'coder', nms_that_leaves_few, 'warning'),
    Mistake('min_score of 0.6', 'coder', soft_nms_that_leaves_high_scores, 'warning'),
    Mistake('anchors far too small', 'priors', anchors_too_small),
    Mistake('losses switched off', 'step', losses_switched_off),
    Mistake('num_classes one too many', 'parts', one_class_too_many),
    Mistake('learning rate diverges', 'overfit', rate_that_diverges),
)
