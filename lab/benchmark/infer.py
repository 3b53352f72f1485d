"""The verb `infer`: detections of one batch that lies on the device, post-processing included.

Its floor is only the network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn

from lab.benchmark.detectors import Batch
from lab.benchmark.report import Report
from lab.benchmark.step import Cases, compare, in_half_precision, network, peer_network
from mmlite.models.layers import prepare_for_inference


def measure(models: Sequence[str], device: str, rounds: int, threads: int | None) -> Report:
    """Times mmlite, mmlite with `--amp`, torchvision and both floors alternately; see `step`."""

    def own_cases(ours: nn.Module, batch: Batch) -> Cases:
        prepare_for_inference(ours)  # as tools/test.py and mmlite.inference.apis do
        metas = batch.img_metas
        return _for_inference(
            ours=lambda: ours.predict(batch.img, metas),
            floor=lambda: network(ours, batch),
            amp=in_half_precision(device, lambda: ours.predict(batch.img, metas)),
        )

    def peer_cases(peer: nn.Module, batch: Batch) -> Cases:
        peer.eval()
        return _for_inference(
            peer=lambda: peer(list(batch.img)),
            peer_floor=lambda: peer_network(peer, batch),
        )

    return compare('infer', models, device, rounds, threads, own_cases, peer_cases)


def _for_inference(**functions: Callable[[], object]) -> Cases:
    return {name: torch.inference_mode()(function) for name, function in functions.items()}
