"""Files of annotation tools, damaged: what `convert_dataset` reads besides mmlite's own forms.

Each case spoils one good file of tests/data/formats. It is refused with its place, and left out and
counted with skip_bad where other images are left.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mmlite.errors import UserError
from mmlite.tools.convert_dataset import Conversion, Source, convert
from tests.corpus.case import Case
from tests.corpus.voc import BOMB
from tests.runs import CHECKOUT

FORMATS = CHECKOUT / 'tests/data/formats'
# reader -> its folder, and the file that is spoilt
GOOD = dict(
    cvat=('cvat_images', 'annotations.xml'),
    labelme=('labelme_hand', 'one.json'),
    via=('via_project', 'via_project.json'),
    label_studio=('label_studio_json', 'export.json'),
    vott=('vott_export', 'pets-export.json'),
    openimages=('openimages', 'train-annotations-bbox.csv'),
    kitti=('kitti', 'label_2/one.txt'),
    wider_face=('wider_face', 'wider_face_train_bbx_gt.txt'),
    visdrone=('visdrone', 'annotations/one.txt'),
    dota=('dota', 'labelTxt/one.txt'),
    hugging_face=('hugging_face/list', 'train-00000-of-00001.parquet'),
)
ANY_PLACE = object()  # the message does not name the annotation file
GONE = object()  # in the place of a value: the key is taken out
Spoil = Callable[[Path], Any]


def good(reader: str, folder: Path) -> Path:
    """Copies the files of a reader and the images; beside them lies a file nobody may read."""
    root = folder / 'data'
    shutil.copytree(FORMATS / GOOD[reader][0], root)
    shutil.copytree(FORMATS / 'images', root / 'pictures')
    shutil.copy(FORMATS / 'images/one.jpg', folder / 'secret.jpg')
    return root


def converted(reader: str, root: Path, out: str, **options: Any) -> tuple[Source, Conversion]:
    source = Source(root, **options)
    with contextlib.redirect_stdout(io.StringIO()):
        return source, convert(source, 'coco', root.parent / out, reader)


def refused(reader: str, spoil: Spoil, parts: Sequence[str], skipped: bool, folder: Path) -> None:
    if reader == 'hugging_face' and importlib.util.find_spec('pyarrow') is None:
        pytest.skip('pyarrow is not there')
    root = good(reader, folder)
    spoil(root / GOOD[reader][1])
    with pytest.raises(UserError) as caught:
        converted(reader, root, 'refused')
    message = str(caught.value)
    assert all(part in message for part in parts), message
    assert len(message) < 1000
    if skipped:
        source, done = converted(reader, root, 'skipped', skip_bad=True)
        assert source.bad == [message] and len(done.went) in (1, 2)
    assert not list(folder.rglob('secret.jpg'))[1:]


def read(reader: str, spoil: Spoil, images: int, boxes: int, folder: Path) -> None:
    root = good(reader, folder)
    spoil(root / GOOD[reader][1])
    _, done = converted(reader, root, 'read')
    assert len(done.went) == images
    assert sum(len(image.boxes) for image in done.went) == boxes
    assert not list((folder / 'read').rglob('secret.jpg'))


def case(reader: str, name: str, spoil: Spoil, *parts: str, skipped: bool = False) -> Case:
    answer = 'skipped' if skipped else 'refused'
    return Case(f'convert {reader}', name, answer, partial(refused, reader, spoil, parts, skipped))


# ---- any file


def written(content: bytes | str) -> Spoil:
    data = content.encode() if isinstance(content, str) else content
    return lambda path: path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def replaced(old: str, new: str) -> Spoil:
    def spoil(path: Path) -> None:
        text = path.read_text('utf-8')
        assert old in text
        path.write_text(text.replace(old, new, 1), 'utf-8')

    return spoil


def whole_files(reader: str, skipped: bool = False) -> list[Case]:
    """Damage of any file of texts."""
    name = Path(GOOD[reader][1]).name
    make = partial(case, reader, skipped=skipped)
    return [
        make('cut off', cut, name),
        make('zeros only', written(bytes(200)), name),
        make('an image as annotation file', written(b'\xff\xd8\xff\xe0' * 20), name),
        make('a web page', written('<html><body>Not found</body></html>'), name),
    ]


# ---- JSON


def edited(*keys: Any, value: Any) -> Spoil:
    """Puts a value in the place that keys lead to; '*' is the first key or index there."""

    def spoil(path: Path) -> None:
        content = json.loads(path.read_text('utf-8'))
        inner, steps = content, list(keys)
        for step in steps[:-1]:
            inner = inner[next(iter(inner)) if step == '*' else step]
        if value is GONE:
            del inner[steps[-1]]
        else:
            inner[steps[-1]] = value
        path.write_text(json.dumps(content), 'utf-8')

    return spoil


def json_cases(reader: str, table: dict[str, tuple], skipped_files: bool = False) -> list[Case]:
    name = Path(GOOD[reader][1]).name
    make = partial(case, reader, skipped=skipped_files)
    return [
        *whole_files(reader, skipped_files),
        make('empty', written(''), f'{name}:1: not well-formed JSON'),
        make('lists in lists', written('[' * 100_000), name),
        make('another kind of content', written('"text"'), name),
        make('a number of 5000 digits', written('{"a": ' + '9' * 5000 + '}'), name),
        *(
            case(
                reader,
                what,
                edited(*keys, value=value),
                *(part for part in parts if part is not ANY_PLACE),
                *(() if ANY_PLACE in parts else (name,)),
                skipped=True,
            )
            for what, (keys, value, *parts) in table.items()
        ),
    ]


POINTS = ('shapes', 0, 'points')
LABELME = {
    'no shapes': (('shapes',), GONE, "'shapes' is to be a list"),
    'shapes are an object': (('shapes',), {'a': 1}, "'shapes' is to be a list"),
    'a shape is a text': (('shapes', 0), 'cat', 'shapes[0]: an object is expected'),
    'no points': (POINTS, GONE, "'points' is to be a list"),
    'points of three numbers': (POINTS, [[1, 2, 3], [4, 5, 6]], '2 numbers are expected'),
    'a point is a text': (POINTS, ['a', 'b'], 'shapes[0]: points'),
    'NaN': (POINTS, [[float('nan'), 2], [4, 5]], '2 numbers are expected'),
    'infinite': (POINTS, [[1, 2], [float('inf'), 5]], '2 numbers are expected'),
    '1e300': (POINTS, [[1, 2], [1e300, 5]], '2 numbers are expected'),
    'no label': (('shapes', 0, 'label'), GONE, 'the name of a class is expected'),
    'the label is a list': (('shapes', 0, 'label'), ['cat'], 'the name of a class'),
    'a label of blanks': (('shapes', 0, 'label'), '  ', 'the name of a class'),
    'no imagePath': (('imagePath',), GONE, "'imagePath' is to be a text"),
    'a null byte in the path of the image': (
        ('imagePath',),
        'one\0.jpg',
        'is no name of an image file',
        ANY_PLACE,
    ),
    'a path of 5000 letters': (('imagePath',), 'o' * 5000, 'is no name of an image', ANY_PLACE),
    'half a sign of Unicode': (('imagePath',), 'one\ud800.jpg', 'is no name of', ANY_PLACE),
    'a label with a null byte': (('shapes', 0, 'label'), 'c\0t', 'has signs that no file'),
    'a shape type that is a number': (('shapes', 0, 'shape_type'), 3, "'shape_type' is to be"),
}
REGION = ('_via_img_metadata', '*', 'regions', 0)
VIA = {
    'regions are a text': (REGION[:3], 'none', "'regions' is to be a list"),
    'a region is a number': (REGION, 7, 'regions[0]: an object is expected'),
    'no shape': ((*REGION, 'shape_attributes'), GONE, "'shape_attributes' is to be"),
    'no class attributes': ((*REGION, 'region_attributes'), GONE, "'region_attributes' is"),
    'no width': ((*REGION, 'shape_attributes', 'width'), GONE, 'x, y, width, height'),
    'NaN': ((*REGION, 'shape_attributes', 'x'), float('nan'), 'x, y, width, height'),
    'a text for a number': ((*REGION, 'shape_attributes', 'x'), 'left', '4 numbers are'),
    '1e300': ((*REGION, 'shape_attributes', 'x'), 1e300, '4 numbers are expected'),
    'the class is a list': ((*REGION, 'region_attributes', 'class'), ['a'], 'name of a class'),
    'no filename': (('_via_img_metadata', '*', 'filename'), GONE, "'filename' is to be"),
    'a polygon without points': (
        (*REGION, 'shape_attributes', 'name'), 'polygon', "'all_points_x' is to be a list",
    ),
}  # fmt: skip
RESULT = (0, 'annotations', 0, 'result')
VALUE = (*RESULT, 0, 'value')
LABEL_STUDIO = {
    'a task is a text': ((0,), 'a.jpg', 'task [0]'),
    'annotations are an object': ((0, 'annotations'), {'a': 1}, "'annotations' is to be a list"),
    'the result is a text': (RESULT, 'cat', "'result' is to be a list"),
    'a result is a number': ((*RESULT, 0), 5, 'result[0]'),
    'no value': (VALUE, GONE, "'value' is to be an object"),
    'no width': ((*VALUE, 'width'), GONE, 'x, y, width, height'),
    'NaN': ((*VALUE, 'x'), float('nan'), '4 numbers are expected'),
    'a text for a number': ((*VALUE, 'y'), 'top', '4 numbers are expected'),
    '1e300': ((*VALUE, 'y'), 1e300, '4 numbers are expected'),
    'a rotation without a number': ((*VALUE, 'rotation'), 'left', '1 numbers are expected'),
    'a label that is an object': ((*VALUE, 'rectanglelabels'), [{}], 'the name of a class'),
    'no image': ((0, 'data'), {'text': 5}, 'no path of an image'),
    'data is a list': ((0, 'data'), [1], "'data' is to be an object"),
}
ASSET = ('assets', '*')
OUTLINE = (*ASSET, 'regions', 0, 'boundingBox')
VOTT = {
    'an asset is a text': (('assets', '0' * 32), 'one.jpg', 'an object is expected'),
    'no asset': ((*ASSET, 'asset'), GONE, "'asset' is to be an object"),
    'no name': ((*ASSET, 'asset', 'name'), GONE, "'name' is to be a text"),
    'the size is a list': ((*ASSET, 'asset', 'size'), [64, 48], "'size' is to be an object"),
    'regions are a text': ((*ASSET, 'regions'), 'none', "'regions' is to be a list"),
    'a region is a number': ((*ASSET, 'regions', 0), 3, 'regions[0]'),
    'no box': (OUTLINE, GONE, "'boundingBox' is to be an object"),
    'no left': ((*OUTLINE, 'left'), GONE, 'left, top, width, height'),
    'NaN': ((*OUTLINE, 'top'), float('nan'), '4 numbers are expected'),
    '1e300': ((*OUTLINE, 'top'), 1e300, '4 numbers are expected'),
    'tags are a text': ((*ASSET, 'regions', 0, 'tags'), 'cat', "'tags' is to be a list"),
    'a tag is a number with a fraction': ((*ASSET, 'regions', 0, 'tags'), [0.5], 'name of a class'),
}

# ---- XML

FIRST_BOX = 'xtl="4.00"'


def cvat(name: str, old: str, new: str, *parts: str, skipped: bool = True) -> Case:
    return case('cvat', name, replaced(old, new), *parts, skipped=skipped)


HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'
ENTITY = f'{HEAD}<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
CVAT = [
    *whole_files('cvat'),
    case('cvat', 'empty', written(''), 'not well-formed XML: no element found'),
    cvat('entity bomb', HEAD, f'{HEAD}<!DOCTYPE a [<!ENTITY e0 "ha">{BOMB}]>', 'Entities',
         skipped=False),
    cvat('entity that reads a file', HEAD, ENTITY, 'Entities', skipped=False),
    cvat('unknown encoding', 'utf-8', 'klingon', 'annotations.xml', skipped=False),
    cvat('an image without a name', 'name="one.jpg"', '', 'an <image> without a name'),
    cvat('no xtl', FIRST_BOX, '', "image 'one.jpg': xtl, ytl, xbr, ybr: 4 numbers are expected"),
    cvat('NaN', FIRST_BOX, 'xtl="nan"', '4 numbers are expected'),
    cvat('infinite', FIRST_BOX, 'xtl="inf"', '4 numbers are expected'),
    cvat('a text for a number', FIRST_BOX, 'xtl="left"', '4 numbers are expected'),
    cvat('1e300', FIRST_BOX, 'xtl="1e300"', '4 numbers are expected'),
    cvat('a comma in a number', FIRST_BOX, 'xtl="4,00"', '4 numbers are expected'),
    cvat('no label', 'label="cat"', '', 'the name of a class is expected'),
    cvat('a rotation that is a text', 'label="cat"', 'label="cat" rotation="left"', 'rotation'),
    cvat('a polygon without points', '<box label="cat"', '<polygon label="cat"',
         'mismatched tag', skipped=False),
    cvat('a track without a frame', '<image id="0"',
         '<track id="0" label="cat"><box xtl="1"/></track><image id="0"',
         'track 0: frame is a number', skipped=False),
    cvat('a track of 5000 digits', '<image id="0"',
         f'<track id="0" label="cat"><box frame="{"9" * 5000}"/></track><image id="0"',
         'track 0: frame is a number', skipped=False),
]  # fmt: skip

# ---- tables and text files


def texts(reader: str, old: str, table: dict[str, tuple[str, str]]) -> list[Case]:
    return [
        case(reader, name, replaced(old, new), Path(GOOD[reader][1]).name, part, skipped=True)
        for name, (new, part) in table.items()
    ]


OPENIMAGES_ROW = 'one,xclick,/m/01yrx,1,0.062500,0.375000'
OPENIMAGES = [
    *whole_files('openimages')[1:],
    case('openimages', 'empty', written(''), 'no rows'),
    case('openimages', 'no column XMax', replaced('XMax', 'Right'), "no column 'XMax'"),
    case('openimages', 'header only', lambda path: path.write_text(path.read_text().split('\n')[0]),
         'no rows'),
    *texts('openimages', OPENIMAGES_ROW, {
        'NaN': ('one,xclick,/m/01yrx,1,nan,0.375000', '4 numbers are expected'),
        'infinite': ('one,xclick,/m/01yrx,1,inf,0.375000', '4 numbers are expected'),
        'a text for a number': ('one,xclick,/m/01yrx,1,left,0.375000', '4 numbers'),
        'an empty number': ('one,xclick,/m/01yrx,1,,0.375000', '4 numbers are expected'),
        '1e300': ('one,xclick,/m/01yrx,1,1e300,0.375000', '4 numbers are expected'),
        'an empty class': ('one,xclick,,1,0.062500,0.375000', 'the name of a class'),
        'an empty image': (',xclick,/m/01yrx,1,0.062500,0.375000', 'ImageID is empty'),
        'a row that is too short': ('one,xclick\none,xclick,/m/01yrx,1,0.06,0.37', '4 numbers'),
    }),
    case('openimages', 'class descriptions are an image',
         lambda path: (path.parent / 'class-descriptions-boxable.csv').write_bytes(b'\xff\xd8\xff'),
         'class-descriptions-boxable.csv: cannot be read as text'),
]  # fmt: skip
KITTI_ROW = 'cat 0.00 0 -10 4.00 6.00 24.00 30.00'
KITTI = [
    *whole_files('kitti', skipped=True),
    *texts('kitti', KITTI_ROW, {
        'NaN': ('cat 0.00 0 -10 nan 6.00 24.00 30.00', ':1: left, top, right, bottom'),
        'infinite': ('cat 0.00 0 -10 4.00 6.00 inf 30.00', ':1: left, top'),
        '1e300': ('cat 0.00 0 -10 4.00 6.00 1e300 30.00', ':1: left, top'),
        'a text for a number': ('cat 0.00 0 -10 left 6.00 24.00 30.00', ':1: left, top'),
        'too few words': ('cat 0.00 0 -10 4.00 6.00', ':1: 15 words'),
        'too many words': (f'{KITTI_ROW} 1 2 3 4', ':1: 15 words'),
        'commas for blanks': (KITTI_ROW.replace(' ', ','), ':1: 15 words'),
        'only a class': (f'cat\n{KITTI_ROW}', ':1: 15 words'),
        'a long row of text': ('x' * 10_000, ':1: 15 words'),
        'a class of two words, with a score': ('small ' + KITTI_ROW, ':1: all words behind'),
        'YOLO rows': ('0 0.5 0.5 0.2 0.2\n' + KITTI_ROW, ':1: 15 words'),
    }),
]  # fmt: skip
VISDRONE = [
    *whole_files('visdrone', skipped=True),
    *texts('visdrone', '4,6,20,24,1,1,0,0', {
        'NaN': ('nan,6,20,24,1,1,0,0', ':1: 8 numbers are expected'),
        'infinite': ('inf,6,20,24,1,1,0,0', ':1: 8 numbers are expected'),
        '1e300': ('1e300,6,20,24,1,1,0,0', ':1: 8 numbers are expected'),
        'a text for a number': ('left,6,20,24,1,1,0,0', ':1: 8 numbers are expected'),
        'seven numbers': ('4,6,20,24,1,1,0', ':1: 8 numbers are expected'),
        'nine numbers': ('4,6,20,24,1,1,0,0,9', ':1: 8 numbers are expected'),
        'blanks for commas': ('4 6 20 24 1 1 0 0', ':1: 8 numbers are expected'),
        'category 12': ('4,6,20,24,1,12,0,0', ':1: the category is 0 to 11, found 12'),
        'category -1': ('4,6,20,24,1,-1,0,0', ':1: the category is 0 to 11, found -1'),
        'category with a fraction': ('4,6,20,24,1,1.5,0,0', ':1: the category is 0 to 11'),
        'an empty number': ('4,,20,24,1,1,0,0', ':1: 8 numbers are expected'),
    }),
]  # fmt: skip
DOTA_ROW = '4.0 6.0 24.0 6.0 24.0 30.0 4.0 30.0 cat 0'
DOTA = [
    *whole_files('dota', skipped=True),
    *texts('dota', DOTA_ROW, {
        'NaN': (DOTA_ROW.replace('4.0', 'nan', 1), ':3: 8 numbers are expected'),
        'infinite': (DOTA_ROW.replace('4.0', 'inf', 1), ':3: 8 numbers are expected'),
        '1e300': (DOTA_ROW.replace('4.0', '1e300', 1), ':3: 8 numbers are expected'),
        'a text for a number': (DOTA_ROW.replace('4.0', 'left', 1), ':3: 8 numbers'),
        'seven numbers': (DOTA_ROW.replace('4.0 ', '', 1), ':3: eight numbers, a class'),
        'no class': (DOTA_ROW.replace(' cat', ''), ':3: eight numbers, a class'),
        'no mark': (DOTA_ROW.removesuffix(' 0'), ':3: eight numbers, a class'),
        'a mark that is a word': (DOTA_ROW.replace(' cat 0', ' cat hard'), 'difficult is 0 or 1'),
        'commas for blanks': (DOTA_ROW.replace(' ', ','), ':3: eight numbers, a class'),
        'a class of two words': (DOTA_ROW.replace('cat', 'small cat'), ':3: eight numbers'),
        'a sentence': ('this is no row', ':3: eight numbers, a class'),
    }),
]  # fmt: skip
WIDER_ROW = '4 6 20 24 0 0 0 0 0 0'
WIDER = [
    *whole_files('wider_face')[1:],
    case('wider_face', 'cut off', cut, 'wider_face_train_bbx_gt.txt:', ' rows are expected'),
    *texts('wider_face', WIDER_ROW, {
        'NaN': (WIDER_ROW.replace('4', 'nan', 1), '4 numbers are expected'),
        'infinite': (WIDER_ROW.replace('4', 'inf', 1), '4 numbers are expected'),
        '1e300': (WIDER_ROW.replace('4', '1e300', 1), '4 numbers are expected'),
        'a text for a number': (WIDER_ROW.replace('4', 'left', 1), '4 numbers are expected'),
        'three numbers': ('4 6 20', '4 numbers are expected'),
        'an empty row': ('', '4 numbers are expected'),
        'commas for blanks': (WIDER_ROW.replace(' ', ','), '4 numbers are expected'),
    }),
    *(
        case('wider_face', name, replaced('one.jpg\n2\n', f'one.jpg\n{count}\n'), part)
        for name, count, part in (
            ('a count that is too small', '1', 'the path of an image and the number'),
            ('a count that is too large', '3', '4 numbers are expected'),
            ('a count of a million', '1000000', 'faces, but the file has'),
            ('a count of 5000 digits', '9' * 5000, 'faces, but the file has'),
            ('a count that is negative', '-2', 'the path of an image and the number'),
            ('a count that is a word', 'two', 'the path of an image and the number'),
        )
    ),
]  # fmt: skip

# ---- parquet


def table_of(change: Callable[[list[dict]], Any]) -> Spoil:
    """Writes the rows of the good file again, after a change."""

    def spoil(path: Path) -> None:
        import pyarrow
        import pyarrow.parquet as parquet

        table = parquet.read_table(path)
        rows = table.to_pylist()
        rows = change(rows) or rows
        # without the schema of the good one, which would refuse what is bad
        metadata = table.schema.metadata
        made = pyarrow.Table.from_pylist(rows)
        parquet.write_table(made.replace_schema_metadata(metadata), path)

    return spoil


def first_object(key: str, value: Any) -> Spoil:
    """Puts a value into all objects (a column has one type), the bad one into the first."""

    def change(rows: list[dict]) -> None:
        for row in rows:
            for i, entry in enumerate(row['objects']):
                entry[key] = value if row is rows[0] and i == 0 else entry[key]

    return table_of(change)


def without(column: str) -> Spoil:
    return table_of(lambda rows: [{k: v for k, v in row.items() if k != column} for row in rows])


def hugging(name: str, spoil: Spoil, *parts: str, skipped: bool = False) -> Case:
    return case('hugging_face', name, spoil, *parts, skipped=skipped)


PARQUET = GOOD['hugging_face'][1]
HUGGING_FACE = [
    *whole_files('hugging_face'),
    hugging('empty', written(b''), f'{PARQUET}: cannot be read by pyarrow'),
    hugging('no column of images', without('image'), "the columns 'image' and 'objects'"),
    hugging('no column of objects', without('objects'), "the columns 'image' and 'objects'"),
    hugging('NaN', first_object('bbox', [float('nan'), 1, 2, 3]), 'row 0: bbox: 4 numbers'),
    hugging('1e300', first_object('bbox', [1e300, 1, 2, 3]), 'row 0: bbox: 4 numbers'),
    hugging('three numbers', first_object('bbox', [1, 2, 3]), 'row 0: bbox: 4 numbers'),
    hugging('no box', first_object('bbox', None), 'row 0: bbox: 4 numbers'),
    hugging('a class beyond the names', first_object('category', 7), 'class 7, but there are 2',
            skipped=True),
    hugging('a negative class', first_object('category', -1), 'class -1', skipped=True),
    hugging('no class', first_object('category', None), 'name of a class', skipped=True),
    hugging('no bytes and no path of an image',
            table_of(lambda rows: [dict(row, image=dict(bytes=None, path=None)) if row is rows[0]
                                   else row for row in rows]),
            'neither the bytes nor the path', skipped=True),
    hugging('bytes that are no image',
            table_of(lambda rows: [dict(row, image=dict(bytes=b'no image', path='x.jpg'))
                                   if row is rows[0] else row for row in rows]),
            "the image 'x.jpg' cannot be read", skipped=True),
    hugging('two splits in one folder',
            lambda path: shutil.copy(path, path.with_name('test-00000-of-00001.parquet')),
            'several splits'),
]  # fmt: skip

# ---- paths that leave the data


def leaving(reader: str, old: str, images: int, boxes: int) -> list[Case]:
    """The image of another folder is not found, whatever path leads there."""
    return [
        Case(
            f'convert {reader}',
            f'a path outside: {path}',
            'read',
            partial(read, reader, replaced(old, path), images, boxes),
        )
        for path in ('../secret.jpg', '..\\\\..\\\\secret.jpg', '/etc/secret.jpg')
    ]


CASES = [
    *CVAT,
    *json_cases('labelme', LABELME, skipped_files=True),
    case('labelme', 'imageData is no base64',
         lambda path: (edited('imageData', value='?!')(path),
                       (path.parent / 'pictures/one.jpg').unlink()),
         'imageData is no base64', skipped=True),
    *json_cases('via', VIA),
    *json_cases('label_studio', LABEL_STUDIO),
    *json_cases('vott', VOTT),
    *OPENIMAGES,
    *KITTI,
    *VISDRONE,
    *DOTA,
    *WIDER,
    *HUGGING_FACE,
    *leaving('cvat', 'one.jpg', 3, 5),
    *leaving('labelme', 'one.jpg', 3, 5),
    *leaving('label_studio', '/data/upload/1/0a1b2c3d-one.jpg', 3, 5),
    *leaving('vott', 'one.jpg', 3, 5),
]  # fmt: skip
