"""Follows one real batch from the config to the metric: the hops that tools/explain.py shows."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from mmengine.config import Config
from torch import nn
from torch.utils.data import DataLoader

from mmlite.config import load_config
from mmlite.datasets import build_dataloader
from mmlite.engine.parts import Parts
from mmlite.engine.prepare_model import for_one_process
from mmlite.engine.process.random_state import seed_generators
from mmlite.engine.step import train_step
from mmlite.models.base_module import BaseModule
from mmlite.parallel import MMDataParallel
from mmlite.support.quiet import quiet_log
from mmlite.tools.explain.head import head_hops, watch_model
from mmlite.tools.explain.hop import Hop
from mmlite.tools.explain.inputs import collate_hop, feature_hops, preprocessor_hop, scatter_hop
from mmlite.tools.explain.origins import Origins
from mmlite.tools.explain.places import place, short
from mmlite.tools.explain.recorder import Recorder
from mmlite.tools.explain.sample import dataset_hop, transform_hops
from mmlite.tools.explain.step import StepWatch, build_optimiser, step_hop
from mmlite.tools.explain.testing import test_hops
from mmlite.tools.explain.unread import Unread, unread_keys

Loader = Callable[[nn.Module], object]  # fills a detector


def follow(
    cfg: Config, origins: Origins, load_weights: Loader = BaseModule.init_weights
) -> list[Hop]:
    """Runs one training step and one test batch, and returns what happened at each hop.

    Nothing is written. On several GPUs it is done only on the first.

    Args:
        cfg: as `config_from` made it; it is not changed.
        origins: says where its values come from.
        load_weights: fills the detector; if left out, its weights are drawn, or fetched where
            `init_cfg` says so.

    Raises:
        ConfigError: the config cannot be used.
        DataError: the data are missing or cannot be used.
    """
    parts = Parts(cfg)
    cfg = parts.checked_cfg
    seed = (cfg.get('randomness') or {}).get('seed') or 0
    seed_generators(seed)
    with quiet_log():
        detector = parts.checked_detector
        loader = build_dataloader(parts.loader('train'), seed, 'train_dataloader', debug=True)
        load_weights(detector)
        gpu_ids = cfg.get('gpu_ids')  # replicas on several would hide what they are given
        wrapper = for_one_process(detector, gpu_ids and gpu_ids[:1])
        names = [name for name, _ in wrapper.named_parameters()]
        hops = [config_hop(origins, unread_keys(origins.without_flags, names))]
        indices = next(iter(loader.batch_sampler))
        samples = loader.dataset.__getitems__(indices)
        hops += _data_hops(loader.dataset, indices, samples[0], origins)
        weights = copy.deepcopy(detector.state_dict())
        hops += _training_hops(cfg, wrapper, loader, loader.collate_fn(samples))
        if cfg.get('test_dataloader'):
            detector.load_state_dict(weights)  # those before the step
            hops += test_hops(cfg, wrapper, seed)
    return hops


def _training_hops(
    cfg: Config, wrapper: MMDataParallel, loader: DataLoader, batch: dict[str, Any]
) -> list[Hop]:
    """Rows 5 to 12 of the first batch."""
    detector = wrapper.module
    optimiser = build_optimiser(cfg, wrapper)
    scattered, hop = scatter_hop(batch, wrapper)
    hops = [collate_hop(batch, loader.collate_fn), hop]
    wrapper.train()
    watch = StepWatch(detector, optimiser)
    with Recorder() as recorder:
        watch_model(recorder, detector)
        train_step(wrapper, scattered, optimiser, watch)
    return [
        *hops,
        preprocessor_hop(recorder, detector),
        *feature_hops(recorder, detector),
        *head_hops(recorder, detector, loader.dataset.classes),
        step_hop(cfg, optimiser, watch),
    ]


def config_hop(origins: Origins, unread: list[Unread]) -> Hop:
    """Row 1: the files of the config, and what of it nothing reads."""
    who = [f'load_config  {place(load_config)}']
    hop = Hop('1', 'The config: files, bases first, then flags', who)
    rows = [(short(file.path), ', '.join(file.names)) for file in origins.files.in_order()]
    args = origins.args
    if args.cfg_options:
        rows.append(('--cfg-options', ' '.join(args.cfg_options)))
    rows += [(f'--{flag.replace("_", "-")}', getattr(args, flag)) for flag in origins.flags]
    hop.notes = ['--key KEY says which of these set a value, and what it overrode']
    nothing = [('none', '')]
    hop.tables = [
        [('file or flag', 'sets'), *rows],
        [('keys that nothing reads', 'why'), *(unread or nothing)],
    ]
    return hop


def _data_hops(
    dataset: Any, indices: Sequence[Any], sample: dict[str, Any], origins: Origins
) -> list[Hop]:
    """Rows 2 to 4 of the first sample of the first batch."""
    at = 'train_dataloader.dataset'
    first = indices[0]
    hop = dataset_hop(dataset, int(first), at)
    hop.notes.append(f'the first batch of the run has the samples {[int(i) for i in indices]}')

    def origin(key: str) -> str:
        settings = origins.settings(key)
        return settings[-1].where if settings else ''

    hops = transform_hops(dataset, int(first), first.seed, at, origin, sample)
    return [hop, *hops]
