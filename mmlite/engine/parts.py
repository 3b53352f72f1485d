"""The parts of a config: each is built when it is first asked for, and only once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mmengine.config import Config
from torch import nn

from mmlite.datasets import build_dataset
from mmlite.datasets.auto_classes import settle_classes
from mmlite.engine.checks import STAGES_OF, check_config, check_head_against_data
from mmlite.engine.vis_backends import check_vis_backends
from mmlite.errors import ConfigError
from mmlite.evaluation import build_metrics
from mmlite.models import build_detector
from mmlite.models.complexity import Complexity, input_size, measure
from mmlite.models.featmap_sizes import FeatmapSizes
from mmlite.models.matching_parts import check_parts_fit
from mmlite.models.outline import outline_of
from mmlite.registry import HOOKS, LOG_PROCESSORS

if TYPE_CHECKING:  # mmengine's take half a second to import
    from mmengine.evaluator import BaseMetric
    from mmengine.hooks import Hook
    from mmengine.runner import LogProcessor


class MissingPartError(Exception):
    """A part is needed that could not be built; the first attempt said why."""


def part(make: Callable[[Any], Any]) -> property:
    """A property that is made once; what could not be made is not tried again."""
    name = make.__name__

    def get(self: Parts) -> Any:
        if name in self.failed:
            what = name.removeprefix('checked_')
            raise MissingPartError(f"needs '{what}', which could not be made")
        if name not in self._made:
            self.failed.append(name)
            self._made[name] = make(self)
            self.failed.remove(name)
        return self._made[name]

    return property(get, doc=make.__doc__)


class Parts:
    """The parts of a config, for all code that trains, tests, explains or measures.

    Every part raises ConfigError where the config is wrong, and DataError where the data are.

    Args:
        cfg: from `load_config`; it is not changed: the parts are made of a copy, `self.cfg`.
        task: 'train', with a validation where the config has one, or 'test'.
        classes: those of the checkpoint that is used, for an 'auto' in the config; None for those
            of the training data.
    """

    def __init__(
        self, cfg: Config, task: str = 'train', classes: Sequence[str] | None = None
    ) -> None:
        self.cfg = copy.deepcopy(cfg)
        self.said_of_classes = settle_classes(self.cfg, classes)
        self.task = task
        self.failed: list[str] = []
        self._made: dict[str, Any] = {}

    @property
    def stages(self) -> list[str]:
        """Those of the task for which the config has a loader."""
        return [name for name in STAGES_OF[self.task] if self.cfg.get(f'{name}_dataloader')]

    @part
    def checked_cfg(self) -> Config:
        """The config, once it is known to have all that the task reads."""
        check_config(self.cfg, self.task)
        check_vis_backends(self.cfg.get('visualizer'))
        _ = self.hooks, self.metrics, self.log_processor  # what builds them checks them
        return self.cfg

    @part
    def hooks(self) -> tuple[dict[str, Hook | dict | None], list[Hook | dict]]:
        """The default hooks of the config by their names, None for one taken away; its own.

        One of a plugin's class stays a dict, which is checked: see `prepared_hook`.
        """
        default, custom = self.cfg.get('default_hooks') or {}, self.cfg.get('custom_hooks') or []
        return (
            {
                name: hook if hook is None else prepared_hook(hook, f'default_hooks.{name}')
                for name, hook in default.items()
            },
            [prepared_hook(hook, f'custom_hooks[{i}]') for i, hook in enumerate(custom)],
        )

    @part
    def metrics(self) -> dict[str, list[BaseMetric]]:
        """The metrics of each stage that has some."""
        names = {stage: f'{stage}_evaluator' for stage in self.stages if stage != 'train'}
        return {stage: build_metrics(self.cfg[name], name) for stage, name in names.items()}

    @part
    def log_processor(self) -> LogProcessor:
        """What writes the lines of the log."""
        part = {'type': 'LogProcessor', **(self.cfg.get('log_processor') or {})}
        return LOG_PROCESSORS.build(part, at='log_processor')

    @part
    def detector(self) -> nn.Module:
        """The detector, its weights undrawn."""
        if not self.cfg.get('model'):
            raise ConfigError(f"{self.cfg.filename}: the config has no 'model'")
        return build_detector(self.cfg.model)

    @part
    def checked_detector(self) -> nn.Module:
        """The detector, once its backbone, neck and head are known to fit each other."""
        check_parts_fit(self.detector, self.cfg.model)
        return self.detector

    @part
    def outline(self) -> nn.Module:
        """The detector without memory: it gives shapes."""
        return outline_of(self.detector)

    @part
    def featmap_sizes(self) -> FeatmapSizes:
        """(h, w) of each level, for any size of the input."""
        return FeatmapSizes(self.outline)

    def complexity(self, size: tuple[int, int] | None = None) -> Complexity:
        """Counts parameters and operations for (w, h), the test pipeline's size if left out."""
        return measure(self.outline, size or input_size(self.cfg))

    @part
    def train_set(self) -> Any:
        """The data set of the training."""
        return self._dataset('train')

    @part
    def val_set(self) -> Any:
        """The data set of the validation."""
        return self._dataset('val')

    @part
    def test_set(self) -> Any:
        """The data set of the test."""
        return self._dataset('test')

    def _dataset(self, stage: str) -> Any:
        at = f'{stage}_dataloader'
        if not (self.cfg.get(at) or {}).get('dataset'):
            raise ConfigError(f"the config has no '{at}' with a 'dataset'")
        return build_dataset(self.cfg[at].dataset, at=f'{at}.dataset')

    def loader(self, stage: str) -> dict[str, Any]:
        """Returns the dict of a stage's loader around its data set, whose classes fit the head."""
        dataset = getattr(self, f'{stage}_set')
        check_head_against_data(self.detector, dataset, f'{stage}_dataloader.dataset')
        return {**self.cfg[f'{stage}_dataloader'], 'dataset': dataset}


def prepared_hook(cfg: dict | Hook, at: str) -> Hook | dict:
    """Builds a hook of mmlite or mmengine; checks one of another package, and returns its dict.

    The constructor of a plugin's hook may use the log, the message hub or the seed of the run, so
    the Runner builds it when it has these.

    Args:
        cfg, at: see `build_hook`.
    """
    from mmengine.hooks import Hook

    if isinstance(cfg, Hook):
        return cfg
    if not isinstance(cfg, dict) or 'type' not in cfg:
        HOOKS.check(cfg, at)  # raises what is expected in its place
    if HOOKS.find(cfg['type'], at).__module__.partition('.')[0] in ('mmlite', 'mmengine'):
        return build_hook(cfg, at)
    HOOKS.check({key: value for key, value in cfg.items() if key != 'priority'}, at)
    return cfg


def build_hook(cfg: dict | Hook, at: str) -> Hook:
    """Builds a hook by mmlite's registry, where mmengine's are found too.

    Args:
        cfg: its arguments, and a `priority` where it is not that of its class; a hook that is
            built already stays as it is.
        at: its config path.
    """
    if not isinstance(cfg, dict):
        return cfg
    args = {**cfg}
    priority = args.pop('priority', None)
    hook = HOOKS.build(args, at=at)
    if priority is not None:
        hook.priority = priority
    return hook
