"""The verb `infer`: detections of one batch that lies on the device, post-processing included.

Its floor is only the network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from lab.benchmark.report import Report
from lab.benchmark.step import compare, in_half_precision, network, peer_network
from mmlite.models.layers import prepare_for_inference


def measure(models: Sequence[str], device: str, rounds: int, threads: int | None) -> Report:
    """Times mmlite, mmlite with `--amp`, torchvision and both floors alternately; see `step`."""

    def cases(ours, peer, batch) -> dict[str, Callable[[], object]]:
        prepare_for_inference(ours)  # as tools/test.py and mmlite.inference.apis do
        peer.eval()
        metas = batch.img_metas
        functions = dict(
            ours=lambda: ours.predict(batch.img, metas),
            peer=lambda: peer(list(batch.img)),
            floor=lambda: network(ours, batch),
            peer_floor=lambda: peer_network(peer, batch),
            amp=in_half_precision(device, lambda: ours.predict(batch.img, metas)),
        )
        return {name: torch.inference_mode()(function) for name, function in functions.items()}

    return compare('infer', models, device, rounds, threads, cases)
