"""What should follow a failed attempt: the decision, written from the page on retries and not from the code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Error = tuple[str, int]
"""Who found it, and PanDA's code; a pilot's minus is kept: it asks for another attempt."""

LOST, UNDELIVERED, WRONG_OUTPUTS = ("jobDispatcher", 100), ("jobDispatcher", 101), ("ddm", 200)
VANISHED = {LOST, UNDELIVERED}
BATCH_SYSTEM = {("pilot", 1200), ("pilot", 1201), ("pilot", 1213)}

ATTEMPTS, MOST_ATTEMPTS = 3, 4  # of a job that does not say, and of any job

# The rules that are in force, by the error that each is about. What they do is their name; see `decided`.
RULES: Mapping[Error, str] = {
    ("pilot", 1305): "never",
    ("pilot", 1212): "memory",  # doubled, up to 6000 MB
    ("pilot", 1324): "time",  # doubled, up to 10 000 s
    ("pilot", 1099): "elsewhere",
    UNDELIVERED: "late elsewhere",
    WRONG_OUTPUTS: "outputs twice",  # two attempts in all
    ("transExitCode", 7): "twice",
}
MOST_MEMORY_MB, MOST_TIME_S = 6000, 10_000
MEMORY_MB = {"SMALL_QUEUE": 4000, "LARGE_QUEUE": 16_000}


@dataclass(frozen=True)
class Needs:
    """What decides, beside the errors. ``made``: attempts, this one too; ``may``: maxAttempt as it was submitted."""

    queue: str
    pinned: bool
    made: int
    may: int
    memory_mb: int
    time_s: int


@dataclass(frozen=True)
class Decision:
    """``why``: what has to stand in the job's history. The rest is what the next attempt gets."""

    again: bool
    why: str
    memory_mb: int = 0
    time_s: int = 0
    avoid: str | None = None
    elsewhere: bool = False


def decided(needs: Needs, errors: frozenset[Error]) -> Decision:
    """Another attempt, or the end."""
    rules = sorted({RULES[who, abs(code)] for who, code in errors if (who, abs(code)) in RULES})
    if "never" in rules:
        return Decision(False, "not retried: rule never")
    most = min(needs.may or ATTEMPTS, MOST_ATTEMPTS) if needs.may >= 0 else 1
    if rules:
        why = f"rule {', '.join(rules)}"
    elif errors & VANISHED:
        why = "its pilot vanished"
    elif any(code < 0 for _, code in errors):
        why = "the pilot asks for it"
    elif errors & BATCH_SYSTEM:
        why = "the batch system ended it"
    else:
        return Decision(False, "not retried: nothing asks for it")
    if any(rule.endswith("twice") for rule in rules) or why == "the batch system ended it":
        most = min(most, 2)
    if needs.made >= most:
        return Decision(False, f"not retried: {needs.made} of {most} attempts were made")
    return _with_more(needs, rules, f"retried, attempt {needs.made + 1} of {most}: {why}")


def _with_more(needs: Needs, rules: list[str], why: str) -> Decision:
    memory_mb = min(2 * needs.memory_mb, MOST_MEMORY_MB) if "memory" in rules else needs.memory_mb
    time_s = min(2 * needs.time_s, MOST_TIME_S) if "time" in rules else needs.time_s
    if ("memory" in rules and memory_mb == needs.memory_mb) or ("time" in rules and time_s == needs.time_s):
        return Decision(False, f"not retried: rule {', '.join(rules)}, and what it raises is at its limit")
    outgrown = memory_mb > MEMORY_MB[needs.queue]
    if outgrown and needs.pinned:
        return Decision(False, "and is pinned there")
    away = any(rule.endswith("elsewhere") for rule in rules) and not needs.pinned
    return Decision(True, why, memory_mb, time_s, needs.queue if away else None, away or outgrown)
