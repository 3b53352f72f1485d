"""mmengine's Runner, changed only where it must be.

- The detector is wrapped in MMDataParallel or MMDistributedDataParallel: the one place where a
  batch changes device.
- Data loaders, metrics and hooks come from mmlite's registries, so errors name the config path.
- Checkpoints are written whole or not at all, hold plain data only, and load with
  `weights_only=True` (mmengine 0.10.7's own cannot be resumed under torch 2.6 and later).
- A training that is resumed goes on in the middle of an epoch with the random state it had.
- Workers and hooks are let go however a run ends.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import mmengine.runner
import torch
from mmengine.dist import all_gather_object, broadcast, is_main_process
from mmengine.evaluator import Evaluator
from mmengine.hooks import EMAHook, Hook
from mmengine.logging import MMLogger
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper, OptimWrapperDict, _ParamScheduler
from mmengine.runner import LogProcessor
from mmengine.utils.dl_utils import collect_env
from mmengine.visualization import Visualizer
from torch import nn
from torch.utils.data import DataLoader

from mmlite.checkpoints.loading import (
    FINE_TUNING_SHARE,
    in_own_layout,
    load_own_weights,
    read_checkpoint,
    write_checkpoint,
)
from mmlite.config.schema import OWN_HOOKS
from mmlite.datasets import build_dataloader
from mmlite.datasets.loader import ReleasableLoader
from mmlite.datasets.workers import WorkerError
from mmlite.engine.amp import use_half_dtype
from mmlite.engine.checks import check_checkpoint_classes, typed_loop, warn_of_class_order
from mmlite.engine.hooks.checkpoint import CheckpointHook
from mmlite.engine.hooks.ema import put_training_weights_back
from mmlite.engine.learning_rate import fit_to_batch, warn_of_unusual
from mmlite.engine.parts import build_hook
from mmlite.engine.prepare_model import (
    compile_parts,
    for_one_process,
    for_several_processes,
    prepared_optim_wrapper,
)
from mmlite.engine.process.random_state import seed_generators, set_random_state
from mmlite.engine.resuming.config_changes import changes_since, concern
from mmlite.engine.resuming.optimiser import parameter_names
from mmlite.engine.resuming.resume import check_can_be_resumed, resume_training
from mmlite.engine.resuming.run_state import message_hub_state, plain_message_hub, process_state
from mmlite.engine.schedules import build_scheduler, schedule_state
from mmlite.engine.units import counts_epochs
from mmlite.errors import ConfigError
from mmlite.evaluation import build_metrics
from mmlite.models.layers import prepare_for_inference
from mmlite.registry import LOG_PROCESSORS, LOOPS, VISUALIZERS
from mmlite.support.allocator import keep_feature_maps
from mmlite.version import __version__

STAGES = ('train', 'val', 'test')

# of workers: a forked process that uses macOS's own libraries can crash; mmengine would fork
_START_METHOD = 'fork' if sys.platform == 'linux' else 'spawn'
_timestamps: set[str] = set()  # of the runs of this process

# deprecations in mmengine that no user of this package can do anything about
_MMENGINE_ON_ITSELF = ('"FileClient" will be deprecated', '"HardDiskBackend" is the alias')


def own_hooks(custom_hooks: Sequence[Hook | dict]) -> dict[str, dict]:
    """Returns those of OWN_HOOKS that a config does not have among its `custom_hooks`."""
    named = [
        hook.get('type') if isinstance(hook, dict) else type(hook).__name__ for hook in custom_hooks
    ]
    return {name: dict(type=cls) for name, cls in OWN_HOOKS.items() if cls not in named}


class Runner(mmengine.runner.Runner):
    """See the module's docstring; `build_runner` makes one from a config.

    Args: mmengine's, and
        allow_partial: go on where only a part of a checkpoint fits the model.
        trust_checkpoint: read more than plain data from it.
        checkpoint_layout: '1.x' or '3.x', where an SSD file does not say which mmdet wrote it.
        resumed: the content of the checkpoint to resume, where `load_from` has been read already.
    """

    def __init__(
        self,
        *args,
        allow_partial: bool = False,
        trust_checkpoint: bool = False,
        checkpoint_layout: str | None = None,
        resumed: dict | None = None,
        **kwargs,
    ) -> None:
        self._allow_partial = allow_partial
        self._trust_checkpoint = trust_checkpoint
        self._checkpoint_layout = checkpoint_layout
        self._resumed = resumed
        self._own_state: dict | None = None  # of this process, in the checkpoint that is resumed
        self.resumed_from: Path | None = None
        self._at_end = ''  # what to say where the training that is resumed was finished
        super().__init__(*args, **kwargs)

    def setup_env(self, env_cfg: dict) -> None:
        """Makes the time stamp this run's own, and starts workers as the system allows.

        mmengine keeps a logger, a message hub and a visualizer for each name of a run, which ends
        in the second of its start.
        """
        mp_cfg = {'mp_start_method': _START_METHOD, **(env_cfg.get('mp_cfg') or {})}
        super().setup_env({**env_cfg, 'mp_cfg': mp_cfg})
        use_half_dtype()
        if not torch.cuda.is_available():
            keep_feature_maps()
        second, number = self._timestamp, 1
        while self._timestamp in _timestamps:
            number += 1
            self._timestamp = f'{second}_{number}'
        _timestamps.add(self._timestamp)

    # ---- running --------------------------------------------------------------------------

    def train(self) -> nn.Module:
        """Trains, with validation where the config has it, and returns the wrapped model."""
        try:
            model = super().train()
            if self._at_end:
                self.logger.warning(self._at_end)
            return model
        except WorkerError as error:  # between two iterations: all that is done is whole
            saved = [hook.rescue(self) for hook in self.hooks if isinstance(hook, CheckpointHook)]
            raise WorkerError(' '.join([str(error), *saved])) from error
        finally:
            self.close()

    def test(self) -> dict[str, float]:
        """Tests and returns the metrics."""
        if not self.cfg.get('compile'):  # compiled parts do it themselves
            prepare_for_inference(_unwrapped(self.model))
        try:
            return super().test()
        finally:
            self.close()

    def close(self) -> None:
        """Ends the loaders' workers and what hooks hold on to; the GPU's cache is given back."""
        for hook in self.hooks:
            if hasattr(hook, 'close'):
                hook.close()
        for loop in (self._train_loop, self._val_loop, self._test_loop):
            if isinstance(getattr(loop, 'dataloader', None), ReleasableLoader):
                loop.dataloader.end_workers()
        self.visualizer.close()
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()

    def set_randomness(
        self, seed: int, diff_rank_seed: bool = False, deterministic: bool = False
    ) -> None:
        """Seeds all generators, see `seed_generators`."""
        self._deterministic = deterministic
        self._seed = seed_generators(seed, diff_rank_seed, deterministic)

    # ---- building -------------------------------------------------------------------------

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Wraps the detector; a model that is wrapped already is left alone."""
        if is_model_wrapper(model):
            return model
        if not self.distributed:
            return for_one_process(model, self.cfg.get('gpu_ids'))
        return for_several_processes(
            model,
            self.cfg.get('sync_bn'),
            self.cfg.get('find_unused_parameters', False),
            self.deterministic,
        )

    def build_dataloader(
        self, dataloader: DataLoader | dict, seed: int | None = None, diff_rank_seed: bool = False
    ) -> DataLoader:
        """Builds mmlite's data loader; the ranks differ by their position in the epoch."""
        if isinstance(dataloader, DataLoader):
            return dataloader
        loaders = {f'{loop}_dataloader': getattr(self, f'_{loop}_dataloader') for loop in STAGES}
        # mmengine copies the dict on its way here; the data set in it stays the same
        at = next(
            name
            for name, loader in loaders.items()
            if loader is not None and loader['dataset'] is dataloader['dataset']
        )
        return build_dataloader(dataloader, seed=self.seed, at=at)

    def build_evaluator(self, evaluator: Evaluator | dict | list) -> Evaluator:
        """Builds the metrics of a config from mmlite's registry."""
        if isinstance(evaluator, Evaluator):
            return evaluator
        at = 'val_evaluator' if evaluator is self._val_evaluator else 'test_evaluator'
        return Evaluator(build_metrics(evaluator, at))

    def build_train_loop(self, loop: dict | mmengine.runner.BaseLoop) -> mmengine.runner.BaseLoop:
        """Builds one of mmlite's loops, which can be resumed anywhere."""
        if isinstance(loop, dict):
            loop = typed_loop(loop, 'train')
            loop = dict(loop, type=LOOPS.find(loop['type'], 'train_cfg'))
        return super().build_train_loop(loop)

    def build_val_loop(self, loop: dict) -> mmengine.runner.BaseLoop:
        return _with_ground_truth(super().build_val_loop(loop))

    def build_test_loop(self, loop: dict) -> mmengine.runner.BaseLoop:
        return _with_ground_truth(super().build_test_loop(loop))

    def register_hooks(
        self,
        default_hooks: dict[str, Hook | dict | None] | None = None,
        custom_hooks: list[Hook | dict] | None = None,
    ) -> None:
        """Adds mmlite's own to mmengine's default hooks; `name=None` removes one.

        One that the config has among its `custom_hooks` is not added again.
        """
        own = own_hooks(custom_hooks or [])
        super().register_hooks({**own, **(default_hooks or {})}, custom_hooks)

    def register_default_hooks(self, hooks: dict[str, Hook | dict | None] | None = None) -> None:
        """Leaves out those of mmlite's own that are set to None."""
        hooks = hooks or {}
        super().register_default_hooks(
            {name: hook for name, hook in hooks.items() if hook or name not in OWN_HOOKS}
        )

    def register_hook(self, hook: Hook | dict, priority: str | int | None = None) -> None:
        """Builds a hook by mmlite's registry, where mmengine's are found too."""
        at = f'hook {hook.get("type")}' if isinstance(hook, dict) else ''
        super().register_hook(build_hook(hook, at), priority)

    def build_optim_wrapper(self, optim_wrapper: OptimWrapper | dict) -> OptimWrapper:
        """Builds the optimiser, in mmlite's own wrapper where there is one of that name.

        Raises:
            ConfigError: a constructor returned several optimisers.
        """
        if isinstance(optim_wrapper, dict):
            optim_wrapper = prepared_optim_wrapper(optim_wrapper)
        built = super().build_optim_wrapper(optim_wrapper)
        if isinstance(built, OptimWrapperDict):
            raise ConfigError(
                'optim_wrapper: one optimiser is expected, found an OptimWrapperDict of '
                f'{len(built.optim_wrappers)}: {", ".join(built.optim_wrappers)}'
            )
        return built

    def _build_param_scheduler(
        self, scheduler: _ParamScheduler | dict | list, optim_wrapper: OptimWrapper
    ) -> list[_ParamScheduler]:
        """Builds the schedules of a config, which count as the training does."""
        listed = isinstance(scheduler, (list, tuple))
        return [
            part
            if isinstance(part, _ParamScheduler)
            else build_scheduler(
                part,
                optim_wrapper,
                self.train_loop,
                not counts_epochs(self),
                f'param_scheduler[{i}]' if listed else 'param_scheduler',
                self.logger,
            )
            for i, part in enumerate(scheduler if listed else [scheduler])
        ]

    def build_log_processor(self, log_processor: LogProcessor | dict) -> LogProcessor:
        """Builds mmlite's log processor, which counts as the training does."""
        if not isinstance(log_processor, dict):
            return log_processor
        part = {'type': 'LogProcessor', **log_processor}
        return LOG_PROCESSORS.build(part, at='log_processor')

    def scale_lr(self, optim_wrapper: OptimWrapper, auto_scale_lr: dict | None = None) -> None:
        """Compares the batch with the one that the learning rate is meant for, and the rate."""
        batch_size = self.train_dataloader.batch_sampler.batch_size
        backbone = getattr(_unwrapped(self.model), 'backbone', None)
        if backbone is not None:
            size = self.total_batch_size * optim_wrapper._accumulative_counts
            warn_of_unusual(optim_wrapper, auto_scale_lr or {}, size, backbone, self.logger)
        fit_to_batch(optim_wrapper, auto_scale_lr or {}, batch_size, self.world_size, self.logger)

    def _maybe_compile(self, target: str) -> None:
        """Compiles parts of the detector where the config says so."""
        if self.cfg.get('compile'):
            compile_parts(_unwrapped(self.model), self.cfg.compile)
            self.logger.info('Backbone, neck and head are compiled; the first steps take longer')

    def build_visualizer(self, visualizer: Visualizer | dict | None = None) -> Visualizer:
        """Builds the visualizer of a config, one for each run.

        mmengine gives all runs of a process the one of that name, with the folder of the first.
        """
        if isinstance(visualizer, dict):
            visualizer = VISUALIZERS.check(visualizer, 'visualizer', ('name', 'save_dir'))
            visualizer['name'] = self._experiment_name
        return super().build_visualizer(visualizer)

    def get_hooks_info(self) -> str:
        """Names the hooks, first to last; mmengine lists each of them once for every stage."""
        return ', '.join(type(hook).__name__ for hook in self.hooks)

    def build_logger(self, *args, **kwargs) -> MMLogger:
        """Builds mmengine's logger, deaf to what mmengine's CheckpointHook says of mmengine."""
        logger = super().build_logger(*args, **kwargs)
        logger.addFilter(lambda record: not str(record.msg).startswith(_MMENGINE_ON_ITSELF))
        return logger

    def _log_env(self, env_cfg: dict) -> None:
        """Says in a line where this runs; everything else about it goes only to the log file."""
        device = torch.cuda.get_device_name() if torch.cuda.is_available() else 'CPU'
        self.logger.info(
            f'mmlite {__version__}, torch {torch.__version__}, {device} x {self.world_size}, '
            f'seed {self.seed}, work dir {self.work_dir}'
        )
        environment = '\n'.join(f'  {key}: {value}' for key, value in collect_env().items())
        self.log_to_file(f'Environment:\n{environment}\nConfig:\n{self.cfg.pretty_text}')
        for loop in STAGES:
            loader = getattr(self, f'_{loop}_dataloader')
            if isinstance(loader, dict):  # its data set spoke when there was no log file yet
                self.log_to_file(getattr(loader['dataset'], 'summary', ''))

    def log_to_file(self, text: str) -> None:
        """Writes what was printed when there was no log file yet, or is too long to print."""
        record = self.logger.makeRecord(self.logger.name, logging.INFO, '', 0, text, (), None)
        for handler in self.logger.handlers:
            if isinstance(handler, logging.FileHandler):
                handler.handle(record)

    def _init_model_weights(self) -> None:
        """Draws or fetches the first weights, unless a checkpoint brings all of them."""
        if self._resume:
            return
        model = _unwrapped(self.model)
        model.init_weights()
        # the tensors themselves: a head may hand out copies in its state_dict
        for tensor in [*model.parameters(), *model.buffers()]:
            broadcast(tensor.data)

    # ---- checkpoints ----------------------------------------------------------------------

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
        """Writes a checkpoint; all processes have to call this, the first of them writes.

        The keys are mmengine's: meta, state_dict, message_hub, optimizer, param_schedulers. One
        that can be resumed also has `process_states`: of each process the random state, and the
        gradients that the optimiser has not used yet; its `meta` has `optimizer_params`, the names
        of the optimiser's parameters. The arguments are mmengine's.

        Args:
            meta: the position of the run, from `position` of the training loop. Left out, the epoch
                (or iteration) that is just ending counts as done.
        """
        states = None
        if save_optimizer:
            own = process_state(_unwrapped(self.model), self.optim_wrapper)
            states = all_gather_object(own)
        if not is_main_process():
            return
        position = dict(epochs=1) if by_epoch else dict(iters=1)
        checkpoint = dict(
            meta={
                **self.train_loop.position(**position),
                'total_batch_size': self.total_batch_size,
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
            message_hub=plain_message_hub(self.message_hub.state_dict()),
        )
        if states is not None:
            checkpoint['process_states'] = states
            checkpoint['optimizer'] = self.optim_wrapper.state_dict()
            names = parameter_names(_unwrapped(self.model), self.optim_wrapper.optimizer)
            checkpoint['meta']['optimizer_params'] = names
        if save_param_scheduler and self.param_schedulers is not None:
            checkpoint['param_schedulers'] = [schedule_state(s) for s in self.param_schedulers]
        self.call_hook('before_save_checkpoint', checkpoint=checkpoint)
        write_checkpoint(checkpoint, Path(out_dir) / filename)

    @property
    def total_batch_size(self) -> int:
        """Images in a training batch, of all processes together."""
        return self.world_size * self.train_dataloader.batch_sampler.batch_size

    def resume(self, filename: str) -> None:
        """Puts everything into the state that a checkpoint holds; `train` calls this.

        What the config says otherwise than that of the checkpoint is said, and counts.
        """
        checkpoint = self.load_checkpoint(filename)
        changes = changes_since(checkpoint['meta'], self.cfg, filename)
        self._at_end = resume_training(self, checkpoint, filename, changes)
        states = checkpoint.get('process_states', [])
        if self.rank < len(states) and not concern(changes or [], 'randomness.seed'):
            self._own_state = states[self.rank]
        self.resumed_from = Path(filename)
        self.logger.info(
            f'resumed epoch: {self.epoch}, iter: {self.iter}, '
            f'batches of the epoch that are done: {self.train_loop.done_in_epoch}'
        )

    def restore_random_state(self) -> None:
        """Draws go on where the resumed run had stopped; the loop calls this before its first."""
        if self._own_state is not None:
            set_random_state(self._own_state['random'])
            self._own_state = None

    def load_checkpoint(
        self,
        filename: str,
        map_location: str = 'cpu',
        strict: bool = False,
        revise_keys: list | None = None,
    ) -> dict:
        """Loads the weights and returns the checkpoint; `resume` calls this too.

        Hooks see it before, with weights of the names and channels that the model has.
        """
        checkpoint, self._resumed = self._resumed, None  # its memory is needed only once
        if checkpoint is None:
            checkpoint = read_checkpoint(filename, self._trust_checkpoint)
        if self._resume:
            check_can_be_resumed(checkpoint, filename)
        model = _unwrapped(self.model)
        own, layout = in_own_layout(model, checkpoint, filename, self._checkpoint_layout)
        is_known = bool(own['state_dict'].keys() & model.state_dict().keys())
        if is_known:
            checkpoint = own
        if self._resume and not any(isinstance(hook, EMAHook) for hook in self.hooks):
            put_training_weights_back(checkpoint, self.logger)
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        if not is_known:  # a hook may have given the weights the model's names
            checkpoint, layout = in_own_layout(model, checkpoint, filename, self._checkpoint_layout)
        testing = isinstance(self._test_loop, mmengine.runner.BaseLoop)
        min_share = 1.0 if testing or self._resume else FINE_TUNING_SHARE
        if self._allow_partial:
            min_share = 0
        report = load_own_weights(model, checkpoint, filename, layout, strict, min_share)
        self.logger.info(str(report))
        if testing:
            check_checkpoint_classes(
                checkpoint, self.test_dataloader.dataset.metainfo['classes'], filename
            )
        elif not self._resume and isinstance(self._train_loop, mmengine.runner.BaseLoop):
            warn_of_class_order(checkpoint, self.train_dataloader.dataset, filename, self.logger)
        if 'message_hub' in checkpoint:
            checkpoint['message_hub'] = message_hub_state(checkpoint['message_hub'])
        self._has_loaded = True
        return checkpoint


def _with_ground_truth(loop: mmengine.runner.BaseLoop) -> mmengine.runner.BaseLoop:
    """Hands the data set to the metrics: ground truth never goes through the transforms."""
    for metric in loop.evaluator.metrics:
        if hasattr(metric, 'set_dataset'):
            metric.set_dataset(loop.dataloader.dataset)
    return loop


def _unwrapped(model: nn.Module) -> nn.Module:
    return model.module if is_model_wrapper(model) else model
