"""Python processes of the laboratory: they find `mmlite` and `lab` from any folder."""

from __future__ import annotations

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]


def environment() -> dict[str, str]:
    """Returns the environment with the checkout first on PYTHONPATH."""
    paths = [str(CHECKOUT), os.environ.get('PYTHONPATH', '')]
    return {**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, paths))}
