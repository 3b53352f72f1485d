# COCO 2017 for SSD300 with the ids of its categories as labels, as for torchvision's weights.
_base_ = './coco_ssd300.py'
train_dataloader = dict(dataset=dict(dataset=dict(type='CocoIdsDataset')))
val_dataloader = dict(dataset=dict(type='CocoIdsDataset'))
test_dataloader = dict(dataset=dict(type='CocoIdsDataset'))
