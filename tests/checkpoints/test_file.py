from __future__ import annotations

import os
import pickle
import re
import urllib.error
from collections import Counter, OrderedDict, namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer
from torch import nn

from mmlite.checkpoints import file as module
from mmlite.checkpoints.file import (
    check_is_there,
    last_checkpoint,
    plain,
    read_checkpoint,
    write_checkpoint,
)
from mmlite.checkpoints.loading import load_checkpoint
from mmlite.errors import DataError
from tests.engine.toy import model, saved


def refusal(path: Path | str) -> str:
    with pytest.raises(DataError) as info:
        read_checkpoint(path)
    return str(info.value)


# ---- files that are no checkpoints --------------------------------------------------------------


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / 'epoch_12.pth').touch()
    for complain in (refusal, lambda path: _message(check_is_there, path)):
        text = complain(tmp_path / 'epoch_21.pth')
        assert text.startswith(f'checkpoint {tmp_path / "epoch_21.pth"}: no such file.')
        assert "Did you mean 'epoch_12.pth'" in text
    check_is_there('https://host/epoch_21.pth')  # not looked at


def _message(call, *args) -> str:
    with pytest.raises(DataError) as info:
        call(*args)
    return str(info.value)


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        (b'', 'the file is empty'),
        (b'hello, this is text\n', "it is no checkpoint; it starts with b'hello, this is t'"),
        (b'<!DOCTYPE html>', "it is no checkpoint; it starts with b'<!DOCTYPE html>'"),
        (b'version https://git-lfs.github.com/spec/v1\n', 'it is no checkpoint; it starts with'),
    ],
)
def test_a_file_of_another_kind(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / 'a.pth').write_bytes(content)
    assert refusal(tmp_path / 'a.pth').startswith(f'checkpoint {tmp_path / "a.pth"}: {reason}')


def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    path = saved(tmp_path / 'a.pth', model().state_dict())
    path.write_bytes(path.read_bytes()[:700])
    assert 'it is damaged or cut off (RuntimeError: ' in refusal(path)


def test_a_file_without_tensors(tmp_path: Path) -> None:
    torch.save(torch.zeros(2), tmp_path / 'tensor.pth')
    assert 'a dict of tensors is expected, found Tensor' in refusal(tmp_path / 'tensor.pth')
    torch.save(dict(epoch=1), tmp_path / 'dict.pth')
    with pytest.raises(DataError, match='it holds no tensors; its keys are epoch'):
        load_checkpoint(model(), tmp_path / 'dict.pth')
    with pytest.raises(DataError, match="its 'state_dict' or 'model' is list"):
        load_checkpoint(model(), saved(tmp_path / 'list.pth', [1]))


class Malicious:
    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.victim),)


def test_a_malicious_file_executes_nothing(tmp_path: Path) -> None:
    malice = Malicious(tmp_path / 'pwned')
    path = saved(tmp_path / 'a.pth', model().state_dict(), x=malice)
    text = refusal(path)
    assert '.mkdir, and only tensors and plain data are read' in text
    assert 'weights_only' not in text  # torch's message advises to switch it off
    (tmp_path / 'b.pth').write_bytes(pickle.dumps(malice, protocol=2))
    refusal(tmp_path / 'b.pth')
    assert not (tmp_path / 'pwned').exists()


def test_the_class_in_the_way_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path / 'a.pth', model().state_dict(), hub=Path('a'))
    assert re.search(r'it holds pathlib[\w.]*Path, and only tensors', refusal(path))


def test_what_mmengine_writes_is_read(tmp_path: Path) -> None:
    path = saved(
        tmp_path / 'a.pth',
        model().state_dict(),
        meta=ConfigDict(classes=('cat',), nested=dict(score=np.float64(0.5), flag=np.bool_(True))),
        message_hub=dict(
            log_scalars={'train/loss': HistoryBuffer([2.0, 4.0], [1, 1])},
            runtime_info=dict(epoch=3, table=np.array([[1, 2]]), names=np.array(['a', 'b'])),
        ),
    )
    read = read_checkpoint(path)
    assert read['meta'] == dict(classes=('cat',), nested=dict(score=0.5, flag=True))
    assert read['message_hub']['log_scalars']['train/loss'].mean() == 3.0
    assert read['message_hub']['runtime_info']['table'].tolist() == [[1, 2]]
    assert read['message_hub']['runtime_info']['names'].tolist() == ['a', 'b']


def test_files_from_before_torch_1_6_are_read(tmp_path: Path) -> None:
    """mmcv wrote them so up to its end; the format is a pickle, not a zip file."""
    weights = model().state_dict()
    old = dict(state_dict=weights, meta=dict(mmdet_version='2.28.2', CLASSES=('cat', 'dog')))
    torch.save(old, tmp_path / 'old.pth', _use_new_zipfile_serialization=False)
    read = read_checkpoint(tmp_path / 'old.pth')
    assert read['meta'] == old['meta']
    assert all(torch.equal(read['state_dict'][key], value) for key, value in weights.items())
    malice = dict(old, x=Malicious(tmp_path / 'pwned'))
    torch.save(malice, tmp_path / 'bad.pth', _use_new_zipfile_serialization=False)
    assert 'only tensors and plain data are read' in refusal(tmp_path / 'bad.pth')
    assert not (tmp_path / 'pwned').exists()


class GetAttr:
    """Asks for another attribute than the statistics of a HistoryBuffer."""

    def __init__(self, owner: object, name: str) -> None:
        self.asked = owner, name

    def __reduce__(self) -> tuple:
        return getattr, self.asked


@pytest.mark.parametrize('asked', [(os, 'system'), (HistoryBuffer, '__init__'), (dict, 'get')])
def test_getattr_is_no_way_out(tmp_path: Path, asked: tuple) -> None:
    if asked[0] is os:  # a module cannot be pickled: its name is used
        asked = ('os', 'system')
    path = saved(tmp_path / 'a.pth', model().state_dict(), x=GetAttr(*asked))
    assert 'only tensors and plain data are read' in refusal(path)


# ---- writing ------------------------------------------------------------------------------------


def test_what_is_written_loads_with_plain_torch(tmp_path: Path) -> None:
    write_checkpoint(
        dict(
            meta=ConfigDict(classes=('a', 'b'), score=np.float64(0.5), steps=Counter([2, 2])),
            history=np.arange(3),
            state_dict=OrderedDict(w=nn.Parameter(torch.ones(2))),
        ),
        tmp_path / 'a.pth',
    )
    read = torch.load(tmp_path / 'a.pth', weights_only=True)
    assert read['meta'] == dict(classes=('a', 'b'), score=0.5, steps={2: 2})
    assert read['history'].tolist() == [0, 1, 2]
    assert read['state_dict']['w'].requires_grad is False


@pytest.mark.parametrize(
    ('value', 'expected'),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_('text'), 'text'),
        (np.array(4), 4),
        (OrderedDict(a=ConfigDict(b=np.int32(1))), dict(a=dict(b=1))),
        (namedtuple('Pair', 'x y')(1, np.int8(2)), (1, 2)),
        (torch.Size([2, 3]), (2, 3)),
        ([np.float64(1)], [1.0]),
        ({np.int64(1): 'a'}, {1: 'a'}),
        (None, None),
        (torch.float16, torch.float16),
    ],
)
def test_plain_values(value: object, expected: object) -> None:
    found = plain(value)
    assert found == expected
    assert type(found) is type(expected)


def test_plain_arrays_become_tensors() -> None:
    assert torch.equal(plain(np.array([1.5, 2])), torch.tensor([1.5, 2], dtype=torch.float64))


def test_what_cannot_be_read_again_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r'^checkpoint\.meta\.files\[1\]: PosixPath|WindowsPath'):
        write_checkpoint(dict(meta=dict(files=['a', Path('b')])), tmp_path / 'a.pth')
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('fails', ['torch.save', 'os.replace'])
def test_a_failure_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    path = tmp_path / 'a.pth'
    write_checkpoint(dict(epoch=1), path)

    def half(checkpoint: dict, file: object) -> None:
        if fails == 'torch.save':
            file.write(b'half')
        raise OSError('disk full')

    monkeypatch.setattr(fails, half)
    with pytest.raises(OSError, match='disk full'):
        write_checkpoint(dict(epoch=2), path)
    assert list(tmp_path.iterdir()) == [path]
    assert torch.load(path, weights_only=True) == dict(epoch=1)


# ---- the last one -------------------------------------------------------------------------------


def test_the_last_checkpoint_of_a_work_dir(tmp_path: Path) -> None:
    assert last_checkpoint(tmp_path) is None
    (tmp_path / 'last_checkpoint').write_text('/elsewhere/epoch_3.pth\n')
    assert last_checkpoint(tmp_path) == '/elsewhere/epoch_3.pth'
    (tmp_path / 'epoch_3.pth').touch()  # the work dir was renamed
    assert last_checkpoint(tmp_path) == str(tmp_path / 'epoch_3.pth')


# ---- names and URLs -----------------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """torch's folder of downloads; nothing in it."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    return tmp_path / 'hub' / 'checkpoints'


def test_a_url_is_fetched_once(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = []

    def fetch(url: str, target: str, progress: bool) -> None:
        fetched.append(url)
        saved(Path(target), model().state_dict())

    monkeypatch.setattr(torch.hub, 'download_url_to_file', fetch)
    for _ in range(2):
        assert load_checkpoint(model(), 'https://host/path/a.pth').share == 1
    assert fetched == ['https://host/path/a.pth']
    assert (hub / 'a.pth').is_file()


@pytest.mark.parametrize(
    'error', [urllib.error.URLError('no route'), ConnectionResetError('no route'), ValueError('x')]
)
def test_a_failed_download_says_what_to_do(
    hub: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(url: str, target: str, progress: bool) -> None:
        raise error

    monkeypatch.setattr(torch.hub, 'download_url_to_file', fail)
    text = refusal('torchvision://resnet18')
    assert 'the weights torchvision://resnet18 cannot be fetched: ' in text
    assert 'from: https://download.pytorch.org/models/resnet18-' in text
    assert f'to:   {hub / "resnet18-"}' in text
    assert '--from-scratch' in text


@pytest.mark.parametrize(
    ('source', 'url'),
    [
        ('torchvision://vgg16', 'https://download.pytorch.org/models/vgg16-397923af.pth'),
        (
            'torchvision://fcos_resnet50_fpn',
            'https://download.pytorch.org/models/fcos_resnet50_fpn_coco-99b0c9b7.pth',
        ),
        (
            'torchvision://resnet50.IMAGENET1K_V2',
            'https://download.pytorch.org/models/resnet50-11ad3fa6.pth',
        ),
        (
            'open-mmlab://vgg16_caffe',
            'https://download.openmmlab.com/pretrain/third_party/vgg16_caffe-292e1171.pth',
        ),
        ('https://host/a.pth', 'https://host/a.pth'),
    ],
)
def test_names_stand_for_urls(source: str, url: str) -> None:
    assert module._url_of(source) == url


@pytest.mark.parametrize(
    ('source', 'message'),
    [
        ('torchvision://resnet81', "unknown model. Did you mean 'resnet18'"),
        ('torchvision://vgg16.IMAGENET', 'no such weights; vgg16 has IMAGENET1K_V1'),
        ('open-mmlab://vgg16_cafe', "unknown name. Did you mean 'vgg16_caffe'"),
    ],
)
def test_names_that_stand_for_nothing(source: str, message: str) -> None:
    assert f'{source}: {message}' in refusal(source)


def test_a_trusted_file_may_hold_anything(tmp_path: Path) -> None:
    path = tmp_path / 'a.pth'
    torch.save(dict(state_dict=dict(w=torch.ones(1)), work_dir=Path('runs')), path)
    with pytest.raises(DataError, match=r'pathlib.*--trust-checkpoint'):
        read_checkpoint(path)
    assert read_checkpoint(path, trusted=True)['work_dir'] == Path('runs')
