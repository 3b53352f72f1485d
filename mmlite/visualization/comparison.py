"""The HTML page that compares two results of the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from mmlite.errors import DataError
from mmlite.evaluation.ap_rule import ApRule
from mmlite.evaluation.bootstrap import Difference, same_truth
from mmlite.evaluation.error_types import Judged
from mmlite.visualization import page
from mmlite.visualization.result_report import Findings, image_figure

IMAGES_SHOWN = 6  # that got better, and that got worse


def check_comparable(first: Any, second: Any, first_name: str, second_name: str) -> None:
    """Refuses two data sets that do not hold the same images and classes.

    Raises:
        DataError: names what differs.
    """
    for what, one, other in (
        ('classes', tuple(first.classes), tuple(second.classes)),
        ('number of images', len(first), len(second)),
    ):
        if one != other:
            raise DataError(
                f'{first_name} and {second_name}: the same images and classes are expected, found '
                f'{what} {one} and {other}'
            )
    for i in range(len(first)):
        one, other = first.filename(i), second.filename(i)
        if one.replace('\\', '/').rsplit('/', 1)[-1] != other.replace('\\', '/').rsplit('/', 1)[-1]:
            raise DataError(
                f'{first_name} and {second_name}: the same images are expected, found image {i} '
                f'{one} and {other}'
            )


def check_same_truth(first: Judged, second: Judged, first_name: str, second_name: str) -> None:
    """Refuses results that were judged by other annotations.

    Raises:
        DataError: names both.
    """
    if not same_truth(first, second):
        raise DataError(
            f'{first_name} and {second_name}: the same annotations are expected, found '
            f'{len(first.gt_label)} and {len(second.gt_label)} boxes, or others: was the data set '
            'annotated again, or filtered in another way?'
        )


def difference_rows(difference: Difference, classes: Sequence[str]) -> list[tuple[str, ...]]:
    """Returns the rows of a table: AP of both, their difference, its interval, and a verdict."""
    rows = [('class', 'AP of A', 'AP of B', 'B - A', '95% interval', 'verdict')]
    values = (difference.first, difference.second, difference.low, difference.high)
    for name, first, second, low, high in zip([*classes, 'mean'], *values, strict=True):
        if np.isnan(first):
            rows.append((name, '-', '-', '-', '-', 'no boxes'))
            continue
        verdict = 'B is better' if low > 0 else 'A is better' if high < 0 else 'not certain'
        # none of the rounds drew an image with a box of it
        interval = '-' if np.isnan(low) else f'{_signed(low)} to {_signed(high)}'
        change = _signed(second - first)
        rows.append((name, f'{first:.3f}', f'{second:.3f}', change, interval, verdict))
    return rows


def _signed(value: float, digits: int = 3) -> str:
    return f'{round(value, digits) + 0.0:+.{digits}f}'  # + 0.0 makes zero of minus zero


@dataclass(frozen=True)
class Compared:
    """What two results differ in.

    Attributes:
        names: of A and B.
        headline: the sentence of `headline_text`.
        figures: rows of a table of the config's own figures, from `figure_rows`.
        rule: how the AP of the classes is counted.
        is_headline: whether that is how the first figure counts it.
        classes: from `difference_rows`.
        config: from `config_difference`.
    """

    names: tuple[str, str]
    headline: str
    figures: Sequence[tuple[str, ...]]
    rule: ApRule
    is_headline: bool
    classes: Sequence[tuple[str, ...]]
    config: Sequence[tuple[str, str, str]]


def headline_text(name: str | None, first: Mapping[str, float], second: Mapping[str, float]) -> str:
    """Returns a sentence with the figure of this name in both."""
    if name is None:
        return "The metric of A's config gives no figure"
    one, other = first[name], second[name]
    change = _signed(other - one, 4)
    return f"{name}, the metric of A's config: A {one:.4f}, B {other:.4f}, B - A {change}"


def figure_rows(
    name: str | None, first: Mapping[str, float], second: Mapping[str, float]
) -> list[tuple[str, ...]]:
    """Returns the rows of a table of all figures, that of this name first."""
    names = sorted(first, key=lambda one: one != name)
    rows = [(one, first[one], second[one]) for one in names if one in second]
    return [
        ('figure', 'A', 'B', 'B - A'),
        *((one, f'{a:.4f}', f'{b:.4f}', _signed(b - a, 4)) for one, a, b in rows),
    ]


def comparison_page(compared: Compared, first: Findings, second: Findings) -> str:
    """Returns the page as the text of one HTML file."""
    configs = page.paragraph('The configs are the same.')
    if compared.config:
        configs = page.table([('key', 'A', 'B'), *compared.config])
    counted = f'{compared.rule}, '
    counted += (
        'as the first figure counts it'
        if compared.is_headline
        else 'because the first figure cannot be counted again for drawn images'
    )
    return page.page(
        'A and B compared',
        [
            page.lead(f'{compared.headline}. {_verdict(compared.classes)}'),
            page.facts([('A', compared.names[0]), ('B', compared.names[1])]),
        ],
        [
            page.section(
                'Figures',
                page.paragraph("The metric of A's config, applied to both results."),
                page.table(compared.figures),
            ),
            page.section(
                'Classes',
                page.paragraph(
                    f'{counted}. The interval is that of a paired bootstrap over the images: '
                    'where it contains 0, other test images of the kind could turn the difference '
                    'round.'
                ),
                page.table(compared.classes),
            ),
            *_changed(first, second),
            page.section('Config', configs),
        ],
    )


def _verdict(classes: Sequence[tuple[str, ...]]) -> str:
    """Returns what the last row of `difference_rows`, the mean, says."""
    *_, interval, verdict = classes[-1]
    if verdict == 'not certain':
        return f'The difference is not certain: other images could turn it round ({interval}).'
    return f'{verdict}, also on other images of the kind (95% interval {interval}).'


def _changed(first: Findings, second: Findings) -> list[page.PageSection]:
    """Sections of the images whose number of errors changed most."""
    errors = [found.counts.errors for found in (first, second)]
    change = errors[1] - errors[0]
    better = [i for i in np.argsort(change, kind='stable')[:IMAGES_SHOWN].tolist() if change[i] < 0]
    worse = [i for i in np.argsort(-change, kind='stable')[:IMAGES_SHOWN].tolist() if change[i] > 0]
    summary = page.paragraph(
        f'Errors (wrong detections and boxes missed, at the best thresholds) became fewer in '
        f'{int((change < 0).sum())} images and more in {int((change > 0).sum())} of {len(change)}.'
    )
    return [
        page.section('Images', summary),
        *(
            page.section(
                f'{title} with B', *chain.from_iterable(_both(first, second, i) for i in inds)
            )
            for title, inds in (('Better', better), ('Worse', worse))
            if inds
        ),
    ]


def _both(first: Findings, second: Findings, i: int) -> list[str]:
    return [image_figure(first, i, ' by A'), image_figure(second, i, ' by B')]
