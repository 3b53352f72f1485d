# Faster R-CNN on MobileNetV3-Large as torchvision builds it. Both maps of the backbone have stride
# 32, and RoIs are pooled from the first of them only. Batch norm is frozen.
_base_ = './faster_rcnn_r50_fpn_torchvision.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='TorchvisionBackbone',
        name='mobilenet_v3_large',
        return_nodes=['features.13.block.3', 'features.16'],
        norm_eps=1e-5,
        frozen_norms=True,
        frozen_layers=[
            'features.0',
            'features.1',
            'features.2',
            'features.3',
            'features.4',
            'features.5',
            'features.6',
        ],
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://mobilenet_v3_large'),
    ),
    neck=dict(in_channels=[160, 960], num_outs=3),
    rpn_head=dict(
        anchor_generator=dict(strides=[32, 32, 64], sizes=[[32, 64, 128, 256, 512]] * 3)
    ),
    roi_head=dict(bbox_roi_extractor=dict(featmap_strides=[32])),
    train_cfg=dict(rpn_proposal=dict(score_thr=0.05)),
    test_cfg=dict(rpn=dict(score_thr=0.05)),
)
