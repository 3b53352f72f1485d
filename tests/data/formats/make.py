"""Writes the common set (truth.json) by a real package: python make.py WRITER.

Run in a virtual environment that has the package of README.md's table, in this folder. What the
packages read is made in a temporary folder; what they write is kept without the pictures.
"""

import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TRUTH = json.loads((HERE / 'truth.json').read_text())
CLASSES = TRUTH['classes']


def boxes(image, marked=True):
    return [b for b in image['boxes'] if marked or not b.get('marked')]


def coco_in():
    images, annotations = [], []
    for i, image in enumerate(TRUTH['images'], 1):
        w, h = image['size']
        images.append(dict(id=i, file_name=image['name'], width=w, height=h))
        for box in image['boxes']:
            x1, y1, x2, y2 = box['box']
            annotations.append(dict(
                id=len(annotations) + 1, image_id=i, category_id=CLASSES.index(box['class']) + 1,
                bbox=[x1, y1, x2 - x1, y2 - y1], area=(x2 - x1) * (y2 - y1),
                iscrowd=int(bool(box.get('marked'))), segmentation=[]))
    categories = [dict(id=i, name=n, supercategory='') for i, n in enumerate(CLASSES, 1)]
    return dict(images=images, annotations=annotations, categories=categories)


def supervision(out):
    import cv2
    import numpy as np
    import supervision as sv

    images, annotations = {}, {}
    for image in TRUTH['images']:
        path = f'images/{image["name"]}'
        images[path] = cv2.imread(path)
        found = boxes(image)
        annotations[path] = sv.Detections(
            xyxy=np.array([b['box'] for b in found], np.float32).reshape(-1, 4),
            class_id=np.array([CLASSES.index(b['class']) for b in found], int))
    ds = sv.DetectionDataset(classes=CLASSES, images=list(images), annotations=annotations)
    ds.as_coco(annotations_path=f'{out}/coco/annotations.json')
    ds.as_pascal_voc(annotations_directory_path=f'{out}/voc/Annotations')
    ds.as_yolo(annotations_directory_path=f'{out}/yolo/labels', data_yaml_path=f'{out}/yolo/data.yaml')


def datumaro(out):
    import numpy as np
    from datumaro.components.annotation import AnnotationType, Bbox, LabelCategories
    from datumaro.components.dataset import Dataset
    from datumaro.components.dataset_base import DatasetItem
    from datumaro.components.media import Image

    items, number = [], 0
    for image in TRUTH['images']:
        anns = []
        for b in boxes(image):
            x1, y1, x2, y2 = b['box']
            number += 1
            marked = bool(b.get('marked'))
            attributes = dict(difficult=marked, is_crowd=marked, occluded=False, truncated=False)
            anns.append(Bbox(x1, y1, x2 - x1, y2 - y1, label=CLASSES.index(b['class']), id=number,
                             group=number, attributes=attributes))
        w, h = image['size']
        items.append(DatasetItem(
            id=Path(image['name']).stem, subset='train', annotations=anns,
            media=Image.from_file(path=f'images/{image["name"]}', size=(h, w))))
    labels = LabelCategories.from_iterable(CLASSES)
    labels.attributes |= {'difficult', 'is_crowd', 'occluded', 'truncated'}
    ds = Dataset.from_iterable(items, categories={AnnotationType.label: labels}, media_type=Image)
    for name in ('coco_instances', 'voc_detection', 'yolo', 'cvat', 'open_images',
                 'wider_face', 'kitti_detection'):
        try:
            ds.export(f'{out}/{name}', name, save_media=False)
        except Exception as error:
            print(name, type(error), error)


def pascal_voc_writer(out):
    from pascal_voc_writer import Writer

    os.makedirs(f'{out}/voc/Annotations')
    for image in TRUTH['images']:
        writer = Writer(f'JPEGImages/{image["name"]}', *image['size'])
        for b in boxes(image):
            writer.addObject(b['class'], *b['box'], difficult=int(bool(b.get('marked'))))
        writer.save(f'{out}/voc/Annotations/{Path(image["name"]).stem}.xml')


def label_studio(out):
    from label_studio_sdk.converter import Converter

    config = ('<View><Image name="image" value="$image"/><RectangleLabels name="label" '
              'toName="image"><Label value="cat"/><Label value="dog"/></RectangleLabels></View>')
    source = str(HERE / 'label_studio_json/export.json')
    os.makedirs('upload/1')
    for image in Path('images').iterdir():
        shutil.copy(image, f'upload/1/0a1b2c3d-{image.name}')
    converter = Converter(config, project_dir=None, upload_dir='upload',
                          download_resources=True)
    converter.convert_to_json_min(source, f'{out}/json_min', is_dir=False)
    converter.convert_to_coco(source, f'{out}/coco', output_image_dir=f'{out}/coco/images', is_dir=False)
    converter.convert_to_voc(source, f'{out}/voc', output_image_dir=f'{out}/voc/images', is_dir=False)
    converter.convert_to_yolo(source, f'{out}/yolo', output_image_dir=f'{out}/yolo/images',
                              output_label_dir=f'{out}/yolo/labels', is_dir=False)


def globox(out):
    from globox import AnnotationSet

    Path('in.json').write_text(json.dumps(coco_in()))
    found = AnnotationSet.from_coco('in.json')
    found.save_coco(f'{out}/coco.json')
    found.save_pascal_voc(f'{out}/voc')
    found.save_labelme(f'{out}/labelme')
    found.save_cvat(f'{out}/cvat.xml')
    found.save_openimage(f'{out}/openimages.csv')
    found.save_via_json(f'{out}/via.json', image_folder='images')
    os.makedirs(f'{out}/yolo/labels')
    found.save_yolo_v5(f'{out}/yolo/labels', label_to_id={n: i for i, n in enumerate(CLASSES)})


def labelme2coco(out):
    import labelme2coco as package

    shutil.copytree(HERE / 'labelme_hand', 'labelme')
    for image in Path('images').iterdir():
        shutil.copy(image, 'labelme')
    package.convert('labelme', f'{out}/')


def sahi(out):
    from sahi.utils.coco import Coco, CocoAnnotation, CocoCategory, CocoImage
    from sahi.utils.file import save_json

    coco = Coco()
    for i, name in enumerate(CLASSES):
        coco.add_category(CocoCategory(id=i, name=name))
    for image in TRUTH['images']:
        w, h = image['size']
        entry = CocoImage(file_name=image['name'], width=w, height=h)
        for b in boxes(image):
            x1, y1, x2, y2 = b['box']
            entry.add_annotation(CocoAnnotation(
                bbox=[x1, y1, x2 - x1, y2 - y1], category_id=CLASSES.index(b['class']),
                category_name=b['class'], iscrowd=int(bool(b.get('marked')))))
        coco.add_image(entry)
    save_json(coco.json, f'{out}/coco.json')
    Path('in.json').write_text(json.dumps(coco_in()))
    read = Coco.from_coco_dict_or_path('in.json', image_dir='images')
    save_json(read.json, f'{out}/coco_read.json')
    content = coco_in()  # ids from 0: sahi writes the id as the number of the class
    for entry in content['categories'] + content['annotations']:
        entry['id' if 'name' in entry else 'category_id'] -= 1
    Path('from_0.json').write_text(json.dumps(content))
    coco = Coco.from_coco_dict_or_path('from_0.json', image_dir='images')
    coco.export_as_yolo(f'{out}/yolo', train_split_rate=1, disable_symlink=True)


def pylabel(out):
    from pylabel import importer

    Path('in.json').write_text(json.dumps(coco_in()))
    os.makedirs(f'{out}/yolo/labels')
    ds = importer.ImportCoco('in.json', path_to_images='images')
    ds.export.ExportToVoc(output_path=f'{out}/voc/Annotations')
    ds.export.ExportToCoco(output_path=f'{out}/coco.json')
    ds.export.ExportToYoloV5(output_path=f'{out}/yolo/labels', yaml_file='data.yaml')


def imgann(out):
    import imgann as package
    from imgann import Convertor

    os.makedirs(f'{out}/voc')
    Path('in.json').write_text(json.dumps(coco_in()))
    # center=True, the default, takes COCO's x and y for the centre: every box would move
    Convertor.coco2voc('images', 'in.json', f'{out}/voc', center=False)
    Convertor.coco2csv('images', 'in.json', f'{out}/table.csv', center=False)
    try:
        Convertor.coco2yolo('images', 'in.json', f'{out}/yolo', center=False)
    except TypeError as error:
        print('coco2yolo:', error)


def hugging_face(out):
    import datasets as ds

    def rows(as_lists):
        for i, image in enumerate(TRUTH['images']):
            w, h = image['size']
            found = []
            for j, b in enumerate(boxes(image)):
                x1, y1, x2, y2 = b['box']
                found.append(dict(id=j, area=(x2 - x1) * (y2 - y1), bbox=[x1, y1, x2 - x1, y2 - y1],
                                  category=CLASSES.index(b['class'])))
            if as_lists:
                found = {key: [f[key] for f in found] for key in ('id', 'area', 'bbox', 'category')}
            yield dict(image_id=i, image=f'images/{image["name"]}', width=w, height=h, objects=found)

    inner = dict(id=ds.Value('int64'), area=ds.Value('float64'),
                 bbox=ds.Sequence(ds.Value('float32'), length=4), category=ds.ClassLabel(names=CLASSES))
    for name, objects, as_lists in (('sequence', ds.Sequence(inner), True), ('list', ds.List(inner), False)):
        features = ds.Features(dict(image_id=ds.Value('int64'), image=ds.Image(), width=ds.Value('int32'),
                                    height=ds.Value('int32'), objects=objects))
        found = ds.Dataset.from_list(list(rows(as_lists)), features=features)
        found.to_parquet(f'{out}/{name}/train-00000-of-00001.parquet')
        found.save_to_disk(f'{out}/{name}_arrow')


if __name__ == '__main__':
    writer = sys.argv[1]
    out = HERE / writer
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    work = tempfile.mkdtemp()
    shutil.copytree(HERE / 'images', f'{work}/images')
    os.chdir(work)
    try:
        globals()[writer](out)
    finally:
        shutil.rmtree(work)
    for file in out.rglob('*'):  # no picture, and no path of this machine
        if file.suffix == '.jpg':
            file.unlink()
        elif file.suffix in ('.xml', '.json', '.txt', '.csv', '.yml', '.yaml', '.data', '.names'):
            text = file.read_text()
            for folder in (f'{work}/', f'{out}/yolo/', f'{out}/', f'{HERE}/', str(HERE)):
                text = text.replace(folder, '')
            text = re.sub(r'(\.\.\\?/)+tmp\\?/[^/\\]+\\?/', '', text)  # Label Studio's way to it
            file.write_text(text)
