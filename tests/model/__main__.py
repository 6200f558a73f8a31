"""`python -m tests.model --steps 100000 --seed N`: a long run of the machine, on a PostgreSQL of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from pandad.cli.foreground import in_foreground

sys.path.insert(0, str(Path(__file__).parent.parent))  # where pytest finds what tests share

from model.campaign import start  # noqa: E402

if __name__ == "__main__":
    raise SystemExit(in_foreground(start))
