"""Unusual image files that are read correctly: formats, modes, sizes, names, EXIF orientations."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from mmlite.datasets import VOCDataset
from mmlite.datasets.encoded_image import read_image
from mmlite.datasets.image_files import read_head, read_size
from tests.corpus.case import Case
from tests.corpus.good import FIRST, LOAD, RESIZE, first_image, first_xml, good_copy, voc

GREY, GREEN = (90, 90, 90), (40, 200, 60)
BOX = (10, 20, 50, 44)  # xyxy in the picture of 80 x 60 that is shown
# what turns a picture as each EXIF orientation says
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90,
}  # fmt: skip
BACK = {**TURNS, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}


def picture() -> Image.Image:
    """A green box on grey."""
    image = Image.new('RGB', (80, 60), GREY)
    image.paste(GREEN, BOX)
    return image


def annotate(root: Path, box: tuple[int, ...], size: tuple[int, int]) -> None:
    """Writes the XML of the first item: one cross."""
    corners = ''.join(
        f'<{key}>{value + 1}</{key}>'
        for key, value in zip(('xmin', 'ymin', 'xmax', 'ymax'), box, strict=True)
    )
    first_xml(root).write_text(
        f'<annotation><size><width>{size[0]}</width><height>{size[1]}</height></size>'
        f'<object><name>cross</name><bndbox>{corners}</bndbox></object></annotation>'
    )


def box_fits(dataset: VOCDataset, grey: bool = False) -> None:
    """Inside the box, as the pipeline leaves it, the picture is green, and grey outside."""
    results = dataset[0]
    assert 'skipped_files' not in results and 'bad_image' not in results
    img = results['img'].astype(int)
    assert img.shape[2] == 3 and results['img'].dtype == np.uint8
    (x1, y1, x2, y2), *rest = np.round(results['gt_bboxes']).astype(int).tolist()
    assert rest == []
    inside = np.zeros(img.shape[:2], bool)
    inside[y1:y2, x1:x2] = True
    border = np.ones_like(inside)  # a pixel on both sides of the border says nothing
    border[max(y1 - 1, 0) : y2 + 1, max(x1 - 1, 0) : x2 + 1] = False
    border[y1 + 1 : y2 - 1, x1 + 1 : x2 - 1] = True
    bright = img[..., 1] > 112  # also as grey: 0.59 of green
    assert 100 < inside.sum() < inside.size / 2
    assert (bright == inside)[border].mean() > 0.98
    assert grey or (abs(img[inside & border] - GREEN[::-1]).mean() < 25)


def fits_in_training_and_testing(root: Path, grey: bool = False) -> None:
    assert read_head(voc(root).filename(0))[0] is None
    for resize in ([], [dict(type='Resize', scale=(160, 120), keep_ratio=True)]):
        for test_mode in (False, True):
            box_fits(voc(root, pipeline=[*LOAD, *resize], test_mode=test_mode), grey)


def read(
    make: Callable[[Image.Image], Image.Image], kind: str, ending: str, grey: bool, folder: Path
) -> None:
    root = good_copy(folder)
    first_image(root).unlink()
    image = make(picture())
    frames = dict(save_all=True, append_images=[Image.new('RGB', (80, 60))])
    options = frames if kind in ('GIF', 'MULTI') else {}
    target = first_image(root).with_suffix(ending)
    image.save(target, kind.replace('MULTI', 'TIFF'), **options)
    annotate(root, BOX, (80, 60))
    fits_in_training_and_testing(root, grey)


def case(name: str, make: Callable, kind: str, ending: str, grey: bool = False) -> Case:
    return Case('images', name, 'read', partial(read, make, kind, ending, grey))


def sixteen_bit(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image.convert('L')).astype(np.uint16) * 257)


def transparent(image: Image.Image) -> Image.Image:
    """Half transparent everywhere: the colours below count."""
    image = image.convert('RGBA')
    image.putalpha(100)
    return image


def exif(orientation: int, kind: str, folder: Path, turned: bool = True) -> None:
    """The picture is stored so that EXIF's orientation makes it the one above.

    Args:
        orientation: 1..8.
        kind: the format.
        folder: empty.
        turned: the boxes were drawn on the turned picture; else on the stored one.
    """
    root = good_copy(folder)
    shown = picture()
    stored = shown.transpose(BACK[orientation]) if orientation in BACK else shown
    tags = Image.Exif()
    tags[0x0112] = orientation
    if turned:
        annotate(root, BOX, shown.size)
    else:
        stored = shown  # EXIF turns it away from its boxes
        annotate(root, BOX, stored.size)
    first_image(root).unlink()
    path = first_image(root).with_suffix(f'.{kind.lower()}')
    stored.save(path, kind, exif=tags)
    fits_in_training_and_testing(root)
    turned_size = read_image(str(path)).shape[1::-1]
    assert read_size(str(path)) == turned_size  # as decoded


def exif_without_size(folder: Path) -> None:
    """Where the annotation has no size, the picture is turned, and its size is the turned one's."""
    root = good_copy(folder)
    tags = Image.Exif()
    tags[0x0112] = 6
    picture().transpose(BACK[6]).save(first_image(root), 'JPEG', exif=tags)
    annotate(root, BOX, (0, 0))
    fits_in_training_and_testing(root)
    info = voc(root).get_data_info(0)
    assert (info['width'], info['height']) == (80, 60)


def never_turned(folder: Path) -> None:
    root = good_copy(folder)
    tags = Image.Exif()
    tags[0x0112] = 3  # the size does not tell
    picture().save(first_image(root), 'JPEG', exif=tags)
    annotate(root, BOX, (80, 60))
    load = dict(type='LoadImageFromFile', color_type='color_ignore_orientation')
    for test_mode in (False, True):
        box_fits(voc(root, pipeline=[load, LOAD[1]], test_mode=test_mode))


def of_size(width: int, height: int, folder: Path) -> None:
    root = good_copy(folder)
    Image.new('RGB', (width, height), GREEN).save(first_image(root), 'PNG')
    annotate(root, (0, 0, width, height), (width, height))
    for test_mode in (False, True):
        dataset = voc(root, pipeline=LOAD, test_mode=test_mode)
        assert dataset[0]['img'].shape == (height, width, 3)
        assert dataset[0]['gt_bboxes'].tolist() == [[0, 0, width, height]]
        resized = voc(root, pipeline=[*LOAD, *RESIZE], test_mode=test_mode)[0]
        assert resized['img'].data.shape == (3, *scaled(width, height))


def scaled(width: int, height: int) -> tuple[int, int]:
    """(h, w) fitted into 96 x 64, at least one pixel each."""
    factor = min(96 / max(width, height), 64 / min(width, height))
    return max(1, round(height * factor)), max(1, round(width * factor))


def named(stem: str, folder: Path) -> None:
    """An image, its XML and its folder bear a strange name."""
    root = good_copy(folder).rename(folder / f'set {stem}')
    picture().save(first_image(root), 'JPEG')
    annotate(root, BOX, (80, 60))
    first_image(root).rename(root / 'JPEGImages' / f'{stem}.jpg')
    first_xml(root).rename(root / 'Annotations' / f'{stem}.xml')
    listed = root / 'ImageSets/Main/trainval.txt'
    listed.write_text(listed.read_text().replace(FIRST, stem), 'utf-8')
    assert Path(voc(root).filename(0)).stem == stem
    fits_in_training_and_testing(root)


def linked(folder: Path) -> None:
    """A link to an image elsewhere is followed: the user put it there on purpose."""
    root = good_copy(folder)
    picture().save(folder / 'elsewhere.jpg', 'JPEG')
    first_image(root).unlink()
    first_image(root).symlink_to(folder / 'elsewhere.jpg')
    annotate(root, BOX, (80, 60))
    fits_in_training_and_testing(root)


def bytes_after_the_end(folder: Path) -> None:
    root = good_copy(folder)
    file = io.BytesIO()
    picture().save(file, 'JPEG')
    first_image(root).write_bytes(file.getvalue() + bytes(500))
    annotate(root, BOX, (80, 60))
    fits_in_training_and_testing(root)


def upper_case_ending(folder: Path) -> None:
    root = good_copy(folder)
    picture().save(first_image(root), 'JPEG')
    shutil.move(first_image(root), first_image(root).with_suffix('.JPEG'))
    annotate(root, BOX, (80, 60))
    fits_in_training_and_testing(root)


def same(image: Image.Image) -> Image.Image:
    return image


CASES = [
    case('PNG named .jpg', same, 'PNG', '.jpg'),
    case('BMP named .png', same, 'BMP', '.png'),
    case('WEBP named .jpg', same, 'WEBP', '.jpg'),
    case('CMYK JPEG', lambda i: i.convert('CMYK'), 'JPEG', '.jpg'),
    case('CMYK TIFF', lambda i: i.convert('CMYK'), 'TIFF', '.tif'),
    case('16-bit PNG', sixteen_bit, 'PNG', '.png', grey=True),
    case('16-bit TIFF', sixteen_bit, 'TIFF', '.tif', grey=True),
    case('greyscale JPEG', lambda i: i.convert('L'), 'JPEG', '.jpg', grey=True),
    case('greyscale PNG', lambda i: i.convert('L'), 'PNG', '.png', grey=True),
    case('palette PNG', lambda i: i.quantize(16), 'PNG', '.png'),
    case('palette GIF', lambda i: i.convert('P'), 'GIF', '.gif'),
    case('alpha PNG', transparent, 'PNG', '.png'),
    case('grey and alpha PNG', lambda i: transparent(i).convert('LA'), 'PNG', '.png', grey=True),
    case('animated GIF, its first frame', same, 'GIF', '.gif'),
    case('TIFF of several pages, the first', same, 'MULTI', '.tif'),
    *(
        Case('images', f'EXIF orientation {number}', 'read', partial(exif, number, 'JPEG'))
        for number in range(1, 9)
    ),
    *(
        Case('images', f'EXIF in {kind}', 'read', partial(exif, 6, kind))
        for kind in ('PNG', 'WEBP', 'TIFF')
    ),
    *(
        Case('images', f'EXIF orientation {number}, boxes on the stored picture', 'read',
             partial(exif, number, 'JPEG', turned=False))
        for number in (5, 6, 7, 8)
    ),
    Case('images', 'EXIF orientation without an annotated size', 'read', exif_without_size),
    Case('images', 'EXIF ignored as the config says', 'read', never_turned),
    *(
        Case('images', f'{w} x {h}', 'read', partial(of_size, w, h))
        for w, h in ((1, 1), (1, 10000), (10000, 1), (3, 2))
    ),
    *(
        Case('images', f'path with {what}', 'read', partial(named, stem))
        for what, stem in (
            ('umlauts and ideograms', 'Straße 图像'), ('blanks', 'my  photo (1)'),
            ('dots', 'a.b.c'), ('an emoji', 'cat😀'), ('a percent and a hash', '100%#1'),
        )
    ),
    Case('images', 'link to an image elsewhere', 'read', linked),
    Case('images', 'bytes after the end', 'read', bytes_after_the_end),
    Case('images', 'ending in upper case', 'read', upper_case_ending),
]  # fmt: skip
