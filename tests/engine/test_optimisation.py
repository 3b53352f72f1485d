"""Learning rates, layer by layer and for the batch; compiled parts; determinism."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from mmlite.engine.build import build_runner
from mmlite.engine.prepare_model import fused_on_gpu
from mmlite.engine.process.random_state import seed_generators
from mmlite.errors import ConfigError
from tests.runs import Watch, equal, log, tiny


def trained(work_dir: Path, **overrides: object):
    runner = build_runner(tiny(work_dir, train_cfg__max_epochs=1, val_dataloader=None, **overrides))
    watch = Watch()
    runner.register_hook(watch)
    runner.train()
    return runner, watch


# ---- the batch and its learning rate --------------------------------------------------------


def rate(runner) -> float:
    return runner.optim_wrapper.optimizer.param_groups[0]['initial_lr']


def test_a_rate_for_another_batch_is_a_warning(tmp_path: Path) -> None:
    runner, _ = trained(tmp_path, auto_scale_lr=dict(enable=False, base_batch_size=16))
    assert rate(runner) == 0.01
    text = log(tmp_path)
    assert 'A step is for 4 images: 4 in a batch x 1 processes x 1 accumulated' in text
    assert 'WARNING - LEARNING RATE: 0.01 is meant for 16 images a step, and here it is 4' in text
    assert '--auto-scale-lr (it becomes 0.0025)' in text


def test_a_rate_is_scaled_when_asked(tmp_path: Path) -> None:
    runner, _ = trained(tmp_path, auto_scale_lr=dict(enable=True, base_batch_size=16))
    assert rate(runner) == pytest.approx(0.0025)  # 0.01 * 4 / 16
    assert 'The learning rate is scaled from 0.01 to 0.0025' in log(tmp_path)
    assert 'LEARNING RATE' not in log(tmp_path)


def test_accumulated_batches_are_a_part_of_the_step(tmp_path: Path) -> None:
    runner, _ = trained(
        tmp_path,
        auto_scale_lr=dict(enable=True, base_batch_size=16),
        optim_wrapper__accumulative_counts=2,
    )
    assert rate(runner) == pytest.approx(0.005)  # 0.01 * 4 * 2 / 16
    assert 'A step is for 8 images' in log(tmp_path)


def test_a_rate_for_this_batch_is_left_alone(tmp_path: Path) -> None:
    runner, _ = trained(tmp_path, auto_scale_lr=dict(enable=False, base_batch_size=4))
    assert rate(runner) == 0.01
    assert 'LEARNING RATE' not in log(tmp_path)


def test_layers_may_have_their_own_rate_and_decay(tmp_path: Path) -> None:
    runner = build_runner(
        tiny(
            tmp_path,
            optim_wrapper__paramwise_cfg=dict(
                custom_keys={'backbone': dict(lr_mult=0.1)}, norm_decay_mult=0.0
            ),
        )
    )
    wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    groups = {id(group['params'][0]): group for group in wrapper.optimizer.param_groups}
    named = dict(runner.model.module.named_parameters())
    conv, norm = named['backbone.conv1.weight'], named['backbone.bn1.weight']
    head = named['bbox_head.cls_convs.0.0.weight']
    found = [(groups[id(p)]['lr'], groups[id(p)]['weight_decay']) for p in (conv, norm, head)]
    # mmengine: only the custom key counts, so a norm layer of the backbone keeps its decay
    assert found == [
        (pytest.approx(0.001), 5e-4),
        (pytest.approx(0.001), 5e-4),
        (pytest.approx(0.01), 5e-4),
    ]


# ---- how the convolutions run ---------------------------------------------------------------


@pytest.mark.parametrize('options', [True, dict(backend='eager')])
def test_the_convolutional_parts_are_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: object
) -> None:
    compiled = []
    monkeypatch.setattr(
        torch.nn.Module, 'compile', lambda self, **given: compiled.append((type(self), given))
    )
    monkeypatch.setattr(shutil, 'which', lambda name: name)
    trained(tmp_path, compile=options)
    given = {} if options is True else options
    assert [(kind.__name__, found) for kind, found in compiled] == [
        ('ResNet', given),
        ('SSDNeck', given),
        ('SSDHead', given),
    ]


def test_compiled_parts_train_to_the_same_weights(tmp_path: Path) -> None:
    """Only by dynamo: it traces, and leaves the kernels as they are.

    Over channels-last maps a compiled norm is torch's own, and any other is the exact one.
    """
    _, plain = trained(tmp_path / 'plain', model__channels_last=False)
    runner, compiled = trained(
        tmp_path / 'compiled', compile=dict(backend='eager'), model__channels_last=False
    )
    assert equal(plain.weights[-1], compiled.weights[-1])
    assert runner.model.module.backbone._compiled_call_impl is not None
    keys = torch.load(tmp_path / 'compiled/epoch_1.pth', weights_only=True)['state_dict']
    assert not [key for key in keys if '_orig_mod' in key]


def test_without_a_compiler_nothing_is_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, 'which', lambda name: None)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(ConfigError, match='needs a C\\+\\+ compiler'):
        trained(tmp_path, compile=True)


@pytest.mark.parametrize('channels_last', [True, False])
def test_the_layout_of_feature_maps_is_the_configs(tmp_path: Path, channels_last: bool) -> None:
    runner = build_runner(tiny(tmp_path, model__channels_last=channels_last))
    detector = runner.model.module
    feats = detector.extract_feat(torch.zeros(1, 3, 96, 96))
    assert feats[0].is_contiguous(memory_format=torch.channels_last) is channels_last
    assert detector.backbone.conv1.weight.is_contiguous() is not channels_last


# ---- determinism ----------------------------------------------------------------------------


@pytest.fixture
def two_threads():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)
    seed_generators(0)


def test_two_deterministic_runs_are_equal(tmp_path: Path, two_threads: None) -> None:
    options = dict(randomness=dict(seed=3, deterministic=True))
    (_, one), (_, other) = (trained(tmp_path / name, **options) for name in 'ab')
    assert all(equal(a, b) for a, b in zip(one.weights, other.weights, strict=True))
    assert torch.are_deterministic_algorithms_enabled()


def test_determinism_warns_and_ends_with_its_run() -> None:
    seed_generators(0, deterministic=True)
    assert torch.is_deterministic_algorithms_warn_only_enabled()  # it names the operation
    seed_generators(0)
    assert not torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.deterministic


@pytest.mark.parametrize(
    ('optimizer', 'is_fused'),
    [
        (dict(type='SGD', lr=0.1), True),
        (dict(type='AdamW', lr=0.1), True),
        (dict(type='SGD', lr=0.1, fused=False), False),
        (dict(type='SGD', lr=0.1, foreach=True), None),
        (dict(type='Rprop', lr=0.1), None),  # has no such kernel
    ],
)
def test_optimisers_are_fused_on_a_gpu(monkeypatch, optimizer: dict, is_fused: bool | None) -> None:
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert fused_on_gpu(optimizer) == optimizer
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    assert fused_on_gpu(optimizer).get('fused') is is_fused
