"""VOCDataset: the devkit's layout (JPEGImages, Annotations, ImageSets/Main)."""

from __future__ import annotations

import os
import re
from typing import Any, ClassVar

import numpy as np

from mmlite.datasets.annotations import Arrays
from mmlite.datasets.base import DetDataset
from mmlite.datasets.paths import missing_data
from mmlite.datasets.voc_corners import Judgement, check_coordinates, edges, judge_corners, verdict
from mmlite.datasets.voc_layout import (
    WITHOUT_LISTS,
    annotation_folder,
    find_images,
    how_to_find_xml,
    image_folder,
    images_without_xml,
    lists_that_are_there,
    read_image_ids,
    xml_ids,
    xml_ids_below,
)
from mmlite.datasets.voc_xml import count_names, load_xml_files
from mmlite.errors import ConfigError, DataError, did_you_mean
from mmlite.registry import DATASETS
from mmlite.support.signatures import with_arguments_of

_MISSING = ('empty', 'error')


@DATASETS.register_module()
class VOCDataset(DetDataset):
    """PASCAL VOC 2007, 2012, and any folder of that layout.

    Args (others as of DetDataset):
        ann_file: list of image names, e.g. 'VOC2007/ImageSets/Main/trainval.txt'; '' takes every
            XML file in Annotations. Lines `NAME 1|0|-1`, as of the devkit's lists per class, are
            read too; -1 leaves the image out.
        data_prefix: dict(sub_data_root='VOC2007/'), the folder that holds the two next.
        img_subdir: folder of the images; where it is missing, `images`, then the folder itself.
        ann_subdir: folder of the XML files; where it is missing, they lie beside the images.
        coordinates: how corners as written become the points x1, y1, x2, y2 of a box, from 0 to
            the width and height of the image:

            - 'devkit': each less 1, after its fraction is cut off, as in mmdet. Exact where the
              writer has added 1 to all four. A file of the devkit, which counts pixels from 1 up
              to the last one, gives boxes a pixel narrower and lower than what was marked;
              VOCMetric adds that pixel again.
            - 'zero_based': as written, fractions too: points counted from 0, as of most tools.
            - 'inclusive': xmin - 1, ymin - 1, xmax, ymax: pixels counted from 1 up to the last
              one, as in the devkit's own files and those of supervision. VOCMetric adds nothing.

            The log says at the start which rule is used, and what the files say about theirs.
        missing_annotation: what a listed image without an XML file is: 'empty', an image without
            objects, or 'error', a damaged item, see `max_bad`. Training data without any XML file
            are refused; a list to be tested, such as VOC 2012's test.txt, may have none.

    `difficult` makes a box one that is to be ignored; `truncated` and `occluded` are not read.
    """

    METAINFO: ClassVar[dict] = dict(
        classes=(
            *('aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'chair'),
            *('cow', 'diningtable', 'dog', 'horse', 'motorbike', 'person', 'pottedplant'),
            *('sheep', 'sofa', 'train', 'tvmonitor'),
        )
    )
    HOW_TO_GET: ClassVar[str] = (
        'To get VOC 2007 and 2012: download VOCtrainval_06-Nov-2007.tar, VOCtest_06-Nov-2007.tar '
        'and VOCtrainval_11-May-2012.tar from http://host.robots.ox.ac.uk/pascal/VOC/ and unpack '
        'them in one folder. They make VOCdevkit/VOC2007 and VOCdevkit/VOC2012; data_root is the '
        'path of that VOCdevkit.'
    )

    @with_arguments_of(DetDataset)
    def __init__(
        self,
        ann_file: str = '',
        *,
        img_subdir: str = 'JPEGImages',
        ann_subdir: str = 'Annotations',
        coordinates: str = 'devkit',
        missing_annotation: str = 'empty',
        **others: Any,
    ) -> None:
        self.img_subdir = img_subdir
        self.ann_subdir = ann_subdir
        self.coordinates = check_coordinates(coordinates, 'VOCDataset')
        self.missing_annotation = _check_missing(missing_annotation)
        self.judged = Judgement('', 'no file was read')  # what the files say about their corners
        super().__init__(ann_file, **others)

    def load_records(self) -> list[dict]:
        """Returns the records, see DetDataset.

        Raises:
            ConfigError: classes do not fit.
            DataError: a folder or list is not there, or names no image.
        """
        part = self._part_folder()
        img_dir = image_folder(part, self.img_subdir)
        ann_dir = annotation_folder(part, self.ann_subdir, img_dir)
        self._require(ann_dir, how_to_find_xml(part, self.ann_subdir, self.img_subdir))
        list_file = self._list_file(part)
        self._require(img_dir)
        all_ids = xml_ids(ann_dir)
        own = set(all_ids)
        ids = read_image_ids(list_file, own) if list_file else all_ids
        if not ids:
            raise DataError(f'{self.title}: {list_file or ann_dir} names no image')
        outlined = [os.path.join(ann_dir, i) for i in ids]
        self._check_inside(outlined, list_file or ann_dir, ann_dir)
        xml = load_xml_files(ann_dir, ids, cache_as=list_file)
        if not xml['missing'].all():
            self._refuse_none_usable(xml['errors'].tolist())
        elif not self.test_mode:
            raise DataError(
                f'{self.title}: none of its {len(ids)} images has an XML file. An image without '
                'objects needs none, but they cannot all be such images in a training. The first '
                f'looked for: {xml["errors"][0]}'
            )
        found = count_names(xml)
        if self.classes is None:
            # of the whole folder: train.txt and val.txt must number the classes alike
            found |= count_names(load_xml_files(ann_dir, all_ids, cache_as=''))
        labels_by_name = self.settle_classes(found)
        written = xml['image_names'].tolist()
        filenames, absent = find_images(img_dir, ids, written, self.title, own)
        self._note(absent.sum(), 'images are not there')
        self._settle_missing(xml, absent)
        if not list_file:
            unlisted = images_without_xml(img_dir, ids)
            self._note(unlisted, 'images without an XML file left out, since no list names them')
            below = set(xml_ids_below(ann_dir)) - own
            self._note(
                len(below),
                f'XML files in subfolders of {ann_dir} left out, since no list names them',
            )
        self._judge_corners(xml)
        bad = zip(filenames, xml['errors'].tolist(), strict=True)
        self.bad_items |= {filename: error for filename, error in bad if error}
        return self._make_records(xml, labels_by_name, filenames)

    def _list_file(self, part: str) -> str:
        """Returns the path of the list; '' where every XML file is taken."""
        path = self._path(self.ann_file) if self.ann_file else ''
        if path and not os.path.exists(path):
            how = lists_that_are_there(part) or WITHOUT_LISTS
            raise missing_data(self.title, path, self.data_root, how)
        return path

    def _settle_missing(self, xml: Arrays, absent: np.ndarray) -> None:
        """Makes images without an XML file empty ones, or damaged items; without both, the latter.

        Args:
            xml: of `load_xml_files`; its errors are changed.
            absent: (n,) bool, the image is not there either.
        """
        missing = np.flatnonzero(xml['missing'] & ~absent)
        if not len(missing):
            return
        errors = xml['errors'].tolist()
        if self.missing_annotation == 'empty':
            self._note_absent(
                len(missing),
                len(errors),
                f'images are without objects, since they have no XML file ({errors[missing[0]]}; '
                "missing_annotation='error' makes them damaged ones)",
            )
        for i in missing:
            how = "; missing_annotation='empty' takes it for an image without objects"
            errors[i] = '' if self.missing_annotation == 'empty' else errors[i] + how
        xml['errors'] = np.array(errors, str)

    def _judge_corners(self, xml: Arrays) -> None:
        """Says how corners are read, and what the files say about how they are meant."""
        sizes = xml['sizes'][xml['image_inds']]
        self.judged = judge_corners(xml['corners'], sizes, xml['writers'].tolist())
        self._say_read_as(*verdict(self.coordinates, self.judged))

    def _make_records(
        self, xml: Arrays, labels_by_name: dict[str, int], filenames: list[str]
    ) -> list[dict]:
        label_table = np.array([labels_by_name.get(n, 0) for n in xml['name_table']], np.int64)
        labels = label_table[xml['name_inds']]
        asked = labels > 0
        labels, difficult = labels[asked], xml['difficult'][asked]
        bboxes = edges(xml['corners'][asked], self.coordinates).astype(np.float32)
        ends = np.cumsum(np.bincount(xml['image_inds'][asked], minlength=len(filenames))).tolist()
        records = []
        for filename, (width, height), start, end in zip(
            filenames, xml['sizes'].tolist(), [0, *ends[:-1]], ends, strict=True
        ):
            rows = slice(start, end)
            ann = dict(bboxes=bboxes[rows], labels=labels[rows], difficult=difficult[rows])
            records.append(dict(filename=filename, width=width, height=height, ann=ann))
        return records

    def _part_folder(self) -> str:
        meaning = f"the folder that holds '{self.img_subdir}' and '{self.ann_subdir}'"
        self._check_prefix(sub_data_root=meaning)
        part = self._require(self._path(self.data_prefix.get('sub_data_root', '')))
        years = re.findall('VOC2007|VOC2012', part)
        if years:
            self.metainfo['dataset_type'] = years[-1]
        return part


def _check_missing(missing_annotation: Any) -> str:
    if missing_annotation not in _MISSING:
        raise ConfigError(
            f"VOCDataset: missing_annotation is 'empty', an image without objects, or 'error', "
            f'found {missing_annotation!r}.{did_you_mean(str(missing_annotation), _MISSING)}'
        )
    return missing_annotation
