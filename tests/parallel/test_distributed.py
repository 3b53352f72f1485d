from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import distributed, multiprocessing

from mmlite.parallel import MMDataParallel, MMDistributedDataParallel
from mmlite.registry import MODEL_WRAPPERS
from tests.parallel.toy import ToyDetector, toy_batch

IMAGES = [[1, 3], [5, 7]]  # of each process


def step(model: torch.nn.Module, images: list[int]) -> dict[str, float]:
    """Returns the logged values of one training step and the weight after it."""
    optim_wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    log_vars = model.train_step(toy_batch(images), optim_wrapper)
    values = {key: value.item() for key, value in log_vars.items()}
    return {**values, 'weight': model.module.weight.item()}


def worker(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/meet', rank=rank, world_size=2
    )
    model = MMDistributedDataParallel(ToyDetector())
    out = step(model, IMAGES[rank])
    if rank == 0:  # the other process has no batch left: this must not wait for it
        results = model.val_step(toy_batch([4], with_boxes=False))
        out['results'] = [result['name'] for result in results]
    torch.save(out, folder / f'{rank}.pth')
    distributed.destroy_process_group()


@pytest.mark.skipif(not distributed.is_gloo_available(), reason='this torch has no gloo')
def test_two_processes_step_like_one_on_all_images(tmp_path) -> None:
    multiprocessing.spawn(worker, (tmp_path,), nprocs=2)
    first, second = (torch.load(tmp_path / f'{rank}.pth') for rank in range(2))
    alone = step(MMDataParallel(ToyDetector(), device_ids=[]), IMAGES[0] + IMAGES[1])
    assert first.pop('results') == ['4.jpg']
    assert first == second  # logged values are averaged too
    assert first == pytest.approx(alone)
    # weight 2: total = 2 * (2 * mean(1, 3, 5, 7)) = 16, gradient 8
    assert alone == pytest.approx({'loss': 16, 'loss_cls': 8, 'loss_bbox': 8, 'weight': 1.2})


def test_is_registered_apart_from_mmengines() -> None:
    assert MODEL_WRAPPERS.get('MMDistributedDataParallel') is MMDistributedDataParallel
