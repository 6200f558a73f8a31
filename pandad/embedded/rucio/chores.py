"""Run by the Python that has Rucio: its own daemons judge-evaluator, undertaker and judge-cleaner, by turns in one process.

    python chores.py SECONDS     round after round, with so long a pause; 0: one round

What was put into datasets gets to where rules want it, and what has run out goes. In processes of their own they would take three
times the memory, and each waits ten seconds for its heartbeat before it begins.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

from rucio.daemons.judge import cleaner, evaluator
from rucio.daemons.undertaker import undertaker

DIDS, CHUNK = 1000, 100  # in one round, and in one call


class Alone:
    """The heartbeat of the only one."""

    def live(self) -> tuple[int, int, Any]:
        """Its number, of how many, and a log."""
        return 0, 1, logging.log


class Chores:
    """They remember for a while what they could not do."""

    def __init__(self) -> None:
        self._unevaluated: dict[Any, Any] = {}
        self._unburied: dict[Any, Any] = {}
        self._uncleaned: dict[Any, Any] = {}

    def do(self) -> None:
        """One round."""
        evaluator.run_once(self._unevaluated, DIDS, Alone())
        undertaker.run_once(self._unburied, CHUNK, Alone())
        cleaner.run_once(self._uncleaned, Alone())


def main() -> None:
    """As the module says."""
    chores, pause_s = Chores(), float(sys.argv[1])
    if not pause_s:
        chores.do()
        return
    while True:
        try:
            chores.do()
        except Exception:  # the database may be away for a moment
            logging.exception("a round failed")
        time.sleep(pause_s)


if __name__ == "__main__":
    main()
