"""Backends whose package is missing are refused before anything is written."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mmlite.engine.build import build_runner
from mmlite.engine.vis_backends import _PACKAGES, check_vis_backends
from mmlite.errors import ConfigError
from mmlite.registry import VISBACKENDS
from tests.runs import tiny


@pytest.mark.parametrize('name', _PACKAGES)
def test_each_names_its_package(name, monkeypatch):
    modules, install = _PACKAGES[name]
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)  # an import fails
    backends = [dict(type='LocalVisBackend'), dict(type=f'mmengine.{name}')]
    with pytest.raises(ConfigError) as info:
        check_vis_backends(dict(type='DetLocalVisualizer', vis_backends=backends))
    message = str(info.value)
    assert message.startswith(f'visualizer.vis_backends[1]: {name} needs the package {modules[0]}')
    assert message.endswith(f'pip install {install}')


def test_the_table_has_all_of_mmengines():
    from mmengine.visualization import vis_backend

    classes = {cls for cls in vars(vis_backend).values() if isinstance(cls, type)}
    own = {c.__name__ for c in classes if issubclass(c, vis_backend.BaseVisBackend)}
    assert own - {'BaseVisBackend', 'LocalVisBackend'} == set(_PACKAGES)


def test_a_class_of_ones_own_needs_what_its_base_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, 'wandb', None)
    base = VISBACKENDS.find('WandbVisBackend', '')
    with pytest.raises(ConfigError, match=r'vis_backends\[0\]: WandbVisBackend needs .* wandb'):
        check_vis_backends(dict(vis_backends=[dict(type=type('Mine', (base,), {}))]))


def test_before_the_work_dir_is_made(tmp_path: Path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'tensorboard', None)
    backends = [dict(type='TensorboardVisBackend')]
    cfg = tiny(tmp_path / 'work', visualizer=dict(type='Visualizer', vis_backends=backends))
    with pytest.raises(ConfigError, match='tensorboard'):
        build_runner(cfg)
    assert not (tmp_path / 'work').exists()
    check_vis_backends(None)
    check_vis_backends(dict(type='Visualizer', vis_backends=None))
