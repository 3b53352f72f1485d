"""A registry: names in configs become classes, and build errors name the offender.

It imports its modules at the first look-up. Installed plugin packages are imported once a name is
in no registry, so that a run pays for them only where it may need them.
"""

from __future__ import annotations

import importlib
import inspect
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from mmengine import registry as roots

from mmlite.errors import (
    ArgumentError,
    ConfigError,
    ExpectedError,
    UnknownTypeError,
    did_you_mean,
)
from mmlite.registry.argument_types import mistyped
from mmlite.registry.inert import without_inert
from mmlite.registry.plugins import import_installed_plugins

# (config path, arguments) of the objects under construction, the outermost first: their parts
# find their own path in them
_under_construction: ContextVar[tuple[tuple[str, dict], ...]] = ContextVar(
    'under_construction', default=()
)

# `type='mmdet.SSDHead'` is how 3.x configs spell a scope; these scopes all mean this package
_OWN_SCOPES = ('mmlite.', 'mmdet.', 'mmengine.')


class Registry(roots.Registry):
    """A mmengine Registry whose `build` says where in the config a mistake is."""

    def build(self, cfg: dict, default_args: dict | None = None, at: str | None = None) -> Any:
        """Builds an object from a dict with `type` and the arguments of that class.

        Args:
            cfg: the dict; it is not changed.
            default_args: arguments that `cfg` overrides; one that is None is left out where the
                class has no such argument.
            at: config path of `cfg`, such as 'model.bbox_head'; found by itself in a nested build.

        Raises:
            ConfigError: `cfg` is no dict with a `type`.
            UnknownTypeError: the `type` is not registered here.
            ArgumentError: an argument is unknown or missing, or of a wrong kind.
        """
        path = at or _path_in_parents(cfg) or self.name
        cls, own = self._class_and_arguments(cfg, path)
        args = check_arguments(cls, {**_defaults_taken(cls, default_args or {}), **own}, path)
        token = _under_construction.set((*_under_construction.get(), (path, args)))
        try:
            return cls(**args)
        except (TypeError, ValueError, AssertionError) as error:
            if isinstance(error, ExpectedError) or not _is_of_known_code(error):
                raise
            raise ConfigError(f'{path}: {_name(cls)}: {error}') from error
        finally:
            _under_construction.reset(token)

    def check(self, cfg: dict, at: str, given: Iterable[str] = ()) -> dict:
        """Raises what `build` would raise for a dict that is built later on.

        Args:
            cfg: the dict.
            at: its config path.
            given: the arguments that it gets beside its own when it is built.

        Returns:
            a dict to build it from: `type` the class, without what changes nothing.
        """
        cls, args = self._class_and_arguments(cfg, at)
        return dict(check_arguments(cls, args, at, given), type=cls)

    def _class_and_arguments(self, cfg: dict, path: str) -> tuple[Callable, dict]:
        if not isinstance(cfg, dict) or 'type' not in cfg:
            raise ConfigError(
                f"{path}: a dict with the key 'type' is expected here (registry '{self.name}'), "
                f'found {cfg!r:.200}'
            )
        args = {key: value for key, value in cfg.items() if key != '_scope_'}
        return self.find(args.pop('type'), path), args

    def get(self, key: str) -> Callable:
        """Returns the class registered as `key`; mmengine's own builders call this.

        Raises:
            UnknownTypeError: there is none (mmengine's Registry raises a bare RuntimeError).
        """
        return self.find(key, path=self.name)

    def find(self, key: str | Callable, path: str) -> Callable:
        """Returns the class of a `type`: a registered name, 'package.module.Class' or a class.

        Args:
            key: the `type`.
            path: config path of the dict, for the message.

        Raises:
            ConfigError: `key` is neither a name nor a class, or cannot be imported.
            UnknownTypeError: nothing is registered under that name.
        """
        if callable(key):
            return key
        if not isinstance(key, str):
            raise ConfigError(f'{path}.type: a name or a class is expected, found {key!r}')
        found = self.registered(key)
        if found is not None:
            return found
        if '.' in without_scope(key):
            return _import_class(key, path)
        failed = import_installed_plugins()
        found = self.registered(key)
        if found is None:
            raise self._unknown(key, path, failed)
        return found

    def registered(self, key: str) -> Callable | None:
        """Returns the class of that name, here or in the parent registries; None if there is none.

        Plugin packages that nobody has asked for yet stay aside.
        """
        self.import_from_location()
        name = without_scope(key)
        registry: roots.Registry | None = self
        while registry is not None:
            if name in registry.module_dict:
                return registry.module_dict[name]
            registry = registry.parent
        return None

    def _unknown(self, key: str, path: str, failed: Sequence[str]) -> UnknownTypeError:
        name = without_scope(key)
        names = sorted(set(self.names()))
        broken = f' Plugin packages that failed, see above: {", ".join(failed)}.' if failed else ''
        return UnknownTypeError(
            f"{path}: type '{key}' is not in the registry '{self.name}'."
            f'{did_you_mean(name, names)} Known: {", ".join(names)}.{broken} '
            'A class of your own is found once its module is imported: custom_imports=dict(imports='
            "['my_module']) in the config, --plugin my_module.py, or type='my_package.my_module."
            f"{name}'."
        )

    def names(self) -> list[str]:
        """Returns every name that `find` finds here and in the parent registries."""
        self.import_from_location()
        registry: roots.Registry | None = self
        names: list[str] = []
        while registry is not None:
            names += registry.module_dict
            registry = registry.parent
        return names


def without_scope(key: str) -> str:
    """Returns a `type` without the scope that mmdet, mmengine or mmlite itself put before it."""
    for scope in _OWN_SCOPES:
        key = key.removeprefix(scope)
    return key


def check_arguments(cls: Callable, args: dict, path: str, given: Iterable[str] = ()) -> dict:
    """Returns the arguments without those of mmdet's that change nothing (`inert.py`).

    `given` names arguments that are not in `args` yet, but will be there.

    Raises:
        ArgumentError: `cls(**args)` would not fit the signature of `cls`, or its annotations.
    """
    parameters = parameters_of(cls)
    if parameters is None:
        return args
    args = without_inert(cls, args, parameters, path)
    name = _name(cls)
    unknown = [key for key in args if key not in parameters]
    if unknown:
        takes = ', '.join(key for key in parameters if key not in given)
        raise ArgumentError(
            f"{path}: {name} takes no argument '{unknown[0]}'."
            f'{did_you_mean(unknown[0], parameters)} It takes: {takes}.'
        )
    missing = [
        key
        for key, p in parameters.items()
        if p.default is p.empty and key not in args and key not in given
    ]
    if missing:
        raise ArgumentError(f"{path}: {name} needs the argument '{missing[0]}'.")
    wrong = mistyped(cls, args)
    if wrong is not None:
        key, expected = wrong
        raise ArgumentError(f'{path}.{key}: {expected} is expected, found {args[key]!r:.80}')
    return args


def _defaults_taken(cls: Callable, defaults: Mapping[str, Any]) -> dict[str, Any]:
    takes = parameters_of(cls) if None in defaults.values() else None
    return {k: v for k, v in defaults.items() if v is not None or takes is None or k in takes}


def _name(cls: Callable) -> str:
    return getattr(cls, '__name__', str(cls))


def _is_of_known_code(error: BaseException) -> bool:
    """Whether an error passed through no code but that of this project and its libraries.

    It then speaks of the arguments; what fails in a class of the user's keeps its traceback.
    """
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    packages = {str(frame.f_globals.get('__name__')).split('.')[0] for frame in frames}
    return packages <= {'mmlite', 'mmengine', 'torch', 'torchvision', 'numpy', 'inspect', 'logging'}


def parameters_of(cls: Callable) -> dict[str, inspect.Parameter] | None:
    """Returns the named parameters of `cls(...)` by name, None where it takes any.

    A class of mmengine's hands its `**kwargs` on to its base class, whose parameters are then its
    own too; what others do with theirs is not known.
    """
    try:
        parameters = inspect.signature(cls).parameters
    except (TypeError, ValueError):  # some built-in classes have no signature
        return None
    if _takes_any(parameters):
        if not (inspect.isclass(cls) and cls.__module__.startswith('mmengine.')):
            return None
        parameters = _parameters_of_bases(cls)
    return {
        key: p for key, p in parameters.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    }


def _parameters_of_bases(cls: type) -> dict[str, inspect.Parameter]:
    found: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__[:-1]:
        if '__init__' in vars(base):
            parameters = inspect.signature(base.__init__).parameters
            found = {**parameters, **found}
            if not _takes_any(parameters):
                break
    found.pop('self', None)
    return found


def _takes_any(parameters: Mapping[str, inspect.Parameter]) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _path_in_parents(cfg: Any) -> str:
    """Returns the config path of `cfg` inside the objects under construction, or ''.

    The outermost comes first: a detector hands `train_cfg` on to its head, but the file has it
    under `model`.
    """
    parents = _under_construction.get()
    if not isinstance(cfg, (dict, list)):  # None and numbers are in many places
        return parents[-1][0] if parents else ''
    for parent_path, parent_args in parents:
        inside = _search(parent_args, cfg)
        if inside:
            return f'{parent_path}{inside}'
    return ''


def _search(node: Any, wanted: Any) -> str:
    """Returns the path to the very object `wanted` in nested dicts and lists, or ''."""
    if isinstance(node, dict):
        children = [(f'.{key}', value) for key, value in node.items()]
    elif isinstance(node, (list, tuple)):
        children = [(f'[{i}]', value) for i, value in enumerate(node)]
    else:
        return ''
    for step, value in children:
        if value is wanted:
            return step
        deeper = _search(value, wanted)
        if deeper:
            return step + deeper
    return ''


def _import_class(dotted: str, path: str) -> Callable:
    """Imports 'package.module.Class'; an error inside that module keeps its own traceback."""
    module_name, _, class_name = dotted.rpartition('.')
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and not (module_name + '.').startswith(error.name + '.'):
            raise  # the module exists, and something that it imports does not
        raise UnknownTypeError(
            f"{path}: type '{dotted}': there is no module '{error.name}'. Is its folder on "
            'PYTHONPATH?'
        ) from None
    if not hasattr(module, class_name):
        raise UnknownTypeError(
            f"{path}: type '{dotted}': module '{module_name}' has no '{class_name}'."
            f'{did_you_mean(class_name, vars(module))}'
        )
    return getattr(module, class_name)
