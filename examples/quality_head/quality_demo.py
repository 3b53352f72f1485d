# The demo RetinaNet with the head of quality_head.py:
#   python tools/train.py examples/quality_head/quality_demo.py
_base_ = '../../configs/retinanet/retinanet_demo.py'
custom_imports = dict(imports=['examples.quality_head.quality_head'])
model = dict(bbox_head=dict(type='QualityHead'))
