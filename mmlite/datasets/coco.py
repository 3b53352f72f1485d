"""CocoDataset: images in a folder, annotations in one JSON file."""

from __future__ import annotations

import json
import os
from typing import Any, ClassVar

import numpy as np

from mmlite.datasets.annotations import Arrays, FlatRecords, flat_records
from mmlite.datasets.base import DetDataset
from mmlite.datasets.coco_json import load_coco_json
from mmlite.errors import ConfigError, DataError
from mmlite.registry import DATASETS

# id -> name of the categories without objects
_UNUSED_IDS = {
    **{12: 'street sign', 26: 'hat', 29: 'shoe', 30: 'eye glasses', 45: 'plate', 66: 'mirror'},
    **{68: 'window', 69: 'desk', 71: 'door', 83: 'blender'},
}


def _with_unused_ids(names: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the 80 names with those of `_UNUSED_IDS` in their places: name i is of id i + 1."""
    used = iter(names)
    ids = range(1, len(names) + len(_UNUSED_IDS) + 1)
    return tuple(_UNUSED_IDS[i] if i in _UNUSED_IDS else next(used) for i in ids)


@DATASETS.register_module()
class CocoDataset(DetDataset):
    """COCO, and any data set in its format.

    Categories are found by their names, wherever the file has them and whatever their ids are;
    label c is `classes[c - 1]`. Crowds are neither to be found nor a mistake when found. Left out,
    as mmdet does, are annotations marked `ignore`, without a pixel in the image, without an area,
    or narrower or lower than a pixel; COCO's metric counts them all the same.

    Args (others as of DetDataset):
        ann_file: JSON file, e.g. 'annotations/instances_val2017.json'.
        data_prefix: dict(img='val2017/'), the folder of the images; where it is missing,
            'images/val2017/' is tried.
        metainfo: dict(classes='auto') takes all categories in the order of the file.
    """

    METAINFO: ClassVar[dict] = dict(
        classes=(
            *('person', 'bicycle', 'car', 'motorcycle', 'airplane', 'bus', 'train', 'truck'),
            *('boat', 'traffic light', 'fire hydrant', 'stop sign', 'parking meter', 'bench'),
            *('bird', 'cat', 'dog', 'horse', 'sheep', 'cow', 'elephant', 'bear', 'zebra'),
            *('giraffe', 'backpack', 'umbrella', 'handbag', 'tie', 'suitcase', 'frisbee', 'skis'),
            *('snowboard', 'sports ball', 'kite', 'baseball bat', 'baseball glove', 'skateboard'),
            *('surfboard', 'tennis racket', 'bottle', 'wine glass', 'cup', 'fork', 'knife'),
            *('spoon', 'bowl', 'banana', 'apple', 'sandwich', 'orange', 'broccoli', 'carrot'),
            *('hot dog', 'pizza', 'donut', 'cake', 'chair', 'couch', 'potted plant', 'bed'),
            *('dining table', 'toilet', 'tv', 'laptop', 'mouse', 'remote', 'keyboard'),
            *('cell phone', 'microwave', 'oven', 'toaster', 'sink', 'refrigerator', 'book'),
            *('clock', 'vase', 'scissors', 'teddy bear', 'hair drier', 'toothbrush'),
        )
    )
    HOW_TO_GET: ClassVar[str] = (
        'To get COCO 2017: download train2017.zip, val2017.zip and '
        'annotations_trainval2017.zip from https://cocodataset.org/#download and unpack them in '
        'one folder, which is data_root: it then holds train2017, val2017 and annotations.'
    )

    def load_records(self) -> FlatRecords:
        """Returns the records, see DetDataset.

        Raises:
            ConfigError: `ann_file` is missing, or classes do not fit.
            DataError: the file is not there, or an entry of it cannot be used.
        """
        self._check_prefix('img', 'the folder of the images')
        if not self.ann_file:
            raise ConfigError(f'{self.title}: ann_file is missing, the path of a JSON file')
        self.ann_path = self._require(self._path(self.ann_file))
        img_dir = self._require(self._image_folder())
        source = load_coco_json(self.ann_path)
        if not len(source['image_ids']):
            raise DataError(f'{self.ann_path}: images is empty')
        paths = [os.path.join(img_dir, name) for name in source['file_names'].tolist()]
        self._check_inside(paths, self.ann_path, img_dir)
        names = source['category_names'].tolist()
        if self.classes is None:
            self.metainfo['classes'] = tuple(names)
        counts = np.bincount(source['category_inds'], minlength=len(names))
        labels_by_name = self.settle_classes(dict(zip(names, counts.tolist(), strict=True)))
        labels = np.array([labels_by_name.get(name, 0) for name in names], np.int64)
        # what evaluation asks for; each worker that is spawned gets a copy
        kept = ('image_ids', 'category_ids', 'bboxes', 'areas', 'crowd')
        self._source = {key: source[key] for key in kept}
        self._labels = labels[source['category_inds']]
        self._ends = np.searchsorted(
            source['image_inds'], np.arange(len(source['image_ids'])), side='right'
        )
        self._category_of_label = {label: i for i, label in enumerate(labels.tolist()) if label}
        self._note(int(source['unlisted']), 'annotations of images that are not listed left out')
        self._note((self._labels == 0).sum(), 'annotations of other classes left out')
        return self._make_records(source, paths)

    def _make_records(self, source: Arrays, paths: list[str]) -> FlatRecords:
        usable = usable_annotations(source)
        self._note((~usable & (self._labels > 0)).sum(), 'annotations without a usable box')
        kept = usable & (self._labels > 0)
        xy, wh = np.split(source['bboxes'][kept], 2, axis=1)
        return flat_records(
            paths,
            source['sizes'],
            np.bincount(source['image_inds'][kept], minlength=len(paths)),
            np.concatenate([xy, xy + wh], axis=1),
            self._labels[kept],
            source['crowd'][kept],
        )

    def _rows(self, source_ind: int) -> slice:
        """Returns the annotations of an image, by its index in the file."""
        return slice(self._ends[source_ind - 1] if source_ind else 0, self._ends[source_ind])

    def _image_folder(self) -> str:
        prefix = self.data_prefix.get('img', '')
        first, second = self._path(prefix), self._path(os.path.join('images', prefix))
        return second if os.path.isdir(second) and not os.path.isdir(first) else first

    def get_coco_info(self, i: int) -> dict[str, np.ndarray]:
        """Returns the ground truth of image i as the file has it, see DetDataset."""
        rows = self._rows(self._truth.source_inds[i])
        asked = np.flatnonzero(self._labels[rows] > 0) + rows.start
        return dict(
            xywh=self._source['bboxes'][asked],
            labels=self._labels[asked],
            areas=self._source['areas'][asked],
            crowd=self._source['crowd'][asked],
        )

    def image_id(self, i: int) -> Any:
        """Returns the id that the file gives image i."""
        return json.loads(self._source['image_ids'][self._truth.source_inds[i]])

    def category_id(self, label: int) -> Any:
        """Returns the id that the file gives the class of a label 1..C; None if it lacks it."""
        if label not in self._category_of_label:
            return None
        return json.loads(self._source['category_ids'][self._category_of_label[label]])


@DATASETS.register_module()
class CocoIdsDataset(CocoDataset):
    """COCO whose label is the category's id, 1..90, as torchvision's detection weights have it.

    Ten of the ids have no object in the published annotations; their names are of COCO's paper
    (Lin et al. 2014, appendix II).
    """

    METAINFO: ClassVar[dict] = dict(classes=_with_unused_ids(CocoDataset.METAINFO['classes']))


def usable_annotations(source: Arrays) -> np.ndarray:
    """Returns (G,) bool: the annotations that mmdet trains on and evaluates by VOC's metric."""
    x, y, width, height = source['bboxes'].T
    # an unknown size (0) sets no limit
    sizes = np.where(source['sizes'] > 0, source['sizes'], np.inf)[source['image_inds']]
    overlap_w = np.minimum(x + width, sizes[:, 0]) - np.maximum(x, 0)
    overlap_h = np.minimum(y + height, sizes[:, 1]) - np.maximum(y, 0)
    seen = (overlap_w > 0) & (overlap_h > 0)
    return seen & (source['areas'] > 0) & (width >= 1) & (height >= 1) & ~source['ignore']
