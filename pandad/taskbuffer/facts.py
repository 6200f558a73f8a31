"""What is known of queues, their jobs and their pilots."""

from __future__ import annotations

from collections.abc import Collection

from pandad.spec.facts import Ends, Pilots, Usage
from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer import sites
from pandad.taskbuffer.store import Transaction


async def counts(txn: Transaction) -> dict[str, dict[JobStatus, int]]:
    """How many jobs each queue has in each state."""
    return await sites.counts(txn, frozenset(JobStatus))


async def ends(txn: Transaction, window_s: int) -> dict[str, Ends]:
    """How attempts began and ended at each queue of which something is known."""
    return {}


async def pilots(txn: Transaction, window_s: int) -> dict[str, Pilots]:
    """What pilots did at each queue at which one ever was."""
    return {}


async def usage(txn: Transaction, task_ids: Collection[int]) -> dict[int, Usage]:
    """What the finished jobs of these tasks used."""
    return {}
