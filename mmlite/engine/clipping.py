"""A place between backward and clipping, where a hook can look at all gradients."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from mmengine.optim import OptimWrapper


def put_around_clipping(wrapper: OptimWrapper, around: Callable) -> Callable[[], None]:
    """Has `around(clip, parameters, **kwargs)` called in place of the wrapper's clip function.

    Args:
        wrapper: of the optimiser; one that does not clip stays as it is.
        around: calls `clip(parameters, **kwargs)` itself and returns the norm, or None.

    Returns:
        what takes it away again.
    """
    clip = wrapper.clip_func if getattr(wrapper, 'clip_grad_kwargs', None) else None
    if clip is None:
        return lambda: None
    wrapper.clip_func = partial(around, clip)
    return partial(setattr, wrapper, 'clip_func', clip)
