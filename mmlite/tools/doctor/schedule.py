"""The length of the training against all that counts epochs or iterations."""

from __future__ import annotations

import math

from mmlite.engine.agreement import Span, disagreements, too_large_batch
from mmlite.tools.doctor.context import Context
from mmlite.tools.doctor.finding import Finding, error, ok, warning


def span_of(context: Context) -> Span:
    """Returns how long the training is, in one process."""
    cfg = context.checked_cfg
    batch_size = cfg.train_dataloader.get('batch_size', 1)
    return Span.of(cfg.train_cfg, math.ceil(len(context.train) / batch_size))


def schedule(context: Context) -> list[Finding]:
    """Whether schedules, validations and checkpoints agree with the length of the training."""
    cfg, span = context.checked_cfg, span_of(context)
    size = cfg.train_dataloader.get('batch_size', 1)
    findings = [
        (error if found.is_error else warning)(found.evidence, found.change)
        for found in (*too_large_batch(size, len(context.train)), *disagreements(cfg, span))
    ]
    stretched = getattr(cfg, 'stretched', None)
    if stretched is not None:
        findings.insert(0, ok(str(stretched)))
    number = len(cfg.get('param_scheduler') or [])
    return findings or [ok(f'{span}, {number} schedulers')]
