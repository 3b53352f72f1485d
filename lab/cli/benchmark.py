"""Measures alternately, in one run: mmlite, a peer, and the work that both must do."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from pathlib import Path

from mmlite.cli.common import run, verb_parser
from mmlite.cli.parser import VerbParser

MODELS = ('ssd300', 'retinanet', 'fcos')  # torchvision has them too
OWN_MODELS = ('rtmdet_tiny', 'yolox_tiny')


def build_parser() -> VerbParser:
    parser = verb_parser('benchmark', __doc__, 'step --model ssd300 --rounds 7')
    verbs = parser.add_subparsers(dest='verb', required=True, metavar='VERB')
    for name, add_arguments in _VERBS.items():
        verb = verbs.add_parser(name, help=add_arguments.__doc__, description=add_arguments.__doc__)
        add_arguments(verb)
        verb.add_argument('--out', type=Path, metavar='FILE', help='write all of it as JSON too')
        verb.add_argument(
            '--traceback',
            action='store_true',
            default=argparse.SUPPRESS,  # the flag may come before the verb too
            help='show the traceback of a mistake too',
        )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), benchmark, argv)


def benchmark(args: argparse.Namespace) -> None:
    """Runs one verb: its module's `measure` takes the verb's own arguments by name."""
    given = dict(vars(args))
    verb, out = given.pop('verb'), given.pop('out')
    given.pop('traceback')
    if 'device' in given:
        from mmlite.support.devices import find_device

        given['device'] = str(find_device(given['device']))
    report = importlib.import_module(f'lab.benchmark.{verb}').measure(**given)
    print(report.text())
    if out is not None:
        report.save(out)


def _step(parser: argparse.ArgumentParser) -> None:
    """One training step: forward, losses, backward, SGD."""
    _add_model_arguments(parser, rounds=7, models=MODELS + OWN_MODELS)
    parser.add_argument('--threads', type=int, help='threads of torch on the CPU')


def _infer(parser: argparse.ArgumentParser) -> None:
    """Detections of one batch, NMS included."""
    _add_model_arguments(parser, rounds=15, models=MODELS + OWN_MODELS)
    parser.add_argument('--threads', type=int, help='threads of torch on the CPU')


def _eval(parser: argparse.ArgumentParser) -> None:
    """VOC's mAP and COCO's figures, from results in memory."""
    add = parser.add_argument
    add('--images', type=int, default=4952, help='4952, as many as VOC2007 tests on')
    add('--peer', type=Path, metavar='PATH', help="mmdet's wheel, or the folder of its files")
    add('--rounds', type=int, default=5, help='timed runs of each (5)')


def _add_model_arguments(
    parser: argparse.ArgumentParser, rounds: int, models: Sequence[str] = MODELS
) -> None:
    _add_models(parser, models)
    add = parser.add_argument
    add('--device', default='cpu', help="'cpu' or 'cuda'")
    add('--rounds', type=int, default=rounds, help=f'runs of each ({rounds})')


def _add_models(parser: argparse.ArgumentParser, models: Sequence[str] = MODELS) -> None:
    parser.add_argument(
        '--model',
        nargs='*',
        dest='models',
        choices=models,
        default=list(models),
        help='all of them if left out',
    )


def _startup(parser: argparse.ArgumentParser) -> None:
    """The start of a training, to its first iteration."""
    add = parser.add_argument
    add('--config', help='what is trained (configs/ssd/ssd_demo.py)')
    add('--images', type=int, default=120_000, help='in a made-up COCO file (120000)')
    add('--rounds', type=int, default=5, help='processes for each figure (5)')


def _memory(parser: argparse.ArgumentParser) -> None:
    """The peak of a training step, and what workers that load data take."""
    _add_model_arguments(parser, rounds=3)
    add = parser.add_argument
    add('--images', type=int, default=120_000, help='in a made-up COCO file (120000)')
    add('--workers', type=int, default=2, help='processes that load (2)')


def _malloc(parser: argparse.ArgumentParser) -> None:
    """Freed memory that is kept, or given back, on a CPU."""
    _add_models(parser)
    parser.add_argument('--rounds', type=int, default=5, help='processes for each figure (5)')
    parser.add_argument('--threads', type=int, help='threads of torch')


def _pipeline(parser: argparse.ArgumentParser) -> None:
    """Loading and augmentation in one process."""
    add = parser.add_argument
    add('--data-root', type=Path, metavar='DIR', help="real pictures in VOC's layout")
    add('--images', type=int, default=100, help='how many each goes through in a round (100)')
    add('--rounds', type=int, default=9, help='timed rounds of each (9)')


def _scale(parser: argparse.ArgumentParser) -> None:
    """A step of one process and of two, and a model of 1 to 256."""
    add = parser.add_argument
    add('--model', choices=MODELS, default='ssd300', help='(ssd300)')
    add('--rounds', type=int, default=4, help='timed steps in a turn (4)')
    add('--repeats', type=int, default=3, help='turns (3)')
    add('--bandwidth', type=float, metavar='GB/S', help="of the model's link; measured here")
    add('--latency', type=float, metavar='US', help="of the model's link; measured here")
    add(
        '--compute',
        nargs=3,
        type=float,
        metavar=('FORWARD', 'BACKWARD', 'UPDATE'),
        help="seconds of a GPU's step for the model; measured on one thread here",
    )


_VERBS = {
    'step': _step,
    'infer': _infer,
    'startup': _startup,
    'memory': _memory,
    'malloc': _malloc,
    'eval': _eval,
    'pipeline': _pipeline,
    'scale': _scale,
}
