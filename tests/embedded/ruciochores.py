"""Run by the Python that has Rucio: one round of its own daemons judge-evaluator, undertaker and judge-cleaner, without the ten
seconds that each of them waits for its heartbeat."""

from __future__ import annotations

import logging
from typing import Any

from rucio.daemons.judge import cleaner, evaluator
from rucio.daemons.undertaker import undertaker


class Alone:
    """The heartbeat of the only one."""

    def live(self) -> tuple[int, int, Any]:
        """Its number, of how many, and a log."""
        return 0, 1, logging.log


def main() -> None:
    """What was put into datasets gets to where rules want it; what has run out goes."""
    evaluator.run_once({}, 1000, Alone())
    undertaker.run_once({}, 100, Alone())
    cleaner.run_once({}, Alone())


if __name__ == "__main__":
    main()
