"""The registries: names in configs become classes, and build errors name the offender.

Data sets, transforms, hooks, metrics and model wrappers are children of mmengine's root
registries, so mmengine's own classes are found too. The parts of a model have registries of
their own. Each imports its modules at the first look-up.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from mmengine import registry as roots

from mmlite.errors import ArgumentError, ConfigError, UnknownTypeError, did_you_mean

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
            default_args: arguments that `cfg` overrides.
            at: config path of `cfg`, such as 'model.bbox_head'; found by itself in a nested build.

        Raises:
            ConfigError: `cfg` is no dict with a `type`.
            UnknownTypeError: the `type` is not registered here.
            ArgumentError: an argument is unknown or missing.
        """
        path = at or _path_in_parents(cfg) or self.name
        if not isinstance(cfg, dict) or 'type' not in cfg:
            raise ConfigError(
                f"{path}: a dict with the key 'type' is expected here (registry '{self.name}'), "
                f'found {cfg!r:.200}'
            )
        args = {**(default_args or {}), **cfg}
        args.pop('_scope_', None)
        cls = self.find(args.pop('type'), path)
        check_arguments(cls, args, path)
        token = _under_construction.set((*_under_construction.get(), (path, args)))
        try:
            return cls(**args)
        finally:
            _under_construction.reset(token)

    def get(self, key: str) -> Callable:
        """Returns the class registered as `key`; mmengine's own builders call this.

        Raises:
            UnknownTypeError: there is none (mmengine's Registry raises a bare RuntimeError).
        """
        return self.find(key, path=self.name)

    def find(self, key: str | Callable, path: str) -> Callable:
        """Returns the class of a `type`: a registered name, 'package.module.Class' or a class."""
        if callable(key):
            return key
        if not isinstance(key, str):
            raise ConfigError(f'{path}.type: a name or a class is expected, found {key!r}')
        self.import_from_location()
        name = key
        for scope in _OWN_SCOPES:
            name = name.removeprefix(scope)
        registry: roots.Registry | None = self
        while registry is not None:
            if name in registry.module_dict:
                return registry.module_dict[name]
            registry = registry.parent
        if '.' in key:
            return _import_class(key, path)
        raise UnknownTypeError(
            f"{path}: type '{key}' is not in the registry '{self.name}'."
            f'{did_you_mean(name, self.names())} Known: {", ".join(sorted(self.module_dict))}. '
            'A class of your own is found once its module is imported: custom_imports=dict(imports='
            "['my_module']) in the config, --plugin my_module.py, or type='my_package.my_module."
            f"{name}'."
        )

    def names(self) -> list[str]:
        """Returns every name that `find` knows here and in the parent registries."""
        self.import_from_location()
        registry: roots.Registry | None = self
        names: list[str] = []
        while registry is not None:
            names += registry.module_dict
            registry = registry.parent
        return names


def check_arguments(cls: Callable, args: dict, path: str) -> None:
    """Raises ArgumentError where `cls(**args)` would not fit the signature of `cls`."""
    try:
        parameters = inspect.signature(cls).parameters
    except (TypeError, ValueError):  # some built-in classes have no signature
        return
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    name = getattr(cls, '__name__', str(cls))
    unknown = [key for key in args if key not in parameters]
    if unknown:
        raise ArgumentError(
            f"{path}: {name} takes no argument '{unknown[0]}'."
            f'{did_you_mean(unknown[0], parameters)} It takes: {", ".join(parameters)}.'
        )
    missing = [
        key
        for key, p in parameters.items()
        if p.default is p.empty and p.kind is not p.VAR_POSITIONAL and key not in args
    ]
    if missing:
        raise ArgumentError(f"{path}: {name} needs the argument '{missing[0]}'.")


def _path_in_parents(cfg: Any) -> str:
    """Returns the config path of `cfg` inside the objects under construction, or ''.

    The outermost comes first: a detector hands `train_cfg` on to its head, but the file has it
    under `model`.
    """
    for parent_path, parent_args in _under_construction.get():
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


def _child(name: str, parent: roots.Registry, location: str) -> Registry:
    return Registry(name, parent=parent, scope='mmlite', locations=[location])


def _own(name: str, *locations: str) -> Registry:
    return Registry(name, scope='mmlite', locations=list(locations))


DATASETS = _child('dataset', roots.DATASETS, 'mmlite.datasets')
TRANSFORMS = _child('transform', roots.TRANSFORMS, 'mmlite.datasets.transforms')
HOOKS = _child('hook', roots.HOOKS, 'mmlite.engine.hooks')
METRICS = _child('metric', roots.METRICS, 'mmlite.evaluation')
MODEL_WRAPPERS = _child('model_wrapper', roots.MODEL_WRAPPERS, 'mmlite.parallel')

BACKBONES = _own('backbone', 'mmlite.models.backbones')
NECKS = _own('neck', 'mmlite.models.necks')
HEADS = _own('head', 'mmlite.models.heads')
DETECTORS = _own('detector', 'mmlite.models.detectors')
LOSSES = _own('loss', 'mmlite.models.losses')
TASK_UTILS = _own('task util', 'mmlite.models.task_utils', 'mmlite.models.preprocessor')


# mmengine's own, for what a run takes from there
_ROOTS = (
    roots.OPTIM_WRAPPERS, roots.OPTIMIZERS, roots.PARAM_SCHEDULERS, roots.LOOPS,
    roots.DATA_SAMPLERS, roots.VISUALIZERS, roots.VISBACKENDS, roots.LOG_PROCESSORS,
)  # fmt: skip


def find_anywhere(key: str | Callable) -> Callable | None:
    """Returns the class of a `type` from whichever registry knows it, or None."""
    for registry in [value for value in globals().values() if isinstance(value, Registry)]:
        try:
            return registry.find(key, path='')
        except UnknownTypeError:
            continue
    return next((root.module_dict[key] for root in _ROOTS if key in root.module_dict), None)


def check_type(cfg: dict, root: roots.Registry, path: str) -> None:
    """Checks a dict that mmengine builds as `Registry.build` checks its own.

    Raises:
        ConfigError, UnknownTypeError, ArgumentError: as `Registry.build`.
    """
    wrapper = Registry(root.name, scope=root.scope)
    wrapper._module_dict = root.module_dict
    if not isinstance(cfg, dict) or 'type' not in cfg:
        raise ConfigError(f"{path}: a dict with the key 'type' is expected here, found {cfg!r}")
    wrapper.find(cfg['type'], path)
