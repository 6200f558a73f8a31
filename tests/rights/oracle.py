"""What should come of it: from what a route declares, what a person is and whose the job is, without pandad's own judgement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pandad.api.access import STEER, Access, Reach
from pandad.cli.access import routes
from pandad.spec.caller import Role
from pandad.spec.ground import Ground

from .calls import CALLS, Call, path_of
from .people import PEOPLE, Person

G, P, PROD, ADMIN = Ground, Role.PILOT, Role.PRODUCTION, Role.ADMIN


@dataclass(frozen=True, kw_only=True)
class Job:
    """``owner``, ``holder``: by name, as Person.is_."""

    owner: str
    label: str = "user"
    group: str | None = None
    holder: str = "pilot"


JOBS: Mapping[str, Job] = {
    "alice's": Job(owner="alice"),
    "alice's in phys": Job(owner="alice", group="phys"),
    "alice's, run by bob": Job(owner="alice", holder="bob"),
    "bob's": Job(owner="bob"),
    "production's": Job(owner="prod", label="managed"),
    "production's in phys": Job(owner="prod", label="managed", group="phys"),
}
WHOLE = " with parameters, files and logs"  # a page opens for everybody, and shows these on the grounds that it declares
TASKS = ("alice's in phys", "bob's", "production's")
LETTERS = dict(zip(JOBS, "AGRBPQ", strict=True))

ACCESS: Mapping[str, Access] = {route.path: route.access for route in routes()}


@dataclass(frozen=True)
class Cell:
    """One question. ``job``: "" for a call that is about none."""

    call: str
    person: str
    job: str

    @property
    def how(self) -> Call:
        """How the call is made."""
        return CALLS[self.call]


def cells(person: str) -> Iterator[Cell]:
    """All questions about somebody."""
    for name, call in CALLS.items():
        for job in _jobs_for(name) if call.of_a_job else [""]:
            yield Cell(name, person, job)


def _jobs_for(name: str) -> Iterator[str]:
    """A pilot asks for users' jobs here; the verbs of tasks share one judge, which is tried with all jobs in one of them."""
    for job, what in JOBS.items():
        if ACCESS[path_of(name)] is STEER and not name.endswith("/kill") and job not in TASKS:
            continue
        if ACCESS[path_of(name)].reach is not Reach.CLAIM or (what.label == "user" and what.holder == "pilot"):
            yield job


def allowed(cell: Cell) -> bool:
    """Whether the call does what it is for."""
    person, access = PEOPLE[cell.person], ACCESS[path_of(cell.call)]
    if access.anonymous and not cell.call.endswith(WHOLE):
        return not (access.recognises and person.banned)
    if person.proof is None or person.banned or (person.limited and not access.limited):
        return False
    if access.roles and not person.has(*access.roles):
        return False
    return _reaches(person, access, JOBS.get(cell.job), cell.call)


def _reaches(person: Person, access: Access, job: Job | None, call: str) -> bool:
    if call.endswith("of production for phys"):
        return person.has(PROD) or "phys" in person.production_of
    if call.endswith("of production"):
        return person.has(PROD)
    if job is None or access.reach in (Reach.NOTHING, Reach.READ):
        return True
    if access.reach is Reach.CLAIM:
        return person.has(P, PROD) or person.is_ == job.owner
    if access.reach is Reach.REPORT:
        return person.has(P, PROD) or person.is_ == job.holder
    return _has_ground(person, access, job, call)


def _has_ground(person: Person, access: Access, job: Job, call: str) -> bool:
    found = {G.HOLDER} if person.is_ == job.holder else set()
    if not person.limited:
        found |= {G.OWNER} if person.is_ == job.owner else set()
        found |= {G.GROUP} if job.group in person.groups else set()
        found |= {G.PRODUCTION} if PROD in person.roles else set()
        found |= {G.ADMIN} if ADMIN in person.roles else set()
    if call.endswith("with code 91"):
        return person.has(PROD) and bool(found & access.grounds)
    if (path_of(call).endswith("/kill") or "/v1/task/" in call) and job.label == "user":
        found -= {G.PRODUCTION}
    return bool(found & access.grounds)
