"""Checkpoints and results files that are damaged, of something else, or hostile."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from mmlite.checkpoints.file import read_checkpoint
from mmlite.errors import DataError
from mmlite.evaluation.results import load_results
from tests.corpus.case import Case, named_cases
from tests.corpus.commands import checkpoint, refused, run_test, train, trained

IMAGES, CLASSES = 6, 5  # of the tiny config's test data


class Malicious:
    """Makes a folder when it is unpickled by a reader that runs code."""

    def __init__(self, folder: Path) -> None:
        self.victim = folder / 'pwned'

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.victim),)


def saved(folder: Path, change: Callable[[dict], object], **options: object) -> Path:
    """Writes the trained checkpoint after a change."""
    content = torch.load(io.BytesIO(trained()), weights_only=True)
    change(content)
    torch.save(content, folder / 'bad.pth', **options)
    return folder / 'bad.pth'


def written(content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / 'bad.pth').write_bytes(content)
        return folder / 'bad.pth'

    return write


def cut_off(folder: Path) -> Path:
    return written(trained()[: len(trained()) // 2])(folder)


def without_its_end(folder: Path) -> Path:
    return written(trained()[:-10])(folder)


def flipped_bits(folder: Path) -> Path:
    content = bytearray(trained())
    middle = len(content) // 2
    for i in range(middle, middle + 64):
        content[i] ^= 0xFF
    return written(bytes(content))(folder)


def an_image(folder: Path) -> Path:
    cv2.imwrite(str(folder / 'bad.jpg'), np.zeros((8, 8, 3), np.uint8))
    return (folder / 'bad.jpg').rename(folder / 'bad.pth')


def another_zip(folder: Path) -> Path:
    with zipfile.ZipFile(folder / 'bad.pth', 'w') as archive:
        archive.writestr('hello.txt', 'hello')
    return folder / 'bad.pth'


def malicious_zip(folder: Path) -> Path:
    return saved(folder, lambda content: content.update(x=Malicious(folder)))


def malicious_legacy(folder: Path) -> Path:
    change = lambda content: content.update(x=Malicious(folder))  # noqa: E731
    return saved(folder, change, _use_new_zipfile_serialization=False)


def malicious_pickle(folder: Path) -> Path:
    return written(pickle.dumps(Malicious(folder), protocol=2))(folder)


def bomb(folder: Path) -> Path:
    """A file of torch's whose weights are packed a thousand times: 512 MB of zeros."""
    source = io.BytesIO()
    torch.save(dict(state_dict=dict(w=torch.zeros(1))), source)
    with (
        zipfile.ZipFile(source) as old,
        zipfile.ZipFile(folder / 'bad.pth', 'w', zipfile.ZIP_DEFLATED) as new,
    ):
        for member in old.infolist():
            if not member.filename.endswith('data/0'):
                new.writestr(member, old.read(member))
        with new.open(zipfile.ZipInfo('archive/data/0'), 'w', force_zip64=True) as data:
            pass
        info = zipfile.ZipInfo('archive/data/1')
        info.compress_type = zipfile.ZIP_DEFLATED
        with new.open(info, 'w', force_zip64=True) as data:
            for _ in range(64):
                data.write(bytes(1 << 23))
    return folder / 'bad.pth'


def declared(folder: Path) -> Path:
    """The directory of the zip file promises a terabyte."""
    content = bytearray(trained())
    at = content.rindex(b'PK\x01\x02')  # the last entry of the directory
    content[at + 24 : at + 28] = (0xFFFFFFF0).to_bytes(4, 'little')
    return written(bytes(content))(folder)


def a_tensor_without_data(folder: Path) -> Path:
    """Of the old format: its pickle asks for a storage of 8 TB before there is any."""
    path = saved(folder, dict.clear, _use_new_zipfile_serialization=False)
    source = io.BytesIO()
    torch.save(dict(w=torch.zeros(12345)), source, _use_new_zipfile_serialization=False)
    content = source.getvalue().replace(b'M90', b'\x8a\x06\x00\x00\x00\x00\x00\x02')
    path.write_bytes(content)
    return path


# name: what writes the file, and what the message holds
BROKEN: dict[str, tuple[Callable[[Path], Path], str]] = {
    'cut in the middle': (cut_off, 'it is damaged or cut off'),
    'without its last bytes': (without_its_end, 'it is damaged or cut off'),
    'zero bytes': (written(b''), 'the file is empty'),
    'text': (
        written(b'epoch 12, mAP 0.7\n'),
        "it is no checkpoint; it starts with b'epoch 12, mAP 0",
    ),
    'a page of a web server': (written(b'<!DOCTYPE html>'), 'it is no checkpoint'),
    'an image': (an_image, 'it is no checkpoint'),
    'another zip file': (another_zip, 'it is damaged or cut off'),
    'flipped bits': (flipped_bits, 'it is damaged or cut off'),
    'malicious, in a zip file': (malicious_zip, '.mkdir, and only tensors and plain data are read'),
    'malicious, in the old format': (malicious_legacy, '.mkdir, and only tensors and plain'),
    'malicious, a bare pickle': (malicious_pickle, 'bad.pth'),
    'a zip bomb': (bomb, 'it would unpack to 537 MB'),
    'a zip file that promises gigabytes': (declared, 'it would unpack to 429'),
    'a storage of terabytes': (a_tensor_without_data, 'bad.pth'),
}


def broken(make: Callable[[Path], Path], text: str) -> Callable[[Path], None]:
    """By every way in: --resume, load_from, and the checkpoint of a test."""

    def check(folder: Path) -> None:
        path = make(folder)
        place = f'checkpoint {path}: ' if text != 'bad.pth' else str(path)
        refused(train(folder, flags=('--resume', path)), place, text)
        refused(train(folder, f'load_from={path}'), place, text)
        refused(run_test(folder, path), place, text)
        assert not (folder / 'pwned').exists()

    return check


def of_another_model(folder: Path) -> None:
    torch.save(dict(state_dict={'fc.weight': torch.zeros(3, 3)}), folder / 'other.pth')
    text = 'none of its 1 tensors fits the model. The file has fc.weight; the model has'
    refused(run_test(folder, folder / 'other.pth', flags=('--checkpoint-layout', '3.x')), text)


def of_another_backbone(folder: Path) -> None:
    ended = run_test(folder, checkpoint(folder), 'model.backbone.depth=34')
    refused(ended, '100% of the model are expected from a checkpoint here', '--allow-partial')


def of_another_class_count(folder: Path) -> None:
    names = ['square', 'triangle', 'cross']
    options = ('model.bbox_head.num_classes=3', f'+test_dataloader.dataset.classes={names}')
    ended = run_test(folder, checkpoint(folder), *options)
    refused(ended, 'bbox_head', 'in the file', 'in the model')


def without_optimiser(folder: Path) -> None:
    path = saved(folder, lambda content: content.pop('optimizer'))
    ended = train(folder, flags=('--resume', path))
    refused(ended, f'{path} cannot be resumed: it has no optimizer', 'load_from=FILE')


def of_a_damaged_optimiser(folder: Path) -> None:
    content = torch.load(io.BytesIO(trained()), weights_only=True)
    content['optimizer']['param_groups'].append(content['optimizer']['param_groups'][0])
    torch.save(content, folder / 'bad.pth')
    ended = train(folder, flags=('--resume', folder / 'bad.pth'))
    refused(ended, 'cannot be resumed: its optimiser has ', 'and names for ')


def a_missing_file(folder: Path) -> None:
    checkpoint(folder, 'epoch_12.pth')
    ended = run_test(folder, folder / 'epoch_21.pth')
    refused(ended, 'epoch_21.pth: no such file', "Did you mean 'epoch_12.pth'?")


def a_folder(folder: Path) -> None:
    checkpoint(folder / 'runs')
    text = (
        f'checkpoint {folder / "runs"}: it is a folder, and a file is expected. It has epoch_1.pth'
    )
    refused(run_test(folder, folder / 'runs'), text)
    refused(train(folder, flags=('--resume', folder / 'runs')), text)


def the_last_one_damaged(folder: Path) -> None:
    """The one before it is taken, and the log says so."""
    checkpoint(folder / 'w')
    (folder / 'w' / 'epoch_2.pth').write_bytes(trained()[:1000])
    (folder / 'w' / 'last_checkpoint').write_text('epoch_2.pth')
    ended = train(folder, 'train_cfg.max_epochs=2', flags=('--resume',))
    assert ended.status == 0, ended.err
    assert 'epoch_2.pth: it is damaged or cut off' in ended.err + ended.out
    assert 'resumed epoch: 1' in ended.out


CHECKS: dict[str, tuple[str, Callable[[Path], None]]] = {
    'of another model': ('refused', of_another_model),
    'of another backbone': ('refused', of_another_backbone),
    'of another class count': ('refused', of_another_class_count),
    'without an optimiser, to be resumed': ('refused', without_optimiser),
    'of a damaged optimiser, to be resumed': ('refused', of_a_damaged_optimiser),
    'missing, and one of a near name': ('refused', a_missing_file),
    'a folder': ('refused', a_folder),
    'the last of a run is damaged': ('read', the_last_one_damaged),
}


# ---- results files ------------------------------------------------------------------------------


def results(rows: int = 2, images: int = IMAGES) -> list[list[np.ndarray]]:
    return [[np.zeros((rows, 5), np.float32) for _ in range(CLASSES)] for _ in range(images)]


def bad_results(content: object, text: str) -> Callable[[Path], None]:
    def check(folder: Path) -> None:
        made = content(folder) if callable(content) else content
        path = folder / 'r.pkl'
        path.write_bytes(made if isinstance(made, bytes) else pickle.dumps(made))
        try:
            load_results(path, IMAGES, CLASSES)
        except DataError as error:
            assert str(path) in str(error) and text in str(error), error
        else:
            raise AssertionError('the results were read')
        assert not (folder / 'pwned').exists()

    return check


def trusted_by_nobody(folder: Path) -> None:
    """`load_from` inside a config is read as carefully as an argument."""
    path = malicious_zip(folder)
    try:
        read_checkpoint(path)
    except DataError as error:
        assert '--trust-checkpoint' in str(error)
    assert not (folder / 'pwned').exists()


RESULTS = {
    'malicious': (lambda folder: [[Malicious(folder)]], "it asks for 'posix.mkdir'"),
    'of tensors': ([[torch.zeros(1, 5)]], 'it holds torch tensors'),
    'cut off': (pickle.dumps(results())[:200], 'not a file of results'),
    'zero bytes': (b'', 'not a file of results'),
    'text': (b'mAP 0.7', 'not a file of results'),
    'of other images': (results(images=4), 'images: 6 are expected, 4 found'),
    'of other classes': ([image[:3] for image in results()], 'image 0: classes: 5 are expected'),
    'a dict': (dict(boxes=1), 'images: 6 are expected, dict found'),
    'of other columns': (
        [[rows[:, :4] for rows in image] for image in results()],
        'image 0, class 0: an array of numbers (k, 5) is expected',
    ),
    'of objects': (
        [[rows.astype(str) for rows in image] for image in results()],
        'an array of numbers (k, 5) is expected',
    ),
}

CASES = [
    *(Case('checkpoints', name, 'refused', broken(*case)) for name, case in BROKEN.items()),
    *named_cases('checkpoints', CHECKS),
    *(Case('results', name, 'refused', bad_results(*case)) for name, case in RESULTS.items()),
]
