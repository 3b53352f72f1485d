"""The files of a config: which bases it names, and what is wrong with their text; none is run."""

from __future__ import annotations

import ast
import itertools
import json
import os
import platform
import re
from pathlib import Path, PureWindowsPath
from typing import Any

import yaml

from mmlite.config.nodes import walk
from mmlite.config.own_files import find_config
from mmlite.errors import ConfigError
from mmlite.support.files import near_files

# a few references to each other (&a, *a) in a file of YAML stand for more than there is memory for
_MOST_VALUES = 200_000


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


def plain_content(path: Path) -> dict:
    """Reads a config that is no Python file, and runs nothing: YAML can ask for calls.

    Raises:
        ConfigError: it is broken, asks for a call, or holds no keys and values.
    """
    if path.suffix not in ('.json', '.yaml', '.yml'):
        raise ConfigError(f'config {path}: a file .py, .json, .yaml or .yml is expected')
    text = without_templates(path)
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


def without_templates(path: Path) -> str:
    """Returns the text of a YAML or JSON config with `"_base_.x"` in place of `{{ _base_.x }}`.

    mmengine puts the value of a base there.
    """
    text = path.read_text(encoding='utf-8')
    return re.sub(r'(?<![\'"\w])\{\{\s*(_base_\.[\w.]+)\s*\}\}', r'"\1"', text)


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
