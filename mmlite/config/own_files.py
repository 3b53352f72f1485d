"""mmlite's own configs: the checkout's folder `configs`, or the copy in an installed wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_IN_WHEEL = _PACKAGE / 'configs'  # setup.py puts them there
CONFIGS = _IN_WHEEL if _IN_WHEEL.is_dir() else _PACKAGE.parent / 'configs'


def find_config(path: str | Path, folder: str | Path = '') -> Path:
    """Returns where a config is: at its path or, for `configs/...`, among mmlite's own.

    A file that is there comes first. With it `configs/ssd/ssd_demo.py` means the same in a
    checkout and in any other folder, on a command line and in `_base_`.

    Args:
        path: as it is written.
        folder: what a relative path starts from; '' is the current folder.
    """
    asked = Path(folder, path)
    parts = Path(path).parts
    if parts[:1] != ('configs',) or asked.exists():
        return asked
    own = CONFIGS.joinpath(*parts[1:])
    misspelt = own.parent.is_dir() and not asked.parent.is_dir()  # the error names what is near
    return own if own.is_file() or misspelt else asked
