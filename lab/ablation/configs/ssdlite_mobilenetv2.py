# SSDLite on MobileNetV2: its first level has stride 16.
_base_ = [
    '../../../configs/_base_/models/ssdlite_mobilenetv2.py',
    '../../../configs/_base_/datasets/bccd_300.py',
    '../../../configs/_base_/schedules/short_8e.py',
    '../../../configs/_base_/default_runtime.py',
]
model = dict(
    bbox_head=dict(
        num_classes=3,
        anchor_generator=dict(
            strides=[16, 32, 64, 100, 150, 300],
            min_sizes=[16, 40, 75, 120, 180, 240],
            max_sizes=[40, 75, 120, 180, 240, 300],
        ),
    ),
)
optim_wrapper = dict(type='AmpOptimWrapper', loss_scale='dynamic')  # in bfloat16
