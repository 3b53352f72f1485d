"""Configs: Python files with `_base_`, overrides that must name something, one dump per run."""

from __future__ import annotations

import ast
import itertools
import json
import os
import platform
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any

import mmengine.config
import yaml

from mmlite.config.overrides import override, walk
from mmlite.config.own_files import find_config
from mmlite.config.text import config_text
from mmlite.errors import ConfigError, UserError
from mmlite.files import near_files

# a few references to each other (&a, *a) in a file of YAML stand for more than there is memory for
_MOST_VALUES = 200_000

_find_beside = mmengine.config.Config._get_cfg_path


def _find_base(base: str, config: str) -> tuple[str, str | None]:
    path, package = _find_beside(base, config)
    return (path if package else str(find_config(base, Path(config).parent))), package


# mmengine looks for a `_base_` beside its config, and takes no other way from outside
mmengine.config.Config._get_cfg_path = staticmethod(_find_base)


class Config(mmengine.config.Config):
    """mmengine's Config, dumped in lines that people read."""

    @property
    def pretty_text(self) -> str:
        return config_text(self)


def load_config(
    path: str | Path, overrides: Mapping[str, Any] | Sequence[str] | None = None
) -> Config:
    """Loads a config file, its bases and the overrides on top.

    Args:
        path: a .py, .json or .yaml file; `configs/...` that is not there is mmlite's own, see
            `find_config`.
        overrides: `{'model.bbox_head.num_classes': 3}` or `['model.bbox_head.num_classes=3']`.
            A key must exist, or be one that the class of its dict takes; `+key` adds any other.

    Returns:
        the config; whoever reads it does not change it.

    Raises:
        ConfigError: the file or one of its bases is missing or broken, or an override names
            nothing.
    """
    found = find_config(path)
    if found != Path(path):
        print(f"{path} is not here; mmlite's own is taken: {found}", file=sys.stderr)
    cfg = _read(found)
    override(cfg, overrides or {})
    return cfg


def _read(path: Path) -> Config:
    files = check_files(path)
    try:
        cfg = mmengine.config.Config.fromfile(str(path), lazy_import=False)
    except UserError:
        raise
    except ImportError as error:
        raise _import_error(error, path, files) from error
    except (Exception, SystemExit) as error:  # the file is a program: anything can come out of it
        place = _place_of(error, files) or str(path)
        raise ConfigError(f'config {place}: {type(error).__name__}: {error}') from error
    _name_classes(cfg)
    return Config(cfg.to_dict(), filename=str(path))


def check_files(path: Path, included_by: tuple[Path, ...] = ()) -> list[str]:
    """Checks that a config file and its bases are there, can be parsed and make no circle.

    mmengine finds that out too, but names neither the file nor the line.

    Returns:
        the absolute paths of all these files.

    Raises:
        ConfigError: names the file, and the one whose `_base_` it is.
    """
    path = path.absolute()
    whose = f' (a _base_ of {included_by[-1]})' if included_by else ''
    if path.resolve() in [includer.resolve() for includer in included_by]:
        raise ConfigError(f'config {included_by[-1]}: its _base_ {path} includes it in turn')
    if not path.is_file():
        raise ConfigError(f'config {path}{whose}: {_why_no_file(path)}')
    try:
        bases = bases_of(path)
    except SyntaxError as error:
        place = f'{path}{whose}, line {error.lineno or 1}'
        text = (error.text or '').strip()[:80]
        raise ConfigError(f'config {place}: {error.msg}: {text}') from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f'config {path}{whose}: {error}') from error
    files = [str(path)]
    for base in bases:
        files += check_files(base, (*included_by, path))
    return files


def bases_of(path: Path) -> list[Path]:
    """Returns the files in a config's `_base_`, there or not; the config is not run.

    Raises:
        ConfigError: they are no paths, or the config is of a kind that is not read.
        SyntaxError: the file cannot be parsed.
    """
    if path.suffix != '.py':
        bases = _base_list(plain_content(path).get('_base_', []), path)
    else:
        tree = ast.parse(path.read_text(encoding='utf-8'))
        _check_style(tree, path)
        bases = _bases(tree, path)
    return [Path(os.path.normpath(find_config(base, path.parent))) for base in bases]


def _why_no_file(path: Path) -> str:
    if path.is_dir():
        files = sorted(p.name for p in path.glob('*.py'))
        has = f' It has {", ".join(files[:3])}.' if files else ''
        return f'it is a folder, and a file is expected.{has}'
    windows = next((i for i, part in enumerate(path.parts) if PureWindowsPath(part).drive), None)
    if os.name != 'nt' and windows is not None:
        found = '/'.join(path.parts[windows:])
        return (
            f'{found} is a path of Windows, and this is {platform.system()}. A path from the '
            "folder of the config, such as './base.py', works on both"
        )
    return f'no such file.{near_files(path, "*.*")}'


def plain_content(path: Path) -> dict:
    """Reads a config that is no Python file, and runs nothing: YAML can ask for calls.

    Raises:
        ConfigError: it is broken, asks for a call, or holds no keys and values.
    """
    text = path.read_text(encoding='utf-8')
    if path.suffix not in ('.json', '.yaml', '.yml'):
        raise ConfigError(f'config {path}: a file .py, .json, .yaml or .yml is expected')
    try:
        content = json.loads(text) if path.suffix == '.json' else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        reason = ' '.join(str(error).split())
        raise ConfigError(f'config {path}: {reason}') from error
    if not isinstance(content, dict):
        raise ConfigError(
            f'config {path}: keys and values are expected, found {type(content).__name__}'
        )
    if sum(1 for _ in itertools.islice(walk(content), _MOST_VALUES + 1)) > _MOST_VALUES:
        raise ConfigError(f'config {path}: its references come to more than {_MOST_VALUES} values')
    return content


def _bases(tree: ast.Module, path: Path) -> list[str]:
    """The files in `_base_`."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', '') == '_base_':
            try:
                return _base_list(ast.literal_eval(node.value), path)
            except ValueError:
                raise ConfigError(
                    f'config {path}, line {node.lineno}: _base_ is read before the file runs: a '
                    f'path or a list of paths is expected, found {ast.unparse(node.value):.80}'
                ) from None
    return []


def _base_list(value: Any, path: Path) -> list[str]:
    bases = [value] if isinstance(value, str) else value
    if not isinstance(bases, (list, tuple)) or not all(isinstance(base, str) for base in bases):
        raise ConfigError(
            f'config {path}: _base_: a path or a list of paths is expected, found {value!r}'
        )
    scoped = [base for base in bases if '::' in base]
    if scoped:
        raise ConfigError(
            f"config {path}: its _base_ '{scoped[0]}' is a file in a package: give its "
            "path. mmdet's wheel has its configs in mmdet/.mim/configs: pip download "
            '--no-deps mmdet==3.3.0'
        )
    return list(bases)


def _check_style(tree: ast.Module, path: Path) -> None:
    """Refuses mmengine's newer style, in which bases are imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'read_base':
            raise ConfigError(
                f"config {path}, line {node.lineno}: read_base() is mmengine's newer style, and "
                "_base_ = ['a.py', ...] is expected. mmdet has its configs in both: these are in "
                'configs/, not in mmdet/configs/'
            )


def _place_of(error: BaseException, files: list[str]) -> str:
    """File and line of an error in the code of a config, '' if it is none of theirs."""
    place = ''
    for frame, line in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename in files:
            place = f'{frame.f_code.co_filename}, line {line}'
    return place


def _import_error(error: ImportError, path: Path, files: list[str]) -> BaseException:
    """A module that the config asks for and that is not there is its mistake.

    What fails inside a module that is there keeps its own type and traceback.
    """
    cause: BaseException = error
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__
    frames = [frame for frame, _ in traceback.walk_tb(cause.__traceback__)]
    modules = [f.f_code.co_filename for f in frames if f.f_code.co_name == '<module>']
    if not isinstance(cause, ImportError) or set(modules) - set(files):
        return cause
    place = _place_of(cause, files) or f'{path}: custom_imports'
    return ConfigError(f'config {place}: {cause}. Is its folder on PYTHONPATH?')


def _name_classes(cfg: mmengine.config.Config) -> None:
    """Writes `type=SSDHead` as the name of that class: the dump of the config must be a config."""
    for name in [name for name, value in cfg.items() if isinstance(value, type)]:
        cfg.pop(name)  # what the file imported
    for _, node in walk(cfg):
        if isinstance(node, dict) and isinstance(node.get('type'), type):
            node['type'] = f'{node["type"].__module__}.{node["type"].__qualname__}'


def is_pretrained(init_cfg: Any) -> bool:
    """Whether an `init_cfg` names weights: a file, a URL or a name of torchvision's."""
    return isinstance(init_cfg, dict) and init_cfg.get('type') == 'Pretrained'
