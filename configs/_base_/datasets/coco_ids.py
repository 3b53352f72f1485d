# COCO 2017 at 1333x800 with the ids of its categories as labels, as for torchvision's weights.
_base_ = './coco_detection.py'
train_dataloader = dict(dataset=dict(type='CocoIdsDataset'))
val_dataloader = dict(dataset=dict(type='CocoIdsDataset'))
test_dataloader = dict(dataset=dict(type='CocoIdsDataset'))
