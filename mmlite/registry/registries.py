"""The registries of mmlite, one for each kind of part.

Data sets, transforms, hooks, metrics and model wrappers are children of mmengine's root
registries, so mmengine's own classes are found too. The parts of a model have registries of
their own.
"""

from __future__ import annotations

from collections.abc import Callable

from mmengine import registry as roots

from mmlite.errors import UnknownTypeError
from mmlite.registry.registry import Registry


def _child(name: str, parent: roots.Registry, *locations: str) -> Registry:
    return Registry(name, parent=parent, scope='mmlite', locations=list(locations))


def _own(name: str, *locations: str) -> Registry:
    return Registry(name, scope='mmlite', locations=list(locations))


def _view(root: roots.Registry, *locations: str) -> Registry:
    """A registry for the names in one that mmengine builds from."""
    view = Registry(root.name, scope='mmengine', locations=list(locations))
    view.parent = root
    return view


# mmengine fills its roots when its modules are imported, hence the second locations
DATASETS = _child('dataset', roots.DATASETS, 'mmlite.datasets', 'mmengine.dataset')
DATA_SAMPLERS = _child('data sampler', roots.DATA_SAMPLERS, 'mmlite.datasets', 'mmengine.dataset')
TRANSFORMS = _child('transform', roots.TRANSFORMS, 'mmlite.datasets.transforms')
HOOKS = _child('hook', roots.HOOKS, 'mmlite.engine.hooks', 'mmengine.hooks')
METRICS = _child('metric', roots.METRICS, 'mmlite.evaluation', 'mmengine.evaluator')
MODEL_WRAPPERS = _child('model_wrapper', roots.MODEL_WRAPPERS, 'mmlite.parallel', 'mmengine.model')

BACKBONES = _own('backbone', 'mmlite.models.backbones')
NECKS = _own('neck', 'mmlite.models.necks')
HEADS = _own('head', 'mmlite.models.heads', 'mmlite.models.roi_heads')
DETECTORS = _own('detector', 'mmlite.models.detectors', 'mmlite.models.two_stage')
LOSSES = _own(
    'loss',
    'mmlite.models.losses',
    'mmlite.models.box_losses',
    'mmlite.models.distribution',
    'mmlite.models.box_loss_variants',
    'mmlite.models.ghm_losses',
)
TASK_UTILS = _own(
    'task util',
    'mmlite.models.task_utils',
    'mmlite.models.preprocessor',
    'mmlite.models.batch_augments',
    'mmlite.models.roi_heads',
)

# what mmengine builds by itself: a class of your own is registered in mmengine.registry
OPTIM_WRAPPERS = _view(roots.OPTIM_WRAPPERS, 'mmengine.optim', 'mmlite.engine.amp')
OPTIMIZERS = _view(roots.OPTIMIZERS, 'mmengine.optim')
PARAM_SCHEDULERS = _view(roots.PARAM_SCHEDULERS, 'mmengine.optim', 'mmlite.engine.quadratic_warmup')
LOOPS = _view(roots.LOOPS, 'mmengine.runner', 'mmlite.engine.loops')
LOG_PROCESSORS = _view(roots.LOG_PROCESSORS, 'mmengine.runner', 'mmlite.engine.log_processor')
VISUALIZERS = _view(roots.VISUALIZERS, 'mmlite.visualization.local_visualizer')
VISBACKENDS = _view(roots.VISBACKENDS, 'mmengine.visualization')


def registries() -> dict[str, Registry]:
    """Returns the registries of this module by their names here, such as 'HEADS'."""
    return {name: value for name, value in globals().items() if isinstance(value, Registry)}


def find_anywhere(key: str | Callable) -> Callable | None:
    """Returns the class of a `type` from the first registry that has it, or None."""
    if isinstance(key, str):
        for registry in registries().values():  # all of them, before plugin packages are asked
            found = registry.registered(key)
            if found is not None:
                return found
    for registry in registries().values():
        try:
            return registry.find(key, path='')
        except UnknownTypeError:
            continue
    return None
