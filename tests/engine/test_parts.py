"""The parts of a config: built once each, and every argument checked once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch

from mmlite.config import load_config
from mmlite.engine.build import build_runner
from mmlite.engine.parts import MissingPartError, Parts
from mmlite.errors import ConfigError
from mmlite.models.outline import outline_of
from mmlite.registry import DETECTORS
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
