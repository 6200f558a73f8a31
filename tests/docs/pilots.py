"""A queue on the host, a user with jobs there, and a pilot: what a drill needs to see that no job is lost or doubled."""

from __future__ import annotations

import json
from typing import Any

from . import host as hosts
from .machine import Machine

QUEUE = "DRILL"
DESCRIPTION = f'nickname = "{QUEUE}"\natlas_site = "DRILL_SITE"\n'
JOBS = f'transformation = "x.sh"\nqueue = "{QUEUE}"\nlog = false\ncount = 2\n'
AS_PILOT = (f"curl --silent --show-error --cert {hosts.GRID}/pilot.proxy --capath /etc/grid-security/certificates "
            f"--header 'Accept: application/json' https://{hosts.NAME}:25443/server/panda/")
KNOW_THE_PILOT = (r"sed -i 's|^pilot = .*|pilot = [\"/DC=org/DC=pandad/OU=Users/CN=pilot/CN=34567/CN=Robot: pandad pilot\"]|' "
                  "/etc/pandad/pandad.toml && systemctl reload pandad")


def set_up(machine: Machine) -> None:
    """The queue, and who the pilot is."""
    machine.must(f"printf '{DESCRIPTION}' > /var/tmp/drill.toml && runuser -u pandad -- pandad queue add /var/tmp/drill.toml")
    machine.must(f"printf '{JOBS}' > /root/drill.toml")
    machine.must(KNOW_THE_PILOT)


def _call(machine: Machine, method: str, **form: object) -> dict[str, Any]:
    data = "&".join(f"{name}={value}" for name, value in form.items())
    answer: dict[str, Any] = json.loads(machine.must(f"{AS_PILOT}{method} --data '{data}'"))
    return answer


def acquire(machine: Machine) -> int:
    """The job that a pilot gets, which it then runs."""
    got = _call(machine, "getJob", siteName=QUEUE, prodSourceLabel="user", node="n1")
    assert got["StatusCode"] == 0, got
    assert report(machine, got["PandaID"], "running") is None
    return int(got["PandaID"])


def report(machine: Machine, panda_id: int, state: str) -> str | None:
    """What a pilot is told when it reports; None: go on."""
    told = _call(machine, "updateJob", jobId=panda_id, attemptNr=1, state=state, node="n1", siteName=QUEUE)
    assert told["StatusCode"] == 0, told
    return None if told.get("command") in (None, "", "NULL") else str(told["command"])


def submit(machine: Machine) -> list[int]:
    """Two jobs of alice's, ready for pilots."""
    rows = json.loads(machine.must("pandad job submit /root/drill.toml --json", hosts.ENVIRONMENT))
    ids = [int(row["PandaID"]) for row in rows]
    for each in ids:
        machine.must(f"for n in $(seq 100); do pandad job show {each} | grep -q 'jobStatus *activated' && exit; sleep 0.2; done; "
                     f"pandad job show {each}; false", hosts.ENVIRONMENT)
    return ids


def state(machine: Machine, panda_id: int) -> str | None:
    """What its owner sees; None if there is no such job."""
    shown = machine.run(f"pandad job show {panda_id} --json", hosts.ENVIRONMENT)
    return str(json.loads(shown.said)[0]["jobStatus"]) if shown.code == 0 else None
