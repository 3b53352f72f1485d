"""Whether the parts of a config can be built, and what its pretrained weights fill."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

from mmlite.checkpoints.loading import (
    FINE_TUNING_SHARE,
    LoadReport,
    load_checkpoint,
    load_pretrained,
)
from mmlite.config import is_pretrained
from mmlite.datasets.bad_items import leaves
from mmlite.engine.checks import check_head_against_data
from mmlite.engine.parts import MissingPartError
from mmlite.errors import UserError
from mmlite.tools.doctor.context import Context
from mmlite.tools.doctor.finding import Finding, error, ok, skipped, warning

_MOST = 0.9  # of the tensors: below that, weights are hardly of the same network


def parts(context: Context) -> list[Finding]:
    """Builds everything; what refuses says why."""
    findings = []
    for name in ('checked_cfg', 'checked_detector', 'train', 'trained', 'val', 'test'):
        findings += _refusals(partial(getattr, context, name))
    loaders = dict(train='train_dataloader', val='val_dataloader', test='test_dataloader')
    misfits = [
        refusal
        for name, loader in loaders.items()
        for refusal in _refusals(partial(_check_head, context, name, f'{loader}.dataset'))
    ][:1]  # the others say the same
    if misfits:  # what runs this head would fail in a place that says less
        context.failed += ['checked_detector', 'weighted']
    findings += misfits
    if findings:
        return findings
    sets = [leaf.summary for leaf in [*leaves(context.train), *leaves(context.val)]]
    return [ok('\n'.join([_size(context.checked_detector), *sets]))]


def _refusals(make: Callable[[], Any]) -> list[Finding]:
    try:
        make()
    except UserError as refusal:
        return [error(str(refusal), 'what the message says; no training would start')]
    except MissingPartError:
        pass  # said already
    return []


def _check_head(context: Context, name: str, at: str) -> None:
    dataset = getattr(context, name)
    if dataset is not None:
        check_head_against_data(context.checked_detector, dataset, at)


def _size(detector: Any) -> str:
    numbers = [parameter.numel() for parameter in detector.parameters()]
    return f'{type(detector).__name__} of {sum(numbers) / 1e6:.2f} million parameters'


def weights(context: Context) -> list[Finding]:
    """Reads the checkpoints that the training starts from, and reports what they fill."""
    if not context.fetch_weights:
        return [skipped('weights are drawn: --demo-data', 'run it on the data themselves')]
    detector = copy.deepcopy(context.checked_detector)
    reports = [
        load_pretrained(part, part.init_cfg['checkpoint'], part.convert_pretrained, prefix)
        for part in (detector, *detector.children())
        if is_pretrained(getattr(part, 'init_cfg', None))
        for prefix in [part.init_cfg.get('prefix') or '']
    ]
    findings = [_judged(report, 'the part that is named') for report in reports]
    if context.cfg.get('load_from'):
        report = load_checkpoint(detector, context.cfg.load_from, min_share=0)
        findings.append(_judged(report, 'the model'))
        findings += _order_of_classes(report, context)
    return findings or [ok('none are asked for: everything is drawn')]


def _judged(report: LoadReport, what: str) -> Finding:
    if report.share >= _MOST:
        return ok(str(report))
    change = f'weights that fit {what}, or another depth, width or style of it'
    if report.share < FINE_TUNING_SHARE:
        return error(str(report), change)
    return warning(str(report), change)


def _order_of_classes(report: LoadReport, context: Context) -> list[Finding]:
    """A head keeps the meaning of its outputs: the same classes in another order are a mistake."""
    meta = report.meta.get('dataset_meta') or {}
    then, now = list(meta.get('classes') or []), list(context.train.classes)
    if then == now or sorted(then) != sorted(now):
        return []
    evidence = f'{report.path} was trained on {then}, the data set has {now}'
    return [error(evidence, f"the data sets' metainfo=dict(classes={tuple(then)})")]
