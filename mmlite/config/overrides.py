"""Overrides of a config, such as `--cfg-options model.bbox_head.num_classes=3`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.config import Config, ConfigDict

from mmlite import registry
from mmlite.errors import ConfigError, did_you_mean

# What a run reads. Every other name at the top of a config file is a variable of that file.
SECTIONS = (
    'model', 'train_dataloader', 'val_dataloader', 'test_dataloader', 'optim_wrapper',
    'param_scheduler', 'train_cfg', 'val_cfg', 'test_cfg', 'val_evaluator', 'test_evaluator',
    'default_hooks', 'custom_hooks', 'custom_imports', 'env_cfg', 'visualizer', 'log_processor',
    'log_level', 'load_from', 'resume', 'randomness', 'default_scope', 'work_dir',
    'auto_scale_lr', 'experiment_name', 'find_unused_parameters', 'sync_bn', 'compile', 'gpu_ids',
)  # fmt: skip


def override(cfg: Config, overrides: Mapping[str, Any] | Sequence[str]) -> None:
    """Changes `cfg`; the overrides are as `load_config` takes them."""
    for key, value in _pairs(overrides):
        _override(cfg, key, value)


def parse_value(text: str) -> Any:
    """Turns the text of an override into a value: a literal of Python, true, false, null, or text.

    `dict(type='EMAHook')` is a literal too, as in a config. In brackets the quotes of names may be
    left out, as shells eat them: `[cat, dog]`.
    """
    named = {'true': True, 'false': False, 'null': None, 'none': None}
    if text.lower() in named:
        return named[text.lower()]
    try:
        return ast.literal_eval(_DictCalls().visit(ast.parse(text, mode='eval')))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        pass
    if re.fullmatch(r'\[[^\[\](){}]*\]|\([^\[\](){}]*\)', text):
        items = [parse_value(item.strip()) for item in text[1:-1].split(',') if item.strip()]
        return items if text[0] == '[' else tuple(items)
    return text


class _DictCalls(ast.NodeTransformer):
    """Turns `dict(a=1)` into `{'a': 1}`, which `ast.literal_eval` understands."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if getattr(node.func, 'id', '') != 'dict' or node.args:
            return node
        keys = [ast.Constant(keyword.arg) for keyword in node.keywords]
        return ast.Dict(keys, [keyword.value for keyword in node.keywords])


def _pairs(overrides: Mapping[str, Any] | Sequence[str]) -> Iterator[tuple[str, Any]]:
    if isinstance(overrides, Mapping):
        yield from overrides.items()
        return
    for item in overrides:
        key, equals, text = item.partition('=')
        if not equals:
            raise ConfigError(f"--cfg-options {item!r}: 'key=value' is expected")
        yield key.strip(), parse_value(text.strip())


def _override(cfg: Config, key: str, value: Any) -> None:
    """Sets one dotted key; the last name must exist, be an argument, or come with a `+`."""
    adds, key = key.startswith('+'), key.removeprefix('+')
    names = key.split('.')
    _refuse_spent_variable(cfg, key, names[0])
    node: Any = cfg
    for depth, name in enumerate(names[:-1]):
        child = _child(node, name, names[:depth], adds)
        if child is None:  # `a.b=5` over `a = None`
            _assign(node, name, ConfigDict(), names[:depth])
            child = _child(node, name, names[:depth], adds=True)  # a Config stores a copy
        node = child
    if not adds:
        _check_name(node, names[-1], names[:-1])
    # dicts in it become ConfigDicts, as those of the file are
    _assign(node, names[-1], ConfigDict(value=value).value, names[:-1])


def _child(node: Any, name: str, parents: list[str], adds: bool) -> Any:
    if isinstance(node, (list, tuple)):
        child = node[_index(node, name, parents)]
    else:
        if not adds:
            _check_name(node, name, parents)
        child = node.get(name)
    if child is not None and not isinstance(child, (dict, list, tuple)):
        raise ConfigError(
            f"--cfg-options: '{'.'.join([*parents, name])}' is {child!r}, which has no keys"
        )
    return child


def _index(node: Sequence, name: str, parents: list[str]) -> int:
    if not re.fullmatch(r'-?\d+', name, re.ASCII) or not -len(node) <= int(name) < len(node):
        raise ConfigError(
            f"--cfg-options: '{'.'.join(parents)}' is a list of {len(node)}: a number from 0 to "
            f'{len(node) - 1} is expected, found {name!r}'
        )
    return int(name)


def _assign(node: Any, name: str, value: Any, parents: list[str]) -> None:
    if isinstance(node, tuple):
        raise ConfigError(
            f"--cfg-options: '{'.'.join(parents)}' is a tuple: set it as a whole, "
            f'{".".join(parents)}="{node}"'
        )
    if isinstance(node, list):
        node[_index(node, name, parents)] = value
    else:
        node[name] = value


def _check_name(node: Any, name: str, parents: list[str]) -> None:
    if isinstance(node, (list, tuple)):
        _index(node, name, parents)
        return
    known = ['type', *node, *(known_keys(node, parents) if parents else SECTIONS)]
    if name not in known:
        key = '.'.join([*parents, name])
        hint = (
            did_you_mean(name, known)
            or _keys_of_that_name(node, name, parents)
            or f' Known there: {", ".join(sorted(set(map(str, known))))}.'
        )
        raise ConfigError(
            f"--cfg-options: the config has no key '{key}'.{hint} To add it all the same: "
            f'+{key}=...'
        )


def _keys_of_that_name(node: Any, name: str, parents: list[str]) -> str:
    """Where else below `node` the key stands: `data_root` is one of each data set."""
    ends = [path for path, _ in walk(node, '.'.join(parents)) if path.endswith(f'.{name}')]
    return f' There is {", ".join(ends[:4])}.' if ends else ''


# keys of the dicts that have no `type`, by their path or its last name
_LOADER = ('dataset', 'sampler', 'batch_sampler', 'batch_size', 'num_workers', 'persistent_workers',
           'pin_memory', 'drop_last', 'prefetch_factor', 'collate_fn')  # fmt: skip
_UNTYPED = {
    'train_dataloader': _LOADER,
    'val_dataloader': _LOADER,
    'test_dataloader': _LOADER,
    'train_cfg': ('by_epoch', 'max_epochs', 'max_iters', 'val_begin', 'val_interval'),
    'model.train_cfg': ('assigner', 'neg_pos_ratio', 'smoothl1_beta'),
    'model.test_cfg': (
        *('score_thr', 'nms_pre', 'nms', 'iou_thr', 'max_per_img', 'min_bbox_size'),
        *('max_per_class', 'geometric_score'),
    ),
    'randomness': ('seed', 'deterministic', 'diff_rank_seed'),
    'auto_scale_lr': ('base_batch_size', 'enable'),
    'env_cfg': ('cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'),
    'mp_cfg': ('mp_start_method', 'opencv_num_threads'),
    'dist_cfg': ('backend', 'timeout'),
    'clip_grad': ('type', 'max_norm', 'norm_type', 'clip_value', 'error_if_nonfinite'),
    'paramwise_cfg': (
        *('custom_keys', 'bias_lr_mult', 'bias_decay_mult', 'norm_decay_mult', 'dwconv_decay_mult'),
        *('flat_decay_mult', 'dcn_offset_lr_mult', 'bypass_duplicate'),
    ),
    'metainfo': ('classes',),
    'filter_cfg': ('filter_empty_gt', 'min_size', 'bbox_min_size'),
    'default_hooks': (
        *('runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler', 'checkpoint'),
        *('invalid_loss', 'skipped_images', 'progress', 'same_buffers', 'pictures'),
    ),
}


def known_keys(node: Mapping, parents: list[str]) -> list[str]:
    """The keys that a dict takes: its class's arguments, whatever registry that is in.

    Empty where neither a class nor this module says which they are.
    """
    path = '.'.join(parents)
    cls = registry.find_anywhere(node['type']) if 'type' in node else None
    if cls is None:
        return list(_UNTYPED.get(path) or _UNTYPED.get(parents[-1], ()))
    beside = ('constructor', 'paramwise_cfg') if path == 'optim_wrapper' else ()
    return [*(registry.parameters_of(cls) or ()), *beside]


def _refuse_spent_variable(cfg: Config, key: str, name: str) -> None:
    """A variable of the file, such as train_pipeline, was read when the file ran, not later."""
    if name in SECTIONS or name not in cfg:
        return
    readers = find_value(cfg, name, cfg[name])
    raise ConfigError(
        f"--cfg-options: '{key}' is a variable that the config file has already used; changing it "
        f'now changes nothing. Set the key that is read: '
        f'{" or ".join(readers) if readers else "none holds its value"}'
    )


def find_value(cfg: Mapping, name: str, value: Any) -> list[str]:
    """Paths below the sections of a config that hold `value`, those that end in `name` first."""
    nodes = [item for section in SECTIONS if section in cfg for item in walk(cfg[section], section)]
    found = [path for path, node in nodes if node == value]
    if not found and isinstance(value, str) and value:  # such as data_root + 'train.txt'
        found = [path for path, node in nodes if isinstance(node, str) and value in node]
    same_name = [path for path in found if path.rsplit('.', 1)[-1] == name]
    if same_name or isinstance(value, (dict, list, tuple)):
        return same_name or found
    return found[:3]  # a bare number may stand in many places


def walk(node: Any, path: str = '') -> Iterator[tuple[str, Any]]:
    """Yields (dotted path, value) of a config node and of everything below it."""
    yield path, node
    if isinstance(node, (Mapping, Config)):
        children = [(str(key), value) for key, value in node.items()]
    elif isinstance(node, (list, tuple)):
        children = [(str(index), value) for index, value in enumerate(node)]
    else:
        return
    for key, value in children:
        yield from walk(value, f'{path}.{key}' if path else key)
