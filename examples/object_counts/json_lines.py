"""A data set of your own: a file of JSON lines, one for each image."""

import json
from collections import Counter
from pathlib import Path
from typing import ClassVar

import numpy as np

from mmlite.datasets import DetDataset
from mmlite.errors import DataError
from mmlite.registry import DATASETS


@DATASETS.register_module()
class JsonLinesDataset(DetDataset):
    """A line is {"image": "a.jpg", "boxes": [[x1, y1, x2, y2], ...], "classes": ["ring", ...]}.

    Boxes are in pixels of the image; images lie in `data_root`. Arguments as of DetDataset.
    """

    METAINFO: ClassVar[dict] = dict(classes='auto')

    def load_records(self) -> list[dict]:
        file = self._require(self._path(self.ann_file))
        lines = Path(file).read_text(encoding='utf-8').splitlines()
        rows = [_parse(line, f'{file}:{number}') for number, line in enumerate(lines, 1)]
        paths = [self._path(image) for image, _, _ in rows]
        self._check_inside(paths, file)
        labels = self.settle_classes(Counter(name for _, _, names in rows for name in names))
        records = []
        for path, (_, boxes, names) in zip(paths, rows, strict=True):
            chosen = [i for i, name in enumerate(names) if name in labels]
            ann = dict(
                bboxes=boxes[chosen],
                labels=np.array([labels[names[i]] for i in chosen], np.int64),
                difficult=np.zeros(len(chosen), bool),
            )
            records.append(dict(filename=path, width=0, height=0, ann=ann))  # 0: not known
        return records


def _parse(line: str, at: str) -> tuple[str, np.ndarray, list[str]]:
    try:
        row = json.loads(line)
        names, boxes = row['classes'], np.array(row['boxes'], np.float32)
        if not isinstance(names, list) or not all(
            isinstance(s, str) for s in (row['image'], *names)
        ):
            raise TypeError('image and each of the classes are strings')
        if boxes.shape != (len(names), 4) and (len(boxes) or names):
            raise ValueError(f'boxes of shape {boxes.shape} and {len(names)} classes')
        return row['image'], boxes.reshape(-1, 4), names
    except (ValueError, TypeError, KeyError) as error:  # also what json raises
        raise DataError(
            f'{at}: a JSON object with image, boxes and classes is expected: {error!r}'
        ) from None
