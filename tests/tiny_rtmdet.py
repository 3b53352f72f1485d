# The tiny RetinaNet's data and neck with RTMDet's head.
_base_ = './tiny_retinanet.py'
model = dict(
    type='RTMDet',
    bbox_head=dict(
        _delete_=True,
        type='RTMDetSepBNHead',
        num_classes=5,
        in_channels=16,
        stacked_convs=1,
        feat_channels=16,
        anchor_generator=dict(type='MlvlPointGenerator', offset=0, strides=[8, 16, 32, 64]),
        with_objectness=False,
        exp_on_reg=True,
    ),
    train_cfg=dict(_delete_=True, assigner=dict(type='DynamicSoftLabelAssigner')),
)
