# The demo RetinaNet with the head of center_head.py, which has no priors and no assigner:
#   python tools/train.py examples/own_head/own_head_demo.py
_base_ = '../../configs/retinanet/retinanet_demo.py'
custom_imports = dict(imports=['examples.own_head.center_head'])
model = dict(
    bbox_head=dict(_delete_=True, type='CenterHead', num_classes=5, in_channels=64, stride=8),
    train_cfg=None,
    test_cfg=None,
)
