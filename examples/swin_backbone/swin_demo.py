# The demo RetinaNet on a small Swin Transformer:
#   python tools/train.py examples/swin_backbone/swin_demo.py
# The class's defaults are swin_t: with them the neck gets in_channels=[96, 192, 384, 768].
_base_ = '../../configs/retinanet/retinanet_demo.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='examples.swin_backbone.swin_backbone.SwinBackbone',
        embed_dim=32,
        depths=(2, 2, 2, 2),
        num_heads=(1, 2, 4, 8),
        drop_path=0.0,
    ),
    neck=dict(in_channels=[32, 64, 128, 256]),
)
