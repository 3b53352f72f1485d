"""Compose: order, dropped samples, and errors that say where."""

from __future__ import annotations

import numpy as np
import pytest

from mmlite.datasets.transforms import Compose, ImageError, TransformError
from mmlite.errors import ArgumentError, ConfigError, UnknownTypeError


def test_runs_configs_and_callables_in_order():
    pipeline = Compose(
        [
            lambda results: dict(results, img=np.zeros((4, 8, 3), np.uint8)),
            dict(type='Resize', scale=(6, 2)),
            dict(type='mmdet.RandomFlip', prob=1.0),  # 3.x's scope
        ]
    )
    results = pipeline(dict(img_id=3))
    assert results['img'].shape == (2, 6, 3)
    assert results['flip'] and results['img_id'] == 3


def test_none_ends_the_pipeline():
    def unreachable(results):
        raise AssertionError

    assert Compose([lambda results: None, unreachable])({}) is None


def test_empty_pipeline_hands_the_sample_through():
    assert Compose([])(dict(a=1)) == dict(a=1)


def test_an_error_names_the_step_the_file_and_its_cause():
    pipeline = Compose([lambda results: results, dict(type='Resize', scale=(6, 2))])
    with pytest.raises(TransformError) as caught:
        pipeline(dict(filename='/data/a.jpg'))
    message = str(caught.value)
    assert message.startswith("Resize (step 2 of 2) failed on /data/a.jpg: KeyError: 'img'")
    assert 'held: filename' in message
    assert isinstance(caught.value.__cause__, KeyError)


def test_img_path_names_the_file_too():
    with pytest.raises(TransformError, match=r'failed on b\.png'):
        Compose([dict(type='Resize', scale=(6, 2))])(dict(img_path='b.png'))


def test_a_user_error_passes_as_it_is(tmp_path):
    with pytest.raises(ImageError, match=r'no\.jpg'):
        Compose([dict(type='LoadImageFromFile')])(dict(filename=str(tmp_path / 'no.jpg')))


def test_an_error_in_a_row_of_windows_names_a_step_of_it(monkeypatch):
    def broken(*_, **__):
        raise ValueError('no pixels today')

    monkeypatch.setattr('cv2.resize', broken)
    pipeline = Compose([dict(type='Resize', scale=(6, 2)), dict(type='RandomFlip', prob=0)])
    with pytest.raises(TransformError, match=r'^RandomFlip \(step 2 of 2\).*no pixels today'):
        pipeline(dict(img=np.zeros((4, 8, 3), np.uint8)))


def test_a_transform_that_returns_no_dict_is_named():
    def broken(results):
        return results, 1

    with pytest.raises(TransformError, match=r'broken \(step 1 of 1\).*returned tuple'):
        Compose([broken])({})


@pytest.mark.parametrize(
    ('transforms', 'error', 'message'),
    [
        ([dict(type='Resise', scale=(3, 3))], UnknownTypeError, "Did you mean 'Resize'"),
        ([dict(type='Resize', scal=(3, 3))], ArgumentError, "Did you mean 'scale'"),
        (['Resize'], ConfigError, r"pipeline\[0\].*'Resize'"),
        (dict(type='Resize', scale=3), ConfigError, 'a list of transforms'),
    ],
)
def test_refuses(transforms, error, message):
    with pytest.raises(error, match=message):
        Compose(transforms)


def test_repr_lists_the_steps():
    assert repr(Compose([dict(type='Resize', scale=3), dict(type='Pad', size=(3, 3))])) == (
        'Compose(Resize, Pad)'
    )
