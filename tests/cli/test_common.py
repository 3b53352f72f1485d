"""How a command ends, whatever happens in it."""

from __future__ import annotations

import argparse
import errno
import os

import pytest

from mmlite.cli.common import run, score, starts_from_weights, train_from_scratch
from mmlite.config.loading import Config
from mmlite.engine.process.stop_signals import StoppedBySignal
from mmlite.errors import ConfigError, RunError


def ended(error: Exception, capsys: pytest.CaptureFixture) -> tuple[int, str]:
    """Status and message of a command in which this happens."""
    parser = argparse.ArgumentParser(prog='verb')
    parser.add_argument('--traceback', action='store_true')

    def main(args: argparse.Namespace) -> None:
        raise error

    return run(parser, main, []), capsys.readouterr().err


@pytest.mark.parametrize(
    ('error', 'status', 'message'),
    [
        (ConfigError('a key'), 2, 'verb: a key\n'),
        (RunError('a loss'), 1, 'verb: a loss\n'),
        (StoppedBySignal(15, 7, 'iter_7.pth'), 143, 'verb: stopped by SIGTERM after iteration 7;'),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), '/w/scalars.json'),
            1,
            'verb: /w/scalars.json cannot be written: No space left on device. ',
        ),
    ],
)
def test_what_is_expected_has_one_message(
    error: Exception, status: int, message: str, capsys: pytest.CaptureFixture
) -> None:
    found, err = ended(error, capsys)
    assert found == status
    assert err.startswith(message)
    assert 'Traceback' not in err


@pytest.mark.parametrize('error', [ZeroDivisionError(), OSError(errno.EIO, 'broken')])
def test_what_is_not_keeps_its_traceback(error: Exception, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(type(error)):
        ended(error, capsys)


def test_from_scratch_leaves_out_all_weights():
    pretrained = dict(type='Pretrained', checkpoint='a.pth')
    xavier = dict(type='Xavier', layer='Conv2d')
    model = dict(
        init_cfg=pretrained,
        backbone=dict(type='TimmBackbone', model_name='resnet18', pretrained=True),
        neck=dict(type='FPN', init_cfg=xavier),
        bbox_head=dict(type='RetinaHead', init_cfg=pretrained),
    )
    cfg = Config(dict(model=model))
    assert starts_from_weights(cfg)
    train_from_scratch(cfg)
    assert not starts_from_weights(cfg)
    assert cfg.model.init_cfg is None and cfg.model.bbox_head.init_cfg is None
    assert cfg.model.backbone.pretrained is False and cfg.model.neck.init_cfg == xavier


@pytest.mark.parametrize('text', ['2', '-0.1', 'nan', 'half'])
def test_a_score_is_a_number_from_0_to_1(text):
    assert (score('0'), score('0.3'), score('1')) == (0, 0.3, 1)
    with pytest.raises(argparse.ArgumentTypeError, match=f'from 0 to 1 is expected, found {text}'):
        score(text)
