# The demo with the head of tower_head.py in place of SSD's:
#   python tools/train.py examples/custom_head/tower_demo.py
_base_ = '../../configs/ssd/ssd_demo.py'
custom_imports = dict(imports=['examples.custom_head.tower_head'])
model = dict(bbox_head=dict(type='TowerHead', width=64))
