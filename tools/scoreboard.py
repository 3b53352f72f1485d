"""python tools/scoreboard.py: see `lab/cli/scoreboard.py`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmlite.cli.ending import start

if __name__ == '__main__':
    sys.exit(start('lab.cli.scoreboard'))
