"""``python -m tests.doctor``: every seeded fault, looked for by all that `pandad doctor` looks at; and how many were found."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

os.environ["PANDAD_DOCTOR_THOROUGH"] = "1"


class Count:
    """Of the seeds by where they are, how many were found."""

    def __init__(self) -> None:
        self.found: dict[str, int] = {}
        self.all: dict[str, int] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One more."""
        name = report.nodeid.partition("::")[2].partition("[")[0]
        if report.when == "call" and "[" in report.nodeid:
            self.all[name] = self.all.get(name, 0) + 1
            self.found[name] = self.found.get(name, 0) + report.passed


if __name__ == "__main__":
    count = Count()
    code = pytest.main(["-q", "-p", "no:cacheprovider", str(Path(__file__).parent)], [count])
    for name, number in count.all.items():
        sys.stdout.write(f"{name}: {count.found[name]} of {number}\n")
    sys.exit(code)
