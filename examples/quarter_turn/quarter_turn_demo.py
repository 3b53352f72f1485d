# The demo SSD, trained on pictures that quarter_turn.py turns:
#   python tools/train.py examples/quarter_turn/quarter_turn_demo.py \
#       --plugin examples/quarter_turn/quarter_turn.py
_base_ = '../../configs/ssd/ssd_demo.py'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='RandomQuarterTurn'),
    dict(type='Resize', scale=(320, 240), keep_ratio=False),
    dict(type='PackDetInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
