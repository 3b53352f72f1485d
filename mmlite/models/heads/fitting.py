"""Whether assigner, losses and test_cfg of a config fit the head: asked once, when it is built.

Else a head would stop in the first step with a TypeError, or learn something else silently.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn

from mmlite.config.keys import check_dict, defaults_of
from mmlite.config.schema import NMS, SOFT_NMS, Keys
from mmlite.errors import ConfigError
from mmlite.registry import TASK_UTILS

_METHODS = {
    'per_entry': 'a loss that can be asked for each class of a prior, such as FocalLoss',
    'with_peaks': 'a loss towards a heat map, such as GaussianFocalLoss',
    'per_box': 'a loss that can be asked for each box, such as GIoULoss or SmoothL1Loss',
}
_FLAGS = {
    ('activated', False): 'a loss that takes logits (activated=False)',
    ('activated', True): 'a loss that takes probabilities (activated=True)',
    ('takes_scores', True): 'a loss that takes the score each class has to reach',
    ('weighs_priors', True): 'a loss with a weight for each prior',
    ('on_decoded', True): 'a loss that compares boxes, such as GIoULoss',
    ('on_decoded', False): 'a loss that compares deltas, such as SmoothL1Loss',
}


def check_assigner(head: nn.Module, assigner: Any, key: str = 'assigner') -> None:
    """Compares what the assigner says it `gives` with what `loss_terms` of the head takes.

    Raises:
        ConfigError: the assigner gives a quality and the head does not take it, or the head needs
            a quality or pairs that the assigner does not give, or has no boxes around its priors.
    """
    # a plugin's may not say what it gives
    if not hasattr(assigner, 'gives') or (problem := _problem(head, assigner)) is None:
        return
    fitting = sorted(
        name
        for name, cls in TASK_UTILS.module_dict.items()
        if hasattr(cls, 'gives') and _problem(head, cls) is None
    )
    raise ConfigError(
        f'model.train_cfg.{key}: {type(assigner).__name__} does not fit {type(head).__name__}, '
        f'{problem}. Assigners that fit: {", ".join(fitting)}.'
    )


def _problem(head: nn.Module, assigner: Any) -> str | None:
    gives = assigner.gives
    if getattr(assigner, 'needs_approximations', False) and not hasattr(head, 'approximations'):
        return 'which has no boxes around each prior'
    quality = inspect.signature(head.loss_terms).parameters.get('quality')
    if quality is None and 'quality' in gives:
        return 'which does not take the score that each prior has to reach'
    if quality is not None and quality.default is quality.empty and 'quality' not in gives:
        return 'which needs the score that each prior has to reach'
    if head.NEEDS_PAIRS and 'pairs' not in gives:
        return 'which needs pairs of priors and boxes'
    return None


def check_kinds_of_loss(head: nn.Module) -> None:
    """Compares the losses with `LOSS_NEEDS` of the head.

    Raises:
        ConfigError: a loss has not the method, or not the value of the flag, that the head needs.
    """
    for part in ('loss_cls', 'loss_bbox'):
        check_loss(head, part, head.LOSS_NEEDS.get(part, {}))


def check_loss(head: nn.Module, part: str, needs: dict[str, bool]) -> None:
    """Does so for one part; scores are logits unless `needs` says `activated=True`."""
    loss = getattr(head, part)
    for ability, wanted in {'activated': False, **needs}.items():
        if ability in _METHODS:
            fits, words = hasattr(loss, ability), _METHODS[ability]
        else:
            # a plugin's loss may not have the flag
            fits = getattr(loss, ability, wanted) == wanted
            words = _FLAGS[ability, wanted]
        if not fits:
            raise ConfigError(
                f'model.bbox_head.{part}: {type(head).__name__} needs {words}, '
                f'found {type(loss).__name__}'
            )


def flat_test_cfg(test_cfg: dict, keys: Keys, at: str = 'model.test_cfg') -> dict:
    """Returns mmdet's test_cfg with all keys; its `nms` has all keys too, see `nms_rule`.

    Args:
        test_cfg: of the config.
        keys: which keys it may have, and their values where they are left out.
        at: its place in the config, for messages.

    Raises:
        ConfigError: a key or a value that the head does not have.
    """
    check_dict(test_cfg, keys, at)
    nms = nms_rule(test_cfg, f'{at}.nms', defaults_of(keys)['iou_thr'])
    cfg = {**defaults_of(keys), **test_cfg, 'nms': nms}
    del cfg['iou_thr']  # it is in `nms`
    return cfg


def nms_rule(test_cfg: Mapping, at: str, iou_thr: float = 0.5) -> dict:
    """Returns `nms` of a test_cfg with all keys that its `type` has, for `multiclass_nms`.

    Args:
        test_cfg: with `nms`, a dict or nothing, and `iou_thr`, its threshold in another spelling.
        at: the place of `nms` in the config, for messages.
        iou_thr: the threshold of hard NMS where the config has none; mmcv's of soft NMS is 0.3.

    Raises:
        ConfigError: a key or a value that NMS of this type does not have.
    """
    given = {key: value for key, value in (test_cfg.get('nms') or {}).items() if value is not None}
    check_dict(given, NMS, at)
    rule = {**defaults_of(NMS), **given}
    hard = rule['type'] == 'nms'
    if hard and (keys := [key for key in SOFT_NMS if key in given]):
        raise ConfigError(
            f"{at}.{keys[0]}: only type='soft_nms' has this key, and the type is 'nms'. Set the "
            'type too, or leave the key out'
        )
    if rule['sigma'] <= 0:
        raise ConfigError(f'{at}.sigma: a number above 0 is expected, found {rule["sigma"]}')
    if 'iou_threshold' not in given:
        left_out = iou_thr if hard else 0.3
        rule['iou_threshold'] = left_out if (own := test_cfg.get('iou_thr')) is None else own
    without_effect = ('split_thr', *(SOFT_NMS if hard else ()))
    return {key: rule[key] for key in NMS.keys if key not in without_effect}
