"""Reads a config of mmdet 1.x or 2.x, and says which of the two it is."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmlite.config import check_files
from mmlite.config.loading import run_file
from mmlite.errors import ConfigError, UserError
from mmlite.registry import DETECTORS, HEADS
from mmlite.tools.migrate.datasets import innermost
from mmlite.tools.migrate.parts import is_known

# found in 3.x only; a single one is enough
_NEW_KEYS = (
    *('train_dataloader', 'val_dataloader', 'test_dataloader', 'optim_wrapper'),
    *('param_scheduler', 'val_evaluator', 'test_evaluator', 'default_hooks', 'env_cfg'),
)
# arguments of 1.x's heads that became an anchor_generator or a bbox_coder in 2.0
OLD_HEAD_KEYS = (
    *('anchor_scales', 'anchor_ratios', 'anchor_strides', 'anchor_base_sizes', 'input_size'),
    *('basesize_ratio_range', 'octave_base_scale', 'scales_per_octave'),
    *('target_means', 'target_stds'),
)
_CLASSES_OF = dict(CocoDataset=80, VOCDataset=20)
_HEADS_OF = dict(  # whose arguments of 1.x have a rule
    SingleStageDetector=('SSDHead', 'RetinaHead', 'FCOSHead'),
    RetinaNet=('RetinaHead',),
    FCOS=('FCOSHead',),
)
# of versions before 3.0 only 2.x has these
_HEADS_OF_2X = ('CenterNetHead', 'CenterNetUpdateHead')


def read_old_config(path: Path) -> dict[str, Any]:
    """Returns the config with its bases, as plain dicts.

    `custom_imports` are not imported: they are written for packages that need not be here.

    Raises:
        ConfigError: the file or a base is missing or broken, it is no 1.x or 2.x config, or its
            detector is not one of those that are supported.
    """
    check_files(path)
    try:
        cfg = run_file(path)
    except UserError:
        raise
    except Exception as error:  # the file is a program: anything can come out of it
        raise ConfigError(f'config {path}: {type(error).__name__}: {error}') from error
    values = cfg.to_dict()
    _check_is_old(values, path)
    return values


def variables_of(path: Path) -> set[str]:
    """Returns the names at the top of a config's files that these files themselves read.

    A name that a file sets again is not one of its base: the base has read its own before.
    """
    trees = [
        ast.parse(Path(file).read_text(encoding='utf-8'))
        for file in check_files(path)
        if file.endswith('.py')
    ]
    nodes = [list(ast.walk(tree)) for tree in trees]  # the file itself first, then its bases
    read = {
        node.attr  # {{_base_.name}}
        for node in itertools.chain(*nodes)
        if isinstance(node, ast.Attribute) and getattr(node.value, 'id', '') == '_base_'
    }
    known: set[str] = set()
    for names in ([node for node in file if isinstance(node, ast.Name)] for file in nodes):
        stored = {name.id for name in names if isinstance(name.ctx, ast.Store)} - known
        read |= stored & {name.id for name in names if isinstance(name.ctx, ast.Load)}
        known |= stored
    return read


def _check_is_old(values: dict[str, Any], path: Path) -> None:
    new = [key for key in _NEW_KEYS if key in values]
    if new:
        raise ConfigError(
            f"config {path}: '{new[0]}' is mmdet 3.x's: this config runs as it is, nothing has to "
            'be migrated'
        )
    missing = [key for key in ('model', 'data') if not isinstance(values.get(key), dict)]
    if missing:
        raise ConfigError(
            f"config {path}: it has no dict '{missing[0]}', so it is no complete config of mmdet "
            '1.x or 2.x'
        )
    _check_is_supported(values, path)


def _check_is_supported(values: dict[str, Any], path: Path) -> None:
    model = values['model']
    head, kind = class_head(model), model.get('type')
    head_kind = head.get('type') if isinstance(head, dict) else None
    if not (is_known(str(kind), DETECTORS) and is_known(str(head_kind), HEADS)):
        raise ConfigError(
            f"config {path}: detector '{kind}' with head '{head_kind}' is not supported; heads "
            f'that are: {", ".join(sorted(HEADS.module_dict))}'
        )
    if head_kind not in _HEADS_OF.get(kind, ()) and version_of(values) == '1.x':
        raise ConfigError(
            f"config {path}: detector '{kind}' with head '{head_kind}' is not supported as mmdet "
            '1.x has it; there are SSD (SingleStageDetector with SSDHead), RetinaNet (RetinaHead) '
            'and FCOS (FCOSHead)'
        )
    has_classes = 'num_classes' in head or head_kind == 'RPNHead'
    if not isinstance(model.get('backbone'), dict) or not has_classes:
        raise ConfigError(
            f'config {path}: model.backbone, a dict, or num_classes of its {head_kind} is missing'
        )


def class_head(model: Mapping[str, Any]) -> Any:
    """Returns the dict of the head that has the classes, the first one of a cascade.

    Of an RPN for itself it is the only head.
    """
    has_rois = isinstance(model.get('roi_head'), Mapping)
    head = model['roi_head'].get('bbox_head') if has_rois else model.get('bbox_head')
    if isinstance(head, (list, tuple)) and head:
        return head[0]
    return head or model.get('rpn_head')


def version_of(values: dict[str, Any]) -> str:
    """Returns '1.x' or '2.x': in 1.x `num_classes` counts the background.

    The head's arguments say it. FCOS has the same in both: there the number of classes of the data
    set decides, and where that is not known the spelling of the batch size.
    """
    if 'roi_head' in values['model']:
        return '2.x'
    head = class_head(values['model'])
    is_new = head['type'] in _HEADS_OF_2X
    if is_new or any(key in head for key in ('anchor_generator', 'bbox_coder')):
        return '2.x'
    if any(key in head for key in OLD_HEAD_KEYS):
        return '1.x'
    train = innermost(values['data'].get('train') or {})
    classes = train.get('classes')
    known = (
        len(classes) if isinstance(classes, (list, tuple)) else _CLASSES_OF.get(train.get('type'))
    )
    surplus = head.get('num_classes', -1) - known if known else None
    if surplus in (0, 1):
        return '1.x' if surplus == 1 else '2.x'
    return '1.x' if 'imgs_per_gpu' in values['data'] else '2.x'
