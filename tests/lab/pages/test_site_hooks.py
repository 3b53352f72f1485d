from __future__ import annotations

from types import SimpleNamespace

import pytest

from lab.pages.site_hooks import language_of, on_post_page, slugify, with_old_ids


@pytest.mark.parametrize(
    ('title', 'id_'),
    [
        ('Your data', 'your-data'),
        ('1. Install', 'install'),
        ('16. mAP is 0', 'map-is-0'),
        ('3 classes, 80 classes', 'classes-80-classes'),
        ('404', 'section-404'),
        ('--out: what predict writes', 'out-what-predict-writes'),
        ('num_classes does not fit', 'num_classes-does-not-fit'),
        ('4. 先看、再训练', '先看再训练'),
    ],
)
def test_ids_begin_with_no_digit(title: str, id_: str) -> None:
    assert slugify(title, '-') == id_


def test_old_links_lead_to_the_same_heading() -> None:
    html = '<h2 id="install">1. Install</h2><h2 id="your-data">Your data</h2>'
    headings = [('1. Install', 'install'), ('Your data', 'your-data')]
    old = {'1. Install': '1-install', 'Your data': 'your-data'}
    assert with_old_ids(html, headings, old.__getitem__) == (
        '<h2 id="install"><a id="1-install"></a>1. Install</h2><h2 id="your-data">Your data</h2>'
    )


def test_an_id_that_another_heading_has_is_not_taken() -> None:
    html = '<h2 id="b">1</h2><h2 id="a">2</h2>'
    assert with_old_ids(html, [('1', 'b'), ('2', 'a')], {'1': 'a', '2': 'c'}.__getitem__) == (
        '<h2 id="b">1</h2><h2 id="a"><a id="c"></a>2</h2>'
    )


def test_the_language_of_a_page() -> None:
    assert language_of('zh/tools.md') == 'zh'
    assert language_of('zhang.md') == 'en'
    page = SimpleNamespace(file=SimpleNamespace(src_uri='zh/index.md'))
    assert on_post_page('<html lang="en" x>', page=page) == '<html lang="zh" x>'
