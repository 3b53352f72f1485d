# FCOS as torchvision's FCOS_ResNet50_FPN_Weights.COCO_V1 are trained: published box AP 39.2.
# Points lie on the corners of the cells, and scores are sqrt(class * centerness).
_base_ = [
    '../_base_/models/fcos_r50-caffe_fpn_gn-head.py',
    '../_base_/datasets/coco_ids.py',
    '../_base_/schedules/schedule_1x.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(
        mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True
    ),
    backbone=dict(
        style='pytorch', init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50')
    ),
    bbox_head=dict(
        num_classes=90,
        norm_on_bbox=True,
        centerness_on_reg=True,
        center_sampling=True,
        conv_bias=True,
        prior_generator=dict(
            type='TorchvisionAnchorGenerator',
            strides=[8, 16, 32, 64, 128],
            sizes=[[8], [16], [32], [64], [128]],
            ratios=[1.0],
        ),
        loss_bbox=dict(type='GIoULoss'),
    ),
    test_cfg=dict(
        score_thr=0.2, geometric_score=True, nms=dict(iou_threshold=0.6), min_bbox_size=-1
    ),
)
optim_wrapper = dict(optimizer=dict(lr=0.01))
