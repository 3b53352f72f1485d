"""The same as `model_info --parts`, under the name that mmdet's users know."""

from __future__ import annotations

from collections.abc import Sequence

from mmlite.cli.common import run, verb_parser
from mmlite.cli.model_info import add_model_arguments, info
from mmlite.cli.parser import VerbParser


def build_parser() -> VerbParser:
    parser = verb_parser('get_flops', __doc__, 'configs/ssd/ssd300_voc.py')
    add_model_arguments(parser)
    parser.set_defaults(parts=True)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), info, argv)
