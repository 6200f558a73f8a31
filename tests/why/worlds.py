"""Random queues, jobs and pilots, small enough that each obstacle is met often. All from one seeded generator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

from factories import a_caller, a_file

from pandad.jobdispatcher.requests import AcquireJobs
from pandad.spec.caller import Caller, Role
from pandad.spec.job import JobSpec

DISK = "TEST_DISK"
USERS = ("alice", "bob", "carol")
PILOT = a_caller("pilot", Role.PILOT)
HARDWARE = [{"type": "cpu", "arch": ["x86_64"], "instr": ["avx2"]}, {"type": "gpu", "vendor": ["nvidia"]}]
PLATFORMS = ("", "x86_64-el9-gcc13-opt", "aarch64-el9-gcc13-opt", "x86_64-el9-gcc13-opt@el9#x86_64-*-avx2&nvidia")
MEMORIES_MB, DISKS_MB, TIMES_S = (0, 1000, 2000, 4000, 8000), (0, 5000, 20_000), (0, 600, 3600, 86_400)


def a_description(random: Random, number: int) -> dict[str, Any]:
    """A queue as CRIC has it; most let most jobs in, or nothing would get further."""
    often = random.random() < 0.75
    choice = random.choice
    return {
        "nickname": f"Q{number}", "atlas_site": f"SITE{number // 2}",
        "status": "online" if often else choice(["online", "test", "brokeroff", "offline", "paused"]),
        "type": choice(["unified", "unified", "analysis", "production", "special"]),
        "capability": "" if often else choice(["score", "mcore", "ucore"]),
        "maxrss": choice(MEMORIES_MB), "minrss": 0 if often else choice(MEMORIES_MB[:3]),
        "maxwdir": choice(DISKS_MB), "maxinputsize": choice([0, 0, 1]), "maxtime": choice(TIMES_S),
        "mintime": 0 if often else choice(TIMES_S[:3]), "corecount": choice([1, 8]),
        "cmtconfig": "" if often else choice(PLATFORMS[:3]),
        "releases": [] if often else choice([["AUTO"], ["Rel-1"], ["Rel-1", "Rel-2"]]),
        "architectures": [] if often else HARDWARE,
        "astorages": {} if random.random() < 0.1 else {"pr": [DISK], "pw": [DISK]}}


def a_spec(random: Random, queues: int) -> JobSpec:
    """A job as somebody submits it."""
    choice, often = random.choice, random.random() < 0.5
    pinned = f"Q{random.randrange(queues + 1)}" if random.random() < 0.15 else None
    if random.random() < 0.15:
        pinned = choice(["Q0,Q1", "Q1,Q*", "-Q0", "Q*,-Q1,-Q2", "GONE*", "-Q*"])
    files = [a_file(type="input", lfn=f"in{random.randrange(4)}", fsize=choice([5, 2**21]))] if random.random() < 0.3 else []
    files += [a_file(lfn="out.$PANDAID")] if often else []
    return JobSpec(
        transformation="run.sh", jobParameters="", computingSite=pinned, Files=files,
        prodSourceLabel=choice(["user", "user", "panda", "managed", "test", "ptest", "rc_test2"]),
        job_label=choice([None, "user", "managed"]), processingType=choice([None, "x"]),
        minRamCount=choice(MEMORIES_MB[:3] if often else MEMORIES_MB), maxDiskCount=0 if often else choice(DISKS_MB),
        maxWalltime=None if often else choice(TIMES_S), coreCount=choice([None, 1, 1, 1, 8]),
        cmtConfig=None if often else choice(PLATFORMS), AtlasRelease=None if often else choice(["Rel-1", "Rel-2", "NULL"]),
        container_name=choice([None, None, "docker://x"]), workingGroup=choice([None, None, "phys", "exo"]),
        countryGroup=choice([None, None, "de"]), jediTaskID=choice([None, None, 10_000_001]), currentPriority=0,
        assignedPriority=random.randrange(1, 5) * 100)


def a_submitter(random: Random) -> Caller:
    """Who may submit all of these."""
    return a_caller(random.choice(USERS), Role.PRODUCTION)


def a_request(random: Random, queues: int) -> tuple[Caller, AcquireJobs]:
    """What a pilot says, and who it is: mostly one that takes anything, sometimes a user's own."""
    def maybe(value: Any, chance: float = 0.3) -> Any:
        return value if random.random() < chance else None

    choice = random.choice
    own = random.random() < 0.15
    caller = a_caller(choice(USERS)) if own else PILOT
    return caller, AcquireJobs(
        site_name=f"Q{random.randrange(queues)}", n_jobs=100, node="node.test",
        prod_source_label="user" if own else choice(["unified", "unified", "user", "managed", "test", None]),
        memory=maybe(choice(MEMORIES_MB[1:])), disk_space=maybe(choice(DISKS_MB[1:])), remaining_time=maybe(choice(TIMES_S[1:])),
        core_count=maybe(choice([1, 8])), resource_type=maybe(choice(["SCORE", "MCORE", "SCORE_HIMEM"]), 0.15),
        job_type=maybe(choice(["user", "managed"]), 0.1), task_id=maybe(10_000_001, 0.1),
        working_group=maybe(choice(["phys", "exo"]), 0.1), country_group=maybe("de", 0.1),
        prod_user_id=maybe(f"{'/DC=org/DC=test/CN='}{choice(USERS)}", 0.1))


# What of a queue's description the criterion is about.
KEYS = {"lowmemory": "maxrss", "highmemory": "minrss", "disk": "maxwdir", "maxinputsize": "maxinputsize", "cpucore": "corecount",
        "shortwalltime": "maxtime", "longwalltime": "mintime", "type": "type", "status": "status"}


def mended(description: Mapping[str, Any], verdict: Mapping[str, Any]) -> dict[str, Any]:
    """The queue without that obstacle, and otherwise as it is."""
    key = KEYS.get(verdict["criterion"])
    changed = dict(description)
    if verdict["criterion"] == "cpucore":
        changed["capability"] = ""
    if key is not None:
        changed[key] = verdict["need"]
    elif verdict["criterion"] == "cmtconfig":
        changed["cmtconfig"] = verdict["need"]
    elif verdict["criterion"] == "architecture":
        changed["architectures"] = [{"type": "cpu"}, {"type": "gpu"}]
    elif verdict["criterion"] == "cache":
        changed["releases"] = []
    elif verdict["criterion"] == "storage":
        changed["astorages"] = {"pr": [DISK], "pw": [DISK]}
    return changed


# The same for a pilot: the field of its request that the criterion is about.
SAID: Mapping[str, str] = {
    "memory": "memory", "disk": "disk_space", "cpucore": "core_count", "remaining_time": "remaining_time",
    "resource_type": "resource_type", "jobType": "job_type", "task": "task_id", "workingGroup": "working_group",
    "countryGroup": "country_group", "prodUserName": "prod_user_id"}


def wider(caller: Caller, request: AcquireJobs, verdict: Mapping[str, Any]) -> tuple[Caller, AcquireJobs] | None:
    """A pilot that has what was missing; None: no pilot takes that label."""
    criterion = verdict["criterion"]
    if criterion == "owner":
        return PILOT, request
    if criterion == "prodSourceLabel":
        label = verdict["need"]
        return (PILOT, replace(request, prod_source_label=label)) if request.prod_source_label != label else None
    # A need of nothing cannot be asked for: who asks for no group in particular takes jobs of any, and of none.
    need = verdict["need"] if criterion in ("memory", "disk", "cpucore", "remaining_time", "resource_type") else None
    changed: Any = {SAID[criterion]: need}
    return caller, replace(request, **changed)
