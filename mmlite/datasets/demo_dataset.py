"""The embedded set as a data set that draws itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmlite.datasets.base import DetDataset
from mmlite.datasets.demo import DEFAULT_CLASSES, demo_root, draw_demo_set
from mmlite.datasets.voc import VOCDataset
from mmlite.registry import DATASETS
from mmlite.support.signatures import with_arguments_of


@DATASETS.register_module()
class DemoDataset(VOCDataset):
    """Draws the demo set where it is not drawn yet, then reads it as any VOC folder.

    Args (others as of DetDataset, but where the data are):
        split: 'trainval' or 'test'.
        classes, num_train, num_test, size, seed: as `draw_demo_set`.
    """

    @with_arguments_of(DetDataset, without=('ann_file', 'metainfo', 'data_root', 'data_prefix'))
    def __init__(
        self,
        split: str,
        *,
        classes: Sequence[str] = DEFAULT_CLASSES,
        num_train: int = 600,
        num_test: int = 150,
        size: tuple[int, int] = (320, 240),
        seed: int = 0,
        **others: Any,
    ) -> None:
        root = demo_root(classes, num_train, num_test, size, seed)
        draw_demo_set(root, classes, num_train, num_test, size, seed)
        super().__init__(
            ann_file=f'ImageSets/Main/{split}.txt',
            metainfo=dict(classes=tuple(classes)),
            data_root=str(root),
            data_prefix=dict(sub_data_root=''),
            **others,
        )
