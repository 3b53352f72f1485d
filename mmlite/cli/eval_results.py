"""The same as `test --results`: evaluates a file of results without a model."""

from __future__ import annotations

from collections.abc import Sequence

from mmlite.cli.common import config_parser, run
from mmlite.cli.parser import VerbParser
from mmlite.cli.test import add_output_arguments, evaluate


def build_parser() -> VerbParser:
    parser = config_parser('eval_results', __doc__, 'configs/ssd/ssd300_voc.py results.pkl')
    parser.add_argument('results', metavar='X.pkl', help='a .pkl of (n_imgs)(n_class)(k,5)')
    add_output_arguments(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), evaluate, argv)
