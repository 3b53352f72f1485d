"""Trains a detector."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from mmengine.config import Config

from mmlite.cli.common import (
    add_checkpoint_arguments,
    add_length_flags,
    config_from,
    config_parser,
    run,
    starts_from_weights,
    train_from_scratch,
)
from mmlite.cli.parser import VerbParser
from mmlite.errors import ConfigError


def build_parser() -> VerbParser:
    parser = config_parser(
        'train', __doc__, 'configs/ssd/ssd300_voc.py --data-root ~/data/VOCdevkit'
    )
    add_length_flags(parser)
    add = parser.group('model and weights')
    add(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from this checkpoint, or from the last one of the work dir',
    )
    add('--resume-from', dest='resume', metavar='CHECKPOINT', help='--resume, as 2.x spells it')
    add('--auto-resume', dest='resume', action='store_const', const='auto', help='bare --resume')
    add('--from-scratch', action='store_true', help='do without pretrained weights')
    add_checkpoint_arguments(parser)
    add = parser.group('running')
    add('--amp', action='store_true', help='mixed precision: bfloat16, on older GPUs float16')
    add('--auto-scale-lr', action='store_true', help='scale the learning rate to the batch size')
    add('--no-validate', action='store_true', help='train only')
    add('--seed', type=int, metavar='N', help='of everything that is drawn')
    add(
        '--deterministic',
        action='store_true',
        help='equal runs bit for bit; on a GPU, operations that cannot be are named',
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), train, argv)


def train(args: argparse.Namespace) -> None:
    """Trains as the parsed command line says."""
    cfg = config_from(args)
    apply_training_flags(cfg, args)
    from mmlite.engine.build import build_runner

    build_runner(
        cfg,
        'train',
        allow_partial=args.allow_partial,
        trust_checkpoint=args.trust_checkpoint,
        checkpoint_layout=args.checkpoint_layout,
    ).train()


def apply_training_flags(cfg: Config, args: argparse.Namespace) -> None:
    """Applies the flags that only training has."""
    if args.resume:
        cfg.resume = True
        cfg.load_from = None if args.resume == 'auto' else args.resume
    if args.demo_data and not args.from_scratch and starts_from_weights(cfg):
        print('--demo-data: the weights are drawn, not fetched (as with --from-scratch)')
    if args.from_scratch or args.demo_data or cfg.get('load_from'):
        train_from_scratch(cfg)
    if args.amp:
        _use_amp(cfg)
    if args.auto_scale_lr:
        if 'base_batch_size' not in (cfg.get('auto_scale_lr') or {}):
            raise ConfigError('--auto-scale-lr: the config has no auto_scale_lr.base_batch_size')
        cfg.auto_scale_lr.enable = True
    if args.no_validate:
        cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None
    if args.deterministic:  # cuBLAS reads this when the GPU is first used
        os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')
    if args.seed is not None or args.deterministic:
        randomness = dict(cfg.get('randomness') or {}, deterministic=args.deterministic)
        if args.seed is not None:
            randomness['seed'] = args.seed
        cfg.randomness = randomness


def _use_amp(cfg: Config) -> None:
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
