"""YoloDataset: a text file for each image, `class cx cy w h` in shares of the image."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from mmlite.datasets.annotations import Arrays
from mmlite.datasets.base import DetDataset
from mmlite.datasets.image_files import IMAGE_ENDINGS, image_sizes
from mmlite.datasets.yolo_labels import (
    LabelFiles,
    beside,
    find_label_files,
    load_label_files,
    search_label_file,
    shared_label_files,
)
from mmlite.datasets.yolo_lists import (
    DESCRIPTIONS,
    NAME_FILES,
    SPLITS,
    Description,
    entry_bases,
    find_entry,
    read_description,
    read_lines,
    read_names,
    resolve_list,
)
from mmlite.errors import ConfigError, DataError, did_you_mean
from mmlite.registry import DATASETS
from mmlite.support.signatures import with_arguments_of

_SHOWN = 3  # places in a message


@DATASETS.register_module()
class YoloDataset(DetDataset):
    """YOLO's layouts: Ultralytics, Roboflow, Darknet, CVAT.

    A row of a label file is `class cx cy w h` or `class x1 y1 x2 y2 x3 y3 ...`, a polygon, of which
    the box around it is taken. Coordinates are shares of the image, classes count from 0.

    The label file of `images/train/a.jpg` is `labels/train/a.txt`: `labels` takes the place of the
    last folder called `images`; where there is none, it lies beside the image. Where fewer than
    half of them are there, they are looked for beside the images, and in folders spelt in another
    case. An image without one has no objects; these are counted, and training data that have not
    one label file are refused.

    Args (others as of DetDataset):
        ann_file: what names the images:

            - '': all images in the folder of data_prefix.
            - 'train.txt', a list of their paths, relative to `data_root`, or where they start with
              './' to the list itself. Where such files are not there, leading folders are left out.
            - 'data.yaml', as of Ultralytics and Roboflow: folders and lists by split, and names. A
              folder that it names may lie outside of `data_root`, which the log then says; images
              in lists may not.
            - 'obj.data', as of Darknet and CVAT, in the same way.
        split: 'train', 'val' or 'test' of data.yaml or obj.data; '' for train, in test mode val.
        data_prefix: dict(img='images/train'), the folder of the images; and labels='texts/train',
            the folder of their label files, where it has another name.
        metainfo: dict(classes=...) chooses classes by name, and their order. What the numbers in
            the label files mean is said by data.yaml or obj.data; by `names` of `data.yaml` or
            `dataset.yaml`, or the lines of `classes.txt`, `obj.names` or `_darknet.labels`, in
            `data_root` or beside the list, the images or the label files; where there is none, by
            `classes` itself.
    """

    METAINFO: ClassVar[dict] = dict(classes='auto')
    HOW_TO_GET: ClassVar[str] = (
        'data_root is the folder that holds images, labels and, as a rule, data.yaml, which '
        "ann_file='data.yaml' reads with the folders that it names."
    )

    @with_arguments_of(DetDataset)
    def __init__(self, ann_file: str = '', *, split: str = '', **others: Any) -> None:
        if split not in ('', *SPLITS):
            raise ConfigError(
                f'YoloDataset: split is one of {", ".join(SPLITS)}, found {split!r}.'
                f'{did_you_mean(str(split), SPLITS)}'
            )
        self.split = split
        super().__init__(ann_file, **others)

    def load_records(self) -> list[dict]:
        """Returns the records, see DetDataset.

        Raises:
            ConfigError: classes do not fit.
            DataError: a folder, a list or the label files are not there, or cannot be used.
        """
        self._check_prefix(img='the folder of the images', labels='the folder of their label files')
        description = self._description()
        paths = self._image_paths(description)
        files = self._label_files(paths)
        names = self._names(description, paths, files)
        cache_as = f'{self._path("")}\0{self.ann_file}\0{self.data_prefix}\0{self.split}'
        found = load_label_files(files, cache_as, description.keypoints if description else 0)
        errors = found['errors'].tolist()
        self._refuse_none_usable(errors)
        self._note(found['polygons'], 'objects are polygons: the box around each is taken')
        self.bad_items |= {path: why for path, why in zip(paths, errors, strict=True) if why}
        _check_numbers(found, names, files)
        counts = np.bincount(found['classes'], minlength=len(names)).tolist()
        if self.classes is None:
            self.metainfo['classes'] = tuple(names)
        labels_by_name = self.settle_classes(dict(zip(names, counts, strict=True)))
        table = np.array([labels_by_name.get(name, 0) for name in names], np.int64)
        return _make_records(found, table[found['classes']], paths, image_sizes(paths, cache_as))

    def _description(self) -> Description | None:
        if not self.ann_file.endswith(DESCRIPTIONS):
            return None
        return read_description(Path(self._require(self._path(self.ann_file))))

    def _image_paths(self, description: Description | None) -> list[str]:
        if description:
            paths = self._described_images(description)
        elif self.ann_file:
            file = self._require(self._path(self.ann_file))
            img_dir = self._path(self.data_prefix.get('img', 'images'))
            paths = self._listed_images(Path(file), [self._path(''), img_dir], [img_dir])
        else:
            paths = _images_in(
                Path(self._require(self._path(self.data_prefix.get('img', 'images'))))
            )
        if not paths:
            raise DataError(f'{self.title}: no image in the folder or the list')
        return paths

    def _described_images(self, description: Description) -> list[str]:
        """Returns the images of a split, in the folders and lists that a description names."""
        split = self.split or ('val' if self.test_mode else 'train')
        if split not in description.splits:
            has = ', '.join(description.splits) or 'none of ' + ', '.join(SPLITS)
            raise DataError(
                f"{description.file}: there is no '{split}', the split asked for; it has {has}. "
                'The argument split of YoloDataset chooses one'
            )
        bases = entry_bases(description, self._path(''))
        paths = []
        for entry in description.splits[split]:
            found = find_entry(entry, bases, description.file.parent)
            if found is None:
                raise DataError(
                    f"{description.file}: there is no '{entry}', which '{split}' names. The first "
                    f'place looked at: {os.path.normpath(bases[0] / entry)}'
                )
            roots = (self._path(''), str(description.file.parent))
            outside = not any(found.is_relative_to(root) for root in roots)
            away = ', outside of the data root' if outside else ''
            self._say_read_as(f"'{split}' of {description.file.name} read from {found}{away}")
            if found.is_dir():
                paths += _images_in(found)
            elif found.suffix.lower() in IMAGE_ENDINGS:
                paths.append(str(found))
            else:
                starts = [self._path(''), *map(str, bases)]
                allowed = [roots[1], str(found.parent)]
                paths += self._listed_images(found, starts, allowed)
        return paths

    def _listed_images(self, file: Path, bases: list[str], allowed: list[str]) -> list[str]:
        paths = resolve_list(read_lines(file), str(file.parent), bases)
        self._check_inside(paths, str(file), *allowed)
        return paths

    def _label_files(self, paths: list[str]) -> LabelFiles:
        """Finds the label files and counts the images without; in training refuses none at all."""
        img_dir, labels = self._path(self.data_prefix.get('img', 'images')), ''
        if self.data_prefix.get('labels'):
            labels = self._require(self._path(self.data_prefix['labels']))
        found = find_label_files(paths, img_dir, labels)
        if found.how:
            self._say_read_as(found.how)
        shared = shared_label_files(paths, found)
        if shared:
            self._warn(f'{len(shared)} label files belong to several images, such as {shared[0]}')
        count, total = int(found.missing.sum()), len(paths)
        if count < total:
            self._note_absent(count, total, 'images have no label file: without objects')
            return found
        places = f'looked for: {", ".join(found.files[:_SHOWN])}'
        if self.test_mode:
            self._warn(f'none of its {count} images has a label file; {places}')
            return found
        raise DataError(
            f'{self.title}: none of its {count} images has a label file; {places}, and '
            f"{beside(paths[0])}. In the path of an image 'labels' takes the place of the last "
            "folder named 'images', else the text file lies beside the image."
            f'{self._hint(paths[0])} Where no image has an object, an empty text file for one of '
            'them says that this is meant.'
        )

    def _hint(self, image: str) -> str:
        found = search_label_file(image, self._path(''))
        if not found:
            return ''
        folder = os.path.relpath(os.path.dirname(found), self._path(''))
        return (
            f" There is '{found}': data_prefix=dict(img=..., labels='{folder}') reads that folder."
        )

    def _names(
        self, description: Description | None, paths: list[str], files: LabelFiles
    ) -> list[str]:
        """Returns what the numbers in the label files mean."""
        folders = [
            self._path(''),
            os.path.dirname(self._path(self.ann_file)),
            self._path(self.data_prefix.get('img', '')),
            os.path.dirname(paths[0]),
            os.path.dirname(files.files[0]),
        ]
        sources = [Path(folder, name) for folder in folders for name in NAME_FILES]
        if description:  # without names it is no source of them
            sources = [source for source in sources if source != description.file]
        found = {s: read_names(s) for s in dict.fromkeys(sources) if s.is_file()}
        if description and description.names:
            found = {description.file: description.names, **found}
        if not found and self.classes is None:
            yaml_file, listed = (Path(folders[0], name) for name in ('data.yaml', 'classes.txt'))
            raise DataError(
                f"{self.title}: what do the class numbers mean? There is neither '{yaml_file}' "
                f"with names nor '{listed}'; or set metainfo=dict(classes=(...))"
            )
        first = next(iter(found), None)
        for source, names in found.items():
            if names != found[first]:
                self._warn(
                    f'the class names of {source} are not those of {first}, which count: '
                    f'{", ".join(names[:_SHOWN])} ... and {", ".join(found[first][:_SHOWN])} ...'
                )
        return found[first] if found else list(self.classes)


def _images_in(folder: Path) -> list[str]:
    files = sorted(file for file in folder.rglob('*') if file.suffix.lower() in IMAGE_ENDINGS)
    # macOS writes a file `._a.jpg` for `a.jpg` on other systems' disks and into archives
    return [str(file) for file in files if file.is_file() and not file.name.startswith('._')]


def _make_records(
    found: Arrays, labels: np.ndarray, paths: list[str], sizes: np.ndarray
) -> list[dict]:
    """Returns the records of n images, with the objects whose label (G,) is not 0."""
    bboxes = (found['bboxes'] * np.tile(sizes, 2)[found['image_inds']]).astype(np.float32)
    ends = np.searchsorted(found['image_inds'], np.arange(len(paths)), side='right').tolist()
    records = []
    for path, (width, height), start, end in zip(
        paths, sizes.tolist(), [0, *ends[:-1]], ends, strict=True
    ):
        rows = np.arange(start, end)[labels[start:end] > 0]
        ann = dict(bboxes=bboxes[rows], labels=labels[rows], difficult=np.zeros(len(rows), bool))
        records.append(dict(filename=path, width=width, height=height, ann=ann))
    return records


def _check_numbers(found: Arrays, names: list[str], files: LabelFiles) -> None:
    beyond = np.flatnonzero(found['classes'] >= len(names))
    if beyond.size:
        first = beyond[0]
        file = files.files[found['image_inds'][first]]
        raise DataError(
            f'{file}:{found["lines"][first]}: class {found["classes"][first]}, but there are '
            f'{len(names)} names, from 0 to {len(names) - 1}: {", ".join(names[:20])}'
        )
