"""Conversions: what is kept, what is lost and counted, names, images, and how a format is found."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmlite.datasets import CocoDataset, VOCDataset, YoloDataset
from mmlite.errors import ConfigError, DataError
from mmlite.tools.convert_dataset import READERS, Conversion, Source, convert, summary
from mmlite.tools.convert_dataset.formats import module_of
from tests.runs import CHECKOUT, cli, shell
from tests.tools.convert_dataset.test_formats_table import FORMATS

PICTURES = FORMATS / 'images'


def picture(path: Path, width: int = 64, height: int = 48) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width, 3), 99, np.uint8))
    return path


def write_json(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding='utf-8')
    return path


def labelme(folder: Path, *shapes: dict, image: str = 'a.png', **more: object) -> Path:
    content = dict(shapes=list(shapes), imagePath=image, imageWidth=64, imageHeight=48, **more)
    return write_json(folder / f'{Path(image).name}.json', content)


def shape(kind: str, points: list, label: str = 'cat', **more: object) -> dict:
    return dict(label=label, points=points, shape_type=kind, **more)


def boxes(done: Conversion) -> list[list[tuple]]:
    return [
        [tuple(round(float(n), 3) for n in box.corners) for box in image.boxes]
        for image in done.went
    ]


# ---- targets


@pytest.mark.parametrize('target', ['coco', 'voc', 'yolo'])
def test_the_printed_config_reads_what_was_written(target: str, tmp_path: Path) -> None:
    source = Source(FORMATS / 'dota', PICTURES)
    done = convert(source, target, tmp_path / 'out')
    config = dict(done.config)
    kind = dict(coco=CocoDataset, voc=VOCDataset, yolo=YoloDataset)[target]
    assert config.pop('type') == kind.__name__
    dataset = kind(**config, test_mode=True)
    found = {Path(dataset.filename(i)).name: dataset.get_ann_info(i) for i in range(len(dataset))}
    assert sorted(found) == ['one.jpg', 'three.jpg', 'two.jpg']
    exact = [[0, 0, 20, 20], [22.5, 10.25, 50.75, 41.5]]
    whole = [[0, 0, 20, 20], [22, 10, 51, 42]]  # round(22.5) is 22, round(41.5) is 42
    wanted = whole if target == 'voc' else exact
    np.testing.assert_allclose(found['two.jpg']['bboxes'], wanted, atol=1e-4)
    np.testing.assert_array_equal(found['two.jpg']['labels'], [1, 2])
    # the difficult one: YOLO has no mark for it
    assert len(found['two.jpg']['bboxes_ignore']) == (target != 'yolo')
    assert len(found['three.jpg']['bboxes']) == 0
    lost = dict(
        coco={'difficult boxes, written with iscrowd=1, the mark that COCO has': 1},
        voc={'boxes with fractions of a pixel, rounded': 1},
        yolo={'difficult boxes, left out: the format has no mark for them': 1},
    )
    assert dict(source.lost) == lost[target]


def test_annotation_ids_count_from_1(tmp_path: Path) -> None:
    convert(Source(FORMATS / 'globox/coco.json', PICTURES), 'coco', tmp_path / 'out')
    content = json.loads((tmp_path / 'out/annotations.json').read_text())
    assert [entry['id'] for entry in content['annotations']] == [1, 2, 3, 4, 5]
    assert [entry['id'] for entry in content['images']] == [1, 2, 3]
    assert [entry['id'] for entry in content['categories']] == [1, 2]
    assert content['annotations'][0]['area'] == 480  # 20 * 24


def test_the_crowd_of_coco_becomes_difficult_in_voc(tmp_path: Path) -> None:
    source = Source(FORMATS / 'fiftyone_coco', PICTURES)
    convert(source, 'voc', tmp_path / 'out')
    dataset = VOCDataset(
        data_root=str(tmp_path / 'out'),
        metainfo=dict(classes='auto'),
        coordinates='inclusive',
        test_mode=True,
    )
    assert [len(dataset.get_ann_info(i)['bboxes_ignore']) for i in range(3)] == [0, 0, 1]
    assert source.lost['crowd boxes, written with difficult=1, the mark that VOC has'] == 1


def test_corners_of_voc_from_rule_to_rule(tmp_path: Path) -> None:
    source = Source(FORMATS / 'supervision/voc', PICTURES)
    convert(source, 'voc', tmp_path / 'out', coordinates='zero_based')
    text = (tmp_path / 'out/Annotations/one.xml').read_text()
    assert '<xmin>4</xmin>' in text and '<xmax>24</xmax>' in text
    assert 'inclusive' in ' '.join(source.notes)  # what was found out about the source


# ---- names and images


def test_images_of_one_name_in_two_folders(tmp_path: Path) -> None:
    for folder in ('x', 'y'):
        picture(tmp_path / 'in' / folder / 'a.png')
        labelme(tmp_path / 'in' / folder, shape('rectangle', [[1, 2], [9, 9]]))
    for target, names in (('coco', ['x/a.png', 'y/a.png']), ('voc', ['a.png', 'a_2.png'])):
        done = convert(Source(tmp_path / 'in'), target, tmp_path / target)
        assert [image.name for image in done.went] == names
    # labels apart from the images: the folder in the name shows which, or nothing does
    for name, found in (('a.png', None), ('..\\x\\a.png', 'x/a.png'), ('C:/y/a.png', 'y/a.png')):
        shutil.rmtree(tmp_path / 'labels', ignore_errors=True)
        labelme(tmp_path / 'labels', image=name).rename(tmp_path / 'labels/a.json')
        source = Source(tmp_path / 'labels', tmp_path / 'in')
        if found is None:
            with pytest.raises(DataError, match=r"'a\.png' is .*x/a\.png or .*y/a\.png: which"):
                convert(source, 'coco', tmp_path / 'out')
            continue
        settled = convert(source, 'coco', tmp_path / found.replace('/', '_'))
        assert [image.name for image in settled.went] == ['a.png']
        assert source.pictures.find(name) == tmp_path / 'in' / found


def test_images_with_one_stem_do_not_share_a_label_file(tmp_path: Path) -> None:
    rows = ['filename,xmin,ymin,xmax,ymax,class']
    for ending in ('.png', '.bmp'):
        picture(tmp_path / f'in/a{ending}')
        rows.append(f'a{ending},1,2,9,9,cat')
    (tmp_path / 'in/all.csv').write_text('\n'.join(rows))
    done = convert(Source(tmp_path / 'in/all.csv'), 'yolo', tmp_path / 'out')
    assert [image.name for image in done.went] == ['a.png', 'a_2.bmp']
    assert sorted(path.name for path in (tmp_path / 'out/labels').iterdir()) == [
        'a.txt', 'a_2.txt',
    ]  # fmt: skip


def test_an_image_annotated_twice_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / 'in/a.png')
    for name in ('one', 'two'):
        shutil.move(labelme(tmp_path / 'in'), tmp_path / f'in/{name}.json')
    with pytest.raises(DataError, match=r'a\.png. is annotated twice'):
        convert(Source(tmp_path / 'in'), 'coco', tmp_path / 'out')


@pytest.mark.parametrize('how', ['copy', 'link', 'leave'])
def test_what_becomes_of_the_images(how: str, tmp_path: Path) -> None:
    convert(Source(FORMATS / 'kitti', PICTURES), 'yolo', tmp_path / 'out', pictures=how)
    found = sorted((tmp_path / 'out/images').iterdir())
    assert len(found) == (0 if how == 'leave' else 3)
    assert all(path.is_symlink() == (how == 'link') for path in found)
    assert all(path.read_bytes() == (PICTURES / path.name).read_bytes() for path in found)


def test_an_image_inside_the_annotation(tmp_path: Path) -> None:
    import base64

    data = base64.b64encode((PICTURES / 'one.jpg').read_bytes()).decode()
    labelme(tmp_path / 'in', image='one.jpg', imageData=data)
    convert(Source(tmp_path / 'in'), 'coco', tmp_path / 'out')
    assert (tmp_path / 'out/images/one.jpg').read_bytes() == (PICTURES / 'one.jpg').read_bytes()


def test_images_that_are_not_there(tmp_path: Path) -> None:
    source = Source(FORMATS / 'cvat_video')  # no frame of it: the file has the sizes
    done = convert(source, 'coco', tmp_path / 'out')
    assert [image.size for image in done.went] == [(64, 48)] * 3
    assert boxes(done) == [[(4, 6, 24, 30)], [(5.5, 6, 25.5, 30)], []]
    assert source.lost['images that are not there: only their annotations'] == 3
    with pytest.raises(DataError, match=r'one.* is not there, and its annotation has no size'):
        convert(Source(FORMATS / 'kitti'), 'coco', tmp_path / 'kitti')


def test_a_size_that_is_not_the_images(tmp_path: Path) -> None:
    picture(tmp_path / 'in/a.png', 32, 24)
    labelme(tmp_path / 'in', shape('rectangle', [[1, 2], [9, 9]]))
    source = Source(tmp_path / 'in')
    assert convert(source, 'coco', tmp_path / 'out').went[0].size == (32, 24)
    assert source.lost['sizes of images that are not those of the files, which are taken'] == 1


def test_a_folder_with_files_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / 'notes.txt').touch()
    with pytest.raises(ConfigError, match='a new or empty folder is expected'):
        convert(Source(FORMATS / 'dota', PICTURES), 'coco', tmp_path)


# ---- shapes


def test_shapes_of_labelme(tmp_path: Path) -> None:
    picture(tmp_path / 'in/a.png')
    labelme(
        tmp_path / 'in',
        shape('rectangle', [[20, 9], [1, 2]], flags=dict(old=True, new=False)),
        shape('polygon', [[1, 2], [9, 3], [5, 8]], group_id=3),
        shape('circle', [[20, 20], [23, 24]]),  # radius 5
        shape('line', [[1, 2], [9, 9]]),
        shape('rectangle', [[5, 5], [5, 9]]),  # no area
        shape('rectangle', [[70, 5], [75, 9]]),  # beyond the image
    )
    source = Source(tmp_path / 'in')
    done = convert(source, 'coco', tmp_path / 'out')
    assert boxes(done) == [[(1, 2, 20, 9), (1, 2, 9, 8), (15, 15, 25, 25)]]
    assert dict(source.lost) == {
        'attributes': 1,
        'polygons, written as the boxes around them': 2,
        "labelme's groups": 1,
        "labelme's line, left out": 1,
        'boxes without an area, left out': 1,
        'boxes without a pixel in their image, left out': 1,
    }
    text = summary(source, done)
    assert "not kept: 1 labelme's line, left out" in text
    assert '1 images, 0 of them without objects; 3 boxes (cat 3)' in text


def test_shapes_of_cvat(tmp_path: Path) -> None:
    box = 'label="cat" occluded="1" xtl="10" ytl="10" xbr="30" ybr="20"'
    (tmp_path / 'a.xml').write_text(
        '<annotations><image name="a.png" width="64" height="48">'
        f'<box {box} rotation="90"/><polygon label="dog" points="1,2;9,3;5,8"/>'
        '<ellipse label="cat" cx="20" cy="20" rx="3" ry="4"/>'
        '<mask label="cat" left="2" top="3" width="4" height="5" rle="20"/>'
        '<points label="cat" points="1,2"/><tag label="cat"/>'
        '</image></annotations>'
    )
    source = Source(tmp_path / 'a.xml')
    done = convert(source, 'coco', tmp_path / 'out')
    # a quarter turn about (20, 15) swaps 20 x 10
    assert boxes(done) == [[(15, 5, 25, 25), (1, 2, 9, 8), (17, 16, 23, 24), (2, 3, 6, 8)]]
    assert source.lost['rotated boxes, written as the upright boxes around them'] == 1
    assert source.lost['polygons, written as the boxes around them'] == 3
    assert source.lost['CVAT shapes <points>, left out'] == 1
    assert source.lost['CVAT shapes <tag>, left out'] == 1
    assert source.lost['attributes'] == 1  # occluded


def test_regions_of_label_studio(tmp_path: Path) -> None:
    def region(value: dict, **more: object) -> dict:
        return dict(original_width=64, original_height=48, value=value, **more)

    label = dict(rectanglelabels=['cat'])
    result = [
        # turned by a quarter about its first corner (32, 24), clockwise: 32 x 12 becomes 12 x 32
        region(dict(x=50, y=50, width=50, height=25, rotation=90, **label), type='rectanglelabels'),
        region(dict(x=50, y=50, radiusX=25, radiusY=50, ellipselabels=['dog']), type='ellipse'),
        region(dict(points=[[25, 25], [75, 25], [50, 75]], polygonlabels=['dog'])),
        region(dict(x=1, y=1, width=2, keypointlabels=['dog']), type='keypointlabels'),
        region(dict(x=0, y=0, width=50, height=50), id='r', type='rectangle'),
        region(dict(x=0, y=0, width=50, height=50, labels=['cat']), id='r', type='labels'),
    ]
    tasks = [
        dict(data=dict(image='a.png'), annotations=[dict(result=result), dict(result=[])]),
        dict(data=dict(image='b.png'), annotations=[]),
        dict(data=dict(image='c.png'), annotations=[dict(result=[], was_cancelled=True)]),
    ]
    picture(tmp_path / 'in/a.png')
    source = Source(write_json(tmp_path / 'in/tasks.json', tasks))
    done = convert(source, 'coco', tmp_path / 'out')
    assert boxes(done) == [[(20, 24, 32, 56), (16, 0, 48, 48), (16, 12, 48, 36), (0, 0, 32, 24)]]
    assert source.lost['images that nobody has annotated yet, left out'] == 2
    assert source.lost['annotations of one image by further annotators, left out'] == 1
    assert source.lost["Label Studio regions of the type 'keypointlabels', left out"] == 1


def test_the_attribute_that_is_the_class_in_via(tmp_path: Path) -> None:
    picture(tmp_path / 'in/a.png')
    rect = dict(name='rect', x=1, y=2, width=3, height=4)
    regions = [
        dict(shape_attributes=rect, region_attributes=dict(animal='cat', age='old')),
        dict(shape_attributes=rect, region_attributes=dict(animal=dict(dog=True, cat=False))),
        dict(shape_attributes=rect, region_attributes=dict(age='old')),
        dict(shape_attributes=dict(name='point', cx=1, cy=2), region_attributes={}),
    ]
    path = write_json(tmp_path / 'in/via.json', dict(a=dict(filename='a.png', regions=regions)))
    with pytest.raises(ConfigError, match='animal, age: --class-attribute NAME'):
        convert(Source(path), 'coco', tmp_path / 'out')
    source = Source(path, class_attribute='animal')
    done = convert(source, 'coco', tmp_path / 'out2')
    assert [box.name for box in done.went[0].boxes] == ['cat', 'dog']
    assert source.lost['regions without a class, left out'] == 1
    assert source.lost["VIA regions of the shape 'point', left out"] == 1
    # VIA 1.x numbers its regions
    old = dict(a=dict(filename='a.png', regions={'0': regions[0]}))
    path = write_json(tmp_path / 'old/via.json', old)
    source = Source(path, tmp_path / 'in', class_attribute='animal')
    assert boxes(convert(source, 'coco', tmp_path / 'out3')) == [[(1, 2, 4, 6)]]


def test_text_files_that_mark_regions_without_a_class(tmp_path: Path) -> None:
    for name in ('kitti', 'visdrone'):
        source = Source(FORMATS / name, PICTURES)
        convert(source, 'coco', tmp_path / name)
        assert source.lost['regions without a class, left out'] == 1


# ---- which format


def test_each_format_is_found_by_its_own_files_only() -> None:
    for folder, name in (
        ('supervision/coco', 'coco'), ('devkit', 'voc'), ('cvat_yolo', 'yolo'),
        ('imgann/table.csv', 'csv'), ('cvat_images', 'cvat'), ('labelme_hand', 'labelme'),
        ('via_project', 'via'), ('label_studio/json_min', 'label_studio'),
        ('vott_project', 'vott'), ('openimages', 'openimages'), ('kitti', 'kitti'),
        ('wider_face', 'wider_face'), ('visdrone', 'visdrone'), ('dota', 'dota'),
        ('hugging_face/list', 'hugging_face'),
    ):  # fmt: skip
        source = Source(FORMATS / folder)
        assert [reader for reader in READERS if module_of(reader).finds(source)] == [name]


def test_a_source_that_is_not_clear(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='no such file or folder'):
        convert(Source(tmp_path / 'gone'), 'coco', tmp_path / 'out')
    (tmp_path / 'in').mkdir()
    (tmp_path / 'in/notes.txt').write_text('nothing of this kind\n')
    with pytest.raises(DataError, match=r'no known format in its 1 files(.|\n)*kitti: text files'):
        convert(Source(tmp_path / 'in'), 'coco', tmp_path / 'out')
    shutil.copytree(FORMATS / 'cvat_images', tmp_path / 'in/cvat')
    shutil.copytree(FORMATS / 'labelme_hand', tmp_path / 'in/labelme')
    with pytest.raises(DataError, match=r'several formats: cvat, labelme. Say which by --from'):
        convert(Source(tmp_path / 'in', PICTURES), 'coco', tmp_path / 'out')
    done = convert(Source(tmp_path / 'in', PICTURES), 'coco', tmp_path / 'out', 'cvat')
    assert done.read_as == 'cvat' and len(done.went) == 3
    with pytest.raises(ConfigError, match=r"no such format\. Did you mean 'cvat'"):
        convert(Source(tmp_path / 'in'), 'coco', tmp_path / 'out2', 'cvt')


def test_labels_of_yolo_that_are_elsewhere_are_refused(tmp_path: Path) -> None:
    shutil.copytree(FORMATS / 'supervision/yolo/labels', tmp_path / 'in/texts')
    (tmp_path / 'in/data.yaml').write_text('names: [cat, dog]')
    shutil.copytree(PICTURES, tmp_path / 'in/images')
    with pytest.raises(DataError, match=r'none of its 3 images has an object: .*label file'):
        convert(Source(tmp_path / 'in'), 'coco', tmp_path / 'out')


def test_bad_annotations_are_refused_or_counted(tmp_path: Path) -> None:
    for name in ('a.png', 'b.png'):
        picture(tmp_path / 'in' / name)
        labelme(tmp_path / 'in', shape('rectangle', [[1, 2], [9, 9]]), image=name)
    (tmp_path / 'in/a.png.json').write_text('{"shapes": [')
    with pytest.raises(DataError, match=r'a\.png\.json:1: not well-formed JSON'):
        convert(Source(tmp_path / 'in'), 'coco', tmp_path / 'out', 'labelme')
    source = Source(tmp_path / 'in', skip_bad=True)
    done = convert(source, 'coco', tmp_path / 'out2', 'labelme')
    assert [image.name for image in done.went] == ['b.png']
    assert 'left out: 1 whose annotation cannot be used' in summary(source, done)


# ---- the command


def test_the_command_as_a_user_would(tmp_path: Path) -> None:
    tool = CHECKOUT / 'tools/convert_dataset.py'
    words = [tool, FORMATS / 'openimages', 'out', '--to', 'voc', '--images', PICTURES]
    ended = shell(words, cwd=tmp_path)
    assert ended.status == 0, ended.err
    lines = [line for line in ended.out.splitlines() if ' - mmengine - ' not in line]
    assert lines[0].startswith(f'read: openimages: {FORMATS / "openimages"}: 2 images, 0 of them')
    assert lines[1] == (
        'written: voc: 2 images, 0 of them without objects; 5 boxes (cat 3, dog 2), 1 of them '
        'crowds or difficult'
    )
    assert 'not kept: 1 boxes with fractions of a pixel, rounded' in lines
    assert lines[-1].startswith("to read it: dict(type='VOCDataset', data_root=")


def test_mistakes_end_with_one_message(tmp_path: Path) -> None:
    for words, message in (
        ([tmp_path / 'gone', tmp_path / 'out', '--to', 'coco'], 'no such file or folder'),
        ([tmp_path, tmp_path / 'out', '--to', 'coco', '--from', 'x'], '--from x: no such format'),
        ([FORMATS / 'dota', tmp_path / 'out', '--to', 'coco', '--images', 'gone'], '--images gone'),
    ):
        ended = cli('convert_dataset', *words)
        assert ended.status == 2 and message in ended.err and 'Traceback' not in ended.err


# ---- files of real users


def coco_file(folder: Path, names: tuple[str, ...], classes: tuple[str, ...]) -> Path:
    """Pictures of 64 x 48, each with one box for each class."""
    images, annotations = [], []
    for i, name in enumerate(names, 1):
        picture(folder / name)
        images.append(dict(id=i, file_name=name, width=64, height=48))
        for label in range(1, len(classes) + 1):
            number = len(annotations) + 1
            box = dict(bbox=[4, 8, 16, 12], area=192, iscrowd=0)
            annotations.append(dict(id=number, image_id=i, category_id=label, **box))
    categories = [dict(id=i, name=name) for i, name in enumerate(classes, 1)]
    content = dict(images=images, annotations=annotations, categories=categories)
    return write_json(folder / 'a.json', content)


def test_yolo_labels_lie_where_readers_look_below_a_second_folder_images(tmp_path: Path) -> None:
    file = coco_file(tmp_path / 'in', ('images/a.png', 'x/b.png', 'x/c.png'), ('cat',))
    done = convert(Source(file.parent), 'yolo', tmp_path / 'out')
    config = dict(done.config)
    assert config.pop('type') == 'YoloDataset'
    assert YoloDataset(**config).num_objects() == 3
    # the last folder `images` of the path becomes `labels`
    assert (tmp_path / 'out/images/labels/a.txt').is_file()


def test_a_conversion_that_failed_can_be_done_again(tmp_path: Path) -> None:
    content = dict(shapes=[shape('rectangle', [[1, 1], [9, 9]])], imagePath='a.png')
    file = write_json(tmp_path / 'a.json', content)
    with pytest.raises(DataError, match='has no size'):
        convert(Source(file), 'coco', tmp_path / 'out')
    picture(tmp_path / 'a.png')
    assert boxes(convert(Source(file), 'coco', tmp_path / 'out')) == [[(1, 1, 9, 9)]]


@pytest.mark.parametrize(
    ('classes', 'message'),
    [(('cat', 'cat '), "two classes are named 'cat'"), (('c\x01t',), 'no file of texts can hold')],
)
def test_class_names_that_a_form_cannot_keep(classes: tuple, message: str, tmp_path: Path) -> None:
    file = coco_file(tmp_path, ('a.png',), classes)
    with pytest.raises(DataError, match=message):
        convert(Source(file), 'voc', tmp_path / 'out')


def test_a_class_name_loses_the_space_behind_it(tmp_path: Path) -> None:
    done = convert(Source(coco_file(tmp_path, ('a.png',), ('cat ',))), 'voc', tmp_path / 'out')
    assert done.classes == ['cat'] and len(done.went[0].boxes) == 1


def test_yolo_label_files_of_the_source_for_images_elsewhere(tmp_path: Path) -> None:
    picture(tmp_path / 'pictures/a.png')
    (tmp_path / 'texts').mkdir()
    (tmp_path / 'texts/a.txt').write_text('0 0.5 0.5 0.25 0.5\n')
    (tmp_path / 'texts/classes.txt').write_text('cat\n')
    source = Source(tmp_path / 'texts', tmp_path / 'pictures')
    # 16 x 24 around (32, 24)
    assert boxes(convert(source, 'coco', tmp_path / 'out')) == [[(24, 12, 40, 36)]]


def test_what_a_form_cannot_say_is_counted(tmp_path: Path) -> None:
    file = coco_file(tmp_path / 'in', ('a.png',), ('cat', 'dog'))
    content = json.loads(file.read_text())
    content['annotations'][0]['ignore'] = 1
    content['annotations'][1]['bbox'] = [4, 8, 60, 12]  # up to 64, the width
    write_json(file, content)
    source = Source(file)
    convert(source, 'voc', tmp_path / 'out', coordinates='devkit')
    assert source.lost == {
        "marks 'ignore': the boxes are written as objects": 1,
        'boxes that end at the border, a pixel smaller: devkit has no corner beyond the image': 1,
    }


def test_xml_files_that_the_only_list_of_a_voc_set_leaves_out_are_counted(tmp_path: Path) -> None:
    shutil.copytree(FORMATS / 'devkit', tmp_path / 'devkit')
    lists = tmp_path / 'devkit/ImageSets/Main'
    shutil.rmtree(lists, ignore_errors=True)
    lists.mkdir(parents=True)
    (lists / 'train.txt').write_text('one\n')
    source = Source(tmp_path / 'devkit', PICTURES)
    assert len(convert(source, 'yolo', tmp_path / 'out').came) == 1
    # of one, two and three
    assert source.lost[f'XML files that {lists / "train.txt"} does not list'] == 2


def test_images_in_other_folders_than_a_table_or_json_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = coco_file(tmp_path / 'in', ('images/a.png',), ('cat',))
    (tmp_path / 'in/images/a.png').rename(tmp_path / 'in/a.png')
    picture(tmp_path / 'images/a.png', 9, 9)  # outside of the source: another image
    header = 'filename,xmin,ymin,xmax,ymax,class'
    (tmp_path / 'in/t.csv').write_text(f'{header}\nimages/a.png,4,8,20,20,cat\n')
    monkeypatch.chdir(tmp_path / 'in')
    for source in (Path('t.csv'), Path('a.json'), file):
        done = convert(Source(source), 'coco', tmp_path / f'out_{len(source.parts)}_{source.name}')
        assert done.came[0].size == (64, 48) and boxes(done) == [[(4, 8, 20, 20)]]
