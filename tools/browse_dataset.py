"""python tools/browse_dataset.py: see `mmlite/cli/browse_dataset.py`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmlite.cli.ending import start

if __name__ == '__main__':
    sys.exit(start('mmlite.cli.browse_dataset'))
