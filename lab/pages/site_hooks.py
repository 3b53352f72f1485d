"""What MkDocs does differently for the site of docs/: ids, languages, tables, colours of code.

MkDocs imports this file by its path and calls the functions whose names begin with `on_`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_HEADING = re.compile(r'<h[1-6] id="([^"]+)"[^>]*>')
_CODE_STYLES = {'.codehilite': 'default', '[data-bs-theme=dark] .codehilite': 'github-dark'}


def slugify(title: str, separator: str = '-') -> str:
    """Returns the id of a heading, in the letters of any language, never with a digit first.

    The theme's script passes each id to `querySelector`, which throws on '#1-install'. The number
    of '1. Install' is left out, so the link stays when steps are added before it.
    """
    kept = re.sub(r'[^\w\s-]', '', unicodedata.normalize('NFKC', title)).strip().lower()
    words = re.sub(rf'[{separator}\s]+', separator, kept)
    return words.lstrip(f'0123456789{separator}') or f'section{separator}{words}'


def with_old_ids(
    html: str, headings: Sequence[tuple[str, str]], old_id: Callable[[str], str]
) -> str:
    """Puts the id that a heading had before `slugify` beside it, so old links still lead there.

    Args:
        html: the content of a page.
        headings: title and id of each, from top to bottom.
        old_id: gives the id that a title had, see `_ids_of_markdown`.
    """
    old = {new: old_id(title) for title, new in headings}
    taken = set(old)

    def anchored(heading: re.Match[str]) -> str:
        before = old.get(heading[1])
        if before is None or before in taken:
            return heading[0]
        taken.add(before)
        return f'{heading[0]}<a id="{before}"></a>'

    return _HEADING.sub(anchored, html)


def language_of(path: str) -> str:
    """Returns the language of a page by its path in docs/."""
    return 'zh' if path.startswith('zh/') else 'en'


def on_config(config: Any) -> Any:
    """Gives the headings their ids."""
    config.mdx_configs.setdefault('toc', {})['slugify'] = slugify
    return config


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Keeps old links, and lets a wide table scroll in itself."""
    html = with_old_ids(html, list(_headings(page.toc)), _ids_of_markdown())
    return html.replace('<table>', '<div class="scroll"><table>').replace(
        '</table>', '</table></div>'
    )


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Names the language of the page; the theme has one for the whole site."""
    language = language_of(page.file.src_uri)
    return output.replace('<html lang="en"', f'<html lang="{language}"', 1)


def on_post_build(config: Any) -> None:
    """Adds the colours of code, for a light and a dark window, to the style of the site."""
    from pygments.formatters import HtmlFormatter

    rules = [HtmlFormatter(style=style).get_style_defs(at) for at, style in _CODE_STYLES.items()]
    with (Path(config.site_dir) / 'css/site.css').open('a', encoding='utf-8') as css:
        css.write('\n'.join(['', *rules, '']))


def _headings(toc: Any) -> Any:
    for item in toc:
        yield item.title, item.id
        yield from _headings(item.children)


def _ids_of_markdown() -> Callable[[str], str]:
    """Returns what gives the ids of Markdown's own `slugify`, unique within one page."""
    from markdown.extensions.toc import slugify as slugify_of_markdown
    from markdown.extensions.toc import unique

    used: set[str] = set()
    return lambda title: unique(slugify_of_markdown(title, '-'), used)
