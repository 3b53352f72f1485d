"""VOCDataset: the devkit's layout (JPEGImages, Annotations, ImageSets/Main)."""

from __future__ import annotations

import os
import re
from typing import Any, ClassVar

import numpy as np

from mmlite.datasets.annotations import Arrays
from mmlite.datasets.base import DetDataset
from mmlite.datasets.image_files import IMAGE_ENDINGS
from mmlite.datasets.voc_xml import count_names, load_xml_files, scan
from mmlite.errors import DataError
from mmlite.registry import DATASETS
from mmlite.support.signatures import with_arguments_of


@DATASETS.register_module()
class VOCDataset(DetDataset):
    """PASCAL VOC 2007, 2012, and any folder of that layout.

    Args (others as of DetDataset):
        ann_file: list of image names, e.g. 'VOC2007/ImageSets/Main/trainval.txt'; '' takes every
            XML file in Annotations. Lines `NAME 1|0|-1`, as of the devkit's lists per class, are
            read too; -1 leaves the image out.
        data_prefix: dict(sub_data_root='VOC2007/'), the folder that holds the two next.
        img_subdir: folder of the images; where it is missing, `images` is tried.
        ann_subdir: folder of the XML files.
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
        **others: Any,
    ) -> None:
        self.img_subdir = img_subdir
        self.ann_subdir = ann_subdir
        super().__init__(ann_file, **others)

    def load_records(self) -> list[dict]:
        """Returns the records, see DetDataset.

        Raises:
            ConfigError: classes do not fit.
            DataError: a folder or list is not there, or names no image.
        """
        part = self._part_folder()
        list_file = self._require(self._path(self.ann_file)) if self.ann_file else ''
        ann_dir = self._require(os.path.join(part, self.ann_subdir))
        img_dir = self._require(self._image_folder(part))
        all_ids = sorted(name[:-4] for name in os.listdir(ann_dir) if name.endswith('.xml'))
        ids = read_image_ids(list_file) if list_file else all_ids
        if not ids:
            raise DataError(f'{self.title}: {list_file or ann_dir} names no image')
        outlined = [os.path.join(ann_dir, i) for i in ids]
        self._check_inside(outlined, list_file or ann_dir, ann_dir)
        xml = load_xml_files(ann_dir, ids, cache_as=list_file)
        self._refuse_none_usable(xml['errors'].tolist())
        found = count_names(xml)
        if self.classes is None:
            # of the whole folder: train.txt and val.txt must number the classes alike
            found |= count_names(load_xml_files(ann_dir, all_ids, cache_as=''))
        labels_by_name = self.settle_classes(found)
        filenames, missing = find_images(img_dir, ids, xml['image_names'].tolist(), self.title)
        self._note(missing, 'images are not there')
        bad = zip(filenames, xml['errors'].tolist(), strict=True)
        self.bad_items |= {filename: error for filename, error in bad if error}
        return self._make_records(xml, labels_by_name, filenames)

    def _make_records(
        self, xml: Arrays, labels_by_name: dict[str, int], filenames: list[str]
    ) -> list[dict]:
        label_table = np.array([labels_by_name.get(n, 0) for n in xml['name_table']], np.int64)
        labels = label_table[xml['name_inds']]
        asked = labels > 0
        labels, bboxes, difficult = labels[asked], xml['bboxes'][asked], xml['difficult'][asked]
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
        self._check_prefix('sub_data_root', meaning)
        part = self._require(self._path(self.data_prefix.get('sub_data_root', '')))
        years = re.findall('VOC2007|VOC2012', part)
        if years:
            self.metainfo['dataset_type'] = years[-1]
        return part

    def _image_folder(self, part: str) -> str:
        folder, second = os.path.join(part, self.img_subdir), os.path.join(part, 'images')
        return second if os.path.isdir(second) and not os.path.isdir(folder) else folder


def read_image_ids(list_file: str) -> list[str]:
    """Reads the image names of a list in ImageSets/Main, without their ending.

    Where every line is `NAME FLAG`, as in the devkit's lists per class, -1 leaves the image out.
    """
    with open(list_file, encoding='utf-8-sig', errors='surrogateescape') as file:
        lines = [line.strip() for line in file if line.strip()]
    flagged = [line.rsplit(maxsplit=1) for line in lines]
    if all(len(words) == 2 and words[1] in ('-1', '0', '1') for words in flagged):
        lines = [name for name, flag in flagged if flag != '-1']
    ids = []
    for line in lines:
        stem, ending = os.path.splitext(line)
        known = ending.lower() in ('.xml', *IMAGE_ENDINGS)
        ids.append((stem if known else line).replace('\\', '/'))
    return ids


def find_images(
    img_dir: str, ids: list[str], written: list[str], title: str
) -> tuple[list[str], int]:
    """Finds the image of each id by one listing of `img_dir`, whatever its ending.

    Args:
        written: the file names that the XML files give; where there is no .jpg their ending wins.

    Returns:
        Absolute paths, ID.jpg for an image that is not there (the pipeline reports it when it
        is to be read), and how many are not.

    Raises:
        DataError: none is there.
    """
    by_stem: dict[str, dict[str, str]] = {}
    for name, entry in scan(img_dir, ids):
        stem, ending = os.path.splitext(name)
        by_stem.setdefault(stem, {})[ending.lower()] = entry.path
    filenames = []
    missing = 0
    for i, name in zip(ids, written, strict=True):
        candidates = by_stem.get(i, {})
        order = (IMAGE_ENDINGS[0], os.path.splitext(name)[1].lower(), *IMAGE_ENDINGS)
        endings = [ending for ending in order if ending in candidates]
        missing += not endings
        filenames.append(candidates[endings[0]] if endings else os.path.join(img_dir, f'{i}.jpg'))
    if missing == len(ids):
        raise DataError(
            f"{title}: none of its {len(ids)} images is in '{img_dir}'. The first looked for is "
            f"'{ids[0]}.jpg', or another ending that OpenCV reads."
        )
    return filenames, missing
