"""The demo set: drawn from a seed, in VOC's and COCO's layout, so that any config runs offline."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import cv2
import numpy as np
from mmengine.logging import print_log
from numpy.random import Generator

from mmlite.datasets.demo_scenes import MIN_SIDE, DrawnObject, Scene
from mmlite.datasets.demo_shapes import MAX_CLASSES, shape_of_each
from mmlite.datasets.voc_corners import edges
from mmlite.datasets.voc_xml import parse_xml
from mmlite.errors import DataError
from mmlite.support.cache import cache_dir, mark_used
from mmlite.support.progress import progress

DRAWING_VERSION = 3  # raise it when the drawing changes: older sets are then drawn again
DEFAULT_CLASSES = ('square', 'triangle', 'cross', 'ring', 'hourglass')


def demo_root(
    classes: Sequence[str], num_train: int, num_test: int, size: tuple[int, int], seed: int
) -> Path:
    """Returns the default folder of a demo set: its own one for each set of arguments.

    It lies in the cache: $MMLITE_CACHE or ~/.cache/mmlite.
    """
    parameters = _checked_parameters(classes, num_train, num_test, size, seed)
    digest = hashlib.sha256(json.dumps(parameters).encode()).hexdigest()[:12]
    return cache_dir() / f'demo-{digest}'


def draw_demo_set(
    root: str | os.PathLike,
    classes: Sequence[str] = DEFAULT_CLASSES,
    num_train: int = 600,
    num_test: int = 150,
    size: tuple[int, int] = (320, 240),
    seed: int = 0,
) -> Path:
    """Draws a data set in VOC's and COCO's layout into `root`, or finds it drawn there already.

    The same arguments give the same files. The folder appears at once and complete, so several
    processes may call this together. In `root`, another demo set or a damaged one is replaced.
    Classes differ by shape: one named as a shape in demo_shapes.SHAPES gets that shape,
    the others get the rest in order.

    Args:
        root: folder to make, with JPEGImages, Annotations, ImageSets/Main and demo.json in it, and
            for COCO instances_train2017.json and instances_val2017.json, of trainval and test.
        classes: any names, up to MAX_CLASSES.
        num_train: images in trainval.txt; every fifth is in val.txt, the others in train.txt.
        num_test: images in test.txt.
        size: (w, h) of most images; the others are upright, or up to a quarter off it.
        seed: any number from 0.

    Returns:
        `root` as a Path.

    Raises:
        DataError: an argument is out of range, or `root` holds something else.
    """
    root = Path(root).expanduser().absolute()
    parameters = _checked_parameters(classes, num_train, num_test, size, seed)
    draft = root.with_name(f'{root.name}.{uuid.uuid4().hex[:8]}.draft')
    try:
        if root.exists():  # asked first: what appears later is another process's finished set
            if _is_drawn(root, parameters):
                mark_used(root)
                return root
            _clear_the_way(root)
        _draw_into(draft, parameters)
        draft.rename(root)
        if root.parent == cache_dir().absolute():
            print_log(f'Drawn: {root}; `mmlite cache` shows and empties the cache', 'current')
    except OSError as error:  # renaming fails where another process was faster
        if not _is_drawn(root, parameters):
            raise DataError(f'{root}: the demo set cannot be drawn here: {error}') from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return root


def _checked_parameters(
    classes: Sequence[str], num_train: int, num_test: int, size: tuple[int, int], seed: int
) -> dict:
    """Returns what decides a set's content, in the form of demo.json; refuses bad arguments."""
    if isinstance(classes, str) or not isinstance(classes, Sequence):
        raise DataError(f'classes: a list of names is expected, found {classes!r}')
    names = list(classes)
    bad_names = [n for n in names if not isinstance(n, str) or not n or n != n.strip()]
    if not names or bad_names:
        raise DataError(f'classes: names are expected, found {(bad_names or names)!r}')
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f'classes: {", ".join(twice)}: named more than once')
    if len(names) > MAX_CLASSES:
        raise DataError(
            f'classes: {len(names)} of them, and the demo set has shapes for {MAX_CLASSES} at most'
        )
    if not isinstance(size, Sequence) or len(size) != 2:
        raise DataError(f'size of the demo set: (w, h) is expected, found {size!r}')
    least = dict(num_train=1, num_test=1, width=MIN_SIDE, height=MIN_SIDE, seed=0)
    numbers = dict(zip(least, (num_train, num_test, *size, seed), strict=True))
    for key, number in numbers.items():
        if not isinstance(number, int) or number < least[key]:
            raise DataError(
                f'{key} of the demo set: a whole number from {least[key]} is expected, '
                f'found {number!r}'
            )
    return dict(drawing_version=DRAWING_VERSION, classes=names, **numbers)


def _is_drawn(root: Path, parameters: dict) -> bool:
    """Says whether `root` is this very set, with no file missing."""
    num_images = parameters['num_train'] + parameters['num_test']
    num_files = {'JPEGImages': num_images, 'Annotations': num_images, 'ImageSets/Main': 4}
    try:
        found = json.loads((root / 'demo.json').read_text('utf-8'))
        return found == parameters and all(
            len(os.listdir(root / folder)) >= number for folder, number in num_files.items()
        )
    except (OSError, ValueError):
        return False


def _clear_the_way(root: Path) -> None:
    """Removes an empty folder, another demo set or a damaged one; refuses to remove any other."""
    old = root.with_name(f'{root.name}.{uuid.uuid4().hex[:8]}.old')
    with contextlib.suppress(FileNotFoundError):  # another process was faster
        names = os.listdir(root)
        if names and 'demo.json' not in names:
            raise DataError(
                f'{root}: is there already and is no demo set (it has no demo.json): name another '
                'folder, or remove this one'
            )
        root.rename(old)
    shutil.rmtree(old, ignore_errors=True)


def _draw_into(root: Path, parameters: dict) -> None:
    """Writes the whole set into a new folder."""
    for folder in ('JPEGImages', 'Annotations', 'ImageSets/Main'):
        (root / folder).mkdir(parents=True)
    # first, so that an unfinished copy of this folder is known as a demo set too
    (root / 'demo.json').write_text(json.dumps(parameters, indent=1), 'utf-8')
    trainval = _draw_part(root, 0, 1, parameters['num_train'], parameters)
    test = _draw_part(root, 1, 1 + len(trainval), parameters['num_test'], parameters)
    val = trainval[4::5]
    train = [stem for stem in trainval if stem not in set(val)]
    for part, stems in dict(train=train, val=val, trainval=trainval, test=test).items():
        text = ''.join(f'{stem}\n' for stem in stems)
        (root / 'ImageSets/Main' / f'{part}.txt').write_text(text, 'utf-8')
    for name, stems in dict(train2017=trainval, val2017=test).items():
        content = drawn_coco_content(root / 'Annotations', stems, parameters['classes'])
        (root / f'instances_{name}.json').write_text(json.dumps(content), 'utf-8')


def drawn_coco_content(ann_dir: Path, stems: Sequence[str], classes: Sequence[str]) -> dict:
    """Returns VOC annotations in COCO's form; boxes as VOCDataset has them, difficult as crowds."""
    images, annotations = [], []
    for i, stem in enumerate(stems, 1):
        xml = parse_xml(str(ann_dir / f'{stem}.xml'))
        width, height = xml.size
        bboxes = edges(np.array(xml.corners).reshape(-1, 4), 'devkit').astype(int).tolist()
        images.append(dict(id=i, file_name=f'{stem}.jpg', width=width, height=height))
        for name, difficult, (x1, y1, x2, y2) in zip(xml.names, xml.difficult, bboxes, strict=True):
            annotations.append(
                dict(
                    id=len(annotations) + 1,
                    image_id=i,
                    category_id=classes.index(name) + 1,
                    bbox=[x1, y1, x2 - x1, y2 - y1],
                    area=(x2 - x1) * (y2 - y1),
                    iscrowd=int(difficult),
                )
            )
    categories = [dict(id=label, name=name) for label, name in enumerate(classes, 1)]
    return dict(images=images, annotations=annotations, categories=categories)


def _draw_part(root: Path, part: int, first: int, count: int, parameters: dict) -> list[str]:
    """Draws images `first`, `first + 1`, ... and returns their stems."""
    rng = np.random.default_rng([parameters['seed'], part])
    classes = parameters['classes']
    shapes = shape_of_each(classes)
    labels = _labels_in_turn(rng, len(classes))
    stems = [f'{first + i:06d}' for i in range(count)]
    for stem in progress(stems, 'drawing images'):
        scene = Scene(rng, _outline(rng, parameters['width'], parameters['height']))
        for _ in range(rng.integers(2, 9)):
            label = next(labels)
            scene.add(label, shapes[label])
        image = scene.photograph()
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 97))]
        # not imwrite: on Windows it supports only ASCII paths
        (root / f'JPEGImages/{stem}.jpg').write_bytes(cv2.imencode('.jpg', image, quality)[1])
        annotation = _annotation(f'{stem}.jpg', image.shape, scene.objects, classes)
        (root / f'Annotations/{stem}.xml').write_text(annotation, 'utf-8')
    return stems


def _labels_in_turn(rng: Generator, num_classes: int) -> Iterator[int]:
    """Yields class indices like a dealer: the whole shuffled deck, then the next one."""
    while True:
        yield from map(int, rng.permutation(num_classes))


def _outline(rng: Generator, width: int, height: int) -> tuple[int, int]:
    """Returns an image's (w, h): mostly as asked, else upright, else up to a quarter off."""
    kind = rng.random()
    if kind < 0.6:
        return width, height
    if kind < 0.85:
        return height, width
    scales = rng.uniform(0.75, 1.25, 2)
    return max(MIN_SIDE, round(width * scales[0])), max(MIN_SIDE, round(height * scales[1]))


def _annotation(
    filename: str, shape: tuple[int, int, int], objects: list[DrawnObject], classes: list[str]
) -> str:
    """Returns the devkit's XML. Its coordinates count from 1 and include the last pixel."""
    lines = [
        '<annotation>',
        f'  <filename>{filename}</filename>',
        f'  <size><width>{shape[1]}</width><height>{shape[0]}</height><depth>3</depth></size>',
    ]
    for drawn in objects:
        x1, y1, x2, y2 = (number + 1 for number in drawn.box)
        lines += [
            '  <object>',
            f'    <name>{escape(classes[drawn.label])}</name>',
            f'    <truncated>{drawn.truncated:d}</truncated>',
            f'    <occluded>{drawn.hidden > 0:d}</occluded>',
            f'    <difficult>{drawn.hidden > 0.5:d}</difficult>',
            f'    <bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin>'
            f'<xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox>',
            '  </object>',
        ]
    return '\n'.join([*lines, '</annotation>', ''])
