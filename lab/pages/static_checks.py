"""What can be said of an HTML page without a browser: ids, links, language, resources, tables."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser

_RESOURCES = dict(script='src', img='src', link='href', iframe='src', source='src')
_WITH_OWN_WIDTH = {'scroll', 'modal'}  # classes of elements that a wide table does not widen
_VOID = {
    'area',
    'base',
    'br',
    'col',
    'embed',
    'hr',
    'img',
    'input',
    'link',
    'meta',
    'source',
    'wbr',
}


def page_faults(html: str) -> list[str]:
    """Returns what is wrong with a page, in words; nothing for a page that is as it should be."""
    page = _Page()
    page.feed(html)
    faults = [f'id used twice: {id_}' for id_, times in Counter(page.ids).items() if times > 1]
    faults += [
        f'the id of a heading begins with a digit: {id_}'
        for id_ in page.headings
        if id_[0].isdigit()
    ]
    faults += [f'a link to #{id_}, which is not there' for id_ in page.targets - set(page.ids)]
    faults += [f'a resource of another server: {url}' for url in page.external]
    faults += [f'no text for an image: {src[:60]}' for src in page.images_without_text]
    if page.language is None:
        faults.append('no language')
    if 'width=device-width' not in page.viewport:
        faults.append('no viewport: a phone would show the page 980 px wide')
    if page.free_tables:
        faults.append(f'{page.free_tables} tables that do not scroll in themselves')
    return faults


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.language: str | None = None
        self.viewport = ''
        self.ids: list[str] = []
        self.headings: list[str] = []
        self.targets: set[str] = set()
        self.external: list[str] = []
        self.images_without_text: list[str] = []
        self.free_tables = 0
        self._open: list[str] = []  # the classes of the elements around

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or '' for name, value in attrs}
        if tag == 'html':
            self.language = values.get('lang')
        if values.get('name') == 'viewport':
            self.viewport = values.get('content', '')
        if 'id' in values:
            self.ids.append(values['id'])
            if tag in ('h1', 'h2', 'h3', 'h4', 'h5', 'h6'):
                self.headings.append(values['id'])
        link = values.get('href', '')
        if tag == 'a' and link.startswith('#') and len(link) > 1:
            self.targets.add(link[1:])
        resource = values.get(_RESOURCES.get(tag, ''), '')
        if resource.startswith(('http:', 'https:', '//')):
            self.external.append(resource)
        if tag == 'img' and not values.get('alt'):
            self.images_without_text.append(resource)
        around = {name for classes in self._open for name in classes.split()}
        if tag == 'table' and not around & _WITH_OWN_WIDTH:
            self.free_tables += 1
        if tag not in _VOID:
            self._open.append(values.get('class', ''))

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID and self._open:
            self._open.pop()
