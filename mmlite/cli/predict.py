"""Detects objects in images, videos and camera streams; writes them to files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from mmlite.cli.common import (
    add_checkpoint_arguments,
    add_flags,
    load_config_of,
    run,
    score,
    verb_parser,
)
from mmlite.cli.parser import VerbParser
from mmlite.errors import ConfigError
from mmlite.registry.plugins import import_plugins

if TYPE_CHECKING:
    import numpy as np

    from mmlite.inference import Detections, Frame

_OF_CHECKPOINTS = (
    'config',
    'device',
    'cfg_options',
    'safe_config',
    'allow_partial',
    'trust_checkpoint',
    'checkpoint_layout',
)
# of mmlite.inference
KINDS = ('pictures', 'video', 'json', 'csv', 'coco', 'voc', 'yolo', 'yolo_conf', 'labelme')
COORDINATES = ('devkit', 'zero_based', 'inclusive')  # of mmlite.datasets.voc_corners

_SAVED = ('pictures', 'video', 'json')  # without --save


def build_parser() -> VerbParser:
    parser = verb_parser('predict', __doc__, 'work_dirs/ssd_demo/epoch_14.pth photos/ video.mp4 0')
    add = parser.add_argument
    add(
        'checkpoint',
        metavar='CHECKPOINT',
        help='a checkpoint, which holds its config; or a file of export_onnx',
    )
    add(
        'inputs',
        nargs='+',
        metavar='INPUT',
        help="images, videos, folders, patterns ('a/*.jpg') or numbers of cameras",
    )
    add = parser.group('model and weights')
    add('--config', help="a config in place of the checkpoint's own")
    add = parser.group('output')
    add('--out', metavar='DIR', default='work_dirs/predict', help='where files are written')
    add(
        '--save',
        nargs='+',
        action='extend',
        choices=KINDS,
        help='pictures of images, videos of videos, detections.json, detections.csv, or a data set '
        'in the form of COCO, VOC, YOLO (without and with confidence) or labelme: see '
        'docs/formats.md (pictures video json)',
    )
    add(
        '--coordinates',
        choices=COORDINATES,
        default='inclusive',
        help='what the corners of --save voc count by, as of VOCDataset (inclusive)',
    )
    add('--score-thr', type=score, default=0.3, metavar='SCORE', help='lowest score written (0.3)')
    add = parser.group('running')
    add('--batch-size', type=int, default=4, metavar='N', help='images at a time (4)')
    add('--device', help='cpu, cuda or cuda:N (a GPU where there is one)')
    add('--max-frames', type=int, metavar='N', help='of each video or camera, no more than these')
    add = parser.group('data')
    add('--skip-bad-images', action='store_true', help='leave bad images out, and say so')
    add_flags(parser, '--cfg-options', '--plugin', '--safe-config')
    add_checkpoint_arguments(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), predict, argv)


def predict(args: argparse.Namespace) -> None:
    """Detects, writes, and prints how many were found; Ctrl-C ends a camera."""
    if args.batch_size < 1:
        raise ConfigError(f'--batch-size: at least 1 is expected, found {args.batch_size}')
    import_plugins(args.plugin)

    from mmlite.inference import count_frames, read_frames, write_detections
    from mmlite.support.progress import progress

    bad: list[str] | None = [] if args.skip_bad_images else None
    frames = read_frames(args.inputs, args.max_frames, bad)
    detect, classes = _detector(args)
    count = found = 0
    stopped: KeyboardInterrupt | None = None
    detected = _detected(frames, detect, args.batch_size)
    with write_detections(args.out, args.save or _SAVED, classes, args.coordinates) as write:
        try:
            for frame, det in progress(detected, 'detecting, images', count_frames(args.inputs)):
                kept = det.above(args.score_thr)
                write(frame, kept)
                count, found = count + 1, found + len(kept)
        except KeyboardInterrupt as error:
            stopped = error
    for reason in bad or ():
        print(f'left out: {reason}', file=sys.stderr)
    print(f'{found} detections in {count} images: {args.out}')
    if stopped is not None and not any(text.isdecimal() for text in args.inputs):
        raise stopped  # a camera has no other end


def _detected(
    frames: Iterator[Frame],
    detect: Callable[[list[np.ndarray]], list[Detections]],
    batch_size: int,
) -> Iterable[tuple[Frame, Detections]]:
    while batch := list(islice(frames, batch_size)):
        yield from zip(batch, detect([frame.img for frame in batch]), strict=True)


def _detector(
    args: argparse.Namespace,
) -> tuple[Callable[[list[np.ndarray]], list[Detections]], tuple[str, ...]]:
    """Returns what detects in a list of images, and the class names."""
    if Path(args.checkpoint).suffix == '.onnx':
        _refuse_flags_of_checkpoints(args)
        from mmlite.tools.export.onnx_detector import OnnxDetector

        exported = OnnxDetector(args.checkpoint)
        return exported, exported.classes

    import torch

    from mmlite.inference.apis import inference_detector, init_detector
    from mmlite.support.allocator import keep_feature_maps
    from mmlite.support.devices import find_device

    device = find_device(args.device or ('cuda' if torch.cuda.is_available() else 'cpu'))
    if device.type == 'cpu':
        keep_feature_maps()
    model = init_detector(
        load_config_of(args.config, args.safe_config) if args.config else None,
        args.checkpoint,
        device,
        args.allow_partial,
        args.trust_checkpoint,
        args.checkpoint_layout,
        args.cfg_options,
    )
    return lambda imgs: inference_detector(model, imgs), model.classes


def _refuse_flags_of_checkpoints(args: argparse.Namespace) -> None:
    """An exported file has its config in it and runs on the CPU."""
    for flag in _OF_CHECKPOINTS:
        if getattr(args, flag) and (flag, args.device) != ('device', 'cpu'):
            raise ConfigError(
                f'--{flag.replace("_", "-")} is for checkpoints, and {args.checkpoint} is an '
                'exported file: its config is part of it, and it runs on the CPU'
            )
