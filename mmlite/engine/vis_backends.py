"""The packages that mmengine's places for figures and pictures need, each of them optional."""

from __future__ import annotations

from collections.abc import Mapping

from mmlite.registry import VISBACKENDS
from mmlite.support.extras import needed

# class of mmengine -> the modules that it imports when it first writes, and what pip installs
_PACKAGES = dict(
    TensorboardVisBackend=(('tensorboard',), "'mmlite[tracking]'"),
    WandbVisBackend=(('wandb',), 'wandb'),
    MLflowVisBackend=(('mlflow',), 'mlflow'),
    ClearMLVisBackend=(('clearml',), 'clearml'),
    NeptuneVisBackend=(('neptune',), 'neptune'),
    DVCLiveVisBackend=(('pygit2', 'dvclive'), 'pygit2 dvclive'),
    AimVisBackend=(('aim',), 'aim'),
)


def check_vis_backends(visualizer: Mapping | None) -> None:
    """Imports what the backends of a visualizer's config need, before anything is written.

    Raises:
        ConfigError: a package is missing; names the backend and says how to install it.
    """
    backends = (visualizer or {}).get('vis_backends') or []
    for i, backend in enumerate([backends] if isinstance(backends, Mapping) else backends):
        path = f'visualizer.vis_backends[{i}]'
        for cls in VISBACKENDS.find(backend['type'], path).__mro__:
            modules, install = _PACKAGES.get(cls.__name__, ((), ''))
            for module in modules:
                needed(module, f'{path}: {cls.__name__}', install)
