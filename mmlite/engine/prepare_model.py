"""What happens before a training: the wrapper, SyncBN, torch.compile, a fused optimiser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

import torch
from mmengine.config import ConfigDict
from mmengine.device import get_device
from mmengine.dist import get_world_size
from mmengine.model import convert_sync_batchnorm
from torch import nn

from mmlite.errors import ConfigError
from mmlite.models.heads.dense_head import dense_head_of
from mmlite.models.norms import without_sync
from mmlite.parallel import MMDataParallel, MMDistributedDataParallel
from mmlite.parallel.distributed import average_in_rank_order
from mmlite.registry import OPTIM_WRAPPERS, OPTIMIZERS, parameters_of


def for_one_process(model: nn.Module, gpu_ids: list[int] | None = None) -> MMDataParallel:
    """Wraps a detector for only this process, on its device or on these GPUs.

    SyncBN becomes BatchNorm, which runs on a CPU too: there is nobody to share statistics with.
    """
    return MMDataParallel(without_sync(model), device_ids=gpu_ids or [get_device()])


def for_several_processes(
    model: nn.Module,
    sync_bn: str | None = None,
    find_unused_parameters: bool = False,
    deterministic: bool = False,
) -> MMDistributedDataParallel:
    """Wraps a detector for one of several processes.

    Args:
        model: the detector.
        sync_bn: 'torch' makes each BatchNorm a SyncBN.
        find_unused_parameters: some take no part in a step.
        deterministic: equal gradients give equal bits, however many processes there are.

    Raises:
        ConfigError: SyncBN on CPUs, which torch does not have.
    """
    if sync_bn not in (None, 'torch'):
        raise ConfigError(f"sync_bn: 'torch' is expected, found {sync_bn!r}")
    if sync_bn:
        model = convert_sync_batchnorm(model, sync_bn)
    device = get_device()
    layers = [name for name, m in model.named_modules() if isinstance(m, nn.SyncBatchNorm)]
    if layers and device == 'cpu':
        raise ConfigError(
            f'{layers[0]} is a SyncBN, which needs a GPU for each process: on CPUs train in one '
            "process, or take norm_cfg=dict(type='GN', num_groups=32)"
        )
    wrapped = MMDistributedDataParallel(
        model.to(device),
        find_unused_parameters=find_unused_parameters,
        gradient_as_bucket_view=True,  # they lie where they were averaged, and are not copied back
    )
    if deterministic and get_world_size() > 2:  # of two numbers the order is the same
        wrapped.register_comm_hook(None, average_in_rank_order)
    return wrapped


def compile_parts(detector: nn.Module, options: bool | Mapping) -> None:
    """Compiles the parts that convolve; targets, losses and NMS change shape all the time.

    Args:
        detector: without its wrapper.
        options: of torch.compile, or True for its own.

    Raises:
        ConfigError: it needs a C++ compiler on a CPU, and there is none.
    """
    compilers = [os.environ.get('CXX', 'g++'), 'clang++', 'cl']
    if not torch.cuda.is_available() and not any(map(shutil.which, compilers)):
        raise ConfigError(
            'compile: on a CPU torch.compile needs a C++ compiler, and there is no g++ here: '
            'install one, or remove the key'
        )
    for part in (detector.backbone, detector.neck, dense_head_of(detector)):
        if part is not None:
            part.compile(**({} if options is True else options))


def prepared_optim_wrapper(cfg: Mapping) -> ConfigDict:
    """Returns an `optim_wrapper` as mmengine builds it: with its class, mmlite's own where there is
    one of that name, and its optimiser fused on a GPU.
    """
    cfg = ConfigDict(cfg)
    if isinstance(cfg.get('type'), str):
        cfg['type'] = OPTIM_WRAPPERS.find(cfg['type'], 'optim_wrapper')
    if isinstance(cfg.get('optimizer'), dict):
        cfg['optimizer'] = fused_on_gpu(cfg['optimizer'])
    return cfg


def fused_on_gpu(optimizer: Mapping) -> dict:
    """Returns the config of an optimiser that updates all parameters in one kernel on a GPU.

    Not on a CPU: SSD300's 26 million parameters take fused SGD 36 to 42 ms there and the plain one
    25 to 30 (two cores, torch 2.14.1), with equal bits. A config that says `fused` or `foreach`
    decides for itself.
    """
    cls = OPTIMIZERS.find(optimizer['type'], 'optim_wrapper.optimizer')
    known = parameters_of(cls) or {}
    if not torch.cuda.is_available() or 'fused' not in known or {'fused', 'foreach'} & {*optimizer}:
        return dict(optimizer)
    return dict(optimizer, fused=True)
