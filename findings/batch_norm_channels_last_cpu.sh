#!/usr/bin/env bash
# One would guess: the memory format of a feature map changes how fast torch's batch norm is, not
# how exact it is.
# What happens: in training mode on a CPU a channels-last map has its rows added up one after the
# other in float32. For two maps of 160x160 pixels, mean 10 and deviation 1, the gradient of the
# scale is off by 6e-3 (contiguous: 6e-5), with mean 100 by 8e-2 (5e-4). Group norm, whose variance
# is a difference of two large sums there, has an output that is off by 2e-2 (5e-6).
# Versions: torch 2.14.1 on a CPU, one thread.
# Source: the channels-last kernels of aten/src/ATen/native/cpu/batch_norm_kernel.cpp, and
# group_norm_kernel.cpp.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.14.1 numpy==2.4.6
OMP_NUM_THREADS=1 "$folder/venv/bin/python" - <<'PY'
import torch
from torch import nn

torch.set_num_threads(1)


def off(norm, layout, mean):
    """How far the gradient of the scale is off from the one in float64, and the output."""
    torch.manual_seed(0)
    x, grad = torch.randn(2, 16, 160, 160) + mean, 1 + torch.randn(2, 16, 160, 160)
    found = []
    for dtype in (torch.float64, torch.float32):
        layer = norm().to(dtype).train()
        out = layer(x.to(dtype).contiguous(memory_format=layout))
        out.backward(grad.to(dtype).contiguous(memory_format=layout))
        found.append((layer.weight.grad.double(), out.detach().double()))
    (scale, out), (scale32, out32) = found
    pairs = ((scale32, scale), (out32, out))
    return [((one - exact).norm() / exact.norm()).item() for one, exact in pairs]


seen = {}
for name, norm in dict(batch=lambda: nn.BatchNorm2d(16), group=lambda: nn.GroupNorm(16, 16)).items():
    for layout in (torch.contiguous_format, torch.channels_last):
        for mean in (10, 100):
            seen[name, layout, mean] = off(norm, layout, mean)
            scale, out = seen[name, layout, mean]
            print(f'{name} norm, {str(layout):24}, mean {mean:3}: gradient {scale:.0e}, output {out:.0e}')
assert seen['batch', torch.channels_last, 10][0] > 20 * seen['batch', torch.contiguous_format, 10][0]
assert seen['group', torch.channels_last, 100][1] > 100 * seen['group', torch.contiguous_format, 100][1]
PY
