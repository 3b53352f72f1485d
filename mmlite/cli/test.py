"""Tests a checkpoint, or a file of results: metrics, pictures of the detections."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmlite.cli.common import (
    add_checkpoint_arguments,
    config_from,
    config_parser,
    run,
    score,
    train_from_scratch,
)
from mmlite.cli.parser import VerbParser
from mmlite.errors import ConfigError, did_you_mean
from mmlite.support.files import make_folder, write_text

if TYPE_CHECKING:
    import numpy as np
    from mmengine.evaluator import BaseMetric
    from torch.utils.data import Dataset


# what only a model in use needs
_OF_MODELS = ('tta', 'amp', 'out', 'allow_partial', 'trust_checkpoint', 'checkpoint_layout')


class _InPlaceOf(argparse.Action):
    """A flag that makes a positional argument needless.

    `nargs='?'` would not do: Python 3.11 then refuses `CONFIG --work-dir DIR CHECKPOINT`.
    """

    def __init__(self, *names: Any, argument: argparse.Action, **kwargs: Any) -> None:
        super().__init__(*names, **kwargs)
        self.argument = argument

    def __call__(self, parser: Any, namespace: argparse.Namespace, value: Any, *_: Any) -> None:
        setattr(namespace, self.dest, value)
        self.argument.required = False


def build_parser() -> VerbParser:
    parser = config_parser(
        'test',
        __doc__,
        'configs/ssd/ssd300_voc.py epoch_24.pth --show-dir shown',
        'configs/ssd/ssd300_voc.py --results results.pkl',
    )
    add_checkpoint_arguments(parser)
    add = parser.add_argument
    checkpoint = add(
        'checkpoint', metavar='CHECKPOINT', help='a checkpoint file; left out with --results'
    )
    add = parser.group('model and weights')
    add(
        '--results',
        action=_InPlaceOf,
        argument=checkpoint,
        metavar='X.pkl',
        help='evaluate the detections that --out wrote; no model is built',
    )
    add = parser.group('output')
    add('--out', metavar='X.pkl', help='write the detections: (n_imgs)(n_class)(k,5)')
    add = parser.group('running')
    add(
        '--eval',
        nargs='+',
        action='extend',
        metavar='METRIC',
        help='mAP; as in 2.x, the config names the metric',
    )
    add(
        '--tta', action='store_true', help="test mirrored too, or as the config's tta_pipeline says"
    )
    add('--amp', action='store_true', help='in half precision: bfloat16, on older GPUs float16')
    add_output_arguments(parser)
    return parser


def add_output_arguments(parser: VerbParser) -> None:
    """Adds the flags of what is made from detections, whether a model or a file gives them."""
    add = parser.group('output')
    add('--out-json', metavar='FILE', help='write all metrics')
    add('--show-dir', metavar='DIR', help='write pictures of detections and ground truth')
    add('--show', action='store_true', help='show these pictures in a window, a key for the next')
    add(
        '--show-score-thr',
        type=score,
        default=0.3,
        metavar='SCORE',
        help='lowest score in the pictures (0.3)',
    )


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), test, argv)


def test(args: argparse.Namespace) -> None:
    """Tests as the parsed command line says; the last line printed holds the headline metric."""
    check_eval_names(args.eval or ())
    if args.results:
        _refuse_flags_of_models(args)
        evaluate(args)
    else:
        _test_checkpoint(args)


def _test_checkpoint(args: argparse.Namespace) -> None:
    cfg = config_from(args)
    train_from_scratch(cfg)  # all weights come from the checkpoint
    cfg.load_from = args.checkpoint
    if args.amp:
        cfg.test_cfg.fp16 = True  # the name of any half precision in mmengine's loops

    from mmlite.engine.build import build_runner
    from mmlite.evaluation import KeptResults, save_results
    from mmlite.evaluation.results import check_results_path

    if args.out:
        make_folder(check_results_path(args.out).parent)
    _check_output(args)
    kept = KeptResults()
    runner = build_runner(
        cfg,
        'test',
        [kept],
        args.allow_partial,
        args.trust_checkpoint,
        args.checkpoint_layout,
        tta=args.tta,
    )
    metrics = runner.test()
    if kept.kept is not None:  # rank 0 of a distributed run
        if args.out:
            save_results(kept.kept, args.out)
        evaluator = runner.test_loop.evaluator
        _output(metrics, evaluator.metrics, kept.kept, kept.dataset, args)


def evaluate(args: argparse.Namespace) -> None:
    """Evaluates a file of results on the test set of the config, without a model."""
    cfg = config_from(args)
    for name in ('test_dataloader', 'test_evaluator'):
        if not cfg.get(name):
            raise ConfigError(f"config {args.config}: it has no '{name}', which results need")

    from mmlite.datasets import build_dataset
    from mmlite.datasets.auto_classes import settle_classes
    from mmlite.evaluation import build_metrics, evaluate_results, load_results

    _check_output(args)
    settle_classes(cfg)
    dataset = build_dataset(cfg.test_dataloader.dataset, at='test_dataloader.dataset')
    metrics = build_metrics(cfg.test_evaluator, at='test_evaluator')
    results = load_results(args.results, len(dataset), len(dataset.classes))
    _output(evaluate_results(results, dataset, metrics), metrics, results, dataset, args)


def _refuse_flags_of_models(args: argparse.Namespace) -> None:
    if args.checkpoint is not None:
        raise ConfigError(
            f'either a checkpoint or --results is expected, found {args.checkpoint} and '
            f'{args.results}'
        )
    for name in _OF_MODELS:
        if getattr(args, name):
            raise ConfigError(
                f'--{name.replace("_", "-")} needs a checkpoint: --results uses no model'
            )


def _check_output(args: argparse.Namespace) -> None:
    """Before the test, which may take an hour."""
    from mmlite.visualization import check_display

    if args.show:
        check_display()
    if args.out_json:
        make_folder(Path(args.out_json).parent)
    if args.show_dir:
        make_folder(args.show_dir)


def _output(
    figures: dict[str, float],
    metrics: Sequence[BaseMetric],
    results: Sequence[Sequence[np.ndarray]],
    dataset: Dataset,
    args: argparse.Namespace,
) -> None:
    """Does what the flags of `add_output_arguments` say."""
    from mmlite.visualization import show_pictures, write_pictures

    if args.show_dir:
        write_pictures(results, dataset, args.show_dir, args.show_score_thr)
    if args.show:
        show_pictures(results, dataset, args.show_score_thr)
    if args.out_json:
        path = Path(args.out_json)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(figures, indent=2) + '\n')
    _print_figures(figures, metrics)


def _print_figures(figures: dict[str, float], metrics: Sequence[BaseMetric]) -> None:
    """Prints what no table of the log has shown, and the headline last."""
    from mmlite.evaluation.ap_rule import headline

    in_tables = {
        f'{metric.prefix}/{name}' if metric.prefix else name
        for metric in metrics
        for name in getattr(metric, 'tabulated', ())
    }
    last = headline(figures)
    others = [name for name in figures if name not in in_tables and name != last]
    for name in [*others, last] if last else ():
        print(f'{name}: {figures[name]:.4f}', flush=True)


def check_eval_names(names: Sequence[str]) -> None:
    """2.x names the metric on the command line; here the config's evaluator does."""
    for name in names:
        if name not in ('mAP', 'bbox'):
            raise ConfigError(
                f"--eval: 'mAP' (VOC) and 'bbox' (COCO) are known, found '{name}'."
                f"{did_you_mean(name, ('mAP', 'bbox'))} The metric itself is the config's "
                'test_evaluator'
            )
