from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmlite.checkpoints.loading import (
    load_checkpoint,
    load_pretrained,
)
from mmlite.errors import DataError
from tests.engine.toy import model, saved

# ---- loading ------------------------------------------------------------------------------------


def test_all_tensors_are_loaded_and_counted(tmp_path: Path) -> None:
    source, target = model(), model()
    path = saved(tmp_path / 'a.pth', source.state_dict(), meta=dict(epoch=3))
    report = load_checkpoint(target, path, strict=True)
    assert str(report) == f'{path}: 6 tensors loaded (100% of the model)'
    assert (report.share, report.meta) == (1.0, dict(epoch=3))
    for one, other in zip(source.parameters(), target.parameters(), strict=True):
        assert torch.equal(one, other)


def test_what_is_missing_unexpected_or_of_another_shape_is_named(tmp_path: Path) -> None:
    weights = model().state_dict()
    del weights['stem.bias']
    weights['head.1.weight'] = torch.zeros(5, 4)
    weights['neck.conv.weight'] = weights['neck.conv.bias'] = torch.zeros(1)
    target = model()
    before = target.head[1].weight.clone()
    report = load_checkpoint(target, saved(tmp_path / 'a.pth', weights))
    assert len(report.loaded) == 4
    assert report.missing == ['stem.bias']
    assert report.unexpected == ['neck.conv.weight', 'neck.conv.bias']
    assert report.wrong_shape == ['head.1.weight']
    assert torch.equal(target.head[1].weight, before)
    assert report.share == pytest.approx(4 / 6)
    assert str(report).splitlines()[1:] == [
        '+-----------+--------+---------+------------+-------------+',
        '| module    | loaded | missing | unexpected | wrong shape |',
        '+-----------+--------+---------+------------+-------------+',
        '| stem.bias | 0      | 1       | 0          | 0           |',
        '| neck.conv | 0      | 0       | 2          | 0           |',
        '| head.1    | 1      | 0       | 0          | 1           |',
        '+-----------+--------+---------+------------+-------------+',
        '  head.1.weight: (5, 4) in the file, (1, 4) in the model, drawn again',
    ]


def test_strict_refuses_what_is_not_complete(tmp_path: Path) -> None:
    weights = model().state_dict()
    extra = saved(tmp_path / 'extra.pth', {**weights, 'more': torch.zeros(1)})
    with pytest.raises(DataError, match=r'\| more +\| 0 +\| 0 +\| 1 '):
        load_checkpoint(model(), extra, strict=True)
    del weights['stem.bias']
    with pytest.raises(DataError, match=r'\| stem\.bias \| 0 +\| 1 '):
        load_checkpoint(model(), saved(tmp_path / 'less.pth', weights), strict=True)


def test_a_file_of_another_model_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / 'a.pth', {'x.weight': torch.zeros(1), 'stem.bias': torch.zeros(7)})
    with pytest.raises(DataError) as info:
        load_checkpoint(model(), path)
    assert str(info.value) == (
        f'{path}: none of its 2 tensors fits the model. The file has x.weight, stem.bias; the '
        'model has stem.weight, stem.bias, head.0.weight, ...'
    )


def test_the_prefix_of_a_parallel_wrapper_is_taken_off(tmp_path: Path) -> None:
    weights = {f'module.{key}': value for key, value in model().state_dict().items()}
    assert load_checkpoint(model(), saved(tmp_path / 'a.pth', weights)).share == 1


def test_a_bare_state_dict_is_a_checkpoint_too(tmp_path: Path) -> None:
    torch.save(model().state_dict(), tmp_path / 'a.pth')
    assert load_checkpoint(model(), tmp_path / 'a.pth').share == 1


def test_weights_under_the_name_that_some_authors_use(tmp_path: Path) -> None:
    torch.save(dict(model=model().state_dict(), epoch=3), tmp_path / 'a.pth')
    assert load_checkpoint(model(), tmp_path / 'a.pth').share == 1


def test_pretrained_weights_go_through_the_converter(tmp_path: Path) -> None:
    net = model()
    path = saved(tmp_path / 'a.pth', {'other.bias': torch.full((3,), 5.0)})
    report = load_pretrained(net, str(path), lambda weights: {'stem.bias': weights['other.bias']})
    assert report.loaded == ['stem.bias']
    assert net.stem.bias.tolist() == [5, 5, 5]
