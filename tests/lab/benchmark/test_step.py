"""The verbs `step` and `infer` on small images, through the command line."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from torch import nn

from lab.benchmark import detectors
from lab.benchmark.detectors import CASES, build_ours, build_peer, make_batch
from lab.benchmark.report import has_bfloat16_instructions
from lab.benchmark.step import losses_of, training_step
from tests.runs import cli

CPU = torch.device('cpu')


@pytest.fixture
def small(monkeypatch) -> None:
    """All at 64 px but SSD300, which has one size."""
    for name in CASES.keys() - {'ssd300'}:
        case = dataclasses.replace(CASES[name], side=64)
        monkeypatch.setitem(detectors.CASES, name, case)


@pytest.mark.parametrize('verb', ['step', 'infer'])
def test_the_verbs_print_ratios_and_write_them(small, tmp_path: Path, verb: str) -> None:
    out = tmp_path / 'out.json'
    ended = cli('benchmark', verb, '--model', 'retinanet', '--rounds', 1, '--out', out)
    assert ended.status == 0, ended.err
    [row] = json.loads(out.read_text())['rows']
    assert row['model'] == 'retinanet, 2 x 64 px'
    assert row['mmlite/torchvision'] == row['mmlite s'] / row['torchvision s']
    assert row['mmlite/floor'] == row['mmlite s'] / row['floor s']
    if has_bfloat16_instructions():
        assert row['amp/torchvision'] == row['amp s'] / row['torchvision s']
    else:
        assert row['amp s'] is row['amp/torchvision'] is None
    assert f'{row["mmlite/torchvision"]:.4g}' in ended.out


@pytest.mark.parametrize('verb', ['step', 'infer'])
@pytest.mark.parametrize('name', ['rtmdet_tiny', 'yolox_tiny'])
def test_a_detector_without_a_peer_is_compared_with_its_floor(
    small, tmp_path: Path, verb: str, name: str
) -> None:
    out = tmp_path / 'out.json'
    ended = cli('benchmark', verb, '--model', name, '--rounds', 1, '--out', out)
    assert ended.status == 0, ended.err
    [row] = json.loads(out.read_text())['rows']
    assert row['mmlite/floor'] == row['mmlite s'] / row['floor s']
    assert row['torchvision s'] is row['mmlite/torchvision'] is None


@pytest.mark.parametrize('name', [name for name, case in CASES.items() if case.peer])
def test_ours_and_the_peer_train_the_same_layers(small, name: str) -> None:
    ours, peer = build_ours(CASES[name], CPU), build_peer(CASES[name], CPU)

    def convolutions(model: nn.Module) -> list[tuple[int, ...]]:
        layers = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
        assert all(p.requires_grad for p in model.parameters())
        return sorted(tuple(layer.weight.shape) for layer in layers)

    # torchvision keeps the VGG's and the extra layers' in other places: sorted by shape
    assert convolutions(ours) == convolutions(peer)
    norms = [m for m in [*ours.modules(), *peer.modules()] if isinstance(m, nn.BatchNorm2d)]
    assert not any(norm.training for norm in norms)


def test_the_timed_step_trains_every_parameter(small) -> None:
    case = CASES['fcos']
    detector, batch = build_ours(case, CPU), make_batch(case, CPU)
    step = training_step(detector, lambda: losses_of(detector, batch))
    before = detector.bbox_head.conv_cls.weight.clone()
    step()
    assert all(p.grad is not None for p in detector.parameters())
    assert not torch.equal(detector.bbox_head.conv_cls.weight, before)
