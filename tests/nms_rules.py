"""Rules for `multiclass_nms`, as heads have them in their test_cfg."""

from __future__ import annotations

from typing import Any

from mmlite.models.heads.fitting import nms_rule


def hard(iou_threshold: float, **others: Any) -> dict[str, Any]:
    return nms_rule(dict(nms=dict(type='nms', iou_threshold=iou_threshold, **others)), 'nms')


def soft(**keys: Any) -> dict[str, Any]:
    return nms_rule(dict(nms=dict(type='soft_nms', **keys)), 'nms')
