"""tools/convert_checkpoint.py on checkpoints as trainings write them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mmlite.checkpoints.file import write_checkpoint
from mmlite.checkpoints.weight_names import from_own
from mmlite.config import load_config
from mmlite.models import build_detector
from tests.runs import CHECKOUT, cli, equal

RETINANET = CHECKOUT / 'tests/tiny_retinanet.py'
SSD = CHECKOUT / 'tests/tiny_ssd.py'


def trained(path: Path, config: Path = SSD) -> tuple[Path, dict[str, Tensor]]:
    """A checkpoint of a training, and its weights."""
    cfg = load_config(config)
    torch.manual_seed(0)
    weights = build_detector(cfg.model).state_dict()
    write_checkpoint(
        dict(
            meta=dict(cfg=cfg.pretty_text, epoch=3, mmlite_version='0.1.0', mmengine_version='1'),
            state_dict=weights,
            optimizer=dict(state={}, param_groups=[]),
            message_hub=dict(log_scalars={}),
        ),
        path,
    )
    return path, weights


def read(path: Path) -> dict:
    return torch.load(path, weights_only=True)


@pytest.mark.parametrize(
    ('config', 'layout'),
    [(SSD, 'mmdet-3.x'), (SSD, 'mmdet-1.x'), (RETINANET, 'mmdet-1.x'), (RETINANET, 'torchvision')],
)
def test_there_and_back_gives_equal_weights(tmp_path: Path, config: Path, layout: str) -> None:
    source, weights = trained(tmp_path / 'a.pth', config)
    there = cli('convert_checkpoint', source, tmp_path / 'b.pth', '--to', layout)
    assert there.status == 0, there.err
    assert f'written in the layout of {layout}, read back and equal' in there.out.splitlines()[-1]
    written = read(tmp_path / 'b.pth')
    model = build_detector(load_config(config).model)
    assert equal(written.get('state_dict', written), from_own(weights, layout, model))
    back = cli('convert_checkpoint', tmp_path / 'b.pth', tmp_path / 'c.pth', '--config', config)
    assert back.status == 0, back.err
    assert equal(read(tmp_path / 'c.pth')['state_dict'], weights)


def test_mmdet_reads_the_versions(tmp_path: Path) -> None:
    source, _ = trained(tmp_path / 'a.pth')
    cli('convert_checkpoint', source, tmp_path / 'b.pth', '--to', 'mmdet-3.x')
    written = read(tmp_path / 'b.pth')
    assert set(written) == {'meta', 'state_dict'}
    assert 'mmlite_version' not in written['meta']
    assert (written['meta']['epoch'], 'mmengine_version' in written['meta']) == (3, True)


def test_what_goes_on_training_stays_unless_published(tmp_path: Path) -> None:
    source, _ = trained(tmp_path / 'a.pth')
    cli('convert_checkpoint', source, tmp_path / 'b.pth')
    assert set(read(tmp_path / 'b.pth')) == {'meta', 'state_dict', 'optimizer', 'message_hub'}
    ended = cli('convert_checkpoint', source, tmp_path / 'out.pth', '--publish')
    [published] = tmp_path.glob('out*.pth')
    digest = hashlib.sha256(published.read_bytes()).hexdigest()
    assert published.name == f'out-{digest[:8]}.pth'
    assert str(published) in ended.out.splitlines()[-1]
    assert set(read(published)) == {'meta', 'state_dict'}


def test_a_file_without_a_config_needs_one(tmp_path: Path) -> None:
    _, weights = trained(tmp_path / 'a.pth', RETINANET)
    torch.save(weights, tmp_path / 'bare.pth')
    ended = cli('convert_checkpoint', tmp_path / 'bare.pth', tmp_path / 'b.pth')
    assert ended.status == 2
    assert 'does not hold the config of its model: give it by --config' in ended.err
    assert not (tmp_path / 'b.pth').exists()


def test_the_config_in_a_file_runs_nothing(tmp_path: Path) -> None:
    source, weights = trained(tmp_path / 'a.pth')
    victim = tmp_path / 'pwned'
    for text in (
        f'model = dict(type="SSDHead")\n__import__("os").mkdir({str(victim)!r})\n',
        'model = dict(type="os.system", command="true")\n',
    ):
        write_checkpoint(dict(meta=dict(cfg=text), state_dict=weights), source)
        ended = cli('convert_checkpoint', source, tmp_path / 'b.pth')
        assert ended.status == 2
        assert 'safe' in ended.err
    assert not victim.exists()


def test_half_a_model_is_not_converted(tmp_path: Path) -> None:
    source, weights = trained(tmp_path / 'a.pth')
    meta = read(source)['meta']
    kept = {key: value for key, value in weights.items() if not key.startswith('neck.')}
    write_checkpoint(dict(meta=meta, state_dict=kept), source)
    ended = cli('convert_checkpoint', source, tmp_path / 'b.pth')
    assert ended.status == 2
    assert '100% of the model are expected' in ended.err
    ended = cli('convert_checkpoint', source, tmp_path / 'b.pth', '--allow-partial')
    assert ended.status == 0, ended.err


def test_torchvision_has_no_ssd_of_this_kind(tmp_path: Path) -> None:
    source, _ = trained(tmp_path / 'a.pth')
    ended = cli('convert_checkpoint', source, tmp_path / 'b.pth', '--to', 'torchvision')
    assert (ended.status, 'torchvision has no SSD with a ResNet' in ended.err) == (2, True)
