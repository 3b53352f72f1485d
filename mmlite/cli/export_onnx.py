"""Exports a detector to an ONNX file, and compares both on the test images."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmlite.cli.common import (
    add_checkpoint_arguments,
    config_from,
    config_parser,
    run,
    train_from_scratch,
)
from mmlite.cli.parser import VerbParser
from mmlite.errors import ConfigError, RunError
from mmlite.support.files import make_folder
from mmlite.support.words import counted

if TYPE_CHECKING:
    from mmengine.config import Config
    from torch import nn


class UnequalDetectionsError(RunError):
    """The exported file detects something else than the model."""


def build_parser() -> VerbParser:
    parser = config_parser(
        'export_onnx',
        __doc__,
        'configs/ssd/ssd_demo.py work_dirs/ssd_demo/epoch_14.pth --out ssd.onnx --dynamic-batch',
    )
    add_checkpoint_arguments(parser)
    add = parser.add_argument
    add('checkpoint', metavar='CHECKPOINT', help='a checkpoint file')
    add = parser.group('output')
    add('--out', metavar='X.onnx', help='the file (CHECKPOINT with the ending .onnx)')
    add('--size', nargs=2, type=int, metavar=('W', 'H'), help="input (the test pipeline's)")
    batch = parser.group_of('output').add_mutually_exclusive_group()
    batch.add_argument(
        '--batch-size', type=int, default=1, metavar='N', help='images in each call (1)'
    )
    batch.add_argument('--dynamic-batch', action='store_true', help='any number of images')
    add('--no-nms', action='store_true', help='end with the boxes and scores of all priors')
    add(
        '--opset',
        type=int,
        metavar='N',
        help="version of ONNX's operators (18, and 19 with deformable convolutions)",
    )
    add = parser.group('running')
    add('--verify', metavar='X.onnx', help='compare this file; nothing is exported')
    add('--images', type=int, metavar='N', help='compare on the first N of the test set (all)')
    add(
        '--tolerance',
        type=float,
        default=1e-3,
        metavar='X',
        help='difference of scores allowed (0.001); of boxes, ten times as many pixels',
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), export, argv)


def export(args: argparse.Namespace) -> None:
    """Exports where asked, and prints the differences; the last line holds the largest ones."""
    if args.batch_size < 1:
        raise ConfigError('--batch-size is 1 or above')
    cfg = config_from(args)
    train_from_scratch(cfg)  # all weights come from the checkpoint
    path = Path(args.verify or args.out or Path(args.checkpoint).with_suffix('.onnx'))

    from mmlite.inference.apis import load_detector
    from mmlite.tools.export.onnx_file import export_onnx
    from mmlite.tools.export.preprocessing import preprocessing_of

    detector = load_detector(
        cfg, args.checkpoint, args.allow_partial, args.trust_checkpoint, args.checkpoint_layout
    )
    if not args.verify:
        size = tuple(args.size) if args.size else None
        batch_size = None if args.dynamic_batch else args.batch_size
        preprocessing = preprocessing_of(cfg, size)
        make_folder(path.parent)
        export_onnx(detector, preprocessing, path, batch_size, not args.no_nms, args.opset)
        width, height = preprocessing.size
        print(f'{path}: {path.stat().st_size / 1e6:.1f} MB, input {width}x{height}')
        if preprocessing.keep_ratio and size is None:
            print(
                'Pictures are padded to that size; tools/test.py pads less, and its figures may be '
                'better. Where all pictures have one shape, --size W H of it gives them'
            )
    _verify(args, cfg, detector, path)


def _verify(args: argparse.Namespace, cfg: Config, detector: nn.Module, path: Path) -> None:
    from mmlite.datasets import build_dataset
    from mmlite.evaluation import build_metrics
    from mmlite.tools.export.onnx_detector import OnnxDetector
    from mmlite.tools.export.verify import verify

    exported = OnnxDetector(path)
    data = dict(detector.cfg.test_dataloader.dataset)
    if args.images is not None:
        data['indices'] = args.images
    dataset = build_dataset(data, at='test_dataloader.dataset')
    metrics = build_metrics(cfg.test_evaluator, at='test_evaluator')
    found = verify(exported, detector, dataset, metrics)
    print(f'{counted(found.images, "image")}, {counted(found.detections, "detection")}')
    best = f'the best scores {found.best_unmatched:.4f}'
    print(f'found by only one of the two: {found.unmatched}, {best}')
    for name, (ours, theirs) in found.metrics.items():
        print(f'{name}: {ours:.4f} in PyTorch, {theirs:.4f} in onnxruntime')
    print(
        f'largest difference: box {found.bbox_difference:.1e} px, score '
        f'{found.score_difference:.1e}, metric {found.metric_difference:.1e}'
    )
    if found.detections == 0:
        raise UnequalDetectionsError('nothing was detected: that compares nothing')
    # a tenth: float32 holds a thousand pixels only to 1e-4
    largest = max(found.bbox_difference / 10, found.score_difference)
    if largest > args.tolerance or found.unmatched:
        raise UnequalDetectionsError(
            f'{path} detects something else than {args.checkpoint}: scores to {args.tolerance} and '
            f'boxes to {10 * args.tolerance} px are expected to be the same'
        )
