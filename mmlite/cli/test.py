"""Tests a checkpoint: mAP, results to a file, pictures of the detections."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from mmlite.cli.common import (
    add_checkpoint_arguments,
    add_common_arguments,
    config_from,
    run,
    train_from_scratch,
)
from mmlite.errors import ConfigError, did_you_mean
from mmlite.support.files import write_text

EXAMPLE = 'example: python tools/test.py configs/ssd/ssd300_voc.py epoch_24.pth --show-dir shown'
HEADLINES = ('mAP', 'bbox_mAP')


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='test', description=__doc__, epilog=EXAMPLE)
    add_common_arguments(parser)
    add_checkpoint_arguments(parser)
    add = parser.add_argument
    add('checkpoint', help='a checkpoint file')
    add('--out', metavar='X.pkl', help='write the detections: (n_imgs)(n_class)(k,5)')
    add('--out-json', metavar='FILE', help='write all metrics')
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
    add('--show-dir', metavar='DIR', help='write pictures of detections and ground truth')
    add('--show', action='store_true', help='show these pictures in a window, a key for the next')
    add('--show-score-thr', type=float, default=0.3, help='lowest score in the pictures (0.3)')
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), test, argv)


def test(args: argparse.Namespace) -> None:
    """Tests as the parsed command line says; the last line printed holds the headline metric."""
    check_eval_names(args.eval or ())
    cfg = config_from(args)
    train_from_scratch(cfg)  # all weights come from the checkpoint
    cfg.load_from = args.checkpoint
    if args.amp:
        cfg.test_cfg.fp16 = True  # the name of any half precision in mmengine's loops

    from mmlite.engine.build import build_runner
    from mmlite.evaluation import KeptResults, save_results
    from mmlite.evaluation.results import check_results_path
    from mmlite.visualization import check_display, show_pictures, write_pictures

    if args.out:
        check_results_path(args.out)
    if args.show:
        check_display()
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
        if args.show_dir:
            write_pictures(kept.kept, kept.dataset, args.show_dir, args.show_score_thr)
        if args.show:
            show_pictures(kept.kept, kept.dataset, args.show_score_thr)
        show_metrics(metrics, args.out_json)


def check_eval_names(names: Sequence[str]) -> None:
    """2.x names the metric on the command line; here the config's evaluator does."""
    for name in names:
        if name not in ('mAP', 'bbox'):
            raise ConfigError(
                f"--eval: 'mAP' (VOC) and 'bbox' (COCO) are known, found '{name}'."
                f"{did_you_mean(name, ('mAP', 'bbox'))} The metric itself is the config's "
                'test_evaluator'
            )


def show_metrics(metrics: dict[str, float], out_json: str | None) -> None:
    """Writes all metrics where asked, and prints the headline last."""
    if out_json:
        path = Path(out_json)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(metrics, indent=2) + '\n')
    headlines = [key for key in metrics if key.rsplit('/', 1)[-1] in HEADLINES]
    for key in [key for key in metrics if key not in headlines] + headlines:
        print(f'{key}: {metrics[key]:.4f}', flush=True)
