# Faster R-CNN as torchvision's FasterRCNN_MobileNet_V3_Large_FPN_Weights.COCO_V1 are trained:
# published box AP 32.8.
_base_ = [
    '../_base_/models/faster_rcnn_mobilenetv3-large_fpn_torchvision.py',
    '../_base_/datasets/coco_ids.py',
    '../_base_/schedules/schedule_1x.py',
    '../_base_/default_runtime.py',
]
