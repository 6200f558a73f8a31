"""The matrix of calls, people and jobs, whole: pandad does what each route declares, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred
from replyshapes import ROUTES, faults_of_text

from pandad.api.access import Reach
from pandad.api.grants import Banned
from pandad.spec.errors import Forbidden

from .calls import CALLS, ELSEWHERE, path_of
from .oracle import ACCESS, WHOLE, Cell, allowed, cells
from .page import page
from .people import PEOPLE
from .world import FIT, World, served

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "rights-matrix.md"


def test_it_is_whole(world: World) -> None:
    """Every call that there is stands in the matrix, and no other."""
    assert {path_of(name) for name in CALLS} == served(world) - ELSEWHERE == set(ACCESS) - ELSEWHERE
    assert sum(1 for person in PEOPLE for _ in cells(person)) >= 1500


@pytest.mark.parametrize("name", PEOPLE)
@ensureDeferred
async def test_people_are_who_they_are(world: World, name: str) -> None:
    """Roles, groups and ownership follow from the proof, the configuration and the account, and from nothing else."""
    person = PEOPLE[name]
    if person.proof is None:
        return
    if person.banned:
        with pytest.raises(Banned, match="your account is banned until an administrator lifts it: mining on the Grid"):
            world.grants.granted(person.proof)
        return
    caller = world.grants.granted(person.proof)
    assert (caller.roles, caller.groups, caller.production_of) == (person.roles, person.groups, person.production_of)


@pytest.mark.parametrize("name", PEOPLE)
@ensureDeferred
async def test_everybody_may_what_the_calls_declare(world: World, name: str) -> None:
    """A call does what it is for where its rule says so; else nothing changes, and the refusal says whom the server sees."""
    wrong = [problem for cell in cells(name) for problem in await problems(world, cell)]
    assert wrong == []


async def problems(world: World, cell: Cell) -> list[str]:
    """What is not as it should be."""
    waiting = ACCESS[path_of(cell.call)].reach is Reach.CLAIM
    panda_id = world.job(cell.job, waiting) if cell.job else 0
    queue = f"Q{list(world.running).index(cell.job)}" if cell.job else ""
    await world.fit(panda_id, path_of(cell.call))
    before, person = await world.signs(panda_id), PEOPLE[cell.person]
    values = dict(cell.how.about(panda_id, queue))
    path = cell.how.at(panda_id, queue) if cell.how.at else path_of(cell.call)
    status, text = await world.call(person.proof, cell.how.method, path, values, cell.how.form)
    done, found = cell.how.done(status, text), []
    if done != allowed(cell):
        found.append(f"{cell}: {'done' if done else 'refused'}: {status} {text[:300]}")
    if done and path_of(cell.call) in ROUTES:
        found += faults_of_text(path_of(cell.call), text)
    if not done and await world.signs(panda_id) != before:
        found.append(f"{cell}: refused, and something changed")
    if not done and not says_who(cell, text):
        found.append(f"{cell}: the refusal does not say who: {text[:300]}")
    if (done or path_of(cell.call).rpartition("/")[2] in FIT) and cell.job:
        await world.reset(cell.job, waiting)
    return found


def says_who(cell: Cell, text: str) -> bool:
    """Nobody is told that no identity came; others, whom the server takes them for, in which roles, and which rule failed. Who
    has nothing to get is not refused."""
    person, access = PEOPLE[cell.person], ACCESS[path_of(cell.call)]
    if cell.call.endswith(WHOLE) and not person.banned:
        return '"whole": false' in text
    if person.proof is None:
        return "no identity came" in text and f"this call is for {access.says}" in text
    if access.reach is Reach.CLAIM and "no jobs in PanDA" in text:
        return True
    if f"you are {person.proof.identity.subject} (vouched for by {person.proof.identity.anchor})" not in text:
        return False
    if person.banned:
        return "your account is banned until an administrator lifts it: mining on the Grid" in text
    roles = ", ".join(sorted(person.roles)) or "none"
    return f"with roles: {roles}" in text and rule_of(cell) in text and (not person.limited or "limited proxy" in text)


# What a room says of its rule where the call's own rule lets somebody in.
RULES = {
    **dict.fromkeys(("finish", "pause", "resume", "retry", "reactivate", "reload_input", "increase_attempts"),
                    "is steered by its owner"),
    "kill": "ed by its owner", "kill with code 91": "kill code 91", "set_debug_mode": "is debugged by its owner",
    "setDebugMode": "is debugged by its owner", "set_command": "is debugged by its owner",
    "send_command_to_job": "is debugged by its owner", "get_debug_output": "is debugged by its owner",
    "update_job": "a job is updated by pilots, and by who took it", "updateJob": "a job is updated by pilots, and by who took it",
    "update_jobs_bulk": "a job is updated by pilots, and by who took it",
    "submit of production": "needs the production role, or that of the job's workingGroup",
    "submit of production for phys": "needs the production role, or that of the job's workingGroup",
}


def rule_of(cell: Cell) -> str:
    """The words of the rule that keeps somebody from it."""
    person, access = PEOPLE[cell.person], ACCESS[path_of(cell.call)]
    if (person.limited and not access.limited) or (access.roles and not person.has(*access.roles)):
        return f"this call is for {access.says}"
    return RULES[cell.call.rpartition("/")[2]]


def test_the_page_is_current() -> None:
    """The documentation shows the matrix that is tested."""
    assert PAGE.read_text("utf-8") == page(), f"run: python -m tests.rights {PAGE}"


def test_banned_is_a_refusal() -> None:
    """It is answered as one."""
    assert issubclass(Banned, Forbidden)
