"""Writes the common set in forms of tools without a package, after public examples of their files."""

import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
TRUTH = json.loads((HERE / 'truth.json').read_text())
CLASSES, IMAGES = TRUTH['classes'], TRUTH['images']


def write(path, text):
    file = HERE / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, 'utf-8')


def write_json(path, content):
    write(path, json.dumps(content, indent=1) + '\n')


def marked(box):
    return int(bool(box.get('marked')))


def stem(image):
    return Path(image['name']).stem


def each():
    for image in IMAGES:
        for box in image['boxes']:
            yield image, box, box['box']


def yolo(box, size):
    (x1, y1, x2, y2), (w, h) = box['box'], size
    number = CLASSES.index(box['class'])
    return f'{number} {(x1 + x2) / 2 / w:.6f} {(y1 + y2) / 2 / h:.6f} {(x2 - x1) / w:.6f} {(y2 - y1) / h:.6f}'


# ---- CVAT for images 1.1, and its video form
parts = ['<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n  <meta><task><id>7</id>'
         '<name>pets</name><size>3</size><labels>' +
         ''.join(f'<label><name>{c}</name><color>#fa3253</color><type>any</type><attributes></attributes></label>'
                 for c in CLASSES) + '</labels></task></meta>\n']
for i, image in enumerate(IMAGES):
    w, h = image['size']
    parts.append(f'  <image id="{i}" name="{image["name"]}" width="{w}" height="{h}">\n')
    for b in image['boxes']:
        x1, y1, x2, y2 = b['box']
        parts.append(f'    <box label="{b["class"]}" source="manual" occluded="0" xtl="{x1:.2f}" ytl="{y1:.2f}" '
                     f'xbr="{x2:.2f}" ybr="{y2:.2f}" z_order="0"></box>\n')
    parts.append('  </image>\n')
write('cvat_images/annotations.xml', ''.join(parts) + '</annotations>\n')
for image in IMAGES:
    write(f'cvat_yolo/obj_train_data/{stem(image)}.txt',
          ''.join(yolo(b, image['size']) + '\n' for b in image['boxes']))
write('cvat_yolo/obj.names', ''.join(c + '\n' for c in CLASSES))
write('cvat_yolo/obj.data', 'classes = 2\ntrain = data/train.txt\nnames = data/obj.names\nbackup = backup/\n')
write('cvat_yolo/train.txt', ''.join(f'data/obj_train_data/{i["name"]}\n' for i in IMAGES))
video = ('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n  <meta><task><size>3</size>'
         '<labels><label><name>cat</name></label><label><name>dog</name></label></labels>'
         '<original_size><width>64</width><height>48</height></original_size></task></meta>\n'
         '  <track id="0" label="cat" source="manual">\n'
         '    <box frame="0" keyframe="1" outside="0" occluded="0" xtl="4.00" ytl="6.00" xbr="24.00" ybr="30.00" z_order="0"></box>\n'
         '    <box frame="1" keyframe="0" outside="0" occluded="0" xtl="5.50" ytl="6.00" xbr="25.50" ybr="30.00" z_order="0"></box>\n'
         '    <box frame="2" keyframe="1" outside="1" occluded="0" xtl="7.00" ytl="6.00" xbr="27.00" ybr="30.00" z_order="0"></box>\n'
         '  </track>\n</annotations>\n')
write('cvat_video/annotations.xml', video)

# ---- labelme 5.5: a file for each image that somebody has saved
for image in IMAGES:
    w, h = image['size']
    shapes = [dict(label=b['class'], points=[b['box'][:2], b['box'][2:]], group_id=None, description='',
                   shape_type='rectangle', flags={}, mask=None) for b in image['boxes']]
    write_json(f'labelme_hand/{stem(image)}.json',
               dict(version='5.5.0', flags={}, shapes=shapes, imagePath=image['name'], imageData=None,
                    imageHeight=h, imageWidth=w))

# ---- VIA 2.0: annotations and a project; whole pixels
entries = {}
for image in IMAGES:
    regions = [dict(shape_attributes=dict(name='rect', x=b['box'][0], y=b['box'][1], width=b['box'][2] - b['box'][0],
                                          height=b['box'][3] - b['box'][1]), region_attributes={'class': b['class']})
               for b in image['boxes']]
    size = (HERE / 'images' / image['name']).stat().st_size
    entries[f'{image["name"]}{size}'] = dict(filename=image['name'], size=size, regions=regions, file_attributes={})
write_json('via_annotations/via_region_data.json', entries)
write_json('via_project/via_project.json', {
    '_via_settings': dict(core=dict(filepath={}, default_filepath='')), '_via_img_metadata': entries,
    '_via_attributes': dict(region={'class': dict(type='dropdown', options={c: '' for c in CLASSES})}, file={}),
    '_via_data_format_version': '2.0.10', '_via_image_id_list': list(entries)})

# ---- Label Studio's JSON: per cent of the image
tasks = []
for i, image in enumerate(IMAGES, 1):
    w, h = image['size']
    result = [dict(original_width=w, original_height=h, image_rotation=0,
                   value=dict(x=x1 / w * 100, y=y1 / h * 100, width=(x2 - x1) / w * 100, height=(y2 - y1) / h * 100,
                              rotation=0, rectanglelabels=[b['class']]),
                   id=f'r{j}', from_name='label', to_name='image', type='rectanglelabels', origin='manual')
              for j, b in enumerate(image['boxes']) for x1, y1, x2, y2 in [b['box']]]
    tasks.append(dict(id=i, annotations=[dict(id=i, completed_by=1, result=result, was_cancelled=False,
                                              ground_truth=False, lead_time=3.1, task=i, project=1)],
                      file_upload=f'0a1b2c3d-{image["name"]}', drafts=[], predictions=[],
                      data=dict(image=f'/data/upload/1/0a1b2c3d-{image["name"]}'), meta={}, project=1))
write_json('label_studio_json/export.json', tasks)

# ---- VoTT 2: the export, and a project with its assets
assets = {}
for i, image in enumerate(IMAGES):
    w, h = image['size']
    regions = [dict(id=f'r{j}', type='RECTANGLE', tags=[b['class']],
                    boundingBox=dict(height=y2 - y1, width=x2 - x1, left=x1, top=y1),
                    points=[dict(x=x1, y=y1), dict(x=x2, y=y1), dict(x=x2, y=y2), dict(x=x1, y=y2)])
               for j, b in enumerate(image['boxes']) for x1, y1, x2, y2 in [b['box']]]
    asset = dict(format='jpg', id=f'{i:032x}', name=image['name'], path=f'file:C:/pets/{image["name"]}',
                 size=dict(width=w, height=h), state=2 if regions else 1, type=1)
    assets[asset['id']] = dict(asset=asset, regions=regions, version='2.2.0')
tags = [dict(name=c, color='#5db300') for c in CLASSES]
write_json('vott_export/pets-export.json', dict(name='pets', tags=tags, assets=assets, version='2.2.0'))
write_json('vott_project/pets.vott', dict(name='pets', tags=tags, version='2.2.0',
                                          assets={k: v['asset'] for k, v in assets.items()}))
for key, entry in assets.items():
    write_json(f'vott_project/{key}-asset.json', entry)

# ---- OpenImages v4-v7
rows = ['ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside']
ids = dict(cat='/m/01yrx', dog='/m/0bt9lr')
for image, b, (x1, y1, x2, y2) in each():
    w, h = image['size']
    rows.append(f'{stem(image)},xclick,{ids[b["class"]]},1,{x1 / w:.6f},{x2 / w:.6f},{y1 / h:.6f},{y2 / h:.6f},'
                f'0,0,{marked(b)},0,0')
write('openimages/train-annotations-bbox.csv', '\n'.join(rows) + '\n')
write('openimages/class-descriptions-boxable.csv', '/m/01yrx,cat\n/m/0bt9lr,dog\n')

# ---- KITTI
for image in IMAGES:
    lines = [f'{b["class"]} 0.00 0 -10 {b["box"][0]:.2f} {b["box"][1]:.2f} {b["box"][2]:.2f} {b["box"][3]:.2f} '
             '-1 -1 -1 -1000 -1000 -1000 -10' for b in image['boxes']]
    if image['name'] == 'two.jpg':
        lines.append('DontCare -1 -1 -10 50.00 2.00 60.00 9.00 -1 -1 -1 -1000 -1000 -1000 -10')
    write(f'kitti/label_2/{stem(image)}.txt', ''.join(line + '\n' for line in lines))

# ---- WIDER FACE: whole pixels; invalid marks a face nobody has to find
lines = []
for image in IMAGES:
    lines += [f'0--Parade/{image["name"]}', str(len(image['boxes']))]
    for b in image['boxes']:
        x1, y1, x2, y2 = map(int, b['box'])
        lines.append(f'{x1} {y1} {x2 - x1} {y2 - y1} 0 0 0 {marked(b)} 0 0 ')
    if not image['boxes']:
        lines.append('0 0 0 0 0 0 0 0 0 0 ')
write('wider_face/wider_face_train_bbx_gt.txt', '\n'.join(lines) + '\n')

# ---- VisDrone-DET: whole pixels; score 0 is passed over by the evaluation, category 0 has no class
numbers = dict(cat=1, dog=4)  # pedestrian, car
for image in IMAGES:
    lines = []
    for b in image['boxes']:
        x1, y1, x2, y2 = map(int, b['box'])
        lines.append(f'{x1},{y1},{x2 - x1},{y2 - y1},{1 - marked(b)},{numbers[b["class"]]},0,0')
    if image['name'] == 'two.jpg':
        lines.append('50,2,10,7,0,0,0,0')
    write(f'visdrone/annotations/{stem(image)}.txt', ''.join(line + '\n' for line in lines))

# ---- DOTA 1.0
for image in IMAGES:
    lines = ['imagesource:GoogleEarth', 'gsd:0.146343590398']
    for b in image['boxes']:
        x1, y1, x2, y2 = map(float, b['box'])
        lines.append(f'{x1} {y1} {x2} {y1} {x2} {y2} {x1} {y2} {b["class"]} {marked(b)}')
    write(f'dota/labelTxt/{stem(image)}.txt', '\n'.join(lines) + '\n')

# ---- Roboflow: COCO with a root category of id 0; VOC; YOLO with data.yaml
coco = dict(info=dict(description='Exported from roboflow.com'), licenses=[],
            categories=[dict(id=0, name='pets', supercategory='none')] +
            [dict(id=i, name=c, supercategory='pets') for i, c in enumerate(CLASSES, 1)], images=[], annotations=[])
for i, image in enumerate(IMAGES):
    w, h = image['size']
    coco['images'].append(dict(id=i, license=1, file_name=image['name'], height=h, width=w, date_captured='2024-01-01'))
    for b in image['boxes']:
        x1, y1, x2, y2 = b['box']
        coco['annotations'].append(dict(
            id=len(coco['annotations']), image_id=i, category_id=CLASSES.index(b['class']) + 1,
            bbox=[x1, y1, x2 - x1, y2 - y1], area=(x2 - x1) * (y2 - y1), segmentation=[], iscrowd=0))
write_json('roboflow_coco/train/_annotations.coco.json', coco)
for image in IMAGES:
    write(f'roboflow_yolo/train/labels/{stem(image)}.txt', '\n'.join(yolo(b, image['size']) for b in image['boxes']))
write('roboflow_yolo/data.yaml', 'train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 2\n'
      "names: ['cat', 'dog']\n\nroboflow:\n  workspace: pets\n  project: pets\n  version: 1\n  license: CC BY 4.0\n")


def voc(image, keys, head, shift):
    w, h = image['size']
    text = f'<annotation>\n{head}\t<size>\n\t\t<width>{w}</width>\n\t\t<height>{h}</height>\n\t\t<depth>3</depth>\n\t</size>\n'
    for b in image['boxes']:
        corners = [int(v) + s for v, s in zip(b['box'], shift)]
        box = dict(zip(('xmin', 'ymin', 'xmax', 'ymax'), corners))
        inner = ''.join(f'\t\t\t<{k}>{box[k]}</{k}>\n' for k in keys)
        text += (f'\t<object>\n\t\t<name>{b["class"]}</name>\n\t\t<pose>Unspecified</pose>\n\t\t<truncated>0</truncated>\n'
                 f'\t\t<difficult>{marked(b)}</difficult>\n\t\t<bndbox>\n{inner}\t\t</bndbox>\n\t</object>\n')
    return text + '</annotation>\n'


for image in IMAGES:
    head = f'\t<folder></folder>\n\t<filename>{image["name"]}</filename>\n\t<path>{image["name"]}</path>\n\t<source>\n\t\t<database>roboflow.com</database>\n\t</source>\n'
    write(f'roboflow_voc/train/{stem(image)}.xml', voc(image, ('xmin', 'xmax', 'ymin', 'ymax'), head, (1, 1, 0, 0)))
    # the devkit's own: first and last pixel, counted from 1
    head = (f'\t<folder>VOC2007</folder>\n\t<filename>{image["name"]}</filename>\n\t<source>\n\t\t<database>The VOC2007 '
            'Database</database>\n\t\t<annotation>PASCAL VOC2007</annotation>\n\t</source>\n')
    write(f'devkit/Annotations/{stem(image)}.xml', voc(image, ('xmin', 'ymin', 'xmax', 'ymax'), head, (1, 1, 0, 0)))
    if image['boxes']:  # LabelImg saves no file for an image that nobody has drawn in
        head = (f'\t<folder>pets</folder>\n\t<filename>{image["name"]}</filename>\n\t<path>pets/{image["name"]}</path>\n'
                '\t<source>\n\t\t<database>Unknown</database>\n\t</source>\n')
        text = voc(image, ('xmin', 'ymin', 'xmax', 'ymax'), head, (0, 0, 0, 0))
        for key in ('xmin', 'ymin'):  # "Martin Kersner: 1 in place of 0"
            text = text.replace(f'<{key}>0</{key}>', f'<{key}>1</{key}>')
        write(f'labelimg_voc/{stem(image)}.xml', text)
        write(f'labelimg_yolo/{stem(image)}.txt', ''.join(yolo(b, image['size']) + '\n' for b in image['boxes']))
        head = f'\t<folder>my-project-name</folder>\n\t<filename>{image["name"]}</filename>\n\t<path>/my-project-name/{image["name"]}</path>\n\t<source>\n\t\t<database>Unspecified</database>\n\t</source>\n'
        write(f'makesense_voc/{stem(image)}.xml', voc(image, ('xmin', 'ymin', 'xmax', 'ymax'), head, (0, 0, 0, 0)))
        write(f'makesense_yolo/labels/{stem(image)}.txt', '\n'.join(yolo(b, image['size']) for b in image['boxes']))
write('labelimg_yolo/classes.txt', ''.join(c + '\n' for c in CLASSES))

# ---- FiftyOne: COCO and YOLOv5
fo = dict(info=dict(year='', version='', description='Exported from FiftyOne'), licenses=[],
          categories=[dict(id=i, name=c, supercategory=None) for i, c in enumerate(CLASSES, 1)], images=[], annotations=[])
for i, image in enumerate(IMAGES, 1):
    w, h = image['size']
    fo['images'].append(dict(id=i, file_name=image['name'], height=h, width=w, license=None, coco_url=None))
    for b in image['boxes']:
        x1, y1, x2, y2 = b['box']
        fo['annotations'].append(dict(id=len(fo['annotations']) + 1, image_id=i, category_id=CLASSES.index(b['class']) + 1,
                                      bbox=[x1, y1, x2 - x1, y2 - y1], area=(x2 - x1) * (y2 - y1), iscrowd=marked(b)))
write_json('fiftyone_coco/labels.json', fo)
for image in IMAGES:
    if image['boxes']:
        write(f'fiftyone_yolo/labels/train/{stem(image)}.txt', '\n'.join(yolo(b, image['size']) for b in image['boxes']))
write('fiftyone_yolo/dataset.yaml', 'names:\n  0: cat\n  1: dog\npath: .\ntrain: ./images/train/\n')
