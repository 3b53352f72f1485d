"""The hops as text for a terminal, and as one HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from terminaltables import AsciiTable

from mmlite.tools.explain.hop import HEAD, Hop
from mmlite.visualization.page import PageSection, page, paragraph, picture, section, table

_LARGEST = (1250, 560)  # (w, h) of a picture in the page

INTRODUCTION = (
    'One real batch from the config to the metric. Each step says who did it (file:line) and what '
    'came out. N images, R priors over all levels, C classes, g boxes in an image.'
)


def as_text(hop: Hop) -> str:
    """Returns one hop for a terminal."""
    lines = [f'--- {hop.row}  {hop.title}', *(f'    {who}' for who in hop.who)]
    tables = [_value_rows(hop)] if hop.values else []
    lines += [
        AsciiTable([list(map(str, row)) for row in rows]).table for rows in tables + hop.tables
    ]
    lines += [f'  * {note}' for note in hop.notes]
    return '\n'.join(lines) + '\n'


def as_page(title: str, hops: Sequence[Hop]) -> str:
    """Returns all hops as an HTML page that needs no network."""
    return page(title, [paragraph(INTRODUCTION)], list(map(_as_section, hops)))


def _as_section(hop: Hop) -> PageSection:
    parts = [paragraph(who) for who in hop.who]
    tables = [_value_rows(hop)] if hop.values else []
    parts += [table(rows) for rows in tables + hop.tables]
    parts += [paragraph(note) for note in hop.notes]
    parts += [picture(_fitting(img), caption) for caption, img in hop.pictures]
    return section(f'{hop.row}  {hop.title}', *parts)


def _fitting(img: np.ndarray) -> np.ndarray:
    zoom = min(1.0, _LARGEST[0] / img.shape[1], _LARGEST[1] / img.shape[0])
    return cv2.resize(img, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)


def _value_rows(hop: Hop) -> list[Sequence[Any]]:
    """Leaves out the columns that say nothing."""
    columns = [column for column in range(len(HEAD)) if any(value[column] for value in hop.values)]
    return [[row[column] for column in columns] for row in (HEAD, *hop.values)]
