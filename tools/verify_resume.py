"""python tools/verify_resume.py: see `lab/cli/verify_resume.py`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lab.cli.verify_resume import main

if __name__ == '__main__':
    sys.exit(main())
