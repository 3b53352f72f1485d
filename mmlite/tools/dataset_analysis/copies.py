"""Pictures that are there more than once, in one part of the data or in two.

Grey thumbnails find pictures that may be the same, and a second look at more pixels decides: there
a small object that only one of the two has is seen. Copies in another size, quality or format are
found; crops and mirrored ones are not. Pictures of one colour are compared by their path only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import cv2
import numpy as np

from mmlite.datasets.encoded_image import ImageError, open_image
from mmlite.support.progress import progress

PartFile = tuple[str, str]  # name of a part, and an image file of it

_THUMBNAIL, _DETAIL = 16, 128  # sides in pixels
_TOLERANCE = 2.0  # grey levels, root mean square: what another JPEG quality or size changes
_SPOT = 16.0  # grey levels, mean of 3 x 3 detailed pixels: two copies differ by no more
_FLAT = 2.0  # grey levels, standard deviation: a picture with less has nothing to compare
_MOST_PAIRS = 200_000  # that are looked at twice; a film of one place has more


@dataclass(frozen=True)
class Copies:
    """What is there more than once.

    Attributes:
        groups: lists of (part, file) of two or more that are the same picture; those in two parts
            first.
        within: the number of surplus copies in each part.
        leaks: of each pair of parts, 'val in train', the number of pictures of the one that are in
            the other too.
        alike: the same of pictures that only look alike, such as neighbouring frames of a film.
        lookalikes: groups of those, with the copies among them.
    """

    groups: list[list[PartFile]]
    within: dict[str, int]
    leaks: dict[str, int]
    alike: dict[str, int]
    lookalikes: list[list[PartFile]]

    def to_json(self) -> dict[str, Any]:
        """Returns what there is twice, and the counts, as plain data."""
        data = asdict(self)
        del data['lookalikes']
        return data


def find_copies(parts: Mapping[str, Sequence[str]], by_pixels: bool = True) -> Copies:
    """Finds pictures that are there more than once; those that cannot be read are left out.

    Args:
        parts: the image files of each part of the data.
        by_pixels: decode them all; else only their paths are compared.
    """
    owners = [(name, file) for name, files in parts.items() for file in files]
    pairs = np.zeros((0, 2), np.int64)
    if by_pixels:
        with ThreadPoolExecutor() as pool:
            found = pool.map(_thumbnail, [file for _, file in owners])
            found = list(progress(found, 'looking for copies', len(owners)))
        owners = [owner for owner, one in zip(owners, found, strict=True) if one is not None]
        thumbnails = np.array([one for one in found if one is not None], np.float32)
        pairs = _near(thumbnails.reshape(-1, _THUMBNAIL**2))
    same_path = _equal_paths([file for _, file in owners])
    copied = pairs[_same_detail([file for _, file in owners], pairs)]
    groups = _grouped(owners, np.concatenate([same_path, copied]))
    alike = _grouped(owners, np.concatenate([same_path, pairs]))
    names = list(parts)
    leaks = _leaks(groups, names)
    lookalike_leaks = _less(_leaks(alike, names), leaks)
    return Copies(groups, _surplus(groups, names), leaks, lookalike_leaks, alike)


def _thumbnail(file: str) -> np.ndarray | None:
    """A grey picture (256,) float32 of 16 x 16 pixels; None for what cannot be read."""
    img = _grey(file, _THUMBNAIL)
    return None if img is None else img.astype(np.float32).reshape(-1)


def _grey(file: str, side: int) -> np.ndarray | None:
    """A picture (side, side) uint8, decoded no larger than is needed; None if it is unreadable."""
    try:
        image = open_image(file)
        least = min(image.size) if image.size is not None else 0
        reduction = next((part for part in (8, 4, 2) if least >= 2 * side * part), 1)
        img = image.decode(reduction)
    except ImageError:
        return None
    return cv2.resize(
        cv2.cvtColor(img, cv2.COLOR_BGR2GRAY), (side, side), interpolation=cv2.INTER_AREA
    )


def _equal_paths(files: Sequence[str]) -> np.ndarray:
    """Returns pairs (m, 2) that link all entries of one file."""
    first: dict[str, int] = {}
    real = [os.path.realpath(file) for file in files]
    pairs = [(first.setdefault(path, i), i) for i, path in enumerate(real)]
    return np.array([pair for pair in pairs if pair[0] != pair[1]], np.int64).reshape(-1, 2)


def _near(thumbnails: np.ndarray) -> np.ndarray:
    """Returns the pairs (m, 2) of thumbnails (n, 256) that look alike, flat ones left out."""
    from scipy.spatial import cKDTree

    rows = np.flatnonzero(thumbnails.std(axis=1) >= _FLAT) if len(thumbnails) else np.zeros(0, int)
    thumbnails = thumbnails[rows]
    if len(rows) < 2:
        return np.zeros((0, 2), np.int64)
    # means of 4 x 4 pixels differ by no more than the pixels do, and in 16 dimensions a tree
    # finds neighbours quickly, which it does not in 256
    coarse = thumbnails.reshape(-1, 4, 4, 4, 4).mean(axis=(2, 4)).reshape(-1, 16)
    pairs = cKDTree(coarse).query_pairs(_TOLERANCE * 4, output_type='ndarray')
    difference = np.square(thumbnails[pairs[:, 0]] - thumbnails[pairs[:, 1]]).mean(axis=1)
    return rows[pairs[difference <= _TOLERANCE**2]].astype(np.int64)


def _same_detail(files: Sequence[str], pairs: np.ndarray) -> np.ndarray:
    """Returns (m,) bool: no spot of the two detailed pictures differs."""
    same = np.zeros(len(pairs), bool)
    wanted = np.unique(pairs[:_MOST_PAIRS]).tolist()
    with ThreadPoolExecutor() as pool:
        details = dict(zip(wanted, pool.map(_detail, [files[i] for i in wanted]), strict=True))
    for row, (one, other) in enumerate(pairs[:_MOST_PAIRS].tolist()):
        same[row] = cv2.absdiff(details[one], details[other]).max() <= _SPOT
    return same


def _detail(file: str) -> np.ndarray:
    return cv2.blur(_grey(file, _DETAIL), (3, 3))


def _grouped(owners: Sequence[PartFile], pairs: np.ndarray) -> list[list[PartFile]]:
    """Returns the connected owners, those of several parts first."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not len(pairs):
        return []
    count = len(owners)
    links = coo_array((np.ones(len(pairs), bool), tuple(pairs.T)), shape=(count, count))
    labels = connected_components(links, directed=False)[1]
    groups = [
        [owners[i] for i in np.flatnonzero(labels == label)]
        for label in np.flatnonzero(np.bincount(labels) > 1)
    ]
    return sorted(groups, key=lambda group: -len({part for part, _ in group}))


def _surplus(groups: Sequence[Sequence[PartFile]], names: Sequence[str]) -> dict[str, int]:
    return {name: sum(max(0, count - 1) for count in _counts(groups, name)) for name in names}


def _leaks(groups: Sequence[Sequence[PartFile]], names: Sequence[str]) -> dict[str, int]:
    leaks = {}
    for one, other in combinations(names, 2):
        both = zip(_counts(groups, one), _counts(groups, other), strict=True)
        count = sum(of_other for of_one, of_other in both if of_one)
        if count:
            leaks[f'{other} in {one}'] = count
    return leaks


def _counts(groups: Sequence[Sequence[PartFile]], name: str) -> Iterator[int]:
    return (sum(part == name for part, _ in group) for group in groups)


def _less(alike: dict[str, int], leaks: dict[str, int]) -> dict[str, int]:
    more = {pair: count - leaks.get(pair, 0) for pair, count in alike.items()}
    return {pair: count for pair, count in more.items() if count}
