# YOLOX-Tiny on COCO, the published recipe.
_base_ = [
    '../_base_/models/yolox_tiny.py',
    '../_base_/datasets/coco_yolox.py',
    '../_base_/schedules/yolox_300e.py',
]
model = dict(
    data_preprocessor=dict(
        batch_augments=[
            dict(
                type='BatchSyncRandomResize',
                random_size_range=(320, 640),
                size_divisor=32,
                interval=10,
            )
        ]
    )
)
