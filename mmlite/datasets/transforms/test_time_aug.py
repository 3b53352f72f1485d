"""TestTimeAug: one picture in several versions."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from typing import Any

from mmlite.datasets.transforms.compose import Compose
from mmlite.errors import ConfigError
from mmlite.registry import TRANSFORMS


@TRANSFORMS.register_module()
class TestTimeAug:
    """Sends a sample through every combination of transforms, one of each list in turn.

    It is the last transform of a pipeline and gives `dict(versions=[...])`, a packed sample for
    each version. Only `tools/test.py --tta` can use that: it detects in each version and merges.

    Args:
        transforms: lists of transforms; [[a, b], [c], [d]] makes the versions a-c-d and b-c-d.

    Raises:
        ConfigError: a list is empty.
    """

    __test__ = False  # no test, whatever pytest makes of the name

    def __init__(self, transforms: Sequence[Sequence[dict]]) -> None:
        if not transforms or not all(isinstance(choices, (list, tuple)) for choices in transforms):
            raise ConfigError(
                f'TestTimeAug.transforms: lists of transforms are expected, found {transforms!r}'
            )
        if not all(transforms):
            raise ConfigError('TestTimeAug.transforms: a list is empty, so there is no version')
        self.pipelines = [Compose(version) for version in itertools.product(*transforms)]

    def __call__(self, results: dict[str, Any]) -> dict[str, Any] | None:
        versions = [pipeline(copy.copy(results)) for pipeline in self.pipelines]
        return None if None in versions else dict(versions=versions)
