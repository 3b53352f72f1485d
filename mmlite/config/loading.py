"""Configs: Python files with `_base_`, overrides that must name something, one dump per run."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import mmengine.config
from mmengine.utils import import_modules_from_strings

from mmlite.config.files import check_files
from mmlite.config.keys import Problem, problems, value_problems
from mmlite.config.lines import ConfigLines
from mmlite.config.nodes import walk
from mmlite.config.overrides import overridden_keys, override
from mmlite.config.own_files import find_config
from mmlite.config.stretching import Stretch, stretch, written_for
from mmlite.config.templates import check_templates
from mmlite.config.text import config_text
from mmlite.config.variables import refuse_spent_variables
from mmlite.errors import ConfigError, UserError

_find_beside = mmengine.config.Config._get_cfg_path


def _find_base(base: str, config: str) -> tuple[str, str | None]:
    path, package = _find_beside(base, config)
    return (path if package else str(find_config(base, Path(config).parent))), package


# mmengine looks for a `_base_` beside its config, and takes no other way from outside
mmengine.config.Config._get_cfg_path = staticmethod(_find_base)


class Config(mmengine.config.Config):
    """mmengine's Config, dumped in lines that people read.

    `stretched` is what a change of the length of the training has changed in it, if it did.
    """

    stretched: Stretch | None = None

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
        the config; code that reads it does not change it. Where its training is longer or shorter
        than the one that its schedules were written for, they are stretched, see `stretching`.

    Raises:
        ConfigError: the file or one of its bases is missing or broken, a key or an override names
            nothing, a value is of a wrong kind, or a variable is set that a base has already used.
    """
    found = find_config(path)
    if found != Path(path):
        print(f"{path} is not here; mmlite's own is taken: {found}", file=sys.stderr)
    cfg = _read(found)
    lines = ConfigLines(found)
    _refuse_problems(value_problems(cfg, ['custom_imports'], cfg.get('custom_imports')), lines)
    _import_custom_modules(cfg, found)
    _refuse_problems(problems(cfg), lines)
    refuse_spent_variables(cfg, lines)
    length = written_for(lines, cfg, run_file)
    overrides = overrides or {}
    override(cfg, overrides)
    keys = overridden_keys(cfg, overrides)
    if any(key.startswith('custom_imports') for key in keys):
        _import_custom_modules(cfg, found)
    stretched = stretch(cfg, length, keys)
    object.__setattr__(cfg, 'stretched', stretched)  # mmengine's own would make it a section
    return cfg


def run_file(path: Path) -> mmengine.config.Config:
    """Runs a config and its bases; it imports nothing of `custom_imports`, and checks nothing."""
    return mmengine.config.Config.fromfile(
        str(path), import_custom_modules=False, lazy_import=False
    )


def _read(path: Path) -> Config:
    files = check_files(path)
    check_templates(path)
    try:
        cfg = run_file(path)
    except UserError:
        raise
    except ImportError as error:
        raise _import_error(error, path, files) from error
    except (Exception, SystemExit) as error:  # the file is a program: anything can come out of it
        place = _place_of(error, files) or str(path)
        raise ConfigError(f'config {place}: {type(error).__name__}: {error}') from error
    _name_classes(cfg)
    return Config(cfg.to_dict(), filename=str(path))


def _refuse_problems(found: Iterable[Problem], lines: ConfigLines) -> None:
    for problem in found:
        raise ConfigError(f'config {lines.place(problem.path)}: {problem.path}: {problem.message}')


def _import_custom_modules(cfg: Config, path: Path) -> None:
    if not cfg.get('custom_imports'):
        return
    wanted = dict(cfg.custom_imports)
    imports = wanted.get('imports')
    # mmdet's configs import mmpretrain for classes that mmlite registers under the same names
    if isinstance(imports, (list, tuple)) and find_spec('mmpretrain') is None:
        wanted['imports'] = [one for one in imports if one != 'mmpretrain.models']
    if imports and not wanted['imports']:
        return
    try:
        import_modules_from_strings(**wanted)
    except ImportError as error:
        raise _import_error(error, path, [str(path)]) from error
    except TypeError as error:
        raise ConfigError(f'config {path}: custom_imports: {error}') from error


def _place_of(error: BaseException, files: list[str]) -> str:
    """File and line of an error in the code of a config, '' if the error is not in a config."""
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
    if not isinstance(init_cfg, dict):
        return False
    kind = init_cfg.get('type')  # mmdet's configs of PVT have none
    return kind == 'Pretrained' or (kind is None and 'checkpoint' in init_cfg)
