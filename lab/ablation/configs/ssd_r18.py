# SSD on ResNet-18 with batch norm.
_base_ = [
    '../../../configs/_base_/models/ssd_r18.py',
    '../../../configs/_base_/datasets/bccd_300.py',
    '../../../configs/_base_/schedules/short_8e.py',
    '../../../configs/_base_/default_runtime.py',
]
model = dict(
    bbox_head=dict(
        num_classes=3,
        # platelets are 12 to 35 px at this input size, red cells about 50, white cells about 110
        anchor_generator=dict(
            min_sizes=(16, 40, 75, 120, 180, 240), max_sizes=(40, 75, 120, 180, 240, 300)
        ),
    ),
)
optim_wrapper = dict(type='AmpOptimWrapper', loss_scale='dynamic')  # in bfloat16
