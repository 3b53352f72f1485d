"""Mixed precision on whatever this machine has."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmlite.config import load_config
from mmlite.engine.amp import AmpOptimWrapper, half_dtype
from mmlite.engine.build import build_runner
from mmlite.errors import ConfigError
from mmlite.models import build_detector
from tests.runs import CHECKOUT, scalars, tiny

no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason='the choices of a CPU')


def test_a_run_trains_in_bfloat16(tmp_path: Path) -> None:
    runner = build_runner(tiny(tmp_path, **{'optim_wrapper.type': 'AmpOptimWrapper'}))
    dtypes = []
    neck = runner.model.module.neck
    neck.register_forward_hook(lambda _, __, outs: dtypes.append((neck.training, outs[-1].dtype)))
    runner.train()
    assert type(runner.optim_wrapper) is AmpOptimWrapper
    half = torch.float16 if torch.cuda.is_available() else torch.bfloat16
    assert {dtype for training, dtype in dtypes if training} == {half}
    losses = [line['loss'] for line in scalars(tmp_path) if 'loss' in line]
    assert losses and all(map(torch.isfinite, torch.tensor(losses)))
    assert all(p.dtype == torch.float32 for p in runner.model.parameters())


@no_gpu
def test_a_cpu_scales_no_loss() -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    wrapper = AmpOptimWrapper(torch.optim.SGD([weight], lr=0.5), loss_scale=512.0)
    wrapper.update_params((weight * torch.tensor([1.0, 2.0])).sum())
    assert weight.tolist() == [0.5, 0.0]  # 1 - 0.5 * 1, 1 - 0.5 * 2
    wrapper.load_state_dict(wrapper.state_dict())


@no_gpu
def test_a_cpu_supports_only_bfloat16() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1)
    with pytest.raises(ConfigError, match="a CPU supports only 'bfloat16', found 'float16'"):
        AmpOptimWrapper(optimizer, dtype='float16')


@pytest.mark.parametrize(
    ('capability', 'dtype'),
    [((7, 5), torch.float16), ((8, 0), torch.bfloat16), ((9, 0), torch.bfloat16)],
)
def test_a_gpu_computes_in_what_it_does_well(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], dtype: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'get_device_capability', lambda: capability)
    assert half_dtype() is dtype


@pytest.mark.parametrize('name', ['tiny_ssd', 'tiny_retinanet', 'tiny_fcos'])
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float64])
def test_losses_and_scores_are_float32_at_least(name: str, dtype: torch.dtype) -> None:
    """Of the same maps: a loss in half precision would differ in its third digit."""
    head = build_detector(load_config(CHECKOUT / f'tests/{name}.py').model).bbox_head
    channels = {'tiny_ssd': (16, 32, 32)}.get(name, (16,) * 4)
    maps = [torch.randn(2, c, 12 // 2**i or 1, 12 // 2**i or 1) for i, c in enumerate(channels)]
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16, enabled=dtype == torch.bfloat16):
        outs = head(maps) if dtype == torch.bfloat16 else head.double()([m.double() for m in maps])
        assert outs['cls_score'].dtype == dtype
        head.forward = lambda feats: outs
        boxes = [torch.tensor([[8.0, 8, 40, 40], [30, 20, 90, 80]])] * 2
        meta = dict.fromkeys(('img_shape', 'pad_shape', 'batch_input_shape'), (96, 96))
        losses = head.loss(maps, [meta] * 2, boxes, [torch.tensor([1, 4])] * 2)
        found = head.predict(maps, [meta] * 2)
    at_least = torch.promote_types(dtype, torch.float32)
    assert {value.dtype for value in losses.values()} == {at_least}
    assert found[0]['scores'].dtype == at_least
    outs_32 = {key: value.float() for key, value in outs.items()}
    head.forward = lambda feats: outs_32
    for key, value in head.loss(maps, [meta] * 2, boxes, [torch.tensor([1, 4])] * 2).items():
        torch.testing.assert_close(losses[key].float(), value, rtol=1e-5, atol=0)
