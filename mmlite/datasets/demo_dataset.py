"""The embedded set as a data set that draws itself."""

from __future__ import annotations

from collections.abc import Sequence

from mmlite.datasets.demo import DEFAULT_CLASSES, demo_root, draw_demo_set
from mmlite.datasets.voc import VOCDataset
from mmlite.registry import DATASETS


@DATASETS.register_module()
class DemoDataset(VOCDataset):
    """Draws the demo set where it is not drawn yet, then reads it as any VOC folder.

    Args:
        split: 'trainval' or 'test'.
        classes, num_train, num_test, size, seed: as `draw_demo_set`.
        pipeline, filter_cfg, indices, test_mode, skip_bad_images, max_bad: as
            DetDataset.
    """

    def __init__(
        self,
        split: str,
        classes: Sequence[str] = DEFAULT_CLASSES,
        num_train: int = 600,
        num_test: int = 150,
        size: tuple[int, int] = (320, 240),
        seed: int = 0,
        pipeline: list = (),
        filter_cfg: dict | None = None,
        indices: int | Sequence[int | str] | None = None,
        test_mode: bool = False,
        skip_bad_images: bool = False,
        max_bad: float = 0.01,
    ) -> None:
        root = demo_root(classes, num_train, num_test, size, seed)
        draw_demo_set(root, classes, num_train, num_test, size, seed)
        super().__init__(
            ann_file=f'ImageSets/Main/{split}.txt',
            metainfo=dict(classes=tuple(classes)),
            data_root=str(root),
            data_prefix=dict(sub_data_root=''),
            filter_cfg=filter_cfg,
            indices=indices,
            pipeline=pipeline,
            test_mode=test_mode,
            skip_bad_images=skip_bad_images,
            max_bad=max_bad,
        )
