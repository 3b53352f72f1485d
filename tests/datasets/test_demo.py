from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmlite.datasets.demo import DEFAULT_CLASSES, demo_root, draw_demo_set
from mmlite.datasets.demo_scenes import Scene
from mmlite.datasets.demo_shapes import MAX_CLASSES, SHAPES, Shape, render, shape_of_each
from mmlite.datasets.voc import VOCDataset
from mmlite.errors import DataError

VOC_CLASSES = VOCDataset.METAINFO['classes']
TINY = dict(num_train=3, num_test=2, size=(96, 96))


@pytest.fixture(scope='module')
def demo_set(tmp_path_factory) -> Path:
    return draw_demo_set(tmp_path_factory.mktemp('demo') / 'set', num_train=240, num_test=60)


def stems(root: Path, part: str) -> list[str]:
    return (root / f'ImageSets/Main/{part}.txt').read_text().split()


def annotations(root: Path, part: str) -> list[dict]:
    """Returns per image dict(wh, names, boxes (g,4) as in the file, truncated, occluded, ...)."""
    found = []
    for stem in stems(root, part):
        tree = ET.parse(root / f'Annotations/{stem}.xml')
        objects = tree.findall('object')

        def numbers(path: str, objects: list = objects) -> list[int]:
            return [int(obj.find(path).text) for obj in objects]

        sides = [numbers(f'bndbox/{key}') for key in ('xmin', 'ymin', 'xmax', 'ymax')]
        found.append(
            dict(
                wh=tuple(int(tree.find(f'size/{key}').text) for key in ('width', 'height')),
                names=[obj.find('name').text for obj in objects],
                boxes=np.array(sides).T,
                truncated=numbers('truncated'),
                occluded=numbers('occluded'),
                difficult=numbers('difficult'),
            )
        )
    return found


def files_of(root: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob('*')) if p.is_file()
    }


def test_same_arguments_give_the_same_files(tmp_path):
    first = files_of(draw_demo_set(tmp_path / 'a', **TINY))
    second = files_of(draw_demo_set(tmp_path / 'b', **TINY))
    other = files_of(draw_demo_set(tmp_path / 'c', **TINY, seed=1))
    assert first == second
    assert len(first) == 5 + 5 + 4 + 2 + 1  # images, annotations, lists, COCO's two, demo.json
    same = [name for name in first if first[name] == other[name]]
    assert all(name.startswith('ImageSets') for name in same)


def test_the_state_of_numpys_global_generator_plays_no_part(tmp_path):
    np.random.seed(1)
    first = files_of(draw_demo_set(tmp_path / 'a', **TINY))
    before = np.random.get_state()[1].copy()
    second = files_of(draw_demo_set(tmp_path / 'b', **TINY))
    assert first == second
    assert (np.random.get_state()[1] == before).all()


def test_lists(demo_set):
    assert len(stems(demo_set, 'trainval')) == 240
    assert sorted(stems(demo_set, 'train') + stems(demo_set, 'val')) == stems(demo_set, 'trainval')
    assert len(stems(demo_set, 'val')) == 48  # 240 / 5
    assert len(stems(demo_set, 'test')) == 60
    assert not set(stems(demo_set, 'test')) & set(stems(demo_set, 'trainval'))


@pytest.mark.parametrize('part', ['trainval', 'test'])
def test_every_box_lies_in_its_image(demo_set, part):
    for stem, ann in zip(stems(demo_set, part), annotations(demo_set, part), strict=True):
        image = cv2.imread(str(demo_set / f'JPEGImages/{stem}.jpg'))
        assert ann['wh'] == image.shape[1::-1]
        assert ann['boxes'].min() >= 1
        assert (ann['boxes'][:, 2:] <= ann['wh']).all()
        assert (ann['boxes'][:, 2:] > ann['boxes'][:, :2]).all()


def test_images_have_several_outlines(demo_set):
    sizes = [ann['wh'] for ann in annotations(demo_set, 'trainval')]
    assert sizes.count((320, 240)) > 120
    assert sizes.count((240, 320)) > 30
    assert len(set(sizes)) > 10


@pytest.mark.parametrize('part', ['trainval', 'test'])
def test_the_classes_are_equally_frequent(demo_set, part):
    names = [name for ann in annotations(demo_set, part) for name in ann['names']]
    counts = [names.count(name) for name in DEFAULT_CLASSES]
    assert sum(counts) == len(names)
    assert max(counts) - min(counts) <= 3


def test_statistics(demo_set):
    anns = annotations(demo_set, 'trainval')
    counts = [len(ann['names']) for ann in anns]
    assert set(counts) == {2, 3, 4, 5, 6, 7, 8}

    small, difficult, occluded, truncated = [], [], [], []
    for ann in anns:
        sides = ann['boxes'][:, 2:] - ann['boxes'][:, :2] + 1  # inclusive pixels
        small += list(sides.max(axis=1) < min(ann['wh']) / 8)
        difficult += ann['difficult']
        occluded += ann['occluded']
        truncated += ann['truncated']
        assert sides.max(axis=1).min() >= 10
    assert 0.20 < np.mean(small) < 0.30  # a quarter
    assert 0.28 < np.mean(occluded) < 0.39  # a third
    assert 0.03 < np.mean(difficult) < 0.08
    assert 0.01 < np.mean(truncated) < 0.10
    assert (np.array(difficult) <= np.array(occluded)).all()


def test_colours_do_not_tell_the_class():
    # mean colour of each class's pixels over many scenes: no class differs from the others
    sums = np.zeros((5, 3))
    squares = np.zeros((5, 3))
    counts = np.zeros((5, 1))
    rng = np.random.default_rng(0)
    shapes = shape_of_each(DEFAULT_CLASSES)
    for _ in range(60):
        scene = Scene(rng, (120, 120))
        for label in rng.permutation(5):
            scene.add(int(label), shapes[label])
        for i, drawn in enumerate(scene.objects):
            colour = scene.canvas[scene.seen == i].mean(axis=0)
            sums[drawn.label] += colour
            squares[drawn.label] += colour**2
            counts[drawn.label] += 1
    means = sums / counts
    errors = np.sqrt((squares / counts - means**2) / counts)  # about 60 per class: near 9 levels
    assert (np.abs(means - means.mean(axis=0)) < 4 * errors).all()


def test_boxes_are_tight_around_what_is_seen():
    rng = np.random.default_rng(3)
    shapes = shape_of_each(VOC_CLASSES)
    whole = 0
    for _ in range(30):
        scene = Scene(rng, (320, 240))
        for label in rng.integers(0, 20, 6):
            scene.add(int(label), shapes[label])
        for i, drawn in enumerate(scene.objects):
            rows, columns = np.nonzero(scene.seen == i)
            assert drawn.hidden == pytest.approx(1 - len(rows) / drawn.area)
            seen_box = (columns.min(), rows.min(), columns.max(), rows.max())
            if drawn.hidden == 0:
                assert drawn.box == seen_box
                whole += 1
            else:
                assert drawn.hidden < 0.81
                assert (np.array(drawn.box[:2]) <= seen_box[:2]).all()
                assert (np.array(drawn.box[2:]) >= seen_box[2:]).all()
    assert whole > 60


def test_an_object_is_seen_where_its_box_says():
    rng = np.random.default_rng(0)
    scene = Scene(rng, (200, 160))
    before = scene.canvas.copy()
    scene.add(0, Shape(SHAPES['square']))
    x1, y1, x2, y2 = scene.objects[0].box
    changed = np.abs(scene.canvas - before).max(axis=2) > 60  # a smooth edge changes less
    rows, columns = np.nonzero(changed)
    assert (columns.min(), rows.min(), columns.max(), rows.max()) == pytest.approx(
        (x1, y1, x2, y2), abs=1
    )


def test_an_object_over_the_border_is_clipped_and_truncated():
    scene = Scene(np.random.default_rng(0), (100, 100))
    square = render(Shape(SHAPES['square']), 20)  # 22 wide with its margin
    scene.draw(0, square, -6, 90)
    # columns -6 + 1 = -5 .. 14, clipped to 0..14; rows 91..110, clipped to 91..99
    assert scene.objects[0].box == (0, 91, 14, 99)
    assert scene.objects[0].area == 15 * 9
    assert scene.objects[0].truncated


def test_an_object_below_another_keeps_its_box_and_has_its_hidden_share():
    scene = Scene(np.random.default_rng(0), (100, 100))
    square = render(Shape(SHAPES['square']), 20)
    scene.draw(0, square, 10, 10)  # columns and rows 11..30
    scene.draw(1, square, 22, 10)  # columns 23..42: 8 of 20 columns lie over the first
    assert scene.objects[0].box == (11, 11, 30, 30)
    assert scene.objects[0].hidden == pytest.approx(8 / 20)
    assert scene.objects[1].box == (23, 11, 42, 30)
    assert scene.objects[1].hidden == 0


def test_masks_of_simple_shapes():
    square = render(Shape(SHAPES['square']), 20) >= 0.5
    assert square.shape == (22, 22)
    assert square[1:21, 1:21].all() and square.sum() == 400
    bar = render(Shape(SHAPES['bar']), 20) >= 0.5  # 1 : 0.4
    assert bar.sum() == 20 * 8
    disc = render(Shape(SHAPES['disc']), 40) >= 0.5
    assert disc.sum() == pytest.approx(np.pi * 20**2, rel=0.02)
    ring = render(Shape(SHAPES['ring']), 40) >= 0.5
    area = np.pi * 20**2 * (1 - 0.55**2)
    assert ring.sum() == pytest.approx(area, rel=0.05)  # cv2 fills the pixels of the outline too
    assert not ring[21, 21]
    upright = render(Shape(SHAPES['bar']), 20, turn=90) >= 0.5
    assert (upright.any(axis=0).sum(), upright.any(axis=1).sum()) == (8, 20)


def test_a_gap_divides_a_shape_across_its_middle():
    mask = render(shape_of_each([f'class {i}' for i in range(MAX_CLASSES)])[len(SHAPES)], 50) >= 0.5
    filled = mask[:, 26]  # down the middle of the disc; the gap is 0.12 of 50 = 6 high
    assert filled[3:22].all() and not filled[24:28].any() and filled[30:49].all()


def test_no_two_classes_look_alike():
    masks = []
    for shape in shape_of_each([f'class {i}' for i in range(MAX_CLASSES)]):
        mask = render(shape, 60)
        square = np.zeros((64, 64), np.float32)
        top, left = (64 - mask.shape[0]) // 2, (64 - mask.shape[1]) // 2
        square[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
        masks.append(square)
    for i, mask in enumerate(masks):
        for other in masks[:i]:
            for seen in (other, other[:, ::-1]):  # training flips images
                overlap = np.minimum(mask, seen).sum() / np.maximum(mask, seen).sum()
                assert overlap < 0.95


def test_a_class_named_as_a_shape_gets_it_and_the_others_get_the_rest():
    names = list(SHAPES)
    shapes = shape_of_each(['dog', 'star', names[0], 'cat'])
    assert shapes[1] == Shape(SHAPES['star'])
    assert shapes[2] == Shape(SHAPES[names[0]])
    assert [shapes[0], shapes[3]] == [Shape(SHAPES[names[1]]), Shape(SHAPES[names[2]])]


def test_the_20_voc_classes_are_read_by_voc_dataset(tmp_path):
    root = draw_demo_set(tmp_path / 'voc', VOC_CLASSES, num_train=40, num_test=10, size=(160, 120))
    dataset = VOCDataset(
        data_root=str(root),
        ann_file='ImageSets/Main/trainval.txt',
        data_prefix=dict(sub_data_root=''),
        test_mode=True,
    )
    assert len(dataset) == 40
    ann = annotations(root, 'trainval')[0]
    found = dataset.get_ann_info(0)
    easy = np.array(ann['difficult']) == 0
    assert found['bboxes'].tolist() == (ann['boxes'][easy] - 1).tolist()
    labels = [VOC_CLASSES.index(name) + 1 for name in ann['names']]
    assert found['labels'].tolist() == np.array(labels)[easy].tolist()
    labels = np.concatenate(
        [
            np.append(found['labels'], found['labels_ignore'])
            for found in map(dataset.get_ann_info, range(40))
        ]
    )
    assert set(labels) == set(range(1, 21))


def test_any_names_will_do(tmp_path):
    names = ['R&B <1>', 'chat noir', '猫']
    root = draw_demo_set(tmp_path / 'set', names, **TINY)
    found = {name for ann in annotations(root, 'trainval') for name in ann['names']}
    assert found == set(names)


def test_a_finished_set_is_not_drawn_again(tmp_path):
    root = draw_demo_set(tmp_path / 'set', **TINY)
    before = {path: path.stat().st_mtime_ns for path in root.rglob('*')}
    (root / 'Annotations/notes.txt').write_text('of the user')
    assert draw_demo_set(str(root), **TINY) == root
    assert {path: path.stat().st_mtime_ns for path in before if path.is_file()} == {
        path: time for path, time in before.items() if path.is_file()
    }
    assert (root / 'Annotations/notes.txt').exists()


def test_other_parameters_replace_a_demo_set(tmp_path):
    draw_demo_set(tmp_path / 'set', **TINY)
    root = draw_demo_set(tmp_path / 'set', **TINY, seed=5)
    assert json.loads((root / 'demo.json').read_text())['seed'] == 5
    assert files_of(root) == files_of(draw_demo_set(tmp_path / 'fresh', **TINY, seed=5))
    assert sorted(path.name for path in tmp_path.iterdir()) == ['fresh', 'set']


@pytest.mark.parametrize('lost', ['JPEGImages/000002.jpg', 'Annotations/000005.xml'])
def test_a_half_written_set_is_drawn_again(tmp_path, lost):
    root = draw_demo_set(tmp_path / 'set', **TINY)
    whole = files_of(root)
    (root / lost).unlink()
    assert files_of(draw_demo_set(root, **TINY)) == whole


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / 'set').mkdir()
    assert len(files_of(draw_demo_set(tmp_path / 'set', **TINY))) == 17


def test_a_folder_of_the_users_is_left_alone(tmp_path):
    image = tmp_path / 'VOC2007/JPEGImages/mine.jpg'
    image.parent.mkdir(parents=True)
    image.write_bytes(b'mine')
    with pytest.raises(DataError, match=r'VOC2007: is there already and is no demo set'):
        draw_demo_set(tmp_path / 'VOC2007', **TINY)
    assert files_of(tmp_path) == {'VOC2007/JPEGImages/mine.jpg': b'mine'}


def test_a_drawing_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupted(self: Scene) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Scene, 'photograph', interrupted)
    with pytest.raises(KeyboardInterrupt):
        draw_demo_set(tmp_path / 'set', **TINY)
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(DataError, match='cannot be drawn here'):
        draw_demo_set(tmp_path / 'file/set', **TINY)


def test_several_processes_at_once_replace_a_damaged_set(tmp_path):
    (draw_demo_set(tmp_path / 'set', **TINY) / 'JPEGImages/000001.jpg').unlink()
    code = f'from mmlite.datasets.demo import *; draw_demo_set({str(tmp_path / "set")!r}, **{TINY})'
    command = [sys.executable, '-c', code]
    repo = Path(__file__).resolve().parents[2]
    processes = [subprocess.Popen(command, cwd=repo) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert files_of(tmp_path / 'set') == files_of(draw_demo_set(tmp_path / 'single', **TINY))
    assert sorted(path.name for path in tmp_path.iterdir()) == ['set', 'single']


def test_the_default_folder_is_its_own_for_each_set(tmp_path, monkeypatch):
    monkeypatch.setenv('MMLITE_CACHE', str(tmp_path))
    arguments = dict(classes=('a', 'b'), num_train=3, num_test=2, size=(96, 96), seed=0)
    root = demo_root(**arguments)
    assert root.parent == tmp_path and root.name.startswith('demo-')
    assert demo_root(**{**arguments, 'classes': ['a', 'b']}) == root
    others = [
        demo_root(**{**arguments, key: value})
        for key, value in dict(
            classes=('b', 'a'), num_train=4, num_test=3, size=(96, 97), seed=1
        ).items()
    ]
    assert len({root, *others}) == 6
    assert not root.exists()


@pytest.mark.parametrize(
    ('bad', 'message'),
    [
        (dict(classes='cat'), "a list of names is expected, found 'cat'"),
        (dict(classes=None), 'a list of names is expected, found None'),
        (dict(classes=()), r'names are expected, found \[\]'),
        (dict(classes=('cat', 3)), r'names are expected, found \[3\]'),
        (dict(classes=('cat', ' dog')), r"names are expected, found \[' dog'\]"),
        (dict(classes=('cat', 'dog', 'cat')), 'cat: named more than once'),
        (dict(classes=[f'c{i}' for i in range(85)]), '85 of them, .* shapes for 84 at most'),
        (dict(num_train=0), 'num_train .* from 1 is expected, found 0'),
        (dict(num_test=1.5), 'num_test .* whole number from 1 is expected, found 1.5'),
        (dict(size=(320, 64)), 'height .* from 96 is expected, found 64'),
        (dict(size=320), r'\(w, h\) is expected, found 320'),
        (dict(seed=-1), 'seed .* from 0 is expected, found -1'),
    ],
)
def test_bad_arguments(tmp_path, bad, message):
    with pytest.raises(DataError, match=message):
        draw_demo_set(tmp_path / 'set', **{**TINY, **bad})
    assert list(tmp_path.iterdir()) == []
