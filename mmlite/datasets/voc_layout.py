"""Where the files of a VOC folder are: lists, XML files, images."""

from __future__ import annotations

import os
from collections.abc import Collection

import numpy as np

from mmlite.datasets.image_files import IMAGE_ENDINGS
from mmlite.datasets.voc_xml import scan
from mmlite.errors import DataError

_SHOWN = 6  # lists in a message
_INIT = 'python -m mmlite init FOLDER writes a config that fits, and lists where there are none'
WITHOUT_LISTS = (
    "There is no folder of lists, 'ImageSets': ann_file='' takes all XML files in place of a list; "
    + _INIT
)


def lists_that_are_there(part: str) -> str:
    """Says which lists a folder has in ImageSets/Main; '' where it has no folder of lists."""
    folder = os.path.join(part, 'ImageSets', 'Main')
    if not os.path.isdir(folder):
        return ''
    names = sorted(name for name in os.listdir(folder) if name.endswith('.txt'))
    more = ', ...' if len(names) > _SHOWN else ''
    return f'Its lists are in ImageSets/Main: {", ".join(names[:_SHOWN]) or "none"}{more}'


def how_to_find_xml(part: str, ann_subdir: str, img_subdir: str) -> str:
    """Returns what to set where the XML files are not in the folder that the config names.

    Args:
        part: the folder that should hold the others.
        ann_subdir, img_subdir: as the config names them, in `part`.
    """
    if not os.path.isdir(part):
        return ''
    folders = sorted(entry.name for entry in os.scandir(part) if entry.is_dir())
    inside = next((n for n in folders if os.path.isdir(os.path.join(part, n, ann_subdir))), None)
    if inside:
        return f"One level lower there is '{inside}/{ann_subdir}': --data-root with /{inside} added"
    above = os.path.dirname(part)
    if os.path.isdir(os.path.join(above, ann_subdir)):
        return f"One level higher there is '{ann_subdir}': --data-root without the last folder"
    xml = next((n for n in folders if holds(os.path.join(part, n), ('.xml',))), None)
    if xml is None:
        return 'VOCDataset reads XML files. ' + _INIT if os.listdir(part) else ''
    keys = f'ann_subdir={xml!r}'
    images = next((n for n in folders if holds(os.path.join(part, n), IMAGE_ENDINGS)), None)
    if images and not os.path.isdir(os.path.join(part, img_subdir)):
        keys += f', img_subdir={images!r}'
    if not os.path.isdir(os.path.join(part, 'ImageSets')):
        keys += ", and without lists ann_file=''"
    return f'The XML files are in {xml!r}. Put into the data set: {keys}; {_INIT}'


def annotation_folder(part: str, ann_subdir: str, img_dir: str) -> str:
    """Returns the folder of the XML files: `ann_subdir`, or where they lie beside the images.

    Args:
        part: the folder that holds the others.
        ann_subdir: in `part`; what is returned where no folder holds an XML file.
        img_dir: the folder of the images.
    """
    folder = os.path.join(part, ann_subdir)
    if os.path.isdir(folder):
        return folder
    return next((other for other in (img_dir, part) if holds(other, ('.xml',))), folder)


def image_folder(part: str, img_subdir: str) -> str:
    """Returns the folder of the images: `img_subdir`, else `images`, else `part` itself."""
    folder, second = os.path.join(part, img_subdir), os.path.join(part, 'images')
    if os.path.isdir(folder):
        return folder
    if os.path.isdir(second):
        return second
    return part if holds(part, IMAGE_ENDINGS) else folder


def holds(folder: str, endings: tuple[str, ...]) -> bool:
    """Whether a file in this folder has one of these endings."""
    if not os.path.isdir(folder):
        return False
    with os.scandir(folder) as entries:
        return any(entry.name.lower().endswith(endings) for entry in entries)


def xml_ids(ann_dir: str) -> list[str]:
    """Returns the names of the XML files in a folder, sorted, without their ending.

    Where it has only subfolders, those of all subfolders.
    """
    found = [name for name in os.listdir(ann_dir) if _is_xml(name)]
    return sorted(name[:-4] for name in found) if found else xml_ids_below(ann_dir)


def xml_ids_below(ann_dir: str) -> list[str]:
    """Returns the names of the XML files in all subfolders, with these, without their ending."""
    paths = [
        os.path.join(folder, name)
        for folder, _, names in os.walk(ann_dir)
        for name in names
        if folder != ann_dir and _is_xml(name)
    ]
    return sorted(os.path.relpath(path, ann_dir)[:-4].replace(os.sep, '/') for path in paths)


def _is_xml(name: str) -> bool:
    # macOS writes a file `._a.xml` for `a.xml` on other systems' disks and into archives
    return name.endswith('.xml') and not name.startswith('._')


def read_image_ids(list_file: str, xml_names: Collection[str] = ()) -> list[str]:
    """Reads the image names of a list in ImageSets/Main, without their ending.

    Where every line is `NAME FLAG`, as in the devkit's lists per class, -1 leaves the image out.

    Args:
        list_file: the list.
        xml_names: of XML files without their ending; a line that is one of them is no more than
            that, such as `a.jpg` for `a.jpg.xml`, or `a 1` for `a 1.xml`.
    """
    with open(list_file, encoding='utf-8-sig', errors='surrogateescape') as file:
        lines = [line.strip() for line in file if line.strip()]
    flagged = [line.rsplit(maxsplit=1) for line in lines]
    is_flagged = all(len(words) == 2 and words[1] in ('-1', '0', '1') for words in flagged)
    if is_flagged and not any(line in xml_names for line in lines):
        lines = [name for name, flag in flagged if flag != '-1']
    ids = []
    for line in lines:
        stem, ending = os.path.splitext(line)
        known = ending.lower() in ('.xml', *IMAGE_ENDINGS) and line not in xml_names
        ids.append((stem if known else line).replace('\\', '/'))
    return ids


def find_images(
    img_dir: str, ids: list[str], written: list[str], title: str, own: Collection[str] = ()
) -> tuple[list[str], np.ndarray]:
    """Finds the image of each id by one listing of `img_dir`, whatever its ending.

    Args:
        written: the file names that the XML files give. Where there is no .jpg their ending wins,
            and where there is no image of the id the one of that name in its place, if no other
            file is about it: in a copied file that name is often the old one.
        own: names of XML files; the image of such a name belongs to that file.

    Returns:
        Absolute paths, ID.jpg for an image that is not there (the pipeline reports it when it
        is to be read), and (n,) bool: it is not there.

    Raises:
        DataError: none is there.
    """
    by_stem: dict[str, dict[str, str]] = {}
    for name, entry in scan(img_dir, ids):
        stem, ending = os.path.splitext(name)
        by_stem.setdefault(stem, {})[ending.lower()] = entry.path
    filenames = []
    missing = np.zeros(len(ids), bool)
    for number, (i, name) in enumerate(zip(ids, written, strict=True)):
        stem, ending = os.path.splitext(os.path.basename(name.replace('\\', '/')))
        other = os.path.join(os.path.dirname(i), stem)
        others = [by_stem.get(name) for name in (other, other + ending) if name not in own]
        candidates = next(filter(None, [by_stem.get(i), *others]), {})
        order = (IMAGE_ENDINGS[0], ending.lower(), *IMAGE_ENDINGS)
        endings = [ending for ending in order if ending in candidates]
        missing[number] = not endings
        filenames.append(candidates[endings[0]] if endings else os.path.join(img_dir, f'{i}.jpg'))
    if missing.all():
        raise DataError(
            f"{title}: none of its {len(ids)} images is in '{img_dir}'. The first looked for is "
            f"'{ids[0]}.jpg', or another ending that OpenCV reads. img_subdir of the data set "
            'names the folder of the images'
        )
    return filenames, missing


def images_without_xml(img_dir: str, ids: list[str]) -> int:
    """Returns how many images of the folder, and of the subfolders of `ids`, are not in `ids`."""
    names = (os.path.splitext(n) for n, e in scan(img_dir, ids) if not e.name.startswith('._'))
    return len({stem for stem, ending in names if ending.lower() in IMAGE_ENDINGS} - set(ids))
