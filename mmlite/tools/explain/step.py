"""The hop of the optimiser: backward, step, and the hooks around them (row 12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper, build_optim_wrapper
from torch import Tensor, nn

from mmlite.engine.hooks.grad_norm import grad_norms
from mmlite.engine.loops import EpochBasedTrainLoop
from mmlite.engine.prepare_model import prepared_optim_wrapper
from mmlite.engine.runner import own_hooks
from mmlite.engine.step import train_step
from mmlite.parallel import MMDataParallel
from mmlite.registry import HOOKS
from mmlite.tools.explain.hop import Hop, ValueLine
from mmlite.tools.explain.places import place

_STAGES = (
    *('before_train_epoch', 'before_train_iter', 'after_backward', 'before_update'),
    *('after_train_iter', 'after_train_epoch'),
)


def build_optimiser(cfg: Config, wrapper: MMDataParallel) -> OptimWrapper:
    """Builds the OptimWrapper of a config, as the Runner does."""
    return build_optim_wrapper(wrapper, prepared_optim_wrapper(cfg.optim_wrapper))


class StepWatch:
    """Looks at the gradients and weights in a step, as a hook does; `train_step` calls it."""

    def __init__(self, detector: nn.Module, optimiser: OptimWrapper) -> None:
        self.detector = detector
        self.optimiser = optimiser
        self.parts = {name: part for name, part in detector.named_children() if _trained(part)}
        self.before = {name: _copies(part) for name, part in self.parts.items()}
        self.raw: dict[str, float] = {}
        self.clipped: dict[str, float] = {}

    def __call__(self, point: str, **_: Any) -> None:
        """Keeps the norms at one of the two points for hooks."""
        if point == 'before_update':
            self.clipped = grad_norms(self.detector)
        elif self.optimiser.should_update():
            self.raw = grad_norms(self.detector)

    def table(self) -> list[Sequence[Any]]:
        """Returns per part of the detector: tensors, gradient before and after clipping, change."""
        rows: list[Sequence[Any]] = [
            ('part', 'parameters', '|gradient|', '... as clipped', 'largest change of a weight')
        ]
        for name, part in self.parts.items():
            change = max(
                float((now.detach() - then).abs().max())
                for now, then in zip(_trained(part), self.before[name], strict=True)
            )
            count = sum(p.numel() for p in _trained(part))
            norms = [_figure(norms.get(name)) for norms in (self.raw, self.clipped)]
            rows.append((name, count, *norms, f'{change:.3g}'))
        return rows


def step_hop(cfg: Config, optimiser: OptimWrapper, watch: StepWatch) -> Hop:
    """Row 12: backward, the optimiser's step, and the hooks around it."""
    loop = EpochBasedTrainLoop
    who = [
        f'{loop.__name__}._train_on  {place(loop._train_on)}',
        f'train_step  {place(train_step)}',
        f'{type(optimiser).__name__}.step  {place(type(optimiser).step)}',
        f'{type(optimiser.optimizer).__name__}  {place(type(optimiser.optimizer).step)}',
    ]
    hop = Hop('12', 'Backward, step and hooks', who, tables=[watch.table(), hook_table(cfg)])
    rates = sorted({group['lr'] for group in optimiser.optimizer.param_groups})
    hop.values = [
        ValueLine('learning rate', ', '.join(f'{rate:g}' for rate in rates), 'float', 'host')
    ]
    schedulers = cfg.get('param_scheduler') or []
    schedulers = schedulers if isinstance(schedulers, (list, tuple)) else [schedulers]
    if schedulers:
        names = ', '.join(part['type'] for part in schedulers)
        hop.notes = [
            f'in a run, param_scheduler ({names}) sets the learning rate from the first iteration '
            'on; here the step is done with that of the config'
        ]
    if not watch.clipped:
        hop.notes.append('no step yet: gradients are gathered over several iterations')
    elif not watch.raw:
        hop.notes.append(
            f'{type(optimiser).__name__} steps its own way: gradients are seen as clipped only'
        )
    hop.notes.append('the hooks are listed, not run: no file is written')
    return hop


def hook_table(cfg: Mapping[str, Any]) -> list[Sequence[Any]]:
    """Returns the hooks of a training and what they do in an iteration or an epoch."""
    rows: list[Sequence[Any]] = [('hook', 'from', 'called', 'who')]
    default, listed = dict(cfg.get('default_hooks') or {}), cfg.get('custom_hooks') or []
    added = own_hooks(listed)
    own = [(f'added: {name}', hook) for name, hook in added.items() if name not in default]
    parts = [(f'default_hooks.{name}', hook) for name, hook in default.items()]
    custom = [(f'custom_hooks.{i}', hook) for i, hook in enumerate(listed)]
    for source, part in [*own, *parts, *custom]:
        if part is None:
            continue
        cls = HOOKS.find(part['type'], source)
        acts = [stage for stage in _STAGES if _overrides(cls, stage)]
        rows.append((cls.__name__, source, ', '.join(acts) or 'at other stages', place(cls)))
    return rows


def _overrides(cls: type, stage: str) -> bool:
    generic = f'_{stage.replace("_train", "")}'  # mmengine's name for that of all loops
    names = (stage, generic)
    return any(getattr(cls, name, None) is not getattr(Hook, name, None) for name in names)


def _figure(value: float | None) -> str:
    return '-' if value is None else f'{value:.4g}'


def _trained(part: nn.Module) -> list[Tensor]:
    return [p for p in part.parameters() if p.requires_grad]


def _copies(part: nn.Module) -> list[Tensor]:
    return [p.detach().clone() for p in _trained(part)]
