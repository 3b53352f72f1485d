"""The HTML page that compares two results of the same images."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from mmlite.errors import DataError
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


def _signed(value: float) -> str:
    return f'{round(value, 3) + 0.0:+.3f}'  # + 0.0 makes zero of minus zero


def comparison_page(
    names: tuple[str, str],
    config_rows: Sequence[tuple[str, str, str]],
    rows: Sequence[tuple[str, ...]],
    first: Findings,
    second: Findings,
) -> str:
    """Returns the page as the text of one HTML file.

    Args:
        names: of A and B.
        config_rows: from `config_difference`.
        rows: from `difference_rows`.
        first, second: of A and B.
    """
    configs = page.paragraph('The configs are the same.')
    if config_rows:
        configs = page.table([('key', 'A', 'B'), *config_rows])
    return page.page(
        'A and B compared',
        [
            page.paragraph(f'A is {names[0]}, B is {names[1]}.'),
            page.section(
                'Classes',
                page.paragraph(
                    'AP at an IoU of 0.5 (area under the curve). The interval is that of a paired '
                    'bootstrap over the images: where it holds 0, other test images of the kind '
                    'could turn the difference round.'
                ),
                page.table(rows),
            ),
            *_changed(first, second),
            page.section('Config', configs),
        ],
    )


def _changed(first: Findings, second: Findings) -> list[str]:
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
