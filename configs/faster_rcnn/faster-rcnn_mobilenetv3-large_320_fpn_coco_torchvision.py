# Faster R-CNN as torchvision's FasterRCNN_MobileNet_V3_Large_320_FPN_Weights.COCO_V1 are trained:
# published box AP 22.8. The shorter side has 320 px, and 150 proposals go to the second stage.
_base_ = './faster-rcnn_mobilenetv3-large_fpn_coco_torchvision.py'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='Resize', scale=(640, 320), keep_ratio=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(640, 320), keep_ratio=True),
    dict(type='PackDetInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
model = dict(test_cfg=dict(rpn=dict(nms_pre=150, max_per_img=150)))
