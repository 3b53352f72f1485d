"""Which file and line, or which flag, gave a config key its value, and what that overrode."""

from __future__ import annotations

import argparse
import contextlib
import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from mmlite import registry
from mmlite.config import Config
from mmlite.config.lines import ConfigLines
from mmlite.config.nodes import MISSING, value_at
from mmlite.config.own_files import find_config
from mmlite.config.schema import SCHEMA
from mmlite.config.text import text_of
from mmlite.errors import ConfigError, did_you_mean
from mmlite.tools.explain.places import place, short

# the flags of cli.common that change the config, and their values where they are not given
_FLAGS = dict(
    data_root=None,
    demo_data=False,
    skip_bad_images=False,
    max_bad=None,
    debug=False,
    work_dir=None,
    launcher='none',
    gpu_ids=None,
)


class Setting(NamedTuple):
    """What gave a key a value.

    Args:
        where: 'configs/ssd/ssd_demo.py:7', or a flag.
        text: the value there, as it is written.
        removes: it sets a dict or value around the key, and the key is not in that.
    """

    where: str
    text: str
    removes: bool = False


class Origins:
    """Answers for one command line.

    Args:
        args: of a parser from `config_parser`.
        load: `config_from` of `mmlite.cli.common`: what the flags make of a config.
    """

    def __init__(self, args: argparse.Namespace, load: Callable[[Any], Config]) -> None:
        self.args = args
        self.load = load
        self.files = ConfigLines(find_config(args.config))
        self.cfg = self._loaded()
        unset = {flag for flag, default in _FLAGS.items() if getattr(args, flag) == default}
        self.flags = [flag for flag in _FLAGS if flag not in unset]
        self._by_flag: dict[str, Config] = {}

    def settings(self, key: str) -> list[Setting]:
        """Returns what set a dotted key, in order: the last one is in effect.

        Empty where nothing did, or code that is not followed.
        """
        found = [
            Setting(
                f'{short(line.file)}:{line.line}' + (f' (by {line.via})' if line.via else ''),
                line.text,
                line.removes,
            )
            for line in self.files.history(key)
        ]
        return found + self._options(key) + self._stretched(key) + self._flag_settings(key)

    def has(self, key: str) -> bool:
        """Returns whether the config, with all flags, holds a dotted key."""
        return value_at(self.cfg, key.split('.')) is not MISSING

    def leaves(self, key: str) -> list[str]:
        """Returns the keys of the single values below a key, itself if it is one.

        Raises:
            ConfigError: the config has no such key.
        """
        return list(_leaves(self.value(key), key))

    def reader(self, key: str) -> str:
        """Returns the class that takes the key as an argument, and its place; '' if none does."""
        cls, parameters, name = self._class_around(key)
        if name == 'type' and cls:
            return f'{cls.__name__}  {place(cls)}'
        return f'{cls.__name__}  {place(cls.__init__)}' if name in parameters else ''

    def default(self, key: str) -> str:
        """Returns what a key is where nothing sets it: the default of the class that takes it.

        Raises:
            ConfigError: no class takes it.
        """
        cls, parameters, name = self._class_around(key)
        parameter = parameters.get(name)
        if parameter is None or parameter.default is parameter.empty:
            self.value(key)  # says which keys there are
        return f'{parameter.default!r}, the default of {cls.__name__}  {place(cls.__init__)}'

    def _class_around(self, key: str) -> tuple[type | None, Mapping[str, Any], str]:
        """Returns the class of the dict that a key is in, its parameters, and the key's own name.

        No class and no parameters where that is no dict of a class.
        """
        *parents, name = key.split('.')
        around = value_at(self.cfg, parents)
        typed = isinstance(around, Mapping) and 'type' in around
        cls = registry.find_anywhere(around['type']) if typed else None
        return cls, (registry.parameters_of(cls) if cls else None) or {}, name

    def value(self, key: str) -> Any:
        """Returns the value in effect; raises ConfigError if the config has none."""
        steps = key.split('.')
        for depth in range(1, len(steps) + 1):
            if value_at(self.cfg, steps[:depth]) is MISSING:
                around = value_at(self.cfg, steps[: depth - 1]) if depth > 1 else self.cfg
                known = [str(name) for name in around] if hasattr(around, 'keys') else []
                known += [] if depth > 1 else SCHEMA
                raise ConfigError(
                    f"--key {key}: the config has no '{'.'.join(steps[:depth])}'."
                    f'{did_you_mean(steps[depth - 1], known)}'
                )
        return value_at(self.cfg, steps)

    def _options(self, key: str) -> list[Setting]:
        found = []
        for option in self.args.cfg_options:
            name, _, text = option.partition('=')
            name = name.strip().removeprefix('+')
            if key == name or key.startswith(f'{name}.'):
                found.append(Setting('--cfg-options', f'{name}={text.strip()}'))
        return found

    def _stretched(self, key: str) -> list[Setting]:
        """What the length of the training has made of a key."""
        stretched = self.cfg.stretched
        if stretched is None:
            return []
        where = f'stretched with {stretched.new.key}'
        return [Setting(where, str(new)) for name, _, new in stretched.changes if name == key]

    def _flag_settings(self, key: str) -> list[Setting]:
        """Every flag by itself: does it change the value?"""
        steps = key.split('.')
        before = value_at(self.without_flags, steps)
        found = []
        for flag in self.flags:
            value = value_at(self._with_flag(flag), steps)
            if value is not MISSING and value != before:
                name = f'--{flag.replace("_", "-")}'
                found.append(Setting(name, text_of(value)))
        if not found and key in ('work_dir', 'launcher', 'gpu_ids'):
            in_files = bool(self.files.history(key) or self._options(key))
            if key != 'work_dir' or not in_files:
                found.append(Setting(f'--{key.replace("_", "-")} is not given', repr(before)))
        return found

    def _with_flag(self, flag: str) -> Config:
        if flag not in self._by_flag:
            self._by_flag[flag] = self._loaded(flag)
        return self._by_flag[flag]

    @property
    def without_flags(self) -> Config:
        """The config as its files and --cfg-options make it."""
        return self._with_flag('')

    def _loaded(self, *flags: str) -> Config:
        """The config as the command line makes it; where flags are named, only with these."""
        args = argparse.Namespace(**vars(self.args))
        for flag, default in _FLAGS.items() if flags else ():
            if flag not in flags:
                setattr(args, flag, default)
        with contextlib.redirect_stdout(io.StringIO()):  # it says where the embedded set lies
            return self.load(args)


def _leaves(node: Any, path: str) -> Iterator[str]:
    """A list of numbers or names counts as one value."""
    if isinstance(node, Mapping) and node:
        children = list(node.items())
    elif isinstance(node, (list, tuple)) and any(isinstance(i, Mapping) for i in node):
        children = list(enumerate(node))
    else:
        yield path
        return
    for key, child in children:
        yield from _leaves(child, f'{path}.{key}')
