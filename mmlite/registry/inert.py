"""Arguments of mmdet's classes that have one value here, and change nothing with it.

mmdet's configs spell them out, so they are accepted; any other value is an error. What a class of
mmlite itself takes is not in this table. `docs/migrating.md` lists it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmlite.errors import BOXES_ONLY, ArgumentError

_LOSS = dict(reduction='mean')
_CONV = dict(conv_cfg=None)
_PRETRAINED = dict(pretrained=None)

_NO_MASKS = dict(mask_roi_extractor=None, mask_head=None)

# class -> argument -> the value that changes nothing
INERT: dict[str, dict[str, Any]] = dict(
    SigmoidLoss=_LOSS,
    GHMC=_LOSS,
    GHMR=_LOSS,
    DistributionFocalLoss=_LOSS,
    CrossEntropyLoss=dict(
        **_LOSS, use_mask=False, class_weight=None, ignore_index=None, avg_non_ignore=False
    ),
    BoxLoss=_LOSS,
    ResNet=dict(
        **_PRETRAINED,
        in_channels=3,
        stem_channels=None,
        deep_stem=False,
        avg_down=False,
        plugins=None,
    ),
    MobileNetV2=dict(**_CONV, **_PRETRAINED),
    SSDVGG=dict(**_PRETRAINED, input_size=None, l2_norm_scale=None),
    Darknet=dict(**_CONV, **_PRETRAINED),
    CSPDarknet=dict(**_CONV, arch_ovewrite=None),
    CSPNeXt=dict(**_CONV, arch_ovewrite=None),
    HRNet=dict(**_CONV, **_PRETRAINED, in_channels=3),
    RegNet=dict(
        **_CONV,
        **_PRETRAINED,
        in_channels=3,
        base_channels=32,
        deep_stem=False,
        avg_down=False,
        plugins=None,
    ),
    Res2Net=dict(
        **_CONV,
        **_PRETRAINED,
        in_channels=3,
        base_channels=64,
        style='pytorch',
        deep_stem=True,
        avg_down=True,
        zero_init_residual=True,
        plugins=None,
    ),
    ResNeSt=dict(
        **_CONV,
        **_PRETRAINED,
        in_channels=3,
        base_channels=64,
        style='pytorch',
        deep_stem=True,
        avg_down=True,
        zero_init_residual=True,
        plugins=None,
    ),
    SwinTransformer=dict(**_PRETRAINED, in_channels=3, use_abs_pos_embed=False),
    PyramidVisionTransformer=dict(**_PRETRAINED, in_channels=3),
    PyramidVisionTransformerV2=dict(pretrain_img_size=224),
    ConvNeXt=dict(
        in_channels=3,
        norm_cfg=dict(type='LN2d', eps=1e-6),
        linear_pw_conv=True,
        use_grn=False,
        gap_before_final_norm=False,
    ),
    EfficientNet=dict(
        conv_cfg=dict(type='Conv2dAdaptivePadding'), act_cfg=dict(type='Swish'), with_cp=False
    ),
    TimmBackbone=dict(checkpoint_path='', in_channels=3),
    HRFPN=dict(**_CONV, norm_cfg=None),
    DyHead=dict(init_cfg=None),
    BFP=_CONV,
    YOLOV3Neck=_CONV,
    YOLOXPAFPN=_CONV,
    CSPNeXtPAFPN=_CONV,
    RetinaHead=dict(**_CONV, reg_decoded_bbox=False),
    SABLRetinaHead=dict(**_CONV, reg_decoded_bbox=False),
    ATSSHead=dict(**_CONV, reg_decoded_bbox=True),
    GFLHead=_CONV,
    FoveaHead=_CONV,
    RepPointsHead=dict(**_CONV, dcn_on_last_conv=False, conv_bias='auto'),
    CenterNetUpdateHead=_CONV,
    AutoAssignHead=dict(**_CONV, force_topk=False, topk=9),
    FSAFHead=dict(**_CONV, score_threshold=None, reg_decoded_bbox=True),
    CenterRegionAssigner=dict(iou_calculator=dict(type='BboxOverlaps2D')),
    TBLRBBoxCoder=dict(use_box_type=False),
    BucketingBBoxCoder=dict(use_box_type=False),
    YOLOBBoxCoder=dict(use_box_type=False),
    YOLOFHead=dict(reg_decoded_bbox=True),
    UniformAssigner=dict(iou_calculator=dict(type='BboxOverlaps2D')),
    DDODHead=dict(**_CONV, reg_decoded_bbox=False),
    VFNetHead=dict(
        **_CONV,
        use_atss=True,
        use_vfl=True,
        center_sampling=False,
        center_sample_radius=1.5,
        sync_num_pos=True,
        gradient_mul=0.1,
        bbox_norm_type='reg_denom',
        reg_decoded_bbox=True,
    ),
    TOODHead=dict(**_CONV, reg_decoded_bbox=True),
    TaskAlignedAssigner=dict(iou_calculator=dict(type='BboxOverlaps2D')),
    RTMDetHead=dict(**_CONV, reg_decoded_bbox=True),
    YOLOV3Head=_CONV,
    YOLOXHead=_CONV,
    SSDHead=dict(**_CONV, reg_decoded_bbox=False),
    FCOSHead=dict(**_CONV, cls_predictor_cfg=None),
    GridPriors=dict(use_box_type=False),
    DeltaXYWHBBoxCoder=dict(use_box_type=False),
    DistancePointBBoxCoder=dict(use_box_type=False),
    GridAssigner=dict(iou_calculator=dict(type='BboxOverlaps2D')),
    MaxIoUAssigner=dict(iou_calculator=dict(type='BboxOverlaps2D'), perm_repeat_gt_cfg=None),
    ATSSAssigner=dict(iou_calculator=dict(type='BboxOverlaps2D')),
    DynamicKAssigner=dict(iou_calculator=dict(type='BboxOverlaps2D')),
    DetDataPreprocessor=dict(
        pad_mask=False,
        mask_pad_value=0,
        pad_seg=False,
        seg_pad_value=255,
        rgb_to_bgr=False,
        boxtype2tensor=True,
        non_blocking=False,
    ),
    BatchFixedSizePad=dict(pad_mask=False, mask_pad_value=0, pad_seg=False, seg_pad_value=255),
    LoadAnnotations=dict(poly2mask=True, reduce_zero_label=False, ignore_index=255),
    FilterAnnotations=dict(min_gt_mask_area=1, by_box=True, by_mask=False),
    Expand=dict(seg_ignore_label=None),
    MovingStep=dict(mask_border_value=0, seg_ignore_label=255),
    CocoMetric=dict(file_client_args=None, use_mp_eval=False),
    VOCMetric=dict(proposal_nums=(100, 300, 1000)),
    CheckpointHook=dict(file_client_args=None, backend_args=None, published_keys=None),
    EarlyStoppingHook=dict(strict=True),
    DetVisualizationHook=dict(backend_args=None),
    DetLocalVisualizer=dict(
        image=None,
        bbox_color=None,
        text_color=(200, 200, 200),
        mask_color=None,
        line_width=3,
        alpha=0.8,
    ),
    ResLayer=dict(**_PRETRAINED, with_cp=False),
    BBoxHead=dict(with_cls=True, with_reg=True, predict_box_type='hbox'),
    StandardRoIHead=_NO_MASKS,
    CascadeRoIHead=_NO_MASKS,
    ConcatDataset=dict(lazy_init=False),
    MultiImageMixDataset=dict(lazy_init=False),
)

# what to use in the place of some of them
_INSTEAD = dict(
    pretrained="init_cfg=dict(type='Pretrained', checkpoint=...)",
    reg_decoded_bbox='the loss says itself whether it compares boxes or deltas',
    l2_norm_scale='it is an argument of SSDNeck',
    checkpoint_path="init_cfg=dict(type='Pretrained', checkpoint=...)",
    input_size='it is an argument of SSDAnchorGenerator',
)
_OF_MASKS = ('mask_roi_extractor', 'mask_head', 'pad_mask')


def inert_arguments(cls: Any) -> dict[str, Any]:
    """Returns the rows of INERT for a class and its bases."""
    found: dict[str, Any] = {}
    for base in getattr(cls, '__mro__', ()):
        found = {**INERT.get(base.__name__, {}), **found}
    return found


def without_inert(
    cls: Any, args: Mapping[str, Any], taken: Mapping[str, Any], path: str
) -> dict[str, Any]:
    """Returns the arguments of a class without those that change nothing.

    Args:
        cls: the class.
        args: its arguments in a config.
        taken: the parameters that the class itself has.
        path: config path, for errors.

    Raises:
        ArgumentError: one of them has a value that would change something.
    """
    inert = {key: value for key, value in inert_arguments(cls).items() if key not in taken}
    for key in inert.keys() & args.keys():
        if _plain(args[key]) != _plain(inert[key]):
            instead = f' Instead: {_INSTEAD[key]}.' if key in _INSTEAD else ''
            instead = f' {BOXES_ONLY}' if key in _OF_MASKS else instead
            raise ArgumentError(
                f'{path}.{key}: {cls.__name__} supports only {key}={inert[key]!r} of mmdet, found '
                f'{args[key]!r:.200}.{instead}'
            )
    return {key: value for key, value in args.items() if key not in inert}


def _plain(value: Any) -> Any:
    """Lists and tuples are the same in a config."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value
