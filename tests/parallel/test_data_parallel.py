from __future__ import annotations

import pytest
import torch
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper

from mmlite.parallel import MMDataParallel, scatter
from mmlite.parallel.data_parallel import choose_devices, merge_outputs
from mmlite.registry import MODEL_WRAPPERS
from tests.parallel.toy import ToyDetector, toy_batch

CPU = torch.device('cpu')


def optim_wrapper(model: torch.nn.Module, **options) -> OptimWrapper:
    return OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1), **options)


def two_devices() -> MMDataParallel:
    """Returns a wrapper that takes the CPU for two GPUs: replicas are the module itself."""
    model = MMDataParallel(ToyDetector(), device_ids=[])
    model.devices = [CPU, CPU]
    model.device_ids = [0, 1]
    model.replicate = lambda module, device_ids: [module] * len(device_ids)
    model.parallel_apply = lambda replicas, inputs, batches: [
        replica(*args, **batch)
        for replica, args, batch in zip(replicas, inputs, batches, strict=True)
    ]
    return model


def test_is_registered_and_mmengine_sees_a_wrapper() -> None:
    assert MODEL_WRAPPERS.get('MMDataParallel') is MMDataParallel
    assert is_model_wrapper(MMDataParallel(ToyDetector(), device_ids=[]))


def test_train_step_on_the_cpu() -> None:
    model = MMDataParallel(ToyDetector(), device_ids=[])
    log_vars = model.train_step(toy_batch([1, 3]), optim_wrapper(model))
    # weight 2: loss_cls = 2 * mean(1, 3) = 4, loss_bbox the same; d total / d weight = 2 + 2
    assert {key: value.item() for key, value in log_vars.items()} == {
        'loss': 8,
        'loss_cls': 4,
        'loss_bbox': 4,
    }
    assert model.module.weight.item() == pytest.approx(2 - 0.1 * 4)


def test_train_step_without_optim_wrapper_only_computes() -> None:
    model = MMDataParallel(ToyDetector(), device_ids=[])
    assert model.train_step(toy_batch([1, 3]), None)['loss'].item() == 8
    assert model.module.weight.item() == 2
    assert model.module.weight.grad is None


def test_train_step_accumulates_gradients() -> None:
    model = MMDataParallel(ToyDetector(), device_ids=[])
    wrapper = optim_wrapper(model, accumulative_counts=2)
    wrapper.initialize_count_status(model, 0, 4)
    model.train_step(toy_batch([1]), wrapper)
    assert model.module.weight.item() == 2
    model.train_step(toy_batch([3]), wrapper)
    assert model.module.weight.item() == pytest.approx(2 - 0.1 * (2 + 6) / 2)


def test_val_and_test_step() -> None:
    model = MMDataParallel(ToyDetector(), device_ids=[])
    for step in (model.val_step, model.test_step):
        results = step(toy_batch([1, 3], with_boxes=False))
        assert [(r['name'], r['scores'].item()) for r in results] == [('1.jpg', 2), ('3.jpg', 6)]
        assert results[0]['rescale'] is True


def test_call_as_in_mmdet_1_with_or_without_scatter() -> None:
    model = MMDataParallel(ToyDetector(), device_ids=[])
    raw = toy_batch([1, 3], with_boxes=False)
    for batch in (raw, scatter(raw, 'cpu')):
        results = model(return_loss=False, rescale=False, **batch)
        assert [r['name'] for r in results] == ['1.jpg', '3.jpg']
        assert results[0]['rescale'] is False
    by_place = model(raw['img'], raw['img_metas'], return_loss=False)
    assert [r['name'] for r in by_place] == ['1.jpg', '3.jpg']


def test_several_devices_train_like_one() -> None:
    model = two_devices()
    log_vars = model.train_step(toy_batch([1, 3, 5, 7]), optim_wrapper(model))
    # replicas see (1, 3) and (5, 7): loss_cls = mean(2 * 2, 2 * 6) = 8, as 2 * mean(1, 3, 5, 7)
    assert log_vars['loss_cls'].item() == 8
    assert log_vars['loss'].item() == 16
    assert model.module.weight.item() == pytest.approx(2 - 0.1 * 8)


@pytest.mark.parametrize('values', [[4], [1, 2, 3]])  # 4: fewer images than devices
def test_several_devices_keep_the_order_of_images(values) -> None:
    results = two_devices().val_step(toy_batch(values, with_boxes=False))
    assert [r['name'] for r in results] == [f'{v}.jpg' for v in values]


def test_several_devices_take_arguments_by_place() -> None:
    batch = toy_batch([1, 2, 3])
    results = two_devices()(batch['img'], batch['img_metas'], return_loss=False)
    assert [r['name'] for r in results] == ['1.jpg', '2.jpg', '3.jpg']


def test_merge_outputs() -> None:
    losses = [{'loss': torch.tensor(1.0)}, {'loss': torch.tensor(4.0)}]
    assert merge_outputs(losses, CPU) == {'loss': torch.tensor(2.5)}
    assert merge_outputs([['a'], ['b', 'c']], CPU) == ['a', 'b', 'c']
    with pytest.raises(TypeError, match=r"different losses: \['loss'\] and \['other'\]"):
        merge_outputs([losses[0], {'other': torch.tensor(1.0)}], CPU)
    with pytest.raises(TypeError, match='a dict of losses'):
        merge_outputs([torch.ones(1), torch.ones(1)], CPU)


def test_choose_devices_without_gpu(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    for device_ids in (None, [], [0], [0, 1], [-1], ['cpu']):
        assert choose_devices(device_ids) == [CPU]


def test_choose_devices_with_gpus(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    assert choose_devices(None) == [torch.device('cuda', 0)]
    assert choose_devices([1, 2]) == [torch.device('cuda', 1), torch.device('cuda', 2)]
    assert choose_devices([]) == choose_devices([-1]) == [CPU]
    with pytest.raises(ValueError, match='several devices must be GPUs'):
        choose_devices(['cpu', 'cpu'])


def test_moves_the_module() -> None:
    model = MMDataParallel(ToyDetector(), device_ids=['meta'])  # a device that every torch has
    assert model.module.weight.device.type == 'meta'


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA GPU')
def test_train_step_on_one_gpu() -> None:
    model = MMDataParallel(ToyDetector(), device_ids=[0])
    log_vars = model.train_step(toy_batch([1, 3]), optim_wrapper(model))
    assert log_vars['loss'].device.type == 'cuda'
    assert model.module.weight.item() == pytest.approx(2 - 0.1 * 4)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason='needs two CUDA GPUs')
def test_train_step_on_two_gpus() -> None:
    model = MMDataParallel(ToyDetector(), device_ids=[0, 1])
    model.train_step(toy_batch([1, 3, 5, 7]), optim_wrapper(model))
    assert model.module.weight.item() == pytest.approx(2 - 0.1 * 8)
    results = model.val_step(toy_batch([1, 2, 3], with_boxes=False))
    assert [r['name'] for r in results] == ['1.jpg', '2.jpg', '3.jpg']
