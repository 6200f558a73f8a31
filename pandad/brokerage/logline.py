"""A decision as lines of a log, in PanDA's grammar, which people and tools know: one line per queue, then the choice.

``skip site=S due to TEXT criteria=-TAG``, ``use site=S with weight=W criteria=+use`` (JEDI's brokers), and
``action=choose site=S reason=maxweight`` (the server's of 2013).
"""

from __future__ import annotations

from collections.abc import Iterator

from pandad.brokerage.decision import Decision
from pandad.reasons import log_line


def lines(decision: Decision, *, whole: bool = True) -> Iterator[str]:
    """Of a decision, whether or not its job has an id yet.

    :param whole: with a line for each queue.
    """
    of = f"PandaID={decision.job.PandaID} " if decision.job.PandaID is not None else ""
    for verdict in decision.verdicts if whole else ():
        yield of + log_line(verdict.stored)
    if decision.queue is not None:
        yield f"{of}action=choose site={decision.queue} reason=maxweight weight={decision.weight:.6g}"
    else:
        yield f"{of}action=skip reason=nosite - {decision.reason}"
