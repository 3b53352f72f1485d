"""data.yaml, obj.data, lists of images and names, in the forms of the tools that write them.

Where a path leads was looked up in Ultralytics 8.4.190 (`check_det_dataset`, `get_img_files`).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mmlite.datasets import MissingDataError, YoloDataset
from mmlite.datasets.yolo_lists import find_entry, read_description, read_names, resolve_list
from mmlite.errors import ConfigError, DataError

ROW = '1 0.5 0.5 0.5 0.5\n'  # a dog of 20 x 10 in a picture of 40 x 20


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv('MMLITE_CACHE', str(tmp_path / 'cache'))


def write(path: Path, text: str = '') -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding='utf-8')
    return path


def picture(path: Path, label: Path | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((20, 40, 3), np.uint8))
    if label:
        write(label, ROW)


def read(root: Path, ann_file: str, **changes) -> list[str]:
    """Builds the data set; its images have one dog each. Returns their paths in `root`."""
    dataset = YoloDataset(ann_file, data_root=str(root), **changes)
    assert dataset.classes == ('cat', 'dog')
    for i in range(len(dataset)):
        assert dataset.get_ann_info(i)['bboxes'].tolist() == [[10, 5, 30, 15]]
        assert dataset.get_ann_info(i)['labels'].tolist() == [2]
    assert dataset.warnings == []
    return [str(Path(dataset.filename(i)).relative_to(root)) for i in range(len(dataset))]


def roboflow(root: Path) -> None:
    for split in ('train', 'valid', 'test'):
        picture(root / split / 'images/a.jpg', root / split / 'labels/a.txt')
    write(
        root / 'data.yaml',
        'train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 2\n'
        "names: ['cat', 'dog']\n\nroboflow:\n  workspace: w\n  version: 1\n",
    )


def test_roboflow(tmp_path) -> None:
    roboflow(tmp_path / 'set')
    assert read(tmp_path / 'set', 'data.yaml') == ['train/images/a.jpg']
    assert read(tmp_path / 'set', 'data.yaml', test_mode=True) == ['valid/images/a.jpg']
    assert read(tmp_path / 'set', 'data.yaml', split='test') == ['test/images/a.jpg']


def test_a_folder_one_higher_comes_first_as_in_ultralytics(tmp_path) -> None:
    roboflow(tmp_path / 'set')
    picture(tmp_path / 'train/images/other.jpg', tmp_path / 'train/labels/other.txt')
    dataset = YoloDataset('data.yaml', data_root=str(tmp_path / 'set'))
    assert dataset.filename(0) == str(tmp_path / 'train/images/other.jpg')
    assert f'read from {tmp_path / "train/images"}, outside of the data root' in dataset.summary


@pytest.mark.parametrize(
    ('path', 'split'),
    [
        ('path: .\n', 'images/train'),
        ('path: ../datasets/set\n', 'images/train'),  # not there: the file's own folder counts
        ('path: /content/set\n', 'images/train'),
        ('', './images/train'),
        ('', 'images\\train'),
        ('', '/content/drive/set/images/train'),
        ('', 'C:\\data\\set\\images\\train'),
        ('', 'train.txt'),
        ('', '[images/train]'),
        ('', '["images/train/a.jpg"]'),
    ],
)
@pytest.mark.parametrize('names', ['names: {0: cat, 1: dog}', "names: {'0': cat, '1': dog}"])
def test_ultralytics(tmp_path, path, split, names) -> None:
    picture(tmp_path / 'images/train/a.jpg', tmp_path / 'labels/train/a.txt')
    picture(tmp_path / 'images/val/b.jpg', tmp_path / 'labels/val/b.txt')
    write(tmp_path / 'train.txt', './images/train/a.jpg\n')
    write(tmp_path / 'sub.yaml', f'{path}train: {split}\nvalidation: images/val\n{names}\n')
    assert read(tmp_path, 'sub.yaml') == ['images/train/a.jpg']
    assert read(tmp_path, 'sub.yaml', split='val') == ['images/val/b.jpg']


def test_an_absolute_path_elsewhere_is_followed_and_said(tmp_path) -> None:
    picture(tmp_path / 'far/images/a.jpg', tmp_path / 'far/labels/a.txt')
    (tmp_path / 'set').mkdir()
    for text in (f'path: {tmp_path}/far\ntrain: images\n', f'train: {tmp_path}/far/images\n'):
        write(tmp_path / 'set/data.yaml', f'{text}names: [cat, dog]')
        dataset = YoloDataset('data.yaml', data_root=str(tmp_path / 'set'))
        assert dataset.filename(0) == str(tmp_path / 'far/images/a.jpg')
        assert 'outside of the data root' in dataset.read_as[0]


def test_key_points_behind_the_box(tmp_path) -> None:
    picture(tmp_path / 'images/a.jpg')
    # two points of two numbers: eight numbers would be read as a polygon
    write(tmp_path / 'labels/a.txt', ROW.strip() + ' 0.1 0.1 0.9 0.9\n')
    write(tmp_path / 'data.yaml', 'train: images\nnames: [cat, dog]\nkpt_shape: [2, 2]\n')
    assert read(tmp_path, 'data.yaml') == ['images/a.jpg']


def cvat(root: Path) -> None:
    """CVAT's `YOLO 1.1`: its paths begin with `data/`, a folder that is not there."""
    picture(root / 'obj_train_data/a.jpg', root / 'obj_train_data/a.txt')
    picture(root / 'obj_train_data/sub/a.jpg', root / 'obj_train_data/sub/a.txt')
    write(root / 'obj.names', 'cat\ndog\n')
    write(
        root / 'obj.data',
        'classes = 2\ntrain = data/train.txt\nnames = data/obj.names\nbackup = backup/\n',
    )
    lines = 'data/obj_train_data/a.jpg\ndata/obj_train_data/sub/a.jpg\n'
    write(root / 'train.txt', lines)


@pytest.mark.parametrize('ann_file', ['obj.data', 'train.txt'])
def test_cvat(tmp_path, ann_file) -> None:
    cvat(tmp_path)
    assert read(tmp_path, ann_file) == ['obj_train_data/a.jpg', 'obj_train_data/sub/a.jpg']


@pytest.mark.parametrize('first', ['data', '/home/me/darknet/data', 'C:\\darknet\\data', './data'])
def test_darknet(tmp_path, first) -> None:
    picture(tmp_path / 'data/obj/a.jpg', tmp_path / 'data/obj/a.txt')
    picture(tmp_path / 'data/obj/b.jpg', tmp_path / 'data/obj/b.txt')
    write(tmp_path / 'data/obj.names', 'cat\ndog\n')
    write(tmp_path / 'data/train.txt', f'{first}/obj/a.jpg\r\n\r\n')
    write(tmp_path / 'data/valid.txt', f'{first}/obj/b.jpg\n')
    write(
        tmp_path / 'data/obj.data',
        'classes= 2\ntrain  = data/train.txt\nvalid  = data/valid.txt\nnames = data/obj.names\n',
    )
    assert read(tmp_path, 'data/obj.data') == ['data/obj/a.jpg']
    assert read(tmp_path, 'data/obj.data', test_mode=True) == ['data/obj/b.jpg']
    assert read(tmp_path, 'data/train.txt') == ['data/obj/a.jpg']


@pytest.mark.parametrize(
    ('name', 'text'),
    [
        ('dataset.yaml', 'names: [cat, dog]'),
        ('classes.txt', 'cat\ndog\n'),
        ('obj.names', 'cat\r\ndog\r\n'),
        ('labels/classes.txt', 'cat\ndog\n'),  # LabelImg
        ('images/_darknet.labels', 'cat\ndog'),  # Roboflow
    ],
)
def test_where_names_are(tmp_path, name, text) -> None:
    picture(tmp_path / 'images/a.jpg', tmp_path / 'labels/a.txt')
    write(tmp_path / name, text)
    assert read(tmp_path, '') == ['images/a.jpg']


def test_names_that_differ_are_a_warning(tmp_path) -> None:
    picture(tmp_path / 'images/a.jpg', tmp_path / 'labels/a.txt')
    write(tmp_path / 'data.yaml', 'names: [cat, dog]')
    write(tmp_path / 'labels/classes.txt', 'dog\ncat\n')
    dataset = YoloDataset(data_root=str(tmp_path))
    assert dataset.classes == ('cat', 'dog')
    assert 'labels/classes.txt are not those of' in dataset.warnings[0]
    assert 'dog, cat ... and cat, dog' in dataset.warnings[0]


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('val: images\nnames: [cat]', r"there is no 'train', the split asked for; it has val"),
        ('names: [cat]', r"there is no 'train', .*it has none of train, val, test"),
        ('train: imgs\nnames: [cat]', r"no 'imgs', which 'train' names.*looked at: .*imgs"),
        ('train: 5\nnames: [cat]', r"'train' is a folder, a list of images, or several; found 5"),
        ('train: [a, {b: c}]\nnames: [cat]', 'found a list of 2'),
        ('train: images\nnames: [cat]\npath: 7', "'path' is a folder, found 7"),
        ('train: images\nnames: [cat, dog]\nnc: 3', "'nc' is 3, and 'names' has 2 names"),
        ('train: images\nnames: [cat, cat]', "found 'cat' more than once"),
        ('train: images\nnames: [[cat], dog]', "'names' is a list of class names"),
        ('train: images\nnames: {1: cat, 2: dog}', 'the 2 keys 1, 2; 0 to 1 are expected'),
        ('train: images\nnames: [cat]\nkpt_shape: 17', "'kpt_shape' is two whole numbers"),
        ('train: images', 'what do the class numbers mean'),
        ('- train\n- val', 'keys and values are expected'),
        ('train: list.txt\nnames: [cat]', r"list\.txt: the path '/etc/x\.jpg' leaves"),
        ('train: up.txt\nnames: [cat]', r"up\.txt: the path '.*/x\.jpg' leaves"),
        ('train: blank.txt\nnames: [cat]', 'no image in the folder or the list'),
        ('train: image.txt\nnames: [cat]', r'image\.txt: cannot be read as text'),
    ],
)
def test_wrong_descriptions(tmp_path, text, message) -> None:
    picture(tmp_path / 'images/a.jpg', tmp_path / 'labels/a.txt')
    write(tmp_path / 'list.txt', '/etc/x.jpg\n')
    write(tmp_path / 'up.txt', '../../x.jpg\n')
    write(tmp_path / 'blank.txt', '\n')
    (tmp_path / 'image.txt').write_bytes(b'\xff\xd8\xff')
    write(tmp_path / 'data.yaml', text)
    with pytest.raises(DataError, match=message):
        YoloDataset('data.yaml', data_root=str(tmp_path))


def test_nothing_is_run_and_names_do_not_grow(tmp_path) -> None:
    picture(tmp_path / 'images/a.jpg', tmp_path / 'labels/a.txt')
    made = tmp_path / 'made'
    write(
        tmp_path / 'data.yaml',
        f'train: missing\nnames: [cat, dog]\ndownload: |\n  open({str(made)!r}, "w")\n',
    )
    with pytest.raises(DataError, match="there is no 'missing'"):
        YoloDataset('data.yaml', data_root=str(tmp_path))
    assert not made.exists()
    write(tmp_path / 'data.yaml', f'names: !!python/object/apply:os.mkdir [{made}]')
    with pytest.raises(DataError, match='cannot be read as YAML'):
        YoloDataset('data.yaml', data_root=str(tmp_path))
    assert not made.exists()
    bomb = ''.join(f'a{i}: &a{i} [{", ".join([f"*a{i - 1}"] * 10)}]\n' for i in range(1, 12))
    write(tmp_path / 'data.yaml', f'a0: &a0 [x]\n{bomb}train: *a11\nnames: *a11\n')
    with pytest.raises(DataError, match='found a list of 10'):
        YoloDataset('data.yaml', data_root=str(tmp_path))


def test_wrong_data_files(tmp_path) -> None:
    cvat(tmp_path)
    write(tmp_path / 'obj.data', 'train = data/train.txt\nnames = other.names\n')
    with pytest.raises(DataError, match=r"obj\.data: there is no 'other\.names'"):
        YoloDataset('obj.data', data_root=str(tmp_path))
    write(tmp_path / 'obj.data', 'classes = 3\ntrain = data/train.txt\nnames = data/obj.names\n')
    with pytest.raises(DataError, match=r"'classes' is 3, and .*obj\.names has 2 names"):
        YoloDataset('obj.data', data_root=str(tmp_path))
    write(tmp_path / 'obj.data', 'nothing')
    with pytest.raises(DataError, match="there is no 'train'"):
        YoloDataset('obj.data', data_root=str(tmp_path))
    with pytest.raises(MissingDataError, match=r"there is no '.*obj\.dat\.data'"):
        YoloDataset('obj.dat.data', data_root=str(tmp_path))
    with pytest.raises(ConfigError, match=r"split is one of train, val, test, found 'valid'"):
        YoloDataset('obj.data', data_root=str(tmp_path), split='valid')


def test_paths_of_a_list(tmp_path) -> None:
    write(tmp_path / 'here/images/a.jpg')
    write(tmp_path / 'list/b.jpg')
    here, lists = str(tmp_path / 'here'), str(tmp_path / 'list')

    def resolved(*lines: str) -> list[str]:
        return [path.removeprefix(f'{tmp_path}/') for path in resolve_list(lines, lists, [here])]

    assert resolved('images/a.jpg', ' images/x.jpg ', '') == [
        'here/images/a.jpg',
        'here/images/x.jpg',
    ]
    assert resolved('./b.jpg') == ['list/b.jpg']
    assert resolved('./images/a.jpg') == ['here/images/a.jpg']
    assert resolved('b.jpg') == ['list/b.jpg']
    assert resolved('far/away/images/a.jpg', 'far/away/x/c.jpg') == [
        'here/images/a.jpg',
        'here/x/c.jpg',
    ]
    assert resolved('images/none.jpg') == ['here/images/none.jpg']
    assert resolved('/etc/none.jpg') == ['/etc/none.jpg']
    assert resolved('../here/images/a.jpg') == ['here/images/a.jpg']
    assert resolved('x/../../images/a.jpg') == ['images/a.jpg']
    assert resolved() == []


def test_ends_of_a_path(tmp_path) -> None:
    for name in ('images/a.jpg', 'train/images/a.jpg', 'train.txt'):
        write(tmp_path / name)
    for entry, found in [
        ('/x/train/images', 'train/images'),
        ('/x/val/images', None),  # `images` could be any split's
        ('data/images', None),
        ('data/images/a.jpg', 'images/a.jpg'),
        ('../val/images', None),
        ('data/train.txt', 'train.txt'),
        ('../train/images', 'train/images'),
    ]:
        path = find_entry(entry, [tmp_path / 'no'], tmp_path)
        assert path == (found and tmp_path / found)


def test_names_in_files(tmp_path) -> None:
    assert read_names(write(tmp_path / 'a.names', '\ufeffcat \n\n dog\r\n')) == ['cat', 'dog']
    with pytest.raises(DataError, match='found none'):
        read_names(write(tmp_path / 'b.names', '\n'))
    found = read_description(write(tmp_path / 'c.yaml', 'train: a\nvalid: [b, c]\nnames: [1, no]'))
    assert found.names == ['1', 'False']  # YAML's `no` is a truth value, in Ultralytics too
    assert found.splits == dict(train=['a'], val=['b', 'c'])
