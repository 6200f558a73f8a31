"""Ten thousand people who are nearly somebody else are nobody special."""

from __future__ import annotations

import json
import random

import pytest
from pytest_twisted import ensureDeferred

from pandad.spec.caller import Credential, Identity, compact_name
from pandad.spec.killcode import ORDINARY
from pandad.taskbuffer import control
from pandad.userinterface import authority

from .lookalikes import lookalike
from .people import ALICE, BOB, CA, PILOT, PRODUCTION, dn
from .world import World

SOMEBODY = (ALICE, BOB, PILOT, PRODUCTION, Identity(CA, dn("root")), Identity(CA, dn("mandy")))
MANY, THROUGH_THE_API = 10_000, 60


def crowd(count: int, seed: int = 1) -> list[tuple[Identity, Credential]]:
    """(who he looks like, his proof) of so many."""
    dice, found = random.Random(seed), dict[Identity, tuple[Identity, Credential]]()
    while len(found) < count:
        who = dice.choice(SOMEBODY)
        proof = lookalike(dice, who)
        if proof.identity not in SOMEBODY:  # who turned into another one of these has that one's rights
            found.setdefault(proof.identity, (who, proof))
    return list(found.values())


@ensureDeferred
async def test_none_has_rights_of_another(world: World) -> None:
    """Neither role nor group, neither jobs nor the say over one: for none, though hundreds share the name that is shown."""
    found = await world.store.read("test_look", control.look, list(world.running.values()))
    jobs, same_name = list(found.values()), 0
    for who, proof in crowd(MANY):
        caller = world.grants.granted(proof)
        assert not (caller.roles or caller.groups or caller.others or caller.account), proof
        assert not caller.is_(who), proof
        for job in jobs:
            assert not authority.grounds(caller, job) and not authority.may_kill(caller, job, ORDINARY), (proof, job)
        same_name += caller.name == compact_name(who.subject)
    assert same_name > 500


@pytest.mark.parametrize("dialect", ["/api/v1", "/server/panda"])
@ensureDeferred
async def test_none_takes_them_through_the_api(world: World, dialect: str) -> None:
    """What is Alice's is not theirs in either dialect: not seen where it is not public, not killed, not changed."""
    panda_id = world.running["alice's"]
    await world.reset("alice's", waiting=False)
    await world.call(alice(), "POST", "/api/v1/creds/set_user_secrets", {"key": "k", "value": "hers"})
    before = await world.signs(panda_id)
    for who, proof in crowd(THROUGH_THE_API, seed=2):
        for path, values, form in hers(dialect, panda_id):
            method = "GET" if "get_debug_output" in path else "POST"
            status, text = await world.call(proof, method, path, values, form)
            refused = status == 403 or (status == 200 and not worked(text))
            assert refused and "hers" not in text.split("you are ")[0], (who, proof, path, text)
    assert await world.signs(panda_id) == before
    assert json.loads((await world.call(alice(), "GET", "/api/v1/creds/get_user_secrets", {}))[1])["data"] == '{"k":"hers"}'


def alice() -> Credential:
    """Herself."""
    return Credential(kind="x509", identity=ALICE, not_after=crowd(1)[0][1].not_after, host="192.0.2.1")


def hers(dialect: str, panda_id: int) -> list[tuple[str, dict[str, object], bool]]:
    """What one can try about her job: (path, parameters, whether as a form)."""
    if dialect == "/api/v1":
        return [
            ("/api/v1/job/kill", {"job_ids": [panda_id]}, False), ("/api/v1/job/kill", {"job_ids": [panda_id], "code": 9}, False),
            ("/api/v1/job/set_debug_mode", {"job_id": panda_id, "mode": True}, False),
            ("/api/v1/job/set_command", {"job_id": panda_id, "command": "ps -ef"}, False),
            ("/api/v1/job/get_debug_output", {"job_id": panda_id}, False),
            ("/api/v1/pilot/update_job", {"job_id": panda_id, "job_status": "failed", "attempt_nr": 1}, False),
            ("/api/v1/pilot/acquire_jobs", {"site_name": "Q0", "prod_source_label": "user"}, False)]
    return [
        ("/server/panda/setDebugMode", {"pandaID": panda_id, "modeOn": "True"}, True),
        ("/server/panda/send_command_to_job", {"panda_id": panda_id, "com": "ps -ef"}, True),
        ("/server/panda/updateJob", {"jobId": panda_id, "state": "failed", "attemptNr": 1}, True),
        ("/server/panda/getJob", {"siteName": "Q0", "prodSourceLabel": "user"}, True)]


def worked(text: str) -> bool:
    """Whether a reply with HTTP status 200 is one of success."""
    if not text.startswith("{"):
        return True
    reply = json.loads(text)
    return bool(reply.get("data") != [False] if reply.get("success") else reply.get("StatusCode") == 0)
