"""Tests a checkpoint: mAP, results to a file, pictures of the detections."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from mmlite.cli.common import add_common_arguments, config_from, run, train_from_scratch

EXAMPLE = (
    'example: python tools/test.py configs/ssd/ssd300_voc.py work_dirs/ssd300_voc/epoch_24.pth'
)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='test', description=__doc__, epilog=EXAMPLE)
    add_common_arguments(parser)
    add = parser.add_argument
    add('checkpoint', help='a file, or "last" for the last one of the work dir')
    add('--out', metavar='X.pkl', help='write the detections: (n_imgs)(n_class)(k,5)')
    add('--out-json', metavar='FILE', help='write all metrics')
    add('--eval', nargs='+', metavar='METRIC', help='mAP; the metrics are those of the config')
    add('--show-dir', metavar='DIR', help='write pictures of the detections and the ground truth')
    add('--show-score-thr', type=float, default=0.3, help='lowest score in the pictures (0.3)')
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), test, argv)


def test(args: argparse.Namespace) -> None:
    """Tests as the parsed command line says; the last line printed holds the headline metric."""
    cfg = config_from(args)
