"""Golden cases of a backbone or a neck: outputs, keys and gradients that mmdet computed."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mmlite.registry import BACKBONES, NECKS
from tests.golden import FOLDER, rule


@dataclass
class ModuleGolden:
    """One case. `facts` is its JSON, `arrays` its NPZ; see data/golden/README.md."""

    facts: dict
    arrays: dict[str, np.ndarray]
    module: nn.Module
    inputs: list[Tensor]  # a backbone's batch of images, or a neck's maps


def load_module_golden(name: str) -> ModuleGolden:
    """Builds the module, in the memory format of a detector, with the weights of the rule.

    Raises:
        RuntimeError: its state-dict keys or shapes are not mmdet's.
    """
    facts = json.loads((FOLDER / f'{name}.json').read_text())
    with np.load(FOLDER / f'{name}.npz') as file:
        arrays = dict(file)
    registry, is_backbone = dict(BACKBONES=(BACKBONES, True), NECKS=(NECKS, False))[
        facts['registry']
    ]
    module = registry.build(facts['cfg'])
    prefix, built = facts['prefix'], module.state_dict()
    weights = {
        key.removeprefix(prefix): torch.as_tensor(
            rule.adjusted(key, tuple(shape), facts['salt'], facts['adjust'])
        )
        for key, shape in facts['state_dict'].items()
    }
    for key in facts['buffers_as_built']:
        weights[key.removeprefix(prefix)] = built[key.removeprefix(prefix)]
    module.load_state_dict(weights)
    module.to(memory_format=torch.channels_last)
    inputs = [
        rule.image_batch(shape[0], *shape[2:], case['seed'])
        if is_backbone
        else np.random.RandomState(case['seed']).standard_normal(shape).astype(np.float32)
        for case in facts['inputs']
        for shape in [case['shape']]
    ]
    maps = [torch.from_numpy(x).contiguous(memory_format=torch.channels_last) for x in inputs]
    return ModuleGolden(facts, arrays, module, maps)


def outputs(golden: ModuleGolden) -> list[Tensor]:
    is_backbone = golden.facts['registry'] == 'BACKBONES'
    return list(golden.module(golden.inputs[0] if is_backbone else golden.inputs))


def check_outputs(golden: ModuleGolden) -> None:
    """Asserts that each level is mmdet's in eval mode, to 1e-3 of its standard deviation."""
    golden.module.eval()
    with torch.no_grad():
        feats = outputs(golden)
    assert [list(feat.shape) for feat in feats] == golden.facts['output_shapes']
    for level, feat in enumerate(feats):
        found = feat.double().contiguous()
        mean, std, absmax = golden.arrays[f'out_{level}_mean_std_absmax']
        figures = [found.mean(), found.std(), found.abs().max()]
        np.testing.assert_allclose(figures, [mean, std, absmax], rtol=1e-4, atol=1e-3 * std)
        head = golden.arrays[f'out_{level}_head']
        np.testing.assert_allclose(found.flatten()[: len(head)], head, rtol=0, atol=1e-3 * std)


def check_gradients(golden: ModuleGolden) -> None:
    """Asserts that the same parameters get a gradient in train mode, of the same norm to 2e-3.

    Norms below a thousandth of the largest are compared with that.
    """
    golden.module.train()
    golden.module.zero_grad()
    loss = 0.0
    for level, feat in enumerate(outputs(golden)):
        noise = np.random.RandomState(900 + level).standard_normal(tuple(feat.shape))
        loss = loss + (feat * torch.from_numpy(noise.astype(np.float32))).mean()
    loss.backward()
    found = {
        golden.facts['prefix'] + name: p.grad.norm().item()
        for name, p in golden.module.named_parameters()
        if p.grad is not None
    }
    expected = golden.facts['grad_norms']
    assert set(found) == set(expected)
    least = max(expected.values()) / 1000
    for name, norm in expected.items():
        assert abs(found[name] - norm) <= 2e-3 * max(norm, least), name
