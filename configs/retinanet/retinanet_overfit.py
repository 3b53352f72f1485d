# Can a small RetinaNet overfit eight images? If it cannot, something is wrong:
#   python tools/train.py configs/retinanet/retinanet_overfit.py --data-root FOLDER_OF_COCO
_base_ = [
    '../_base_/models/retinanet_small.py',
    '../_base_/datasets/coco_eight.py',
    '../_base_/schedules/overfit.py',
]
model = dict(bbox_head=dict(num_classes=80))
