"""One HTML page that needs no network: pictures, figures and data lie inside the file."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff;
       max-width: 1200px; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem;
     border-bottom: 1px solid #ddd; padding-bottom: .2rem }
nav a { margin-right: 1rem } a { color: #06c }
table { border-collapse: collapse; margin: .8rem 0; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #e5e5e5; text-align: left }
.number { text-align: right } th { background: #f5f5f5 }
tr:hover td { background: #f9f9f0 }
img { max-width: 100%; height: auto; vertical-align: top } pre { overflow: auto }
figure { display: inline-block; margin: .4rem .8rem .8rem 0; max-width: 100% }
figcaption { font-size: .85rem; color: #555; overflow-wrap: anywhere }
.scroll { overflow-x: auto }
"""


def page(title: str, sections: Sequence[str]) -> str:
    """Returns the text of an HTML file.

    Args:
        title: plain text.
        sections: HTML, from `section`.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n'
        f'<h1>{escape(title)}</h1>\n' + '\n'.join(sections) + '\n</body>\n</html>\n'
    )


def section(title: str, *parts: str) -> str:
    """Returns a section of HTML parts under a heading of plain text."""
    return f'<section>\n<h2>{escape(title)}</h2>\n' + '\n'.join(parts) + '\n</section>'


def paragraph(text: str) -> str:
    """Returns plain text as a paragraph."""
    return f'<p>{escape(text)}</p>'


def table(rows: Sequence[Sequence[Any]]) -> str:
    """Returns rows of plain values as a table; the first row is its head. Numbers are right."""
    head, *body = rows
    lines = [''.join(f'<th>{escape(value)}</th>' for value in head)]
    lines += [''.join(map(_cell, row)) for row in body]
    return (
        '<div class="scroll"><table>\n'
        + '\n'.join(f'<tr>{line}</tr>' for line in lines)
        + '\n</table></div>'
    )


def picture(img: np.ndarray, caption: str = '') -> str:
    """Returns an image (h, w, 3) BGR uint8 as a JPEG inside the page."""
    data = cv2.imencode('.jpg', img, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()
    return _image('image/jpeg', data, caption)


def figure(fig: Any, caption: str = '') -> str:
    """Returns a figure of matplotlib's, made without pyplot, as a PNG inside the page."""
    file = io.BytesIO()
    fig.savefig(file, format='png')
    return _image('image/png', file.getvalue(), caption)


def download(name: str, text: str, mime: str = 'text/csv') -> str:
    """Returns a link that saves `text`, which lies inside the page, as the file `name`."""
    return (
        f'<a download="{escape(name)}" href="{_data_uri(mime, text.encode())}">{escape(name)}</a>'
    )


def escape(value: Any) -> str:
    """Returns a value as text in which nothing means markup."""
    return html.escape(str(value))


def _cell(value: Any) -> str:
    try:
        float(value)
    except (TypeError, ValueError):
        return f'<td>{escape(value)}</td>'
    return f'<td class="number">{escape(value)}</td>'


def _image(mime: str, data: bytes, caption: str) -> str:
    below = f'<figcaption>{escape(caption)}</figcaption>' if caption else ''
    alt = escape(caption or 'figure')
    return f'<figure><img alt="{alt}" src="{_data_uri(mime, data)}">{below}</figure>'


def _data_uri(mime: str, data: bytes) -> str:
    return f'data:{mime};base64,{base64.b64encode(data).decode()}'
