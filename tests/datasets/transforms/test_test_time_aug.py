from __future__ import annotations

import numpy as np
import pytest

from mmlite.datasets import transforms
from mmlite.errors import ConfigError


def test_every_combination_in_turn():
    resize = [dict(type='Resize', scale=(8, 8)), dict(type='Resize', scale=(4, 4))]
    flip = [dict(type='RandomFlip', prob=0.0), dict(type='RandomFlip', prob=1.0)]
    aug = transforms.TestTimeAug([resize, flip, [dict(type='PackDetInputs')]])
    img = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)
    before = img.copy()
    sample = dict(img=img, ori_shape=img.shape, filename='a.jpg')
    versions = aug(sample)['versions']
    metas = [version['img_metas'].data for version in versions]
    assert [(meta['img_shape'][0], meta['flip']) for meta in metas] == [
        (8, False), (8, True), (4, False), (4, True)
    ]  # fmt: skip
    assert all(meta['ori_shape'] == (4, 4, 3) for meta in metas)
    plain, mirrored = (version['img'].data for version in versions[2:])
    assert (plain.numpy().transpose(1, 2, 0) == before).all()
    assert (mirrored.numpy() == plain.flip(-1).numpy()).all()
    assert (img == before).all()


def test_a_version_that_is_refused_refuses_the_sample():
    aug = transforms.TestTimeAug([[lambda results: results, lambda results: None]])
    assert aug(dict(img=0)) is None


@pytest.mark.parametrize(
    ('lists', 'message'),
    [
        ([], 'lists of transforms are expected'),
        ([dict(type='RandomFlip', prob=1.0)], 'lists of transforms are expected'),
        ([[dict(type='RandomFlip', prob=1.0)], []], 'a list is empty'),
    ],
)
def test_arguments_that_do_not_fit(lists, message):
    with pytest.raises(ConfigError, match=message):
        transforms.TestTimeAug(lists)
