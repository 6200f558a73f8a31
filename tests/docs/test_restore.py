"""docs/how-to/restore.md: a drill. Jobs run, a dump is made, more happens, the database is lost, and comes back from the dump."""

from __future__ import annotations

import json
from typing import Any

import pytest

from . import host as hosts
from .blocks import REPOSITORY, read
from .machine import Machine
from .session import complaints, steps

PAGE = read(REPOSITORY / "docs" / "how-to" / "restore.md")
QUEUE = "DRILL"
DESCRIPTION = f'nickname = "{QUEUE}"\natlas_site = "DRILL_SITE"\n'
JOB = f'transformation = "x.sh"\nqueue = "{QUEUE}"\n'
AS_PILOT = (f"curl --silent --show-error --cert {hosts.GRID}/pilot.proxy --capath /etc/grid-security/certificates "
            f"--header 'Accept: application/json' https://{hosts.NAME}:25443/server/panda/")


def run_blocks(machine: Machine, first: int, last: int) -> None:
    """Some of the page's commands, in their order."""
    found = complaints(machine, list(steps(PAGE.commands, PAGE.words, {}))[first:last], hosts.CHECKOUT, hosts.ENVIRONMENT)
    assert not found, "\n\n".join(found)


def pilot(machine: Machine, method: str, **form: object) -> dict[str, Any]:
    """A call of a pilot."""
    data = "&".join(f"{name}={value}" for name, value in form.items())
    answer: dict[str, Any] = json.loads(machine.must(f"{AS_PILOT}{method} --data '{data}'"))
    return answer


def acquire(machine: Machine) -> int:
    """The job that a pilot gets, which it then runs."""
    got = pilot(machine, "getJob", siteName=QUEUE, prodSourceLabel="user", node="n1")
    assert got["StatusCode"] == 0, got
    assert report(machine, got["PandaID"], "running") is None
    return int(got["PandaID"])


def report(machine: Machine, panda_id: int, state: str) -> str | None:
    """What a pilot is told when it reports; None: go on."""
    told = pilot(machine, "updateJob", jobId=panda_id, attemptNr=1, state=state, node="n1", siteName=QUEUE)
    return None if told.get("command") in (None, "", "NULL") else told["command"]


def submit(machine: Machine) -> list[int]:
    """Two jobs of alice's, ready for pilots."""
    rows = json.loads(machine.must("cd /root && pandad job submit drill.toml --json", hosts.ENVIRONMENT))
    ids = [int(row["PandaID"]) for row in rows]
    for each in ids:
        machine.must(f"for n in $(seq 100); do pandad job show {each} | grep -q 'jobStatus *activated' && exit; sleep 0.2; done; "
                     f"pandad job show {each}; false", hosts.ENVIRONMENT)
    return ids


def state(machine: Machine, panda_id: int) -> str | None:
    """What its owner sees; None if there is no such job."""
    shown = machine.run(f"pandad job show {panda_id} --json", hosts.ENVIRONMENT)
    return json.loads(shown.said)[0]["jobStatus"] if shown.code == 0 else None


@pytest.fixture(scope="module")
def drilled(host: Machine) -> Machine:
    """With a queue, and pilots that are known as such."""
    host.must(f"cd /root && printf '{DESCRIPTION}' > drill_queue.toml && chmod 644 drill_queue.toml && install -m 644 drill_queue.toml /var/tmp/")
    host.must("runuser -u pandad -- pandad queue add /var/tmp/drill_queue.toml")
    host.must(f"cd /root && printf '{JOB}count = 2\\n' > drill.toml")
    host.must(r"sed -i 's|^pilot = .*|pilot = [\"/DC=org/DC=pandad/OU=Users/CN=pilot/CN=34567/CN=Robot: pandad pilot\"]|' "
              "/etc/pandad/pandad.toml && systemctl reload pandad")
    return host


def test_the_drill(drilled: Machine) -> None:
    """A job that ran at the dump goes on; what is not in the dump is stopped at its pilot; no id is given out twice, and no job to
    two pilots. The database is clean."""
    running, _ = acquire_of(drilled, submit(drilled))
    run_blocks(drilled, 0, 2)  # what to keep, and the dump
    later = submit(drilled)
    since = acquire(drilled)  # a job of the dump that a pilot gets after it
    lost = acquire(drilled)
    assert since not in later and lost in later
    run_blocks(drilled, 2, 3)  # stop
    drilled.must("su postgres -c 'dropdb pandad'")
    run_blocks(drilled, 3, len(list(steps(PAGE.commands, PAGE.words, {}))))

    assert report(drilled, running, "running") is None
    assert report(drilled, lost, "running") == "tobekilled"
    assert report(drilled, since, "running") == "tobekilled"
    assert [state(drilled, each) for each in later] == [None, None]
    assert state(drilled, since) == "activated"
    again = acquire(drilled)
    assert again == since
    assert min(submit(drilled)) > max(later)
    drilled.must("runuser -u pandad -- pandad fsck")


def acquire_of(machine: Machine, ids: list[int]) -> tuple[int, list[int]]:
    """The job of these that a pilot runs, and the others."""
    got = acquire(machine)
    assert got in ids
    return got, [each for each in ids if each != got]
