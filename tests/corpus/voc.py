"""VOC's XML files and lists, damaged and unusual."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.corpus.case import Case
from tests.corpus.good import CLASSES, FIRST, first_image, first_xml, good_copy, refused, skipped
from tests.corpus.good import voc as build
from tests.runs import CHECKOUT, cli

SIZE = '<size><width>96</width><height>112</height></size>'  # as the first image has it
LIST = 'ImageSets/Main/trainval.txt'
BOMB = ''.join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 10))


def xml(*objects: str, size: str = SIZE, head: str = '') -> str:
    return (
        f'{head}<annotation><filename>{FIRST}.jpg</filename>{size}{"".join(objects)}</annotation>'
    )


def cross(x1: object, y1: object, x2: object, y2: object, name: str = 'cross') -> str:
    return (
        f'<object><name>{name}</name><bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax>'
        f'<ymax>{y2}</ymax></bndbox></object>'
    )


GOOD = cross(11, 21, 51, 45)


def bad_file(content: str | bytes, reason: str, folder: Path) -> None:
    """A case: the file as a whole cannot be used, so the image is skipped."""
    root = good_copy(folder)
    content = content.encode() if isinstance(content, str) else content
    first_xml(root).write_bytes(content)
    skipped(build, root, reason)


def bad(name: str, content: str | bytes, reason: str) -> Case:
    return Case('voc', name, 'skipped', partial(bad_file, content, rf'{FIRST}\.xml.*{reason}'))


def bad_box(box: str, note: str, tested: list, trained: list, folder: Path) -> None:
    """A case: one box of a good file is counted; the others stay.

    Args:
        box: the XML of the object.
        note: how the log line counts it, '' for no mention.
        tested: what evaluation sees of it.
        trained: what training sees of it.
        folder: empty.
    """
    root = good_copy(folder)
    first_xml(root).write_text(xml(GOOD, box))
    good = [10, 20, 50, 44]
    train, test = build(root), build(root, test_mode=True)
    assert train.bad_items == {}
    assert train.get_data_info(0)['ann']['bboxes'].tolist() == [good, *trained]
    assert test.get_ann_info(0)['bboxes'].tolist() == [good, *tested]
    if note:
        others = count(build(good_copy(folder / 'good')).summary, note)
        assert count(train.summary, note) == others + 1, train.summary
    results = train[0]['gt_bboxes'].data.numpy()
    height, width = train[0]['img'].data.shape[1:]
    assert (results >= 0).all() and (results <= [width, height] * 2).all()


def count(summary: str, note: str) -> int:
    found = re.search(rf'(\d+) {note}', summary)
    return int(found[1]) if found else 0


def box_case(name: str, answer: str, box: str, note: str, tested: list, trained: list) -> Case:
    return Case('voc', name, answer, partial(bad_box, box, note, tested, trained))


def read_as(content: str | bytes, folder: Path) -> None:
    """A case: one cross, and the size of the picture."""
    root = good_copy(folder)
    size = build(root).get_data_info(0)
    first_xml(root).write_bytes(content.encode() if isinstance(content, str) else content)
    for test_mode in (False, True):
        info = build(root, test_mode=test_mode).get_data_info(0)
        assert info['ann']['bboxes'].tolist() == [[10, 20, 50, 44]]
        assert info['ann']['labels'].tolist() == [3]
        assert (info['width'], info['height']) == (size['width'], size['height'])


def good(name: str, content: str | bytes) -> Case:
    return Case('voc', name, 'read', partial(read_as, content))


def listed(lines: bytes, stems: list[str], folder: Path) -> None:
    """A case: a list in some form names these images."""
    root = good_copy(folder)
    (root / LIST).write_bytes(lines)
    dataset = build(root)
    assert [Path(dataset.filename(i)).stem for i in range(len(dataset))] == stems


def list_case(name: str, lines: bytes, stems: list[str]) -> Case:
    return Case('voc', name, 'read', partial(listed, lines, stems))


def refused_list(lines: bytes, parts: tuple[str, ...], folder: Path) -> None:
    root = good_copy(folder)
    (root / LIST).write_bytes(lines)
    for test_mode in (False, True):
        refused(partial(build, root, test_mode=test_mode), *parts)


def list_refused(name: str, lines: bytes, *parts: str) -> Case:
    return Case('voc', name, 'refused', partial(refused_list, lines, parts))


def missing_xml(folder: Path) -> None:
    root = good_copy(folder)
    first_xml(root).unlink()
    for test_mode in (False, True):
        dataset = build(root, test_mode=test_mode)
        assert len(dataset) == 8 and dataset.get_ann_info(0)['labels'].tolist() == []
        assert '1 of 8 images are without objects, since they have no XML file' in dataset.summary
    damaged = partial(build, missing_annotation='error')
    skipped(damaged, root, rf'{FIRST}\.xml: there is no such annotation file')


def no_xml_at_all(folder: Path) -> None:
    root = good_copy(folder)
    (root / 'Annotations').rename(root / 'xmls')
    refused(lambda: build(root), "there is no '")
    (root / 'Annotations').mkdir()
    refused(lambda: build(root), 'none of its 8 images has an XML file', f'{FIRST}.xml')
    tested = build(root, test_mode=True)  # as VOC 2012's test.txt
    assert len(tested) == 8 and tested.num_objects() == 0
    assert tested.warnings[0].startswith('8 of 8 images are without objects')


def unlisted_without_xml(folder: Path) -> None:
    root = good_copy(folder)
    first_xml(root).unlink()
    dataset = build(root, ann_file='')
    assert len(dataset) == 11 and '1 images without an XML file left out' in dataset.summary


def xml_beside_the_images(folder: Path) -> None:
    root = good_copy(folder)
    boxes = build(root).get_ann_info(0)['bboxes'].tolist()
    for path in list((root / 'Annotations').iterdir()):
        path.rename(root / 'JPEGImages' / path.name)
    (root / 'Annotations').rmdir()
    assert build(root).get_ann_info(0)['bboxes'].tolist() == boxes
    (root / 'JPEGImages').rename(folder / 'flat')  # nothing but images with their XML files
    dataset = build(folder / 'flat', ann_file='')
    assert len(dataset) == 12 and dataset.get_ann_info(0)['bboxes'].tolist() == boxes
    refused(lambda: build(folder / 'flat'), 'There is no folder of lists', "ann_file=''")


def other_flags(folder: Path) -> None:
    """truncated and occluded are not read, whatever they hold."""
    root = good_copy(folder)
    for flag in ('1', 'true', 'Unspecified', '', '?'):
        flags = f'<truncated>{flag}</truncated><occluded>{flag}</occluded><bndbox>'
        first_xml(root).write_text(xml(GOOD.replace('<bndbox>', flags)))
        assert build(root).get_ann_info(0)['bboxes'].tolist() == [[10, 20, 50, 44]]


def file_name_without_ending(folder: Path) -> None:
    root = good_copy(folder)
    text = first_xml(root).read_text()
    for written in (FIRST, '', '?', 'C:\\data\\x.y'):
        first_xml(root).write_text(text.replace(f'{FIRST}.jpg', written))
        assert Path(build(root).filename(0)) == first_image(root)
    first_image(root).rename(root / 'JPEGImages/photo.png')  # found by the name in the XML file
    for written in ('photo', 'photo.png', 'D:\\pictures\\photo.PNG'):
        first_xml(root).write_text(text.replace(f'{FIRST}.jpg', written))
        assert Path(build(root).filename(0)).name == 'photo.png'


def missing_image(folder: Path) -> None:
    root = good_copy(folder)
    first_image(root).unlink()
    skipped(build, root, rf'{FIRST}\.jpg: there is no such image file')


def all_broken(folder: Path) -> None:
    root = good_copy(folder)
    for path in (root / 'Annotations').iterdir():
        path.write_text('<annotation>')
    for test_mode in (False, True):
        parts = 'none of its 8 annotation files can be used', '000001.xml:1: not well-formed'
        refused(partial(build, root, test_mode=test_mode, max_bad=1), *parts)


def empty_ones_are_kept(folder: Path) -> None:
    """filter_empty_gt drops images without boxes; of a bad item the boxes are unknown."""
    root = good_copy(folder)
    first_xml(root).write_text('')
    dataset = build(root, max_bad=0.2, filter_cfg=dict(filter_empty_gt=True))
    assert len(dataset) == 8 and list(dataset.bad_items) == [dataset.filename(0)]


def unknown_class(folder: Path) -> None:
    root = good_copy(folder)
    first_xml(root).write_text(xml(GOOD, cross(1, 1, 9, 9, 'walrus')))
    dataset = build(root)
    assert '1 objects of other classes left out (walrus 1)' in dataset.summary
    assert dataset.get_ann_info(0)['labels'].tolist() == [3]


def classes_refused(classes: object, *parts: str) -> Callable[[Path], None]:
    def check(folder: Path) -> None:
        root = good_copy(folder)
        refused(lambda: build(root, metainfo=dict(classes=classes)), *parts)

    return check


def unlisted(folder: Path) -> None:
    root = good_copy(folder)
    (root / 'Annotations/900000.xml').write_text('broken')
    (root / 'JPEGImages/900000.jpg').write_text('broken')
    assert len(build(root)) == 8 and build(root).bad_items == {}
    found = build(root, metainfo=dict(classes='auto'))  # looks into all XML files
    assert found.classes == tuple(sorted(CLASSES))


def other_file_name(folder: Path) -> None:
    root = good_copy(folder)
    text = first_xml(root).read_text()
    first_xml(root).write_text(text.replace(f'{FIRST}.jpg', '../../other.png'))
    assert Path(build(root).filename(0)) == first_image(root)


def command(*words: object) -> str:
    config = CHECKOUT / 'tests/tiny_voc.py'
    ended = cli('train', config, *words)
    assert ended.status == 2 and 'Traceback' not in ended.err
    assert len(ended.err.splitlines()) == 1
    return ended.err


def on_the_command_line(folder: Path) -> None:
    root = good_copy(folder)
    first_xml(root).write_text(xml(GOOD)[:-20])
    error = command('--data-root', root, '--work-dir', folder / 'work')
    assert '1 of 8 images cannot be used, and max_bad=0.01 allows 0' in error
    assert f'{FIRST}.xml:1: not well-formed XML' in error and '--max-bad' in error


def leaving_on_the_command_line(folder: Path) -> None:
    root = good_copy(folder)
    (root / LIST).write_text('../../../etc/passwd\n')
    error = command('--data-root', root, '--work-dir', folder / 'work')
    assert 'leaves the data root' in error and 'trainval.txt' in error


def all_in_shares(folder: Path) -> None:
    root = good_copy(folder)
    for path in (root / 'Annotations').iterdir():
        path.write_text(xml(cross(0.1, 0.2, 0.5, 0.75)))
    for test_mode in (False, True):
        parts = 'none of its 8 annotation files can be used', SHARES
        refused(partial(build, root, test_mode=test_mode), *parts)


def difficult_flags(folder: Path) -> None:
    root = good_copy(folder)
    for flag in ('1', '1.0', 'true', 'True', ' yes '):
        check_flag(root, flag, 1)
    for flag in ('0', '0.0', 'false', 'False', 'no', ''):
        check_flag(root, flag, 0)


def check_flag(root: Path, flag: str, ignored: int) -> None:
    marked = GOOD.replace('<bndbox>', f'<difficult>{flag}</difficult><bndbox>')
    first_xml(root).write_text(xml(GOOD, marked))
    ann = build(root).get_data_info(0)['ann']
    assert len(ann['labels_ignore']) == ignored and len(ann['labels']) == 2 - ignored, flag


OBJECT = 'object 2 needs a name and a bndbox'
SHARES = 'they are shares of the image, and pixels are expected'
CASES = [
    bad('shares of the image', xml(GOOD, cross(0.1, 0.2, 0.5, 0.75)), f'object 2.*{SHARES}'),
    Case('voc', 'shares of the image in all files', 'refused', all_in_shares),
    Case('voc', 'difficult as another truth value', 'read', difficult_flags),
    bad('malformed', '<annotation>\n<object>\n</annotation>', ':3: not well-formed XML'),
    bad('truncated', xml(GOOD)[:-30], ':1: not well-formed XML'),
    bad('empty', '', ':1: not well-formed XML: no element found'),
    bad('blanks only', ' \n\n', 'not well-formed XML'),
    bad('zeros only', bytes(100), 'not well-formed XML'),
    bad('JSON', '{"annotation": 1}', 'not well-formed XML'),
    bad('entity bomb', xml(GOOD, head=f'<!DOCTYPE a [<!ENTITY e0 "ha">{BOMB}]>'), 'Entities'),
    bad('entity used in a name',
        xml(cross(1, 1, 9, 9, '&e;'), head='<!DOCTYPE a [<!ENTITY e "cross">]>'), 'Entities'),
    bad('entity that reads a file',
        xml(GOOD, head='<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>'), 'Entities'),
    bad('unknown encoding', xml(GOOD, head='<?xml version="1.0" encoding="klingon"?>'),
        'unknown encoding|cannot be read'),
    bad('Latin-1 bytes as UTF-8',
        xml(cross(1, 1, 9, 9, 'Käse')).encode('latin1'), 'not well-formed'),
    bad('another root element', '<html></html>', 'the root element is <html>'),
    bad('an object without bndbox', xml(GOOD, '<object><name>cross</name></object>'), OBJECT),
    bad('an object without a name', xml(GOOD, cross(1, 1, 9, 9, ' ')), OBJECT),
    bad('a bndbox without xmin', xml(GOOD, cross(1, 1, 9, 9).replace('xmin', 'left')), OBJECT),
    bad('NaN coordinate', xml(GOOD, cross(1, 1, 'nan', 9)), OBJECT),
    bad('infinite coordinate', xml(GOOD, cross(1, 1, 'inf', 9)), OBJECT),
    bad('text coordinate', xml(GOOD, cross(1, 1, 'right', 9)), OBJECT),
    bad('empty coordinate', xml(GOOD, cross(1, 1, '', 9)), OBJECT),
    bad('coordinate with a comma', xml(GOOD, cross(1, 1, '9,5', 9)), OBJECT),
    bad('coordinate of 1e300', xml(GOOD, cross(1, 1, '1e300', 9)), OBJECT),
    bad('difficult is text',
        xml(GOOD, GOOD.replace('<bndbox>', '<difficult>maybe</difficult><bndbox>')), OBJECT),
    Case('voc', 'listed, but the XML is missing', 'read', missing_xml),
    Case('voc', 'no XML at all', 'refused', no_xml_at_all),
    Case('voc', 'images without XML, no list', 'skipped', unlisted_without_xml),
    Case('voc', 'XML beside the images, no ImageSets', 'read', xml_beside_the_images),
    Case('voc', 'truncated and occluded of any kind', 'read', other_flags),
    Case('voc', 'filename without ending, of another machine', 'read', file_name_without_ending),
    Case('voc', 'listed, but the image is missing', 'skipped', missing_image),
    Case('voc', 'all XML files broken', 'refused', all_broken),
    Case('voc', 'a broken file is not an empty one', 'skipped', empty_ones_are_kept),
    box_case('reversed box', 'skipped', cross(60, 9, 20, 30), 'boxes with xmax < xmin', [], []),
    box_case('box of zero size', 'skipped', cross(20, 9, 20, 30), 'boxes of zero size left out',
             [[19, 8, 19, 29]], []),
    box_case('box outside the image', 'skipped', cross(900, 9, 950, 30),
             'boxes of zero size left out', [[899, 8, 949, 29]], []),
    box_case('negative box', 'skipped', cross(-30, -30, -9, -9), 'boxes of zero size left out',
             [[-31, -31, -10, -10]], []),
    box_case('box that sticks out', 'read', cross(-8, 31, 20, 41), 'boxes clipped to the image',
             [[-9, 30, 19, 40]], [[0, 30, 19, 40]]),
    box_case('coordinate of 99999', 'read', cross(61, 31, 99999, 41),
             'boxes clipped to the image', [[60, 30, 99998, 40]], [[60, 30, 96, 40]]),
    box_case('fractions', 'read', cross('5.9', '6.0', '17.5', 28), '', [[4, 5, 16, 27]],
             [[4, 5, 16, 27]]),
    box_case('duplicate box', 'read', GOOD, '', [[10, 20, 50, 44]], [[10, 20, 50, 44]]),
    good('no size', xml(GOOD, size='')),
    good('size is text', xml(GOOD, size='<size><width>wide</width><height>?</height></size>')),
    good('size is zero', xml(GOOD, size='<size><width>0</width><height>0</height></size>')),
    good('size is negative', xml(GOOD, size='<size><width>-1</width><height>9</height></size>')),
    good('size beyond all numbers', xml(GOOD, size=SIZE.replace('96', '9' * 40))),
    good('size smaller than a box', xml(GOOD, size=SIZE.replace('96', '40'))),
    good('byte order mark', b'\xef\xbb\xbf' + xml(GOOD).encode()),
    good('UTF-16', xml(GOOD, head='<?xml version="1.0" encoding="UTF-16"?>').encode('utf-16')),
    good('Windows line ends', xml(GOOD).replace('>', '>\r\n')),
    good('comments and instructions', xml('<!-- a --><?b c?>', GOOD)),
    good('elements in another order',
         xml(re.sub('(<name>.*</name>)(<bndbox>)(.*)(<ymax>.*</ymax>)', r'\2\4\3', GOOD).replace(
             '</bndbox>', '</bndbox><name>cross</name>'), size='') ),
    good('blanks around values', xml(cross(' 11\n', ' 21 ', '51', '45', '\n cross '))),
    good('other boxes inside the object',
         xml(GOOD.replace('<bndbox>', f'<part>{GOOD}</part><bndbox>', 1))),
    Case('voc', 'an object of an unknown class', 'skipped', unknown_class),
    Case('voc', 'all classes unknown', 'refused',
         classes_refused(('walrus', 'crosss'), 'none of the classes', "Did you mean 'cross'?")),
    Case('voc', 'class in another case', 'refused',
         classes_refused(('Cross', 'ring'), "class 'Cross' of the config is spelt 'cross'")),
    Case('voc', 'present but unlisted', 'read', unlisted),
    Case('voc', "filename unlike the file's own name", 'read', other_file_name),
    list_case('Windows line ends in the list', b'000003\r\n000001\r\n', ['000003', '000001']),
    list_case('byte order mark and blank lines',
              b'\xef\xbb\xbf000003\n\n 000001 ', ['000003', '000001']),
    list_case('list of id and flag', b'000001  1\n000002 -1\n000003  0\n', ['000001', '000003']),
    list_case('list with endings', b'000002.jpg\n000004.XML\n', ['000002', '000004']),
    list_case('an image listed twice', b'000002\n000002\n', ['000002', '000002']),
    list_refused('empty list', b'', 'trainval.txt names no image'),
    list_refused('list of other images', b'a\nb\n', 'none of its 2 images'),
    list_refused('list that leaves the data root', b'000001\n../../../etc/passwd\n', LIST,
                 "etc/passwd' leaves the data root"),
    list_refused('list with an absolute path', b'/etc/passwd\n', LIST, "'/etc/passwd' leaves"),
    list_refused('list that is an image', b'\xff\xd8\x00\xff/../../\x00\n', 'VOCDataset'),
    Case('voc', 'a broken file on the command line', 'refused', on_the_command_line),
    Case('voc', 'leaving the data root on the command line', 'refused',
         leaving_on_the_command_line),
]  # fmt: skip
