# The tiny RetinaNet's data with a YOLOv3 on a narrow MobileNetV2.
_base_ = './tiny_retinanet.py'
_sum = dict(type='CrossEntropyLoss', use_sigmoid=True, reduction='sum')
model = dict(
    type='YOLOV3',
    data_preprocessor=dict(pad_size_divisor=32),
    backbone=dict(
        _delete_=True,
        type='MobileNetV2',
        widen_factor=1 / 16,
        out_indices=(2, 4, 6),
        act_cfg=dict(type='LeakyReLU', negative_slope=0.1),
    ),
    neck=dict(
        _delete_=True,
        type='YOLOV3Neck',
        num_scales=3,
        in_channels=[24, 8, 8],
        out_channels=[8, 8, 8],
    ),
    bbox_head=dict(
        _delete_=True,
        type='YOLOV3Head',
        num_classes=5,
        in_channels=[8, 8, 8],
        out_channels=[8, 8, 8],
        loss_cls=_sum,
        loss_conf=_sum,
        loss_xy=dict(_sum, loss_weight=2.0),
        loss_wh=dict(type='MSELoss', loss_weight=2.0, reduction='sum'),
    ),
    train_cfg=dict(
        _delete_=True,
        assigner=dict(type='GridAssigner', pos_iou_thr=0.5, neg_iou_thr=0.5, min_pos_iou=0),
    ),
    test_cfg=dict(nms_pre=1000, score_thr=0.05, conf_thr=0.005, max_per_img=100),
)
