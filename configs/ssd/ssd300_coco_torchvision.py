# SSD300 as torchvision's SSD300_VGG16_Weights.COCO_V1 are trained: published box AP 25.1.
# python tools/test.py configs/ssd/ssd300_coco_torchvision.py torchvision://ssd300_vgg16
_base_ = [
    '../_base_/models/ssd300.py',
    '../_base_/datasets/coco_ids_ssd300.py',
    '../_base_/schedules/schedule_2x.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(mean=[122.99925, 116.9991, 103.9992]),
    backbone=dict(
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://vgg16.IMAGENET1K_FEATURES')
    ),
    bbox_head=dict(
        num_classes=90,
        anchor_generator=dict(
            _delete_=True,
            type='SSDAnchorGenerator',
            input_size=300,
            strides=[8, 16, 32, 64, 100, 300],
            ratios=[[2], [2, 3], [2, 3], [2, 3], [2], [2]],
            min_sizes=[21, 45, 99, 153, 207, 261],
            max_sizes=[45, 99, 153, 207, 261, 315],
            clip_sides=True,
        ),
        bbox_coder=dict(bound_shrinking=False),
    ),
    test_cfg=dict(nms_pre=-1, max_per_class=400, score_thr=0.01, min_bbox_size=-1),
)
optim_wrapper = dict(optimizer=dict(lr=2e-3, weight_decay=5e-4))
auto_scale_lr = dict(base_batch_size=32)
