# Can a small Faster R-CNN overfit eight images? If it cannot, something is wrong:
#   python tools/train.py configs/faster_rcnn/faster_rcnn_overfit.py --data-root FOLDER_OF_COCO
_base_ = [
    '../_base_/models/faster_rcnn_small.py',
    '../_base_/datasets/coco_eight.py',
    '../_base_/schedules/overfit.py',
]
model = dict(roi_head=dict(bbox_head=dict(num_classes=80)))
