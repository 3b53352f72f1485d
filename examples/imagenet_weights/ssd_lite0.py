# SSD300 on EfficientNet-Lite0 with the weights that efficientnet_lite0.py writes to lite0.pth: a
# config of one's own names it in place of configs/_base_/models/ssd_r18.py.
_base_ = '../../configs/_base_/models/ssd_r18.py'
model = dict(
    data_preprocessor=dict(mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5]),
    backbone=dict(
        _delete_=True,
        type='TimmBackbone',
        model_name='tf_efficientnet_lite0',
        out_indices=(2, 3, 4),
        init_cfg=dict(type='Pretrained', checkpoint='lite0.pth'),
    ),
    neck=dict(in_channels=(40, 112, 320), out_channels=(40, 112, 320, 256, 256, 128)),
    bbox_head=dict(in_channels=(40, 112, 320, 256, 256, 128)),
)
