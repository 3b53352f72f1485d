"""The training and the data of the command lines' tests."""

from tests.cli.conftest import trained, voc_part

__all__ = ['trained', 'voc_part']
