"""Follows one batch from the file to the metric: what happens, by which code."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
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

if TYPE_CHECKING:
    from torch import nn

    from mmlite.tools.explain.origins import Origins


def build_parser() -> VerbParser:
    parser = config_parser(
        'explain',
        __doc__,
        'configs/ssd/ssd_demo.py --html explain.html',
        'configs/ssd/ssd_demo.py --key model.bbox_head.num_classes',
    )
    add_checkpoint_arguments(parser)
    add = parser.group('model and weights')
    add('--checkpoint', metavar='FILE', help='weights (drawn if left out; nothing is downloaded)')
    add = parser.group('output')
    add('--html', metavar='FILE', type=Path, help='one page with the pictures of each step too')
    add(
        '--key',
        nargs='+',
        action='extend',
        metavar='KEY',
        help='say instead where these config keys come from, e.g. model.bbox_head.num_classes',
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), explain, argv)


def explain(args: argparse.Namespace) -> None:
    """Prints every hop, or where the keys asked for come from."""
    cfg = config_from(args)

    from mmlite.tools.explain.origins import Origins

    origins = Origins(args, config_from)
    if args.key:
        for key in args.key:
            print(_origin_text(origins, key))
        _print_unread(origins.without_flags)
        return

    from mmlite.tools.explain.follow import follow
    from mmlite.tools.explain.show import as_page, as_text

    train_from_scratch(cfg)
    weights = dict(load_weights=_loader(args)) if args.checkpoint else {}
    hops = follow(cfg, origins, **weights)
    for hop in hops:
        print(as_text(hop))
    if args.html:
        args.html.parent.mkdir(parents=True, exist_ok=True)
        args.html.write_text(as_page(f'explain {args.config}', hops), encoding='utf-8')
        print(f'written: {args.html}')


def _loader(args: argparse.Namespace) -> Callable[[nn.Module], object]:
    from mmlite.checkpoints.loading import load_checkpoint

    return partial(
        load_checkpoint,
        path=args.checkpoint,
        trusted=args.trust_checkpoint,
        layout=args.checkpoint_layout,
        min_share=0 if args.allow_partial else 1,
    )


def _origin_text(origins: Origins, key: str) -> str:
    from mmlite.config.text import text_of

    if not origins.has(key):
        gone = [f'    {s.where}: {s.text}  gone' for s in origins.settings(key)]
        return '\n'.join([f'{key} is not set: {origins.default(key)}', *gone])
    lines = []
    for leaf in origins.leaves(key):
        lines.append(f'{leaf} = {text_of(origins.value(leaf))}')
        settings = origins.settings(leaf)
        for setting in settings:
            fate = 'in effect' if setting is settings[-1] else 'overridden'
            lines.append(f'    {setting.where}: {setting.text}  {fate}')
        if not settings:
            lines.append('    set by code of the config, which is not followed')
        reader = origins.reader(leaf)
        lines += [f'    read by {reader}'] if reader else []
    return '\n'.join(lines)


def _print_unread(cfg: dict) -> None:
    from mmlite.tools.explain.unread import unread_keys

    print('\nkeys that nothing reads (what a class does with an argument is not seen):')
    for key, why in unread_keys(cfg) or [('none', '')]:
        print(f'    {key}  {why}')
