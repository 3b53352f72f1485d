"""python tools/benchmark.py: see `lab/cli/benchmark.py`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lab.cli.benchmark import main

if __name__ == '__main__':
    sys.exit(main())
