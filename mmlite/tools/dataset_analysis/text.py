"""An analysis as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmlite.evaluation.report import text_table
from mmlite.tools.dataset_analysis.analysis import Analysis
from mmlite.tools.dataset_analysis.coverage import Coverage
from mmlite.tools.dataset_analysis.lists import copies_text, what_to_remove
from mmlite.tools.dataset_analysis.positives import SEVERAL
from mmlite.tools.dataset_analysis.statistics import SIZE_NAMES

_PER_IMAGE = 'an image: mean, median, most'
_PART_COLUMNS = ('part', 'images', 'bad', 'no boxes', 'boxes', 'ignored', _PER_IMAGE)
_CLASS_COLUMNS = ('boxes', 'images', 'w x h', 'network w x h', 'h / w: 5%, 50%, 95%')


def summary(found: Analysis) -> str:
    """Returns all of it, the suggestion last."""
    return '\n'.join([*_data(found), *_pixels(found), *_copies(found), *_priors(found)])


def _data(found: Analysis) -> Iterator[str]:
    rows = []
    for name, figures in found.figures.items():
        per_image = figures['boxes_per_image']
        rows.append(
            [
                name,
                figures['images'],
                figures['bad_images'],
                figures['images_without_boxes'],
                figures['boxes'],
                figures['ignored_boxes'],
                f'{per_image["mean"]:.1f}, {per_image["median"]:g}, {per_image["most"]}',
                *(_percent(figures['shares']['original'][size]) for size in SIZE_NAMES),
            ]
        )
    yield text_table([[*_PART_COLUMNS, *SIZE_NAMES], *rows])
    yield "Small, medium, large: below 32^2, below 96^2 and above, in the image's own pixels."
    for name, figures in found.figures.items():
        yield from (f'{name}: {remark}' for remark in figures['remarks'])
    for name, figures in found.figures.items():
        yield ''
        yield text_table(
            [
                [name, *_CLASS_COLUMNS, *SIZE_NAMES],
                *(_class_row(*item) for item in figures['classes'].items()),
            ]
        )
    yield "w x h: medians, in pixels of the image and of the network's input; h / w: in the latter."


def _class_row(name: str, figures: dict[str, Any]) -> list[Any]:
    row = [name, figures['boxes'], figures['images']]
    if 'ratio' not in figures:
        return [*row, *'-' * 6]
    sides = ['{:.0f} x {:.0f}'.format(*figures[key]) for key in ('median_wh', 'network_wh')]
    ratio = ', '.join(f'{value:.2f}' for value in figures['ratio'])
    return [*row, *sides, ratio, *(_percent(figures['shares'][size]) for size in SIZE_NAMES)]


def _pixels(found: Analysis) -> Iterator[str]:
    if not found.pixels['images']:
        return
    yield f'\nPixels of {found.pixels["images"]} training images, in RGB order:'
    for kind in ('0-255', '0-1'):
        mean, std = found.pixels[kind]['mean'], found.pixels[kind]['std']
        yield f'  {kind:6} mean={mean} std={std}'
    own = ', '.join(f'{key}={value}' for key, value in found.normalisation.items())
    yield f'  the config: {own or "no mean and std in model.data_preprocessor"}'
    yield '  With pretrained weights keep the numbers that these were trained with.'


def _copies(found: Analysis) -> Iterator[str]:
    yield f'\n{copies_text(found.copies)}'
    lists = {name: split.lists for name, split in found.splits.items()}
    yield from (f'  {line}' for line in what_to_remove(found.copies, lists))


def _priors(found: Analysis) -> Iterator[str]:
    for name, before in found.before.items():
        after = found.after[name] if found.suggestion else None
        yield f'\nCoverage of {name}, {_meaning(before)}'
        yield _coverage_table(before, after)
        for said, part in (('', before), (' after', after)):
            if part is not None and part.levels is not None:
                shares = ', '.join(map(_percent, part.levels))
                yield f'Boxes by level{said}: {shares}'
    yield f'\n{found.trial}'
    if found.suggestion:
        yield '\nTo paste into the config:\n'
        yield found.trial.snippet


def _meaning(coverage: Coverage) -> str:
    if coverage.levels is not None:
        return 'the share of boxes with a point in range:'
    return f'the share of boxes whose best prior reaches IoU {coverage.thresholds[0]:g} and more:'


def _coverage_table(before: Coverage, after: Coverage | None) -> str:
    points = before.levels is not None
    names = ['in range'] if points else [f'{thr:g}' for thr in before.thresholds] + ['mean IoU']
    names.append(f'{SEVERAL} or more {"points" if points else "priors"}')
    rows = [['', 'boxes', *names]]
    for number, row in enumerate(before.rows):
        cells = _cells(row, points)
        if after is not None:
            new = _cells(after.rows[number], points)
            cells = [f'{old} -> {now}' for old, now in zip(cells, new, strict=True)]
        rows.append([row['what'], row['boxes'], *cells])
    return text_table(rows)


def _cells(row: dict[str, Any], points: bool) -> list[str]:
    shares = [f'{100 * share:.2f}%' for share in row['shares']]
    several = '-' if row['several'] is None else f'{100 * row["several"]:.2f}%'
    return [*shares, *([] if points else [f'{row["mean"]:.3f}']), several]


def _percent(share: float) -> str:
    return f'{100 * share:.1f}%'
