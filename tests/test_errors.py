from __future__ import annotations

from mmlite.errors import ArgumentError, UnknownTypeError, UserError, did_you_mean, nearest


def test_nearest_ignores_case_and_puts_the_nearest_first() -> None:
    assert nearest('ssdhead', ['FCOSHead', 'SSDHead', 'RetinaHead']) == ['SSDHead', 'FCOSHead']
    assert nearest('xyz', ['SSDHead']) == []


def test_nearest_gives_no_more_than_asked_for() -> None:
    assert len(nearest('aaa', ['aaab', 'aaac', 'aaad', 'aaae'])) == 3


def test_did_you_mean_is_a_sentence_or_nothing() -> None:
    assert did_you_mean('depht', ['depth', 'width']) == " Did you mean 'depth'?"
    assert did_you_mean('x', ['depth']) == ''


def test_errors_print_their_message_and_not_its_repr() -> None:
    assert str(UnknownTypeError("type 'X'")) == "type 'X'"
    for kind, builtin in ((UnknownTypeError, KeyError), (ArgumentError, TypeError)):
        assert issubclass(kind, UserError)
        assert issubclass(kind, builtin)  # what mmengine's callers catch
