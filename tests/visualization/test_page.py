from __future__ import annotations

import base64
import re

import cv2
import numpy as np

from mmlite.visualization import page


def test_text_is_never_markup() -> None:
    text = page.page('<a>', [page.section('b & c', page.paragraph('<script>'), '<hr>')])
    assert '<title>&lt;a&gt;</title>' in text
    assert '<h2>b &amp; c</h2>' in text
    assert '<p>&lt;script&gt;</p>' in text
    assert '<hr>' in text  # parts are HTML already


def test_numbers_are_aligned_right() -> None:
    text = page.table([('name', 'n'), ('<x>', 3), ('y', '+0.5'), ('z', '-')])
    assert '<th>name</th><th>n</th>' in text
    assert '<td>&lt;x&gt;</td><td class="number">3</td>' in text
    assert '<td class="number">+0.5</td>' in text
    assert '<td>-</td>' in text


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
