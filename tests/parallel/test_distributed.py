from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import distributed, multiprocessing

from mmlite.parallel import MMDataParallel, MMDistributedDataParallel
from mmlite.parallel.distributed import average_in_rank_order
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


def averaging_worker(rank: int, folder: Path) -> None:
    """Gradients of one batch, twice: DDP makes new buckets after the first iteration."""
    torch.set_num_threads(1)
    distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/meet', rank=rank, world_size=3
    )
    found = {}
    for in_order in (False, True):
        torch.manual_seed(0)
        layers = torch.nn.Sequential(*(torch.nn.Linear(301, 301) for _ in range(4)))
        model = MMDistributedDataParallel(layers, bucket_cap_mb=0.2)
        if in_order:
            model.register_comm_hook(None, average_in_rank_order)
        img = torch.randn(7, 301, generator=torch.Generator().manual_seed(rank))
        found[in_order] = []
        for _ in range(2):
            layers.zero_grad()
            model(img).square().sum().backward()
            gradients = torch.cat([p.grad.flatten() for p in layers.parameters()])
            found[in_order].append(gradients)
    torch.save(found, folder / f'{rank}.pth')
    distributed.destroy_process_group()


@pytest.mark.skipif(not distributed.is_gloo_available(), reason='this torch has no gloo')
def test_an_average_in_order_does_not_depend_on_the_buckets(tmp_path: Path) -> None:
    multiprocessing.spawn(averaging_worker, (tmp_path,), nprocs=3)
    found = [torch.load(tmp_path / f'{rank}.pth') for rank in range(3)]
    usual, in_order = found[0][False], found[0][True]
    assert not torch.equal(usual[0], usual[1])  # why it is there
    assert torch.equal(in_order[0], in_order[1])
    torch.testing.assert_close(in_order[0], usual[0])
    assert all(torch.equal(of_rank[True][0], in_order[0]) for of_rank in found)


def test_is_registered_apart_from_mmengines() -> None:
    assert MODEL_WRAPPERS.get('MMDistributedDataParallel') is MMDistributedDataParallel
