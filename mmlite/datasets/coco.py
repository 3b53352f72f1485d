"""CocoDataset: images in a folder, annotations in one JSON file."""

from __future__ import annotations

import json
import os
from typing import Any, ClassVar

import numpy as np

from mmlite.datasets.annotations import Arrays, FlatRecords, flat_records
from mmlite.datasets.base import DetDataset
from mmlite.datasets.coco_json import load_coco_json
from mmlite.errors import DataError
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
    label c is `classes[c - 1]`. Ids that differ only in their type ("1" and 1) are the same. Crowds
    are neither to be found nor a mistake when found. Left out, as mmdet does, are annotations
    marked `ignore`, without a pixel in the image, without an area, or narrower or lower than a
    pixel; COCO's metric still counts them. A file without `annotations`, as of COCO's
    test-dev, can be tested: CocoMetric(format_only=True) writes the results for its server.
    Roboflow's category 0, which is above all others and has no object, is left out.

    Args (others as of DetDataset):
        ann_file: JSON file, e.g. 'annotations/instances_val2017.json'.
        data_prefix: dict(img='val2017/'), the folder of the images; where it is missing,
            'images/val2017/' is tried.
        metainfo: dict(classes='auto') takes all categories in the order of the file.
    """

    IGNORED_AS: ClassVar[str] = 'iscrowd=1'
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
        self._check_prefix(img='the folder of the images')
        self.ann_path = self._annotation_file('a JSON file')
        img_dir = self._require(self._image_folder())
        source = load_coco_json(self.ann_path)
        if not len(source['image_ids']):
            raise DataError(f'{self.ann_path}: images is empty')
        self._check_annotated(bool(source['annotated']))
        paths = [os.path.join(img_dir, name) for name in self.file_names(source)]
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
        self._note(
            int(source['unlisted']),
            'annotations of images that are not listed left out (such as image_id '
            f'{source["first_unlisted"].item()})',
        )
        if source['root'].item():
            self.notes.append(
                f"category '{source['root'].item()}' of id 0, which has no object and is above all "
                'others, left out'
            )
        for note in source['notes'].tolist():
            self._warn(note)
        return self._make_records(source, paths)

    def file_names(self, source: Arrays) -> list[str]:
        """Returns where each image is in the folder of the images."""
        return source['file_names'].tolist()

    def _check_annotated(self, annotated: bool) -> None:
        """Lists of images to be tested, such as image_info_test-dev2017.json, have no objects."""
        if not annotated and not self.test_mode:
            raise DataError(
                f"{self.ann_path}: no list of objects under 'annotations'. A file without them can "
                'be tested, not trained on'
            )
        if not annotated:
            self._warn("the file has no 'annotations': results can be written, not measured")

    def _make_records(self, source: Arrays, paths: list[str]) -> FlatRecords:
        asked = self._labels > 0
        self._refuse_shares(source['bboxes'])
        faults = unusable_annotations(source)
        usable = ~np.any(list(faults.values()), axis=0)
        causes = ', '.join(
            f'{count} {cause}' for cause, mask in faults.items() if (count := (mask & asked).sum())
        )
        self._note((~usable & asked).sum(), f'annotations without a usable box ({causes})')
        self._note(
            (misfit_areas(source) & asked).sum(),
            "annotations whose 'area' does not fit their box; CocoMetric sorts objects into "
            'small, medium and large by it',
        )
        kept = usable & asked
        xy, wh = np.split(source['bboxes'][kept], 2, axis=1)
        return flat_records(
            paths,
            source['sizes'],
            np.bincount(source['image_inds'][kept], minlength=len(paths)),
            np.concatenate([xy, xy + wh], axis=1),
            self._labels[kept],
            source['crowd'][kept],
        )

    def _clean(self, records: FlatRecords) -> tuple[FlatRecords, FlatRecords]:
        # known only now: by the sizes of the pictures, where the file has others
        seen = overlaps_image(records.bboxes, records.sizes[records.image_inds])
        self._note((~seen).sum(), 'boxes without a pixel in their image left out')
        return super()._clean(records.keep_boxes(seen))

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


def unusable_annotations(source: Arrays) -> dict[str, np.ndarray]:
    """Returns (G,) bool by cause: annotations that mmdet neither trains on nor gives to VOC's
    metric; each counts under its first cause."""
    width, height = source['bboxes'].T[2:]
    causes = {
        "marked 'ignore'": source['ignore'],
        'less than a pixel wide or high': (width < 1) | (height < 1),
        'of an area of 0 or less': source['areas'] <= 0,
    }
    known = np.zeros(len(width), bool)
    for cause, mask in causes.items():
        causes[cause] = mask & ~known
        known |= mask
    return causes


def misfit_areas(source: Arrays) -> np.ndarray:
    """Returns (G,) bool: the area is larger than the box, or looks like a share of the image."""
    width, height = source['bboxes'].T[2:]
    areas = source['areas']
    share = (areas > 0) & (areas <= 1) & (width * height > 100)
    # a mask may reach half a pixel beyond the box on each side
    return share | ((areas > (width + 1) * (height + 1)) & (width >= 1) & (height >= 1))


def overlaps_image(bboxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Returns (g,) bool: a box (g, 4) xyxy has a part in its image of sizes (g, 2), 0 unknown."""
    limits = np.where(sizes > 0, sizes, np.inf)
    shared = np.minimum(bboxes[:, 2:], limits) - np.maximum(bboxes[:, :2], 0)
    return (shared > 0).all(axis=1)
