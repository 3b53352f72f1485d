"""The data of a folder, read: the arguments of each part's data set, and its boxes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mmlite.datasets import build_dataset
from mmlite.support.quiet import quiet_log
from mmlite.tools.convert_dataset.source import Source
from mmlite.tools.dataset_analysis.splits import Split, read_split
from mmlite.tools.init.layouts.layout import Layout

# notes of data sets about what `init` says in its own way
_SAID_ELSEWHERE = ('corners read', 'no boxes')


@dataclass
class Data:
    """The parts of a data set: 'train', 'val', 'test', or WHOLE where there is no split.

    Attributes:
        parts: the arguments of the data set of each part.
        splits: its boxes; all have the same list of classes.
        reasons: why an argument is as it is, by its name.
        notes: what the data sets said about their files.
    """

    parts: dict[str, dict[str, Any]]
    splits: list[Split]
    reasons: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def split(self, name: str) -> Split | None:
        """Returns the part of this name; None where there is none."""
        return next((split for split in self.splits if split.name == name), None)


def read_data(source: Source, layout: Layout) -> Data:
    """Reads all images and boxes that a layout has, and how the corners of VOC are meant.

    Raises:
        DataError: they cannot be used.
    """
    root = dict(data_root=str(source.path))
    parts = {name: {'type': args['type'], **root, **args} for name, args in layout.parts.items()}
    data = Data(parts, [])
    for name, args in list(parts.items()):
        metainfo = args.get('metainfo', dict(classes='auto'))
        with quiet_log():
            dataset = build_dataset({**args, 'metainfo': metainfo, 'test_mode': True})
        judged = getattr(dataset, 'judged', None)
        if judged and judged.coordinates not in ('', dataset.coordinates):
            data.reasons['coordinates'] = judged.reason
            for other in parts.values():
                other.setdefault('coordinates', judged.coordinates)
        said = [note for note in dataset.notes if not note.startswith(_SAID_ELSEWHERE)]
        data.notes += [f'{name}: {note}' if len(parts) > 1 else note for note in said]
        data.splits.append(read_split(dataset, name))
    data.splits = _with_one_list(data.splits)
    return data


def _with_one_list(splits: list[Split]) -> list[Split]:
    """Returns the splits with the same classes: those of the first, then those of others."""
    names = tuple(dict.fromkeys(name for split in splits for name in split.classes))
    renumbered = []
    for split in splits:
        table = np.array([0, *(names.index(name) + 1 for name in split.classes)])
        renumbered.append(replace(split, classes=names, labels=table[split.labels]))
    return renumbered
