# FSSD300-VGG16 (Li and Zhou 2017, arXiv 1712.00960) on COCO: conv4_3, fc7 and conv7_2 are fused.
_base_ = './ssd300_coco.py'
model = dict(
    neck=dict(
        _delete_=True,
        type='SequentialNeck',
        necks=[
            dict(
                type='SSDNeck',
                in_channels=(512, 1024),
                out_channels=(512, 1024, 512),
                level_strides=(2,),
                level_paddings=(1,),
                l2_norm_scale=None,  # the fused map is normalised
            ),
            dict(type='FSSDNeck', in_channels=(512, 1024, 512), norm_cfg=dict(type='BN')),
        ],
    ),
    bbox_head=dict(in_channels=(512, 512, 256, 256, 256, 256)),
)
