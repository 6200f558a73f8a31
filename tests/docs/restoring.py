"""docs/how-to/restore.md: a drill. Jobs run, a dump is made, more happens, the database is lost, and comes back from the dump."""

from __future__ import annotations

from . import host as hosts
from . import pilots
from .blocks import REPOSITORY, read
from .machine import Machine
from .session import complaints, steps

PAGE = read(REPOSITORY / "docs" / "how-to" / "restore.md")
STEPS = list(steps(PAGE.commands, PAGE.words, {}))
DUMPED, STOPPED = 2, 3  # so many steps of the page until then


def run_steps(machine: Machine, first: int, last: int) -> None:
    """Some of the page's commands, in their order."""
    found = complaints(machine, STEPS[first:last], hosts.CHECKOUT, hosts.ENVIRONMENT)
    assert not found, "\n\n".join(found)


def test_the_drill(host: Machine) -> None:
    """A job that ran at the dump goes on; what the dump does not know is stopped at its pilot; no id is given out twice, and no
    job to two pilots. The database is clean."""
    pilots.set_up(host)
    before = pilots.submit(host)
    running = pilots.acquire(host)
    run_steps(host, 0, DUMPED)
    after = pilots.submit(host)
    since, unknown = pilots.acquire(host), pilots.acquire(host)
    assert {running, since} == set(before) and unknown in after
    run_steps(host, DUMPED, STOPPED)
    host.must("su postgres -c 'dropdb pandad'")
    run_steps(host, STOPPED, len(STEPS))

    assert pilots.report(host, running, "running") is None
    assert [pilots.report(host, each, "running") for each in (since, unknown)] == ["tobekilled", "tobekilled"]
    assert [pilots.state(host, each) for each in (since, *after)] == ["activated", None, None]
    assert pilots.acquire(host) == since
    assert min(pilots.submit(host)) > max(after)
    host.must("runuser -u pandad -- pandad fsck")
