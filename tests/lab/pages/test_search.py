"""The search of the docs site, in Node.js."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.runs import CHECKOUT

SCRIPT = CHECKOUT / 'lab/pages/theme/js/search.js'
ENTRIES = {
    'Training': 'Resume a training with --resume; classes of the checkpoint.',
    'Data sets': 'Each data set has classes and images.',
    '十分钟训练你自己的数据集': '把标注转换成 COCO 格式。',
    'Map': 'The mAP is a mean.',
}


def found(query: str, folder: Path) -> list[str]:
    entries = [
        dict(title=title, text=text, lowerTitle=title.lower(), lowerText=text.lower())
        for title, text in ENTRIES.items()
    ]
    script = folder / 'ask.js'
    script.write_text(
        f'const {{ find }} = require({json.dumps(str(SCRIPT))});\n'
        f'const titles = find({json.dumps(entries)}, {json.dumps(query)}).map((e) => e.title);\n'
        'console.log(JSON.stringify(titles));\n',
        'utf-8',
    )
    ended = subprocess.run(['node', script], capture_output=True, text=True, encoding='utf-8')
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.skipif(shutil.which('node') is None, reason='no node on PATH')
@pytest.mark.parametrize(
    ('query', 'first', 'number'),
    [
        ('data', 'Data sets', 1),
        ('resuming', 'Training', 1),  # another form of the word
        ('class', 'Data sets', 2),
        ('checkpoint classes', 'Training', 1),  # both words
        ('数据集', '十分钟训练你自己的数据集', 1),
        ('训练数据集', '十分钟训练你自己的数据集', 0),  # 练数 is nowhere
        ('标注 coco', '十分钟训练你自己的数据集', 1),
        ('--resume', 'Training', 1),
        ('(', '', 0),
        ('  ', '', 0),
    ],
)
def test_words_are_found(query: str, first: str, number: int, tmp_path: Path) -> None:
    titles = found(query, tmp_path)
    assert len(titles) == number
    assert not number or first in titles
