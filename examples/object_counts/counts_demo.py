# The demo SSD on six pictures that a file of JSON lines describes, measured by how well it counts:
#   python tools/train.py examples/object_counts/counts_demo.py
# For pictures of your own, --data-root DIR with a train.jsonl and a val.jsonl in it.
_base_ = '../../configs/ssd/ssd_demo.py'
custom_imports = dict(
    imports=['examples.object_counts.json_lines', 'examples.object_counts.count_metric']
)
pictures = dict(
    type='JsonLinesDataset',
    data_root='examples/object_counts/pictures',
    metainfo=dict(classes=('square', 'triangle', 'cross', 'ring', 'hourglass')),
)
train_dataloader = dict(
    batch_size=2,
    dataset=dict(
        _delete_=True,
        ann_file='train.jsonl',
        pipeline={{_base_.train_pipeline}},
        **pictures,
    ),
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        ann_file='val.jsonl',
        pipeline={{_base_.test_pipeline}},
        test_mode=True,
        **pictures,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(_delete_=True, type='CountMetric', score_thr=0.3)
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='count/MAE', rule='less'))
