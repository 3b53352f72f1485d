from __future__ import annotations

import base64
import re

import cv2
import numpy as np

from lab.pages.static_checks import page_faults
from mmlite.visualization import page
from mmlite.visualization.figures import new_figure


def test_text_is_never_markup() -> None:
    text = page.page(
        '<a>', [page.lead('<i>')], [page.section('b & c', page.paragraph('<script>'), '<hr>')]
    )
    assert '<title>&lt;a&gt;</title>' in text
    assert '<p class="lead">&lt;i&gt;</p>' in text
    assert '<h2 id="b-c">b &amp; c</h2>' in text
    assert '<p>&lt;script&gt;</p>' in text
    assert '<hr>' in text  # parts are HTML already


def test_numbers_are_aligned_right() -> None:
    text = page.table([('name', 'n'), ('<x>', 3), ('y', '+0.5'), ('z', '-')])
    assert '<th>name</th><th>n</th>' in text  # not all of its column are numbers
    assert '<td class="short">&lt;x&gt;</td><td class="number">3</td>' in text
    assert '<td class="number">+0.5</td>' in text
    assert '<td class="short">-</td>' in text
    assert '<th class="number">n</th>' in page.table([('n',), (1,), (2,)])
    assert '<th>n</th>' in page.table([('n',)])
    assert '<td>a longer text may be broken into lines</td>' in page.table(
        [('what',), ('a longer text may be broken into lines',)]
    )


def test_the_contents_lead_to_each_section() -> None:
    titles = ['Worst images', '2  The batch', 'Worst images', '数据', '404']
    text = page.page('T', [], [page.section(title) for title in titles])
    ids = re.findall('<h2 id="(.*?)">', text)
    assert ids == ['worst-images', 'the-batch', 'worst-images-3', 'section', 'section-5']
    assert re.findall('<li><a href="#(.*?)">', text) == ids
    assert page_faults(text) == []


def test_a_figure_scrolls_before_it_is_too_small_to_read() -> None:
    figure, [[axes]] = new_figure(10, 2)  # 110 dots an inch
    axes.set(title='<F1>')
    text = page.figure(figure)
    assert 'style="min-width:660px"' in text  # 0.6 * 10 * 110
    assert 'alt="&lt;F1&gt;"' in text
    assert '<figcaption>' not in text
    assert page_faults(page.page('T', [], [page.section('s', text)])) == []


def test_facts_have_their_names_in_front() -> None:
    assert '<tr><th scope="row">a</th><td>&lt;b&gt;</td></tr>' in page.facts([('a', '<b>')])


def test_a_picture_lies_in_the_page() -> None:
    img = np.full((10, 20, 3), (200, 100, 50), np.uint8)
    html = page.picture(img, 'a "b"')
    data = base64.b64decode(re.search('base64,([^"]*)"', html)[1])
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == img.shape
    assert np.abs(decoded.astype(int) - img).max() <= 3
    assert '<figcaption>a &quot;b&quot;</figcaption>' in html


def test_a_download_holds_its_text() -> None:
    html = page.download('a.csv', 'x,ü\n')
    assert base64.b64decode(re.search('base64,([^"]*)"', html)[1]).decode() == 'x,ü\n'
