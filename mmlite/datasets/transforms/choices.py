"""Transforms that run others: one of several pipelines, some of them, or one now and then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmlite.datasets.transforms.arguments import check_probability
from mmlite.datasets.transforms.cached_mix import CachedMix
from mmlite.datasets.transforms.compose import Compose
from mmlite.errors import ConfigError
from mmlite.registry import TRANSFORMS

# AutoAugment's policies for COCO: name, probability, level (0 to 10) of each of two steps
_POLICIES = """
Equalize 0.8 1, ShearY 0.8 4; Color 0.4 9, Equalize 0.6 3; Color 0.4 1, Rotate 0.6 8;
Solarize 0.8 3, Equalize 0.4 7; Solarize 0.4 2, Solarize 0.6 2; Color 0.2 0, Equalize 0.8 8;
Equalize 0.4 8, SolarizeAdd 0.8 3; ShearX 0.2 9, Rotate 0.6 8; Color 0.6 1, Equalize 1.0 2;
Invert 0.4 9, Rotate 0.6 0; Equalize 1.0 9, ShearY 0.6 3; Color 0.4 7, Equalize 0.6 0;
Posterize 0.4 6, AutoContrast 0.4 7; Solarize 0.6 8, Color 0.6 9; Solarize 0.2 4, Rotate 0.8 9;
Rotate 1.0 7, TranslateY 0.8 9; ShearX 0.0 0, Solarize 0.8 4; ShearY 0.8 0, Color 0.6 4;
Color 1.0 0, Rotate 0.6 2; Equalize 0.8 4, Equalize 0.0 8; Equalize 1.0 4, AutoContrast 0.6 2;
ShearY 0.4 7, SolarizeAdd 0.6 7; Posterize 0.8 2, Solarize 0.6 10; Solarize 0.6 8, Equalize 0.6 1;
Color 0.8 6, Rotate 0.4 5
"""
_SPACE = (
    'AutoContrast Equalize Invert Rotate Posterize Solarize SolarizeAdd Color Contrast Brightness '
    'Sharpness ShearX ShearY TranslateX TranslateY'
)


def autoaugment_policies() -> list[list[dict]]:
    """Returns the 25 policies of AutoAugment's policy v0, two steps each."""
    return [[_step(*step.split()) for step in one.split(',')] for one in _POLICIES.split(';')]


def randaugment_space() -> list[list[dict]]:
    """Returns the fifteen steps of RandAugment, each a pipeline of its own."""
    return [[dict(type=name)] for name in _SPACE.split()]


def _step(name: str, prob: str, level: str) -> dict:
    return dict(type=name, prob=float(prob), level=int(level))


@TRANSFORMS.register_module()
class RandomChoice:
    """Runs one of several pipelines.

    Args:
        transforms: the pipelines, lists of transforms, or a single transform in the place of one.
        prob: how likely each of them is; None: all alike.

    Raises:
        ConfigError: there is no pipeline; `prob` does not fit; a transform has to be in the
            pipeline of the data set itself.
    """

    argument = 'transforms'

    def __init__(self, transforms: list, prob: Sequence[float] | None = None) -> None:
        at = f'{type(self).__name__}.{self.argument}'
        if not isinstance(transforms, (list, tuple)) or not transforms:
            raise ConfigError(f'{at}: a list of pipelines is expected, found {transforms!r}')
        self.pipelines = [inner_pipeline(at, one) for one in transforms]
        self.prob = None if prob is None else list(prob)
        if prob is not None and (len(prob) != len(transforms) or abs(sum(prob) - 1) > 1e-6):
            raise ConfigError(
                f'{type(self).__name__}.prob: {len(transforms)} numbers with a sum of 1 are '
                f'expected, found {prob!r}'
            )

    def __call__(self, results: dict[str, Any]) -> dict[str, Any] | None:
        return self.pipelines[np.random.choice(len(self.pipelines), p=self.prob)](results)


@TRANSFORMS.register_module()
class AutoAugment(RandomChoice):
    """Runs one of several policies (Cubuk et al. 2018; Zoph et al. 2019 for detection).

    Args:
        policies: lists of transforms; left out: the 25 of AutoAugment's policy v0.
        prob: how likely each of them is; None: all alike.

    Raises:
        ConfigError: as of RandomChoice.
    """

    argument = 'policies'

    def __init__(self, policies: list | None = None, prob: Sequence[float] | None = None) -> None:
        super().__init__(autoaugment_policies() if policies is None else policies, prob)


@TRANSFORMS.register_module()
class RandAugment(RandomChoice):
    """Runs some steps, one after the other, none of them twice (Cubuk et al. 2019).

    Args:
        aug_space: lists of one transform each; left out: RandAugment's fifteen.
        aug_num: how many are run.
        prob: how likely each of them is; None: all alike.

    Raises:
        ConfigError: as of RandomChoice; or there are less than `aug_num` steps.
    """

    argument = 'aug_space'

    def __init__(
        self, aug_space: list | None = None, aug_num: int = 2, prob: Sequence[float] | None = None
    ) -> None:
        super().__init__(randaugment_space() if aug_space is None else aug_space, prob)
        if not 1 <= aug_num <= len(self.pipelines):
            raise ConfigError(
                f'RandAugment.aug_num: 1 to {len(self.pipelines)} is expected, found {aug_num!r}'
            )
        self.aug_num = aug_num

    def __call__(self, results: dict[str, Any]) -> dict[str, Any] | None:
        count = len(self.pipelines)
        for i in np.random.choice(count, self.aug_num, p=self.prob, replace=False):
            results = self.pipelines[i](results)
            if results is None:
                break
        return results


@TRANSFORMS.register_module()
class RandomApply:
    """Runs a pipeline now and then.

    Args:
        transforms: the pipeline, or a single transform.
        prob: how likely it is run.

    Raises:
        ConfigError: `prob` is out of its range; a transform has to be in the pipeline of the data
            set itself.
    """

    def __init__(self, transforms: list | dict, prob: float = 0.5) -> None:
        check_probability('RandomApply.prob', prob)
        self.pipelines = [inner_pipeline('RandomApply.transforms', transforms)]
        self.prob = prob

    def __call__(self, results: dict[str, Any]) -> dict[str, Any] | None:
        return self.pipelines[0](results) if np.random.rand() < self.prob else results


def inner_pipeline(at: str, transforms: Any) -> Compose:
    """Builds a pipeline inside of a transform; `at` is the argument."""
    single = isinstance(transforms, dict) or not isinstance(transforms, (list, tuple))
    pipeline = Compose([transforms] if single else transforms)
    for transform in pipeline.transforms:
        if isinstance(transform, CachedMix) or hasattr(transform, 'get_indexes'):
            raise ConfigError(
                f'{at}: {type(transform).__name__} mixes several samples and has to be in the '
                'pipeline of the data set itself; its argument prob makes it happen now and then'
            )
    return pipeline
