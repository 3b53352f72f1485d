"""The laboratory's command lines, one file for each verb; `tools/NAME.py` starts them."""

from mmlite.cli.verbs import LABORATORY as VERBS

__all__ = ['VERBS']
