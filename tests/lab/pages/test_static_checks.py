from __future__ import annotations

import pytest

from lab.pages.static_checks import page_faults

GOOD = (
    '<!DOCTYPE html><html lang="en"><head>'
    '<meta name="viewport" content="width=device-width, initial-scale=1"></head><body>'
    '<h1 id="top">T</h1><a href="#top">up</a><img src="data:x" alt="a cat"><br>'
    '<div class="scroll"><table><tr><td>1</td></tr></table></div></body></html>'
)


def test_a_good_page() -> None:
    assert page_faults(GOOD) == []


@pytest.mark.parametrize(
    ('good', 'bad', 'fault'),
    [
        ('<br>', '<p id="top"></p>', 'id used twice: top'),
        ('id="top"', 'id="1-top"', 'the id of a heading begins with a digit: 1-top'),
        ('href="#top"', 'href="#bottom"', 'a link to #bottom, which is not there'),
        ('data:x', 'https://x/y.png', 'a resource of another server: https://x/y.png'),
        ('alt="a cat"', '', 'no text for an image: data:x'),
        (' lang="en"', '', 'no language'),
        ('width=device-width', 'width=980', 'no viewport'),
        ('class="scroll"', '', '1 tables that do not scroll in themselves'),
    ],
)
def test_faults(good: str, bad: str, fault: str) -> None:
    assert any(found.startswith(fault) for found in page_faults(GOOD.replace(good, bad, 1)))
