"""The section [retry] of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pandad.settings import setting

DAY_S = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRuleConfig:
    """What to do about one kind of failure; the strictest of the rules that match wins. A * stands for any text."""

    source: str = setting(
        "Which error it is about",
        choices=("transExitCode", "exe", "pilot", "ddm", "brokerage", "jobDispatcher", "taskBuffer", "sup"),
        example='"pilot"',
    )
    codes: tuple[int, ...] = setting("Its codes; none is any code", (), low=0, high=10**9)
    message: str = setting("Its text", "*", longest=200)
    queue: str = setting("Queue of the attempt", "*", longest=200)
    software: str = setting("Release, package, transformation, container or platform", "*", longest=200)
    label: str = setting("prodSourceLabel of the job", "*", longest=200)
    action: str = setting(
        "What to do",
        choices=("no_retry", "limit", "more_memory", "more_time", "avoid_site"),
        example='"no_retry"',
    )
    attempts: int = setting("Most attempts in all; 0 is no bound", 0, low=0, high=1000)
    factor: float = setting("more_memory, more_time: multiplied by this", 1.5, low=1, high=10)
    add_mb: int = setting("more_memory: and this added", 0, low=0, high=10**6)
    most_mb: int = setting("more_memory: up to this; 0 is no limit", 0, low=0, high=10**8)
    most_s: int = setting("more_time: up to this; 0 is no limit", 0, low=0, high=365 * DAY_S)
    active: bool = setting("false: only note in the job's history that it matches", True)

    @property
    def refusal(self) -> str | None:
        """Which keys do not go together; what to write instead."""
        if self.action == "limit" and not self.attempts:
            return "has the action limit and no attempts; write attempts = 2"
        if self.factor == 1 and (self.action == "more_time" or (self.action == "more_memory" and not self.add_mb)):
            return f"has the action {self.action} and raises nothing; write factor = 1.5"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryConfig:
    """When a failed attempt is followed by another one; docs/reference/retries.md."""

    attempts: int = setting("Attempts of a job that does not say how many", 3, low=1, high=1000)
    most_attempts: int = setting("Attempts of any job, whatever it says", 50, low=1, high=1000)
    rules: Mapping[str, RetryRuleConfig] = setting(
        "Rules by name, each a table [retry.rules.NAME]", lambda: MappingProxyType({})
    )
