"""The parts of a config: built once each, and every argument checked once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.logging import MessageHub, MMLogger
from torch import nn

from mmlite.config import load_config
from mmlite.engine.build import build_runner
from mmlite.engine.parts import MissingPartError, Parts
from mmlite.errors import ConfigError
from mmlite.models.outline import outline_of
from mmlite.registry import DETECTORS, HOOKS
from mmlite.registry import registry as module
from tests.runs import TINY, tiny


def test_a_part_is_made_once() -> None:
    parts = Parts(load_config(TINY))
    assert parts.detector is parts.checked_detector is parts.detector
    assert parts.train_set is parts.train_set
    assert parts.loader('train')['dataset'] is parts.train_set


def test_what_could_not_be_made_is_not_tried_again() -> None:
    parts = Parts(load_config(TINY, ['model.backbone.depth=19']))
    with pytest.raises(ConfigError, match='depth'):
        _ = parts.detector
    with pytest.raises(MissingPartError, match='detector'):
        _ = parts.checked_detector


def test_the_config_of_the_caller_stays_as_it_is() -> None:
    cfg = load_config(TINY)
    Parts(cfg).checked_cfg.model.bbox_head.num_classes = 7
    assert cfg.model.bbox_head.num_classes != 7


def test_a_start_checks_the_arguments_of_each_part_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: Counter[tuple[str, str]] = Counter()
    detectors: list[object] = []
    check, build = module.check_arguments, DETECTORS.build

    def counted(cls: type, args: dict, path: str, *given: object) -> dict:
        checked[path, cls.__name__] += 1
        return check(cls, args, path, *given)

    monkeypatch.setattr(module, 'check_arguments', counted)
    monkeypatch.setattr(DETECTORS, 'build', lambda *a, **k: detectors.append(a) or build(*a, **k))
    build_runner(tiny(tmp_path)).close()
    assert len(checked) > 30
    assert set(checked.values()) == {1}, checked
    assert len(detectors) == 1


class AtBirthHook(Hook):
    """Keeps what it finds in its constructor, as a plugin's hook may."""

    def __init__(self, size: int = 1) -> None:
        self.found = MMLogger.get_current_instance(), MessageHub.get_current_instance()
        self.drawn = torch.rand(size).tolist()


@pytest.fixture
def plugin_hook(monkeypatch: pytest.MonkeyPatch) -> str:
    HOOKS.import_from_location()
    monkeypatch.setitem(HOOKS.module_dict, 'AtBirthHook', AtBirthHook)
    return 'AtBirthHook'


def test_the_hook_of_a_plugin_is_built_in_the_run(plugin_hook: str, tmp_path: Path) -> None:
    drawn = []
    for name in ('one', 'two'):  # mmengine has a log of the run before then
        cfg = tiny(tmp_path / name, custom_hooks=[dict(type=plugin_hook, priority='LOWEST')])
        runner = build_runner(cfg)
        hook = runner.hooks[-1]
        assert isinstance(hook, AtBirthHook)
        assert hook.found == (runner.logger, runner.message_hub)
        drawn.append(hook.drawn)  # of the seed of the run
        runner.close()
    assert drawn[0] == drawn[1]


def test_the_hook_of_a_plugin_is_checked_before_the_run(plugin_hook: str, tmp_path: Path) -> None:
    cfg = tiny(tmp_path / 'run', custom_hooks=[dict(type=plugin_hook, sise=2)])
    with pytest.raises(ConfigError, match=r"custom_hooks\[0\]: .*'sise'.*'size'"):
        build_runner(cfg)
    assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize('wrong', ['IterTimerHook', {}, None])
def test_what_is_no_hook_is_refused_by_its_path(wrong: object) -> None:
    cfg = load_config(TINY)
    cfg.custom_hooks = [dict(type='IterTimerHook'), wrong]
    with pytest.raises(ConfigError, match=rf"custom_hooks\[1\]: .*'type'.*{wrong}"):
        _ = Parts(cfg).hooks


def test_an_outline_of_tensors_that_torch_does_not_copy() -> None:
    with pytest.warns(FutureWarning, match='weight_norm'):
        conv = nn.utils.weight_norm(nn.Conv2d(3, 8, 3))
    outline = outline_of(nn.Sequential(conv))
    assert outline[0].weight.device.type == 'meta'
    assert conv.weight.device.type == 'cpu'


def test_an_outline_has_shapes_and_no_memory() -> None:
    detector = Parts(load_config(TINY)).detector
    outline = outline_of(detector.train())
    tensors = [*outline.parameters(), *outline.buffers()]
    assert {tensor.device.type for tensor in tensors} == {'meta'}
    assert [p.requires_grad for p in outline.parameters()] == [
        p.requires_grad for p in detector.parameters()
    ]
    assert not outline.training
    assert detector.training
    assert next(detector.parameters()).device.type == 'cpu'
    with torch.device('meta'):
        feats = outline.extract_feat(torch.zeros(1, 3, 96, 96))
    assert feats[0].shape[-2:] == (12, 12)  # 96 pixels in steps of 8
