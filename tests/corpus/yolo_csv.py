"""YOLO's text files and CSV tables, damaged and unusual; both made from the good set."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from mmlite.datasets import CsvDataset, YoloDataset
from tests.corpus.case import Case
from tests.corpus.good import (
    CLASSES,
    FIRST,
    LOAD,
    RESIZE,
    good_copy,
    good_set,
    refused,
    skipped,
    voc,
)

NAMES = 'names: [square, triangle, cross, ring, hourglass]\n'
HEADER = 'filename,xmin,ymin,xmax,ymax,class\n'
GOOD_ROW = '2 0.5 0.5 0.25 0.25'
GOOD_LINE = f'{FIRST}.jpg,10,20,50,44,cross\n'

# ---- YOLO: one text file for each image


def yolo_copy(folder: Path) -> Path:
    root = folder / 'data'
    shutil.copytree(good_set() / 'JPEGImages', root / 'images')
    for name in ('9', '10', '11', '12'):  # of test.txt
        (root / f'images/{name:0>6}.jpg').unlink()
    (root / 'labels').mkdir()
    (root / 'data.yaml').write_text(NAMES)
    source = voc(good_set(), test_mode=True)
    for i in range(len(source)):
        info = source.get_data_info(i)
        lines = []
        for label, (x1, y1, x2, y2) in zip(
            info['ann']['labels'], info['ann']['bboxes'], strict=True
        ):
            width, height = info['width'], info['height']
            shares = (x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width
            lines.append(' '.join(map(str, (label - 1, *shares, (y2 - y1) / height))))
        (root / f'labels/{Path(info["filename"]).stem}.txt').write_text('\n'.join(lines) + '\n')
    return root


def yolo(root: Path, **changes: Any) -> YoloDataset:
    arguments = dict(
        data_root=str(root),
        data_prefix=dict(img='images'),
        metainfo=dict(classes=CLASSES),
        pipeline=[*LOAD, *RESIZE],
    )
    return YoloDataset(**{**arguments, **changes})


def first_text(root: Path) -> Path:
    return root / f'labels/{FIRST}.txt'


def bad_text(content: bytes, line: int | None, folder: Path) -> None:
    root = yolo_copy(folder)
    first_text(root).write_bytes(content)
    at = f':{line}: .class cx cy w h. with shares' if line else ': cannot be read as text'
    skipped(yolo, root, rf'{FIRST}\.txt{at}')


def bad(name: str, row: str | bytes, line: int | None = 2) -> Case:
    content = row if isinstance(row, bytes) else f'{GOOD_ROW}\n{row}\n'.encode()
    return Case('yolo', name, 'skipped', partial(bad_text, content, line))


def read_rows(content: str | bytes, folder: Path) -> None:
    """A case: one cross in the middle of the picture of 96 x 112."""
    root = yolo_copy(folder)
    first_text(root).write_bytes(content if isinstance(content, bytes) else content.encode())
    for test_mode in (False, True):
        ann = yolo(root, test_mode=test_mode).get_data_info(0)['ann']
        assert ann['bboxes'].tolist() == [[36, 42, 60, 70]] and ann['labels'].tolist() == [3]


def rows(name: str, content: str | bytes) -> Case:
    return Case('yolo', name, 'read', partial(read_rows, content))


def yolo_refused(
    spoil: Callable[[Path], Any], parts: tuple[str, ...], folder: Path, **changes: Any
) -> None:
    root = yolo_copy(folder)
    spoil(root)
    for test_mode in (False, True):
        refused(partial(yolo, root, test_mode=test_mode, **changes), *parts)


def wrong(name: str, spoil: Callable[[Path], Any], *parts: str, **changes: Any) -> Case:
    return Case('yolo', name, 'refused', partial(yolo_refused, spoil, parts, **changes))


def written(name: str, text: str) -> Callable[[Path], Any]:
    return lambda root: (root / name).write_text(text)


def no_text(folder: Path) -> None:
    root = yolo_copy(folder)
    first_text(root).unlink()
    dataset = yolo(root)
    assert len(dataset) == 8 and dataset.get_ann_info(0)['labels'].tolist() == []
    assert '1 of 8 images have no label file' in dataset.summary
    assert 'skipped_files' not in dataset[0]['img_metas'].data


def texts_elsewhere(folder: Path) -> None:
    root = yolo_copy(folder)
    (root / 'labels').rename(root / 'annotations')
    refused(lambda: yolo(root), 'none of its 8 images has a label file', str(first_text(root)))


def text_without_image(folder: Path) -> None:
    root = yolo_copy(folder)
    (root / 'labels/900000.txt').write_text('broken')
    assert len(yolo(root)) == 8 and yolo(root).bad_items == {}


def yolo_box(row: str, note: str, tested: list, trained: list, folder: Path) -> None:
    root = yolo_copy(folder)
    first_text(root).write_text(row)
    train = yolo(root)
    assert note in train.summary
    assert train.get_data_info(0)['ann']['bboxes'].round(1).tolist() == trained
    assert yolo(root, test_mode=True).get_ann_info(0)['bboxes'].round(1).tolist() == tested


def listed(folder: Path) -> None:
    root = yolo_copy(folder)
    lines = './images/000003.jpg', f'{root}/images/000001.jpg', 'images/gone.jpg', ''
    (root / 'train.txt').write_text('\r\n'.join(lines))
    dataset = yolo(root, ann_file='train.txt', max_bad=0.5)
    assert [Path(dataset.filename(i)).stem for i in range(3)] == ['000003', '000001', 'gone']
    assert list(dataset.bad_items) == [dataset.filename(2)]


# ---- CSV: one table for all


def csv_copy(folder: Path, table: str | bytes) -> Path:
    root = good_copy(folder)
    content = table if isinstance(table, bytes) else table.encode()
    (root / 'all.csv').write_bytes(content)
    return root


def csv(root: Path, **changes: Any) -> CsvDataset:
    arguments = dict(
        ann_file='all.csv',
        data_root=str(root),
        data_prefix=dict(img='JPEGImages'),
        metainfo=dict(classes=CLASSES),
        pipeline=[*LOAD, *RESIZE],
    )
    return CsvDataset(**{**arguments, **changes})


def csv_refused(table: str | bytes, parts: tuple[str, ...], folder: Path) -> None:
    root = csv_copy(folder, table)
    for test_mode in (False, True):
        refused(partial(csv, root, test_mode=test_mode), *parts)


def wrong_csv(name: str, table: str | bytes, *parts: str) -> Case:
    return Case('csv', name, 'refused', partial(csv_refused, table, parts))


def wrong_line(name: str, line: str, *parts: str) -> Case:
    return wrong_csv(name, HEADER + GOOD_LINE + line, 'all.csv:3', *parts)


def csv_read(table: str | bytes, folder: Path) -> None:
    root = csv_copy(folder, table)
    for test_mode in (False, True):
        dataset = csv(root, test_mode=test_mode)
        info = dataset.get_data_info(0)
        assert info['ann']['bboxes'].tolist() == [[10, 20, 50, 44]]
        assert info['ann']['labels'].tolist() == [3]
        assert (info['width'], info['height']) == (96, 112)
        assert dataset.bad_items == {}


def table(name: str, content: str | bytes) -> Case:
    return Case('csv', name, 'read', partial(csv_read, content))


def csv_counted(line: str, note: str, left: int, folder: Path) -> None:
    dataset = csv(csv_copy(folder, HEADER + GOOD_LINE + line))
    assert note in dataset.summary
    assert len(dataset.get_data_info(0)['ann']['labels']) == left


def csv_image(spoil: Callable[[Path], Any], reason: str, known: bool, folder: Path) -> None:
    lines = ''.join(f'00000{i}.jpg,10,20,50,44,cross\n' for i in range(1, 9))
    root = csv_copy(folder, HEADER + lines)
    spoil(root / f'JPEGImages/{FIRST}.jpg')
    skipped(csv, root, reason, known)


FOUR = 'four numbers and a class are expected'
CASES = [
    bad('class is a word', 'cross 0.5 0.5 0.2 0.2'),
    bad('class is negative', '-1 0.5 0.5 0.2 0.2'),
    bad('class is infinite', 'inf 0.5 0.5 0.2 0.2'),
    bad('class of 300 digits', '9' * 300 + ' 0.5 0.5 0.2 0.2'),
    bad('three numbers', '2 0.5 0.5 0.2'),
    bad('five numbers', '2 0.5 0.5 0.2 0.2 0.9'),
    bad('only a class', '2'),
    bad('pixels in place of shares', '2 48 56 20 20'),
    bad('NaN', '2 0.5 nan 0.2 0.2'),
    bad('negative width', '2 0.5 0.5 -0.2 0.2'),
    bad('commas for blanks', '2,0.5,0.5,0.2,0.2'),
    bad('HTML', b'<html>\n', 1),
    bad('an image as text file', b'\xff\xd8\xff\xe0', None),
    rows('blank lines', f'\n\n{GOOD_ROW}\n\n'),
    rows('Windows line ends', f'{GOOD_ROW}\r\n'),
    rows('byte order mark', b'\xef\xbb\xbf' + GOOD_ROW.encode()),
    rows('tabs', GOOD_ROW.replace(' ', '\t')),
    rows('class with a fraction of 0', GOOD_ROW.replace('2 ', '2.0 ', 1)),
    rows('polygon', '2 0.375 0.375 0.625 0.5 0.5 0.625'),
    Case('yolo', 'image without text file', 'read', no_text),
    Case('yolo', 'text files elsewhere', 'refused', texts_elsewhere),
    bad('class with a fraction', '1.5 0.5 0.5 0.2 0.2'),
    Case('yolo', 'text file without image', 'read', text_without_image),
    Case('yolo', 'box of zero size', 'skipped', partial(
        yolo_box, '2 0.5 0.5 0 0.5', '1 boxes of zero size left out', [[48, 28, 48, 84]], [])),
    Case('yolo', 'box that sticks out', 'read', partial(
        yolo_box, '2 0 0.5 0.5 0.25', '1 boxes clipped to the image', [[-24, 42, 24, 70]],
        [[0, 42, 24, 70]])),
    Case('yolo', 'list with absolute paths, Windows line ends, a missing image', 'skipped',
         listed),
    wrong('class number beyond the names', written(f'labels/{FIRST}.txt', '5 0.5 0.5 0.2 0.2'),
          f'{FIRST}.txt:1: class 5, but there are 5 names, from 0 to 4'),
    wrong('all text files broken',
          lambda root: [path.write_text('x') for path in (root / 'labels').iterdir()],
          'none of its 8 annotation files', f'{FIRST}.txt:1:'),
    wrong('data.yaml malformed', written('data.yaml', 'names: [a, b'), 'data.yaml: cannot be read'),
    wrong('data.yaml holds an image',
          lambda root: (root / 'data.yaml').write_bytes(b'\xff\xd8\x00'),
          'data.yaml: cannot be read'),
    wrong('data.yaml calls code', written('data.yaml', 'names: !!python/object/apply:os.getcwd []'),
          'data.yaml: cannot be read'),
    wrong('names are text', written('data.yaml', 'names: cross'), "'names' is a list"),
    wrong('names with gaps', written('data.yaml', 'names: {0: a, 2: b}'), 'the 2 keys 0, 2'),
    wrong('no names', written('data.yaml', 'nc: 5'), "'names' is a list", 'found None'),
    wrong('names unlike the config', written('data.yaml', 'names: [a, b, c, d, e]'), 'none of the'),
    wrong('list that leaves the data root', written('train.txt', 'images/../../x.jpg'),
          'train.txt: the path', 'leaves the data root', ann_file='train.txt'),
    wrong('list with a path elsewhere', written('train.txt', '/etc/x.jpg'),
          "'/etc/x.jpg' leaves the data root", ann_file='train.txt'),
    wrong('empty list', written('train.txt', '\n'), 'no image in the', ann_file='train.txt'),
    wrong('no images', lambda root: shutil.rmtree(root / 'images'), "there is no '"),
    table('columns in another order',
          f'class,ymax,xmin,filename,xmax,ymin\ncross,44,10,{FIRST}.jpg,50,20\n'),
    table('blanks', (HEADER + GOOD_LINE).replace(',', ' , ')),
    table('byte order mark', b'\xef\xbb\xbf' + (HEADER + GOOD_LINE).encode()),
    table('Windows line ends', (HEADER + GOOD_LINE).replace('\n', '\r\n')),
    table('further columns', HEADER.replace('\n', ',note\n') + GOOD_LINE.replace('\n', ',7\n')),
    table('quotes', (HEADER + GOOD_LINE).replace('cross', '"cross"')),
    table('backslash in a path', (HEADER + GOOD_LINE).replace(FIRST, f'.\\{FIRST}')),
    table('fractions', (HEADER + GOOD_LINE).replace('10', '10.0')),
    table('size beyond all numbers', HEADER.replace('\n', ',width,height\n')
          + GOOD_LINE.replace('\n', ',1e300,-5\n')),
    table('blank lines', HEADER + '\n' + GOOD_LINE + '\n\n'),
    wrong_csv('shares of the image', HEADER + f'{FIRST}.jpg,0.1,0.2,0.5,0.75,cross\n',
              'lie within 0 to 1', 'pixels are expected'),
    wrong_csv('column missing', (HEADER + GOOD_LINE).replace(',class', ''), "no column 'class'"),
    wrong_csv('column misspelt', (HEADER + GOOD_LINE).replace('class', 'clas'),
              "no column 'class'", "Did you mean 'clas'?"),
    wrong_csv('no header, a column missing', GOOD_LINE.replace(',cross', ''), 'all.csv:1',
              "no column 'filename'"),
    wrong_csv('bars', (HEADER + GOOD_LINE).replace(',', '|'), "no column 'filename'"),
    wrong_csv('header only', HEADER, 'the table has no rows'),
    wrong_csv('empty', '', "no column 'filename'"),
    wrong_csv('an image', b'\xff\xd8\xff\xe0', 'all.csv: cannot be read as a table'),
    wrong_csv('a quote without end', HEADER + GOOD_LINE + '"' + 'x' * 200000, 'cannot be read'),
    wrong_line('text for a number', f'{FIRST}.jpg,1,2,right,9,cross\n', FOUR),
    wrong_line('NaN', f'{FIRST}.jpg,1,2,nan,9,cross\n', FOUR),
    wrong_line('infinity', f'{FIRST}.jpg,1,2,inf,9,cross\n', FOUR),
    wrong_line('1e300', f'{FIRST}.jpg,1,2,1e300,9,cross\n', FOUR),
    wrong_line('cells missing', f'{FIRST}.jpg,1,2\n', FOUR),
    wrong_line('box without a class', f'{FIRST}.jpg,1,2,3,9,\n', FOUR),
    wrong_line('no file name', ',1,2,3,9,cross\n', "the column 'filename' is empty"),
    wrong_csv('path that leaves the data root', HEADER + '../../x.jpg,1,2,3,9,cross\n',
              'all.csv: the path', 'leaves the data root'),
    wrong_csv('path elsewhere', HEADER + '/etc/x.jpg,1,2,3,9,cross\n', "'/etc/x.jpg' leaves"),
    wrong_csv('path with backslashes that leaves',
              HEADER + '..\\..\\x.jpg,1,2,3,9,ring\n', 'leaves'),
    wrong_csv('all classes unknown',
              (HEADER + GOOD_LINE).replace('cross', 'walrus'), 'none of the'),
    wrong_csv('class in another case',
              (HEADER + GOOD_LINE).replace('cross', 'Cross'), "spelt 'Cross'"),
    Case('csv', 'reversed box', 'skipped', partial(
        csv_counted, f'{FIRST}.jpg,50,20,10,44,ring\n', '1 boxes with xmax < xmin', 1)),
    Case('csv', 'box of zero size', 'skipped', partial(
        csv_counted, f'{FIRST}.jpg,50,20,50,44,ring\n', '1 boxes of zero size left out', 1)),
    Case('csv', 'object of an unknown class', 'skipped', partial(
        csv_counted, f'{FIRST}.jpg,1,2,9,9,walrus\n', '1 objects of other classes left out', 1)),
    Case('csv', 'missing image', 'skipped', partial(
        csv_image, lambda path: path.unlink(), 'there is no such image file', True)),
    Case('csv', 'image cut off', 'skipped', partial(
        csv_image, lambda path: path.write_bytes(path.read_bytes()[:-300]), 'cut off', False)),
]  # fmt: skip
