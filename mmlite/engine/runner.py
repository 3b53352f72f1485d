"""mmengine's Runner, changed only where it must be.

- The detector is wrapped in MMDataParallel or MMDistributedDataParallel: the one place where a
  batch changes device.
- Data loaders, metrics and hooks come from mmlite's registries, so errors name the config path.
- Checkpoints are written whole or not at all, hold plain data only, and load with
  `weights_only=True` (mmengine 0.10.7's own cannot be resumed under torch 2.6 and later).
"""

from __future__ import annotations

import copy
import time
from pathlib import Path

import mmengine.runner
import torch
from mmengine.config import Config, ConfigDict
from mmengine.device import get_device
from mmengine.dist import broadcast, get_local_rank, master_only
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from mmengine.model import is_model_wrapper
from torch import nn
from torch.utils.data import DataLoader

from mmlite.datasets import build_dataloader
from mmlite.engine.checkpoint import load_weights, plain, read_checkpoint, write_checkpoint
from mmlite.engine.checks import check_checkpoint_classes, check_config, check_head_against_data
from mmlite.models import build_detector
from mmlite.parallel import MMDataParallel, MMDistributedDataParallel
from mmlite.registry import HOOKS, METRICS
from mmlite.version import __version__

# checks the loss, counts unreadable images, shows the progress on a terminal
OWN_HOOKS = dict(
    invalid_loss=dict(type='CheckInvalidLossHook'),
    skipped_images=dict(type='SkippedImagesHook'),
    progress=dict(type='ProgressHook'),
)


def build_runner(cfg: Config, debug: bool = False) -> Runner:
    """Builds the detector of a config and the Runner around it; data and weights come later.

    Args:
        cfg: from `load_config`, with `work_dir` set; it is not changed.
        debug: load in the main process, so that breakpoints work.

    Raises:
        ConfigError: something in the config cannot be built.
    """
    check_config(cfg)
    cfg = copy.deepcopy(cfg)
    return Runner(
        model=build_detector(cfg.model),
        work_dir=cfg.work_dir,
        train_dataloader=cfg.get('train_dataloader'),
        val_dataloader=cfg.get('val_dataloader'),
        test_dataloader=cfg.get('test_dataloader'),
        train_cfg=cfg.get('train_cfg'),
        val_cfg=cfg.get('val_cfg'),
        test_cfg=cfg.get('test_cfg'),
        auto_scale_lr=cfg.get('auto_scale_lr'),
        optim_wrapper=cfg.get('optim_wrapper'),
        param_scheduler=cfg.get('param_scheduler'),
        val_evaluator=cfg.get('val_evaluator'),
        test_evaluator=cfg.get('test_evaluator'),
        default_hooks=cfg.get('default_hooks'),
        custom_hooks=cfg.get('custom_hooks'),
        load_from=cfg.get('load_from'),
        resume=cfg.get('resume', False),
        launcher=cfg.get('launcher', 'none'),
        env_cfg=cfg.get('env_cfg', dict(dist_cfg=dict(backend='gloo'))),
        log_processor=cfg.get('log_processor'),
        log_level=cfg.get('log_level', 'INFO'),
        visualizer=cfg.get('visualizer'),
        default_scope=None,  # mmlite's registries are asked directly
        randomness=cfg.get('randomness', dict(seed=None)),
        experiment_name=cfg.get('experiment_name'),
        cfg=cfg,
        debug=debug,
    )


class Runner(mmengine.runner.Runner):
    """See the module's docstring; arguments are mmengine's, and `debug`."""

    def __init__(self, *args, debug: bool = False, **kwargs) -> None:
        self._debug = debug
        super().__init__(*args, **kwargs)

    # ---- building -------------------------------------------------------------------------

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Wraps the detector; a model that is wrapped already is left alone."""
        if is_model_wrapper(model):
            return model
        device = get_device()
        if not self.distributed:
            return MMDataParallel(model.to(device))
        device_ids = [get_local_rank()] if device == 'cuda' else None
        return MMDistributedDataParallel(
            model.to(device),
            device_ids=device_ids,
            find_unused_parameters=self.cfg.get('find_unused_parameters', False),
        )

    def build_dataloader(
        self, dataloader: DataLoader | dict, seed: int | None = None, diff_rank_seed: bool = False
    ) -> DataLoader:
        """Builds mmlite's data loader; the ranks differ by their position in the epoch."""
        if isinstance(dataloader, DataLoader):
            return dataloader
        at = next(
            name
            for name in ('train', 'val', 'test')
            if getattr(self, f'_{name}_dataloader') is dataloader
        )
        return build_dataloader(
            dataloader, seed=self.seed, at=f'{at}_dataloader', debug=self._debug
        )

    def build_evaluator(self, evaluator: Evaluator | dict | list) -> Evaluator:
        """Builds the metrics of a config from mmlite's registry."""
        if isinstance(evaluator, Evaluator):
            return evaluator
        at = 'val_evaluator' if evaluator is self._val_evaluator else 'test_evaluator'
        if isinstance(evaluator, dict):
            return Evaluator([METRICS.build(evaluator, at=at)])
        return Evaluator(
            [
                METRICS.build(metric, at=f'{at}[{i}]') if isinstance(metric, dict) else metric
                for i, metric in enumerate(evaluator)
            ]
        )

    def build_train_loop(self, loop: dict) -> mmengine.runner.BaseLoop:
        loop = super().build_train_loop(loop)
        check_head_against_data(self.model, loop.dataloader.dataset, 'train_dataloader.dataset')
        return loop

    def build_val_loop(self, loop: dict) -> mmengine.runner.BaseLoop:
        return self._with_ground_truth(super().build_val_loop(loop), 'val_dataloader.dataset')

    def build_test_loop(self, loop: dict) -> mmengine.runner.BaseLoop:
        return self._with_ground_truth(super().build_test_loop(loop), 'test_dataloader.dataset')

    def _with_ground_truth(
        self, loop: mmengine.runner.BaseLoop, at: str
    ) -> mmengine.runner.BaseLoop:
        """Hands the data set to the metrics: ground truth never goes through the transforms."""
        dataset = loop.dataloader.dataset
        check_head_against_data(self.model, dataset, at)
        for metric in loop.evaluator.metrics:
            if hasattr(metric, 'set_dataset'):
                metric.set_dataset(dataset)
        return loop

    def register_default_hooks(self, hooks: dict[str, Hook | dict | None] | None = None) -> None:
        """Adds mmlite's own to mmengine's default hooks; `name=None` removes one."""
        own = {name: hook for name, hook in OWN_HOOKS.items() if (hooks or {}).get(name, hook)}
        super().register_default_hooks({**own, **(hooks or {})})

    def register_hook(self, hook: Hook | dict, priority: str | int | None = None) -> None:
        """Builds a hook by mmlite's registry, where mmengine's are found too."""
        if isinstance(hook, dict):
            args = ConfigDict(hook)
            priority = args.pop('priority', priority)
            hook = HOOKS.build(args, at=f'hook {args.get("type")}')
        super().register_hook(hook, priority)

    def _init_model_weights(self) -> None:
        """Draws or fetches the first weights, unless a checkpoint brings all of them."""
        if self._resume:
            return
        model = _unwrapped(self.model)
        model.init_weights()
        # the tensors themselves: state_dict() may return rearranged copies
        for tensor in [*model.parameters(), *model.buffers()]:
            broadcast(tensor.data)

    # ---- checkpoints ----------------------------------------------------------------------

    @master_only
    def save_checkpoint(
        self,
        out_dir: str,
        filename: str,
        file_client_args: dict | None = None,
        save_optimizer: bool = True,
        save_param_scheduler: bool = True,
        meta: dict | None = None,
        by_epoch: bool = True,
        backend_args: dict | None = None,
    ) -> None:
        """Writes a checkpoint; the arguments are those CheckpointHook passes.

        The keys are mmengine's: meta, state_dict, message_hub, optimizer, param_schedulers.
        """
        # hooks save before the loop counts the epoch or the iteration that has just ended
        counters = dict(
            epoch=self.epoch + 1 if by_epoch else self.epoch,
            iter=self.iter if by_epoch else self.iter + 1,
        )
        checkpoint = dict(
            meta={
                **counters,
                'cfg': self.cfg.pretty_text,
                'seed': self.seed,
                'experiment_name': self.experiment_name,
                'time': time.strftime('%Y%m%d_%H%M%S'),
                'mmlite_version': __version__,
                'mmengine_version': mmengine.__version__,
                'dataset_meta': self.train_dataloader.dataset.metainfo,
                **(meta or {}),
            },
            state_dict=_unwrapped(self.model).state_dict(),
            message_hub=_plain_message_hub(self.message_hub.state_dict()),
        )
        if save_optimizer:
            checkpoint['optimizer'] = self.optim_wrapper.state_dict()
        if save_param_scheduler and self.param_schedulers is not None:
            checkpoint['param_schedulers'] = [s.state_dict() for s in self.param_schedulers]
        self.call_hook('before_save_checkpoint', checkpoint=checkpoint)
        write_checkpoint(checkpoint, Path(out_dir) / filename)

    def load_checkpoint(
        self,
        filename: str,
        map_location: str = 'cpu',
        strict: bool = False,
        revise_keys: list | None = None,
    ) -> dict:
        """Loads the weights and returns the checkpoint; mmengine's `resume` calls this too."""
        checkpoint = read_checkpoint(filename)
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        self.logger.info(str(load_weights(_unwrapped(self.model), checkpoint, filename, strict)))
        if isinstance(self._test_loop, mmengine.runner.BaseLoop):
            check_checkpoint_classes(
                checkpoint, self.test_dataloader.dataset.metainfo['classes'], filename
            )
        if 'message_hub' in checkpoint:
            checkpoint['message_hub'] = _message_hub_state(checkpoint['message_hub'])
        self._has_loaded = True
        return checkpoint


def _unwrapped(model: nn.Module) -> nn.Module:
    return model.module if is_model_wrapper(model) else model


def _plain_message_hub(state: dict) -> dict:
    """A HistoryBuffer is a class, which `weights_only` refuses: its numbers are kept instead."""
    scalars = {
        key: dict(
            zip(('log_history', 'count_history'), map(torch.as_tensor, buffer.data), strict=True),
            max_length=buffer.max_length,
        )
        for key, buffer in state['log_scalars'].items()
    }
    return dict(state, log_scalars=scalars, runtime_info=plain(dict(state['runtime_info'])))


def _message_hub_state(saved: dict) -> dict:
    """The inverse of `_plain_message_hub`."""
    scalars = {
        key: HistoryBuffer(
            item['log_history'].numpy(), item['count_history'].numpy(), item['max_length']
        )
        for key, item in saved['log_scalars'].items()
    }
    return dict(saved, log_scalars=scalars)
