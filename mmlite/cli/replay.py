"""Repeats the training step of a black box: where is the first NaN or infinity?"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmlite.cli.common import add_flags, load_config_of, run, verb_parser
from mmlite.cli.parser import VerbParser
from mmlite.errors import ConfigError, RunError
from mmlite.registry.plugins import import_plugins

if TYPE_CHECKING:  # mmengine's and torch's parts take seconds to import
    from mmengine.config import Config

    from mmlite.engine.black_box.replay import Repeated, State


class NotReproducedError(RunError):
    """The step gave something else than in the training."""


def build_parser() -> VerbParser:
    parser = verb_parser('replay', __doc__, 'work_dirs/ssd_demo/black_box/iter_120')
    add = parser.add_argument
    add('folder', metavar='DIR', type=Path, help='the black box, named by the error of a training')
    add = parser.group('running')
    add('--device', help="'cpu', 'cuda', 'cuda:1' (where the training ran, if that is here)")
    add_flags(parser, '--plugin', '--safe-config')
    add = parser.group('running')
    add(
        '--without-random-state',
        action='store_true',
        help='do not restore the random state: does the step depend on it?',
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), replay, argv)


def replay(args: argparse.Namespace) -> None:
    """Prints what is not finite, then and now; the last line says whether it is the same."""
    from mmlite.engine.black_box.replay import differences, inexact_because, read_black_box, repeat
    from mmlite.models import build_detector

    state = read_black_box(args.folder)
    device = _device(args.device, state['device'])
    import_plugins(args.plugin)
    detector = build_detector(_config(args.folder, args.safe_config).model)
    repeated = repeat(detector, state, device, restore=not args.without_random_state)
    _print(args.folder, state, repeated, device)
    reasons = inexact_because(state, device)
    found = differences(state, repeated, exact=not reasons)
    how = f'; not compared bit for bit: {"; ".join(reasons)}' if reasons else ', bit for bit'
    if found:
        raise NotReproducedError(f'not reproduced: {"; ".join(found)}{_hint(state)}')
    print(f'reproduced: {_what(state, repeated)}{how}')


def _config(folder: Path, safe: bool) -> Config:
    from mmlite.engine.black_box.box import CONFIG

    path = folder / CONFIG
    cfg = load_config_of(path, safe)
    if not cfg.get('model'):
        raise ConfigError(f'config {path}: it has no model')
    return cfg


def _device(asked: str | None, recorded: str) -> str:
    """Returns the name of a device that is there: that asked for, or the training's or a CPU."""
    from mmlite.parallel.data_parallel import choose_devices
    from mmlite.support.devices import find_device

    if asked is None:
        return str(choose_devices([recorded])[0])
    return str(find_device(asked))


def _print(folder: Path, state: State, repeated: Repeated, device: str) -> None:
    from mmlite.engine.black_box.layer_stats import stats_table
    from mmlite.engine.black_box.report import first_layers

    print(
        f'{folder}: epoch {state["epoch"]}, iteration {state["iteration"]}, seed {state["seed"]}, '
        f'process {state["rank"]} of {state["world_size"]}, {state["device"]}; now {device}'
    )
    print(stats_table(repeated.layers))
    print('\n'.join(first_layers(repeated.layers)))
    wrong = [name for name, finite in repeated.gradients.items() if not finite]
    print(
        f'gradients not finite: {len(wrong)} of {len(repeated.gradients)}'
        + (f', in the backward pass {wrong[0]} is the first' if wrong else '')
    )
    for name in {**state['losses'], **repeated.losses}:
        then, now = state['losses'].get(name), repeated.losses.get(name)
        print(f'{name}: recorded {then!r}, now {now!r}')


def _what(state: State, repeated: Repeated) -> str:
    import math

    losses = [f'{n} = {v:g}' for n, v in repeated.losses.items() if not math.isfinite(v)]
    if losses:
        return ', '.join(losses)
    wrong = [name for name, finite in repeated.gradients.items() if not finite]
    if wrong:
        return f'the losses are finite, {len(wrong)} gradients are not'
    return f'boxes not finite: {", ".join(state["nonfinite_boxes"])}'


def _hint(state: State) -> str:
    if state['world_size'] > 1 and state['nonfinite_grads']:
        return '. Gradients are averaged over processes: try the boxes of the others'
    return (
        '. The step depends on something other than weights, batch, random state and config: on '
        'code that has changed, or on what a part counts by itself'
    )
