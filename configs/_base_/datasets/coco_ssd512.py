# COCO 2017 with SSD's augmentation at 512 px.
_base_ = './coco_ssd300.py'
train_pipeline = [
    *_base_.train_pipeline[:4],
    dict(_base_.train_pipeline[4], scale=(512, 512)),  # Resize
    *_base_.train_pipeline[5:],
]
test_pipeline = [
    _base_.test_pipeline[0],
    dict(_base_.test_pipeline[1], scale=(512, 512)),  # Resize
    _base_.test_pipeline[2],
]
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
