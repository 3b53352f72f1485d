# Can a small FCOS overfit eight images? If it cannot, something is wrong:
#   python tools/train.py configs/fcos/fcos_overfit.py --data-root FOLDER_OF_COCO
_base_ = [
    '../_base_/models/fcos_small.py',
    '../_base_/datasets/coco_eight.py',
    '../_base_/schedules/overfit.py',
]
model = dict(bbox_head=dict(num_classes=80))
