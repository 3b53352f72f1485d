"""Two processes of batch b train as one of batch 2b does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, distributed, multiprocessing, nn

from mmlite.config import load_config
from mmlite.models import build_detector
from mmlite.parallel import DataContainer, MMDataParallel, MMDistributedDataParallel
from tests.runs import CHECKOUT

STEPS, IMAGES, SIZE = 20, 4, 96


class DoubleDetector(nn.Module):
    """Float64 from the image on, so that only the order of sums can differ."""

    def __init__(self, config: Path) -> None:
        super().__init__()
        torch.manual_seed(0)
        model = load_config(config).model
        model.backbone.norm_eval = True  # no statistics of a batch
        self.detector = build_detector(model).double()
        self.detector.init_weights()

    def forward(self, img: Tensor, **others: object) -> dict:
        return self.detector(img.double(), **others)


def batch_of(step: int, images: slice) -> dict:
    """Some of the step's images; each has 0 to 5 boxes."""
    rng = np.random.default_rng(step)
    img = torch.from_numpy(rng.integers(0, 256, (IMAGES, 3, SIZE, SIZE), np.uint8))
    bboxes, labels = [], []
    for count in rng.integers(0, 6, IMAGES):
        corner = rng.uniform(0, SIZE / 2, (count, 2))
        sides = rng.uniform(8, SIZE / 2, (count, 2))
        bboxes.append(torch.from_numpy(np.hstack([corner, corner + sides])))
        labels.append(torch.from_numpy(rng.integers(1, 6, count)))
    meta = dict(pad_shape=(SIZE, SIZE, 3), img_shape=(SIZE, SIZE, 3))
    return dict(
        img=DataContainer(img[images], stack=True),
        img_metas=DataContainer([dict(meta) for _ in range(IMAGES)][images], cpu_only=True),
        gt_bboxes=DataContainer(bboxes[images]),
        gt_labels=DataContainer(labels[images]),
    )


def train(model: nn.Module, images: slice) -> list[dict]:
    """Returns the logged losses of each step."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    optim_wrapper = OptimWrapper(optimizer, clip_grad=dict(max_norm=10))
    model.train()
    logged = []
    for step in range(STEPS):
        log_vars = model.train_step(batch_of(step, images), optim_wrapper)
        logged.append({key: value.item() for key, value in log_vars.items()})
    return logged


def worker(rank: int, folder: Path, config: Path) -> None:
    torch.set_num_threads(1)
    meet = f'file://{folder}/meet'
    distributed.init_process_group('gloo', init_method=meet, rank=rank, world_size=2)
    model = MMDistributedDataParallel(DoubleDetector(config))
    logged = train(model, slice(rank, None, 2))  # dealt out as DefaultSampler does
    torch.save((logged, model.module.state_dict()), folder / f'{rank}.pth')
    distributed.destroy_process_group()


@pytest.mark.skipif(not distributed.is_gloo_available(), reason='this torch has no gloo')
@pytest.mark.parametrize('name', ['tiny_ssd', 'tiny_retinanet', 'tiny_fcos'])
def test_two_processes_train_as_one_with_all_images(tmp_path: Path, name: str) -> None:
    config = CHECKOUT / 'tests' / f'{name}.py'
    multiprocessing.spawn(worker, (tmp_path, config), nprocs=2)
    alone = MMDataParallel(DoubleDetector(config), device_ids=[])
    before = {key: value.clone() for key, value in alone.module.state_dict().items()}
    logged = train(alone, slice(None))
    for rank in range(2):
        of_rank, state = torch.load(tmp_path / f'{rank}.pth')
        for one, other in zip(logged, of_rank, strict=True):
            assert other == pytest.approx(one, rel=1e-5)
        for key, value in alone.module.state_dict().items():
            torch.testing.assert_close(state[key], value, rtol=1e-5, atol=1e-8, msg=key)
    after = alone.module.state_dict()
    assert sum(not torch.equal(after[key], value) for key, value in before.items()) > 20
