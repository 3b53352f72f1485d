"""One HTML page that needs no network: pictures, figures and data lie inside the file."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np

_LEAST = 0.6  # a figure shrinks to this share of its size; narrower, its letters cannot be read
_SHORT = 24  # letters of a cell that are not broken into lines
_NUMBER = ' class="number"'

# The style of every page that mmlite writes: light or dark as the reader's system is, no width of a
# window is too small, and what is wider than the window scrolls within itself.
_STYLE = """
:root { color-scheme: light dark; --text: #222; --soft: #555; --ground: #fff; --line: #ddd;
        --head: #f3f3f3; --link: #05a; --lead: #eef4fb; --hover: #f9f9f0 }
@media (prefers-color-scheme: dark) {
  :root { --text: #ddd; --soft: #aaa; --ground: #16181b; --line: #3a3d42; --head: #24272b;
          --link: #7ab8ff; --lead: #1d2733; --hover: #202326 }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--ground);
       max-width: 1200px; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere }
h1 { font-size: 1.6rem; line-height: 1.25 }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; border-bottom: 1px solid var(--line);
     padding-bottom: .2rem; scroll-margin-top: .5rem }
a { color: var(--link) }
.lead { background: var(--lead); border-left: 4px solid var(--link); padding: .6rem .9rem;
        font-size: 1.05rem }
nav ul { columns: 18rem; column-gap: 2rem; padding-left: 1.2rem; margin: 1rem 0 }
nav li { break-inside: avoid }
.scroll { overflow-x: auto; margin: .8rem 0 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; overflow-wrap: normal }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: left;
         vertical-align: top }
td { max-width: 34rem; overflow-wrap: break-word } .facts td { overflow-wrap: anywhere }
.number { text-align: right } .short { white-space: nowrap }
th { background: var(--head) } tr:hover td { background: var(--hover) }
img { max-width: 100%; height: auto; vertical-align: top; background: #fff; border-radius: 3px }
figure { display: inline-block; margin: .4rem .8rem .8rem 0; max-width: 100% }
.scroll figure { display: block; margin: 0 }
figcaption { font-size: .85rem; color: var(--soft) }
"""


class PageSection(NamedTuple):
    """A part of a page under a heading."""

    title: str
    html: str


def page(title: str, lead: Sequence[str], sections: Sequence[PageSection]) -> str:
    """Returns the text of an HTML file, with a table of contents.

    Args:
        title: plain text.
        lead: HTML between the title and the table of contents.
        sections: from `section`.
    """
    ids = _ids([section.title for section in sections])
    links = [
        f'<li><a href="#{id_}">{escape(section.title)}</a></li>'
        for id_, section in zip(ids, sections, strict=True)
    ]
    parts = [*lead, f'<nav aria-label="Contents">\n<ul>\n{_lines(links)}\n</ul>\n</nav>']
    parts += [
        f'<section>\n<h2 id="{id_}">{escape(section.title)}</h2>\n{section.html}\n</section>'
        for id_, section in zip(ids, sections, strict=True)
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n'
        f'<h1>{escape(title)}</h1>\n{_lines(parts)}\n</body>\n</html>\n'
    )


def section(title: str, *parts: str) -> PageSection:
    """Returns a section of HTML parts under a heading of plain text."""
    return PageSection(title, _lines(parts))


def lead(text: str) -> str:
    """Returns the sentence that says what the page found, as a marked paragraph."""
    return f'<p class="lead">{escape(text)}</p>'


def paragraph(text: str) -> str:
    """Returns plain text as a paragraph."""
    return f'<p>{escape(text)}</p>'


def table(rows: Sequence[Sequence[Any]]) -> str:
    """Returns rows of plain values as a table; the first row is its head. Numbers are right."""
    head, *body = rows
    columns = list(zip(*body, strict=True)) or [()] * len(head)
    heads = [
        f'<th{_NUMBER * (bool(column) and all(map(_is_number, column)))}>{escape(value)}</th>'
        for value, column in zip(head, columns, strict=True)
    ]
    return _table([''.join(heads), *(''.join(map(_cell, row)) for row in body)])


def facts(rows: Sequence[tuple[str, Any]]) -> str:
    """Returns names and their values as a table without a head; the names are bold."""
    lines = [f'<th scope="row">{escape(name)}</th><td>{escape(value)}</td>' for name, value in rows]
    return _table(lines, ' class="facts"')


def picture(img: np.ndarray, caption: str = '') -> str:
    """Returns an image (h, w, 3) BGR uint8 as a JPEG inside the page."""
    data = cv2.imencode('.jpg', img, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()
    return _image('image/jpeg', data, caption, caption or 'picture')


def figure(fig: Any, caption: str = '') -> str:
    """Returns a figure of matplotlib's, made without pyplot, as a PNG inside the page.

    In a window that is much narrower it scrolls: its letters would become too small.
    """
    file = io.BytesIO()
    fig.savefig(file, format='png')
    least = f' style="min-width:{_LEAST * fig.get_figwidth() * fig.dpi:.0f}px"'
    alt = caption or fig.axes[0].get_title()
    shown = _image('image/png', file.getvalue(), caption, alt, least)
    return f'<div class="scroll">{shown}</div>'


def download(name: str, text: str, mime: str = 'text/csv') -> str:
    """Returns a link that saves `text`, which lies inside the page, as the file `name`."""
    return (
        f'<a download="{escape(name)}" href="{_data_uri(mime, text.encode())}">{escape(name)}</a>'
    )


def escape(value: Any) -> str:
    """Returns a value as text in which nothing means markup."""
    return html.escape(str(value))


def _ids(titles: Sequence[str]) -> list[str]:
    """Returns an id for each heading: letters and hyphens, a letter first, none twice."""
    ids: list[str] = []
    for title in titles:
        words = re.sub(r'[^a-z]+', '-', title.lower()).strip('-') or 'section'
        ids.append(words if words not in ids else f'{words}-{len(ids) + 1}')
    return ids


def _table(lines: Sequence[str], attributes: str = '') -> str:
    rows = _lines([f'<tr>{line}</tr>' for line in lines])
    return f'<div class="scroll"><table{attributes}>\n{rows}\n</table></div>'


def _cell(value: Any) -> str:
    text = str(value)
    kind = _NUMBER if _is_number(value) else ' class="short"' * (len(text) <= _SHORT)
    return f'<td{kind}>{escape(text)}</td>'


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _lines(parts: Sequence[str]) -> str:
    return '\n'.join(parts)


def _image(mime: str, data: bytes, caption: str, alt: str, attributes: str = '') -> str:
    below = f'<figcaption>{escape(caption)}</figcaption>' if caption else ''
    source = f'alt="{escape(alt)}" src="{_data_uri(mime, data)}"'
    return f'<figure><img {source}{attributes}>{below}</figure>'


def _data_uri(mime: str, data: bytes) -> str:
    return f'data:{mime};base64,{base64.b64encode(data).decode()}'
