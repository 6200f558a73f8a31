"""docs/how-to/upgrade.md: to a version that changes the database, and back to the one before, with jobs that go on."""

from __future__ import annotations

from pandad.taskbuffer import migrate

from . import host as hosts
from . import pilots
from .blocks import REPOSITORY, read
from .distribution import write
from .machine import Machine
from .session import complaints, steps

PAGE = read(REPOSITORY / "docs" / "how-to" / "upgrade.md")
STEPS = list(steps(PAGE.commands, PAGE.words, {}))
LOOKED, UPGRADED = 2, 6  # so many steps of the page until then
NEXT = len(migrate.known()) + 1
NEW = "/usr/src/pandad-new"
ADDITIVE = """-- What jobs are worth, which a version to come wants to know.
-- Older pandads: work on

ALTER TABLE queue ADD COLUMN worth bigint NOT NULL DEFAULT 0;
CREATE INDEX queue_worth ON queue (worth) WHERE worth > 0;
CREATE TABLE worth (jeditaskid bigint PRIMARY KEY, worth bigint NOT NULL);
"""


def put_new_version(machine: Machine) -> None:
    """A checkout of a version to come, with one more migration."""
    machine.must(f"mkdir -p {NEW} && cd {hosts.CHECKOUT} && cp -r pandad twisted setup.py pyproject.toml README.md {NEW}/ "
                 f"&& sed -i 's/__version__ = .*/__version__ = \"99.0\"/' {NEW}/pandad/__init__.py")
    write(machine, f"{NEW}/pandad/taskbuffer/schema/{NEXT:04}_worth.sql", ADDITIVE)


def run_steps(machine: Machine, first: int, last: int) -> None:
    """Some of the page's commands, in their order."""
    found = complaints(machine, STEPS[first:last], hosts.CHECKOUT, hosts.ENVIRONMENT)
    assert not found, "\n\n".join(found)


def test_there_and_back(host: Machine) -> None:
    """The new version works on what the old one left, and the old one on what the new one made of it; pilots go on throughout."""
    pilots.set_up(host)
    put_new_version(host)
    pilots.submit(host)
    first = pilots.acquire(host)
    run_steps(host, 0, UPGRADED)
    assert host.must("pandad --version") == "pandad 99.0\n"
    assert pilots.report(host, first, "running") is None
    second = pilots.acquire(host)
    pilots.submit(host)
    run_steps(host, UPGRADED, len(STEPS))
    assert [pilots.report(host, each, "running") for each in (first, second)] == [None, None]
    assert pilots.acquire(host) not in (first, second)
