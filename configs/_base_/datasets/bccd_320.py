# BCCD: blood cells, 364 images in VOC layout.
_base_ = 'pictures_320.py'
bccd = dict(
    type='VOCDataset',
    data_root='data/bccd/',
    data_prefix=dict(sub_data_root=''),
    metainfo=dict(classes=('RBC', 'WBC', 'Platelets')),
)
train_dataloader = dict(dataset=dict(**bccd, ann_file='ImageSets/Main/trainval.txt'))
val_dataloader = dict(dataset=dict(**bccd, ann_file='ImageSets/Main/test.txt'))
test_dataloader = val_dataloader
