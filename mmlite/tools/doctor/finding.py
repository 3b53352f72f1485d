"""What a check answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One answer.

    Args:
        verdict: 'ok', 'warning', 'error' or 'skipped'.
        evidence: what was looked at, and what was found there, with its numbers.
        change: what to change; '' where nothing is to be changed.
        check: name of the check; `examine` fills it in.
    """

    verdict: str
    evidence: str
    change: str = ''
    check: str = ''

    def __str__(self) -> str:
        text = f'{self.verdict:8} {self.check:14} {self.evidence}'
        text = f'{text}\n-> {self.change}' if self.change else text
        return text.replace('\n', '\n' + ' ' * 24)  # everything under the evidence


def ok(evidence: str) -> Finding:
    return Finding('ok', evidence)


def warning(evidence: str, change: str) -> Finding:
    return Finding('warning', evidence, change)


def error(evidence: str, change: str) -> Finding:
    return Finding('error', evidence, change)


def skipped(reason: str, change: str = '') -> Finding:
    return Finding('skipped', reason, change)


def percent(part: float, whole: float) -> str:
    """Returns 'part of whole (12%)'."""
    return f'{part} of {whole} ({part / max(whole, 1):.0%})'
