# The tiny RetinaNet's data and neck with YOLOX' head.
_base_ = './tiny_retinanet.py'
model = dict(
    type='YOLOX',
    bbox_head=dict(
        _delete_=True,
        type='YOLOXHead',
        num_classes=5,
        in_channels=16,
        stacked_convs=1,
        feat_channels=16,
        strides=[8, 16, 32, 64],
    ),
    train_cfg=dict(_delete_=True, assigner=dict(type='SimOTAAssigner')),
)
