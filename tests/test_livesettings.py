"""Settings that take effect while the daemon runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pytest_twisted import ensureDeferred

from pandad.api.tokens.discovery import FetchFailed
from pandad.config import Config, ConfigError, DatabaseConfig, IdentityConfig, LogConfig
from pandad.limitsconfig import LimitsConfig
from pandad.livesettings import LiveSettings, differences
from pandad.spec.errors import StoreUnavailable
from pandad.tokenconfig import TokenIssuerConfig, TokensConfig
from pandad.tomlsource import Problem

FIRST = Config(database=DatabaseConfig(dsn="dbname=pandad"))
IAM = TokenIssuerConfig(issuer="https://iam.test/", vo="atlas", audience=("https://panda.test",))


class Daemon:
    """Its file, what is in force, and what the audit has; with one thing that cannot be used."""

    def __init__(self) -> None:
        self.file: Config | ConfigError = FIRST
        self.force: dict[str, Any] = {}
        self.audit: list[str] = []
        self.trouble: Exception | None = None
        self.is_away = False
        self.settings = LiveSettings(FIRST, self.read, {
            "limits": lambda limits: self.adopt("limits", limits), "tokens": lambda tokens: self.adopt("tokens", tokens),
            "log": lambda log: replace(FIRST.log, level=self.adopt("log", log).level)}, self.note)

    def read(self) -> Config:
        if isinstance(self.file, ConfigError):
            raise self.file
        return self.file

    def adopt(self, name: str, section: Any) -> Any:
        if self.trouble is not None and name == "tokens":
            raise self.trouble
        self.force[name] = section
        return section

    async def note(self, change: str) -> None:
        if self.is_away:
            raise StoreUnavailable("the database is away")
        self.audit.append(change)


@ensureDeferred
async def test_what_takes_effect_at_once() -> None:
    """Changed sections that can are put in force, and only those; the audit has what changed, and a file that is the same again
    says nothing."""
    daemon, limits = Daemon(), LimitsConfig(calls_per_s=5, connections=50)
    daemon.file = replace(FIRST, limits=limits)
    assert await daemon.settings.reload() is None and await daemon.settings.reload() is None
    assert daemon.force == {"limits": limits}
    assert daemon.audit == ["limits.connections: 10000 -> 50; limits.calls_per_s: 200.0 -> 5"]


@ensureDeferred
async def test_what_needs_a_restart() -> None:
    """Is named each time, also a part of a section that else takes effect at once, until it is as it was."""
    daemon = Daemon()
    daemon.file = replace(FIRST, database=DatabaseConfig(dsn="dbname=other"), log=LogConfig(level="debug", format="json"))
    for _ in range(2):
        assert await daemon.settings.reload() == "changes in [database], [log] need a restart"
    assert daemon.audit == ["log.level: info -> debug"]
    daemon.file = FIRST
    assert await daemon.settings.reload() is None
    assert daemon.audit[1:] == ["log.level: debug -> info"]


@ensureDeferred
async def test_a_file_with_a_mistake() -> None:
    """Changes nothing at all, and what is wrong is said with its line."""
    daemon = Daemon()
    daemon.file = ConfigError(Problem("pandad.toml", 7, "limits.calls_per_s", "is 0; write a number"))
    assert await daemon.settings.reload() == "pandad.toml:7: limits.calls_per_s: is 0; write a number"
    assert (daemon.force, daemon.audit) == ({}, [])


@ensureDeferred
async def test_a_section_that_cannot_be_used() -> None:
    """Stays as it was, with the reason; the others take effect. Once it can be used it does too."""
    daemon, tokens = Daemon(), TokensConfig(issuers={"iam": IAM})
    daemon.file = replace(FIRST, limits=LimitsConfig(calls_burst=1), tokens=tokens)
    daemon.trouble = FetchFailed("no such file ca.pem")
    assert await daemon.settings.reload() == "[tokens] stays as it was: no such file ca.pem"
    assert list(daemon.force) == ["limits"] and len(daemon.audit) == 1
    daemon.trouble = None
    assert await daemon.settings.reload() is None
    assert daemon.force["tokens"] == tokens and daemon.audit[1:] == ["tokens.issuers.iam is new"]


@ensureDeferred
async def test_the_audit_cannot_be_written() -> None:
    """What changed is in force all the same, which is said, and is noted at the next occasion, once."""
    daemon = Daemon()
    daemon.file, daemon.is_away = replace(FIRST, limits=LimitsConfig(calls_burst=1)), True
    said = await daemon.settings.reload()
    assert said == "it is in force, and the audit will know it later: the database is away"
    assert daemon.force and not daemon.audit
    daemon.is_away = False
    daemon.settings.changed("the auth_config files x")
    assert [await daemon.settings.note_changes() for _ in range(2)] == [[], []]
    assert daemon.audit == ["limits.calls_burst: 20000 -> 1", "the auth_config files x"]


@pytest.mark.parametrize(("before", "after", "said"), [
    (IdentityConfig(admin=("/CN=a", "/CN=b")), IdentityConfig(admin=("/CN=b", "/CN=c"), vos=("x",)),
     ["identity.admin: + /CN=c, - /CN=a", "identity.vos: + x"]),
    (IdentityConfig(admin=("/CN=a", "/CN=b")), IdentityConfig(admin=("/CN=b", "/CN=a")), ["identity.admin: in another order"]),
    (IdentityConfig(groups={"higgs": ("/CN=a",), "top": ("/CN=a",)}),
     IdentityConfig(groups={"top": ("/CN=b",), "exo": ("/CN=b",)}),
     ["identity.groups.exo is new: /CN=b", "identity.groups.higgs is gone", "identity.groups.top: + /CN=b, - /CN=a"]),
    (TokensConfig(issuers={"iam": IAM}), TokensConfig(issuers={"iam": replace(IAM, vo="cms", groups={"a": "/cms/a"})}),
     ["identity.issuers.iam.vo: atlas -> cms", "identity.issuers.iam.groups.a is new: /cms/a"]),
])
def test_differences(before: Any, after: Any, said: list[str]) -> None:
    """A phrase for each setting that is another one."""
    assert list(differences("identity", before, after)) == said
    assert list(differences("identity", before, before)) == []
