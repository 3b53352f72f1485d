"""python tools/init.py: see `mmlite/cli/init.py`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmlite.cli.init import main

if __name__ == '__main__':
    sys.exit(main())
