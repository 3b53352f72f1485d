"""Evaluates a file of results, as `test.py --out` writes it, without a model."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from mmlite.cli.common import add_common_arguments, config_from, run
from mmlite.cli.test import show_metrics

EXAMPLE = 'example: python tools/eval_results.py configs/ssd/ssd300_voc.py results.pkl'


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='eval_results', description=__doc__, epilog=EXAMPLE)
    add_common_arguments(parser)
    parser.add_argument('results', help='a .pkl of (n_imgs)(n_class)(k,5)')
    parser.add_argument('--out-json', metavar='FILE', help='write all metrics')
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), evaluate, argv)


def evaluate(args: argparse.Namespace) -> None:
    """Evaluates on the test set of the config; the last line printed holds the headline metric."""
    cfg = config_from(args)

    from mmlite.datasets import build_dataset
    from mmlite.evaluation import build_metrics, evaluate_results, load_results

    dataset = build_dataset(cfg.test_dataloader.dataset, at='test_dataloader.dataset')
    metrics = build_metrics(cfg.test_evaluator, at='test_evaluator')
    results = load_results(args.results, len(dataset), len(dataset.classes))
    show_metrics(evaluate_results(results, dataset, metrics), args.out_json)
