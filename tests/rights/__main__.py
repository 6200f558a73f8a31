"""Write the matrix into a page of the documentation: python -m tests.rights FILE."""

from __future__ import annotations

import sys
from pathlib import Path

from .page import page

Path(sys.argv[1]).write_text(page(), "utf-8")
