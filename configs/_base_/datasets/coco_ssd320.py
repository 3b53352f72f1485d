# COCO 2017 with SSD's augmentation at 320 px.
_base_ = './coco_ssd300.py'
train_pipeline = [
    *_base_.train_pipeline[:4],
    dict(_base_.train_pipeline[4], scale=(320, 320)),  # Resize
    *_base_.train_pipeline[5:],
]
test_pipeline = [
    _base_.test_pipeline[0],
    dict(_base_.test_pipeline[1], scale=(320, 320)),  # Resize
    _base_.test_pipeline[2],
]
train_dataloader = dict(
    batch_size=24, num_workers=4, dataset=dict(dataset=dict(pipeline=train_pipeline))
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
