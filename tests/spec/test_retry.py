"""Rules of retries: what matches, which wins, what the next attempt gets."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from factories import QUEUE, a_job, a_queue
from hypothesis import given
from hypothesis import strategies as st

from pandad.jobdispatcher.requests import JobUpdate
from pandad.spec.job import JOB_ATTRIBUTES, JobSpec
from pandad.spec.retry import (
    CLEAN,
    LARGEST,
    Action,
    Decision,
    RetryPolicy,
    RetryRule,
    asked_for,
    attempts_of,
    decide,
    is_like,
)

OUT_OF_MEMORY = {"pilotErrorCode": 1212, "pilotErrorDiag": "Payload exceeded maximum allowed memory"}
LOST = {"jobDispatcherErrorCode": 100, "jobDispatcherErrorDiag": "lost heartbeat : 2026-01-01 00:00:00"}


def a_failed(**but: Any) -> JobSpec:
    """A job at QUEUE that ran out of memory."""
    return a_job(**{"computingSite": QUEUE, "minRamCount": 2000, **OUT_OF_MEMORY, **but})


def a_rule(action: Action = Action.LIMIT, **but: Any) -> RetryRule:
    return RetryRule(**{"name": f"{action} rule", "source": "pilot", "action": action, **but})


def decided(job: JobSpec, *rules: RetryRule, attempts: int = 1, queue: dict[str, Any] | None = None) -> Decision:
    return decide(job, attempts, RetryPolicy(rules=rules), a_queue(**queue or {}))


# --- without rules: as PanDA does


@pytest.mark.parametrize(
    ("but", "most"),
    [
        ({"pilotErrorCode": 1305, "exeErrorCode": 65, "transExitCode": "65"}, None),
        ({"pilotErrorCode": 0, "ddmErrorCode": 200}, None),
        ({"pilotErrorCode": -1305}, 0),
        ({"pilotErrorCode": -1305, "prodSourceLabel": "panda"}, 0),
        ({"pilotErrorCode": -1305, "prodSourceLabel": "ptest"}, 0),
        ({"pilotErrorCode": -1305, "prodSourceLabel": "managed"}, None),
        ({"pilotErrorCode": -1305, "processingType": "hammercloud-x"}, None),
        ({"pilotErrorCode": -1305, "processingType": "gangarobot"}, None),
        ({"pilotErrorCode": 1200}, 2),
        ({"pilotErrorCode": 1201}, 2),
        ({"pilotErrorCode": 1213}, 2),
        ({"pilotErrorCode": 1213, "prodSourceLabel": "managed"}, None),
        ({"pilotErrorCode": -1200}, 0),
        (LOST, 0),
        ({**LOST, "prodSourceLabel": "managed"}, 0),
        ({"jobDispatcherErrorCode": 101}, 0),
        ({"jobDispatcherErrorCode": 102}, None),
    ],
    ids=str,
)
def test_what_panda_retries(but: dict[str, Any], most: int | None) -> None:
    """A vanished pilot's job is tried again, a user's whose pilot asks for it too, and once more one that the batch system ended;
    a payload's own failure, wrong outputs and probes of a site are not. (None: not tried again; 0: as often as the job may.)"""
    asked = asked_for(a_failed(**but))
    assert (None if asked is None else asked.most) == most
    assert decided(a_failed(**but)).retried == (most is not None)
    assert not decided(a_failed(**but), attempts=most or 3).retried


@pytest.mark.parametrize(("says", "attempts"), [(1, 1), (2, 2), (0, 4), (-1, 1), (1000, 9), (9, 9)])
def test_how_often_a_job_may_be_tried(says: int, attempts: int) -> None:
    """maxAttempt decides; 0 leaves it to the configuration, -1 is never again, and there is a bound for all."""
    policy = RetryPolicy(attempts=4, most_attempts=9)
    assert attempts_of(a_job(maxAttempt=says), policy) == attempts
    tried = [decide(a_failed(maxAttempt=says, **LOST), made, policy, None).retried for made in range(1, 12)]
    assert tried == [made < attempts for made in range(1, 12)]


# --- which rule matches


@pytest.mark.parametrize(
    ("but", "matches"),
    [
        ({}, True),
        ({"source": "exe"}, False),
        ({"codes": (1212,)}, True),
        ({"codes": (1, 1212)}, True),
        ({"codes": (1305,)}, False),
        ({"message": "*maximum allowed MEMORY"}, True),
        ({"message": "maximum"}, False),
        ({"queue": QUEUE}, True),
        ({"queue": "OTHER*"}, False),
        ({"software": "el9*"}, True),
        ({"software": "*/athena:22"}, True),
        ({"software": "run.sh"}, True),
        ({"software": "Athena-21"}, False),
        ({"label": "user"}, True),
        ({"label": "managed"}, False),
        ({"active": False}, False),
    ],
    ids=str,
)
def test_what_a_rule_is_about(but: dict[str, Any], matches: bool) -> None:
    """A rule matches by source, code, text, queue, software and label, all of which it names; a passive one never acts."""
    job = a_failed(cmtConfig="el9-x86", container_name="docker://hub/athena:22")
    assert decided(job, a_rule(attempts=3, **but)).retried == matches


def test_any_error_of_the_job_can_match() -> None:
    """A job with several errors is met by a rule on any one of them, the payload's exit code too."""
    job = a_failed(exeErrorCode=65, transExitCode="137")
    for source, code in (("pilot", 1212), ("exe", 65), ("transExitCode", 137)):
        assert decided(job, a_rule(source=source, codes=(code,), attempts=3)).retried
    assert not decided(job, a_rule(source="exe", codes=(1212,), attempts=3)).retried


def test_a_passive_rule_is_noted() -> None:
    """A passive rule changes nothing and is named in the decision."""
    job = a_failed(**LOST)
    with_it = decided(job, a_rule(Action.NO_RETRY, name="trial", active=False))
    assert with_it == replace(decided(job), why=decided(job).why + "; passive: trial (no_retry)")


SHORT = st.text("ab*", max_size=7)


@given(SHORT, st.text("abAB", max_size=8))
def test_patterns(pattern: str, text: str) -> None:
    """A star stands for any text, everything else for itself, capitals or not: the same as the regular expression for it."""
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.IGNORECASE | re.DOTALL)
    assert is_like(pattern, text) == (expected is not None)


@pytest.mark.parametrize("text", ["[Errno 28] No space left (a+b)?", "\n", ".*"])
def test_patterns_know_no_other_signs(text: str) -> None:
    """What means something in a regular expression or a glob means itself."""
    assert is_like(text, text) and not is_like("[Errno 2?]*", text)


def test_no_pattern_takes_for_ever() -> None:
    """A pattern that would send a backtracking matcher away for years is answered."""
    assert not is_like("*a" * 100 + "b", "a" * 500)


# --- which rule wins

ACTIONS = st.sampled_from(sorted(Action))
RULES = st.lists(
    st.builds(
        a_rule,
        ACTIONS,
        name=st.text("xyz", min_size=1, max_size=3),
        source=st.sampled_from(["pilot", "exe"]),
        codes=st.sampled_from([(), (1212,), (9,)]),
        attempts=st.integers(0, 4),
        factor=st.sampled_from([1, 1.5, 2]),
        add_mb=st.sampled_from([0, 500]),
        most_mb=st.sampled_from([0, 2000, 5000]),
        most_s=st.sampled_from([0, 50, 5000]),
        active=st.sampled_from([True, True, False]),
    ),
    max_size=5,
    unique_by=lambda rule: rule.name,
)
JOBS = st.builds(
    a_failed,
    maxAttempt=st.integers(-1, 5),
    pilotErrorCode=st.sampled_from([1212, -1212, 1200]),
    exeErrorCode=st.sampled_from([0, 9]),
    minRamCount=st.sampled_from([0, 2000, 2**62]),
    maxRSS=st.sampled_from([None, 3_000_000, 2**62]),
    maxWalltime=st.sampled_from([None, 100, 2**62]),
    maxCpuCount=st.sampled_from([0, 70, 2**62]),
    relocationFlag=st.sampled_from([0, 1]),
)
MADE = st.integers(1, 6)


def acting(job: JobSpec, rules: list[RetryRule]) -> list[RetryRule]:
    """The rules that match, so that each alone would have the job tried again."""
    alone = {r.name: decided(job, replace(r, action=Action.LIMIT, attempts=0)).why for r in rules if r.active}
    return [r for r in rules if f"rule {r.name}" in alone.get(r.name, "")]


@given(JOBS, RULES, MADE, st.randoms())
def test_the_order_of_rules_does_not_matter(job: JobSpec, rules: list[RetryRule], made: int, random: Any) -> None:
    """The same rules in any order lead to the same decision, with the same words."""
    shuffled = random.sample(rules, len(rules))
    assert decided(job, *rules, attempts=made) == decided(job, *shuffled, attempts=made)


@given(JOBS, RULES, MADE)
def test_the_strictest_wins(job: JobSpec, rules: list[RetryRule], made: int) -> None:
    """A matching no_retry ends the job; no job is tried more often than it, the configuration and every matching rule allow."""
    decision = decided(replace(job, maxAttempt=abs(job.maxAttempt) or 1), *rules, attempts=made)
    matching = acting(replace(job, maxAttempt=9), rules)
    if any(r.action is Action.NO_RETRY for r in matching):
        assert not decision.retried
    if decision.retried:
        assert made < min([abs(job.maxAttempt) or 1, *(r.attempts for r in matching if r.attempts)])


@given(JOBS, RULES, RULES, MADE)
def test_more_prohibitions_never_allow_more(job: JobSpec, rules: list[RetryRule], more: list[RetryRule], made: int) -> None:
    """A rule more, of those that forbid, turns no end into another attempt."""
    forbidding = [replace(r, name=f"more {r.name}", action=Action.NO_RETRY) for r in more]
    if decided(job, *rules, *forbidding, attempts=made).retried:
        assert decided(job, *rules, attempts=made).retried


def test_a_cpu_time_beyond_all_measure() -> None:
    """It stays as it is while the wall time grows: demands never shrink."""
    job = a_failed(maxWalltime=100, maxCpuCount=2**62, **OUT_OF_MEMORY)
    assert decided(job, a_rule(Action.MORE_TIME)).needs == {"maxWalltime": 150}


@given(JOBS, RULES, MADE, st.sampled_from([0, 3000, 6000]), st.sampled_from([0, 120]))
def test_what_the_next_attempt_gets(job: JobSpec, rules: list[RetryRule], made: int, maxrss: int, maxtime: int) -> None:
    """Demands only grow, within the limits and 64 bits; an end changes nothing; a pinned job stays, at a queue that it fits;
    another goes elsewhere if it is to avoid its queue or has outgrown it, and only then."""
    decision = decided(job, *rules, attempts=made, queue={"maxrss": maxrss, "maxtime": maxtime})
    needs = decision.needs
    for name in ("minRamCount", "maxWalltime", "maxCpuCount"):
        assert name not in needs or (getattr(job, name) or 0) < needs[name] <= LARGEST
    if not decision.retried:
        assert (dict(needs), decision.avoid, decision.elsewhere) == ({}, None, False)
    avoids = any(r.action is Action.AVOID_SITE for r in acting(replace(job, maxAttempt=9), rules))
    grown = {**needs} and (
        0 < maxrss < needs.get("minRamCount", 0) or 0 < maxtime < (needs.get("maxWalltime") or needs.get("maxCpuCount", 0))
    )
    if decision.retried:
        assert decision.avoid == (QUEUE if avoids and not job.is_pinned else None)
        assert decision.elsewhere == bool(decision.avoid or grown)
        assert not (job.is_pinned and decision.elsewhere)


@given(JOBS, RULES)
def test_every_job_comes_to_its_end(job: JobSpec, rules: list[RetryRule]) -> None:
    """A job that fails in the same way again and again is tried so often as it may and no more, whatever the rules."""
    made = 1
    while (decision := decided(job, *rules, attempts=made)).retried:
        job = replace(job, **decision.needs)
        made += 1
    assert made <= attempts_of(job, RetryPolicy())


# --- what it gets, by example


def test_more_memory() -> None:
    """The demand is multiplied and added to, up to its limit, and makes the job another resource type; at the limit it ends."""
    rule = a_rule(Action.MORE_MEMORY, name="oom", factor=1.5, add_mb=100, most_mb=5000)
    first = decided(a_failed(), rule)
    assert first.needs == {"minRamCount": 3100, "resource_type": "SCORE_HIMEM"} and not first.elsewhere
    assert first.why == "taskBuffer 106: retried, attempt 2 of 3: rule oom; minRamCount 3100; resource_type SCORE_HIMEM"
    second = decided(a_failed(minRamCount=4000), rule)
    assert second.needs["minRamCount"] == 5000 and second.elsewhere
    assert decided(a_failed(minRamCount=5000), rule).why == "not retried: rule oom, and what it raises is at its limit"


def test_memory_from_what_was_used() -> None:
    """What the payload used counts if that is more than it asked for; a job that asked for nothing starts from 2000 MB a core."""
    rule = a_rule(Action.MORE_MEMORY, factor=2)
    assert decided(a_failed(maxRSS=3_072_000), rule).needs["minRamCount"] == 6000
    assert decided(a_failed(minRamCount=0, coreCount=4), rule).needs["minRamCount"] == 16000


def test_more_time() -> None:
    """Wall and CPU time grow alike; where neither was asked for, what the attempt took is the measure; if nobody knows, none."""
    rule = a_rule(Action.MORE_TIME, factor=2, most_s=1000)
    assert decided(a_failed(maxWalltime=400, maxCpuCount=100), rule).needs == {"maxWalltime": 800, "maxCpuCount": 200}
    assert decided(a_failed(maxCpuCount=100), rule).needs == {"maxCpuCount": 200}
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    assert decided(a_failed(startTime=begin, endTime=begin + timedelta(seconds=70)), rule).needs == {"maxWalltime": 140}
    unknown = decided(a_failed(startTime=begin, endTime=begin), rule)
    assert unknown.retried and unknown.needs == {}
    assert not decided(a_failed(maxWalltime=1000), rule).retried


def test_actions_add_up() -> None:
    """More memory, at another site."""
    both = decided(a_failed(), a_rule(Action.MORE_MEMORY, name="a"), a_rule(Action.AVOID_SITE, name="b"))
    assert (both.needs["minRamCount"], both.avoid, both.elsewhere) == (3000, QUEUE, True)
    assert both.why.endswith("rule a, b; minRamCount 3000; resource_type SCORE_HIMEM; avoids TEST_QUEUE")


def test_pinned_jobs_stay() -> None:
    """A pinned job cannot avoid its queue, and ends if it would no longer fit it."""
    pinned = a_failed(relocationFlag=1)
    assert not decided(pinned, a_rule(Action.AVOID_SITE)).elsewhere
    refused = decided(pinned, a_rule(Action.MORE_MEMORY, factor=5))
    assert refused.why == "not retried: it needs more than TEST_QUEUE has, and is pinned there"


def test_what_is_forgotten() -> None:
    """All errors, and all that pilots report of an attempt, are gone in the next one; where the data lies is not the pilot's."""
    reported = {f.metadata["attribute"] for f in fields(JobUpdate) if "attribute" in f.metadata}
    errors = {a.name for a in JOB_ATTRIBUTES if a.name.endswith(("ErrorCode", "ErrorDiag"))}
    assert set(CLEAN) == (reported - {"grid", "sourceSite", "destinationSite"}) | errors
    blank = JobSpec()
    assert all(getattr(blank, name) == value for name, value in CLEAN.items())
