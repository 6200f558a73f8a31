"""Keys of the configuration that are right one by one, and do not go together, or do not do what they seem to."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

from pandad.config import Config
from pandad.doctor.finding import Finding, error, warning
from pandad.doctor.installation import Installation
from pandad.settings import nearest
from pandad.tomlsource import spell

PILOT_PATIENCE_S = 120.0  # panda-pilot's own limit for an answer
PILOT_HEARTBEAT_S = 1800.0  # how often panda-pilot reports a running job
WORK = ("production", "analysis", "test")

PORT_TWICE = error("port-twice", "two listeners are to have one port", "write another port")
NEVER_REACHED = warning("never-reached", "a limit lies beyond another that comes first", "lower it, or raise {other}")
KEYS_RUN_OUT = error(
    "token-keys-run-out", "keys of token issuers end before they are fetched again",
    "raise tokens.keep_s above tokens.refresh_s; a day is usual", "reference/tokens.md")
TOO_SHORT = warning(
    "heartbeat-too-short", "jobs are given up before their pilots report again",
    "write 3600 or more: pilots report each 30 minutes", "reference/timeouts.md")
ANSWER_TOO_LATE = warning(
    "answer-too-late", "calls are answered when pilots have given up", "lower limits.answer_s below 120", "reference/limits.md")
WITHOUT_EFFECT = warning("without-effect", "a key has no effect, because another is as it is", "{do}")
SECRET_SERVED = error(
    "secret-served", "a secret lies in a folder that is served to everybody", "move {path} out of {folder}, then make a new one")
ANY_FAILURE = warning(
    "rule-meets-all", "a rule on retries meets every failure of its source", "write codes or message, to say which",
    "reference/retries.md")
WHOLE_TEXT = warning(
    "pattern-whole-text", "a pattern without * meets only an error of exactly that text", 'write "*{pattern}*"',
    "reference/retries.md")
UNKNOWN_WORK = error("unknown-work", "a type of work is none", "{do}")
SAME_FOLDER = warning("endpoint-twice", "two storage endpoints are one folder", "give each its own folder")
PYTHON_OPEN = warning(
    "console-python", "operators have a Python prompt inside the daemon",
    "write python = false as soon as the fault is found", "reference/console.md")


def contradictions(seen: Installation) -> Iterator[Finding]:
    """Everything of that kind."""
    for look in (_ports, _orders, _patience, _idle, _served, _rules, _shares, _folders):
        yield from look(seen, seen.config)
    if seen.config.console.python:
        yield PYTHON_OPEN.found("[console] python is on", **seen.place("console", "python"))


def _ports(seen: Installation, config: Config) -> Iterator[Finding]:
    ports = {("server", "tls_port"): config.server.tls_port, ("server", "http_port"): config.server.http_port,
             ("console", "ssh_port"): config.console.ssh_port, ("console", "telnet_port"): config.console.telnet_port}
    for (first, port), (second, other) in combinations(ports.items(), 2):
        if port == other != 0 and second[0] == "console":
            yield PORT_TWICE.found(f"is {other}, as {spell(first)} is", **seen.place(*second))


# (the key that comes too late, the one that comes first)
_ORDERED = (
    (("retry", "attempts"), ("retry", "most_attempts")),
    (("dataservice", "errand_retry_s"), ("dataservice", "errand_retry_max_s")),
    (("limits", "connections_per_address"), ("limits", "connections")),
    (("limits", "connections_per_identity"), ("limits", "connections")),
    (("database", "wait_s"), ("limits", "answer_s")),
    (("database", "connect_timeout_s"), ("database", "wait_s")),
    (("dataservice", "rucio", "connect_timeout_s"), ("dataservice", "rucio", "timeout_s")),
    (("loops", "watcher_s"), ("timeouts", "sent_s")),
    (("brokerage", "brake_owners"), ("brokerage", "brake_failures")),
)


def _orders(seen: Installation, config: Config) -> Iterator[Finding]:
    for later, first in _ORDERED:
        value, bound = _value(config, later), _value(config, first)
        if bound and value > bound:
            yield NEVER_REACHED.found(f"is {value:g}, and {spell(first)} is {bound:g}: it is never reached",
                                      **{**seen.place(*later), "other": spell(first)})
    if config.tokens.keep_s < config.tokens.refresh_s:
        yield KEYS_RUN_OUT.found(f"is {config.tokens.keep_s}, and keys are fetched each {config.tokens.refresh_s} s",
                                 **seen.place("tokens", "keep_s"))


def _value(config: Config, path: tuple[str, ...]) -> float:
    here: object = config
    for step in path:
        here = getattr(here, step)
    assert isinstance(here, int | float)
    return here


def _patience(seen: Installation, config: Config) -> Iterator[Finding]:
    for name in ("heartbeat_analysis_s", "heartbeat_production_s"):
        limit_s = getattr(config.timeouts, name)
        if 0 < limit_s <= PILOT_HEARTBEAT_S:
            yield TOO_SHORT.found(f"is {limit_s} s: running jobs are taken for lost between two reports",
                                  **seen.place("timeouts", name))
    if config.limits.answer_s >= PILOT_PATIENCE_S:
        yield ANSWER_TOO_LATE.found(f"is {config.limits.answer_s:g} s, and pilots wait for {PILOT_PATIENCE_S:g}",
                                    **seen.place("limits", "answer_s"))


def _idle(seen: Installation, config: Config) -> Iterator[Finding]:
    console, queues, data = config.console, config.queues, config.dataservice
    web = any(address.startswith("https:") for address in queues.addresses.values())
    idle = (
        (("console", "ssh_operators"), console.ssh_operators and not console.ssh_port, "write ssh_port too, or leave it out"),
        (("console", "ssh_readers"), console.ssh_readers and not console.ssh_port, "write ssh_port too, or leave it out"),
        (("queues", "credential"), queues.credential and not web, "write an https address as source, or leave it out"),
        (("queues", "authorities"), queues.authorities and not web, "write an https address as source, or leave it out"),
        (("secrets", "pilot_owner"), config.secrets.pilot_owner and not config.secrets.key_file,
         "write secrets.key_file too, or leave it out"),
        (("dataservice", "rucio", "url"), data.rucio.url and data.backend != "rucio",
         'write backend = "rucio" in [dataservice], or leave it out'),
        (("dataservice", "rucio", "vo"), data.rucio.vo and data.backend != "rucio",
         'write backend = "rucio" in [dataservice], or leave it out'))
    for path, is_idle, advice in idle:
        if is_idle:
            yield WITHOUT_EFFECT.found("has no effect", **seen.place(*path), do=advice)
    for name, managers in config.identity.groups.items():
        if not managers:
            yield WITHOUT_EFFECT.found("names nobody", **seen.place("identity", "groups", name), do="write a DN, or leave it out")


def _served(seen: Installation, config: Config) -> Iterator[Finding]:
    folders = (("files", "trf_directory", config.files.trf_directory), ("cache", "folder", config.cache.folder))
    tls, rucio = config.tls, config.dataservice.rucio
    keys = [tls.host_key, config.secrets.key_file, Path(seen.source.name), config.queues.credential, rucio.password_file,
            rucio.proxy_file, rucio.token_file, config.console.ssh_host_key]
    for section, key, folder in folders:
        for path in keys:
            if path is not None and folder is not None and path.resolve().is_relative_to(folder.resolve()):
                yield SECRET_SERVED.found(f"{folder} is served to everybody, and {path} lies in it", **seen.place(section, key),
                                          path=path, folder=folder)


def _rules(seen: Installation, config: Config) -> Iterator[Finding]:
    for name, rule in config.retry.rules.items():
        path = ("retry", "rules", name)
        if not rule.codes and {rule.message, rule.queue, rule.software, rule.label} == {"*"}:
            yield ANY_FAILURE.found(f"meets every failure that {rule.source} reports", **seen.place(*path))
        if rule.message and "*" not in rule.message:
            yield WHOLE_TEXT.found(f"meets only errors that say {rule.message!r} and nothing else",
                                   **seen.place(*path, "message"), pattern=rule.message)


def _shares(seen: Installation, config: Config) -> Iterator[Finding]:
    for name in config.shares.work:
        if name not in WORK:
            yield UNKNOWN_WORK.found("is no type of work", **seen.place("shares", "work", name), do=nearest(name, WORK))


def _folders(seen: Installation, config: Config) -> Iterator[Finding]:
    for (first, folder), (second, other) in combinations(config.dataservice.endpoints.items(), 2):
        if folder.resolve() == other.resolve():
            yield SAME_FOLDER.found(f"is {other}, as {first} is", **seen.place("dataservice", "endpoints", second))
