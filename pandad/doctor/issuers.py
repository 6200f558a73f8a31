"""Token issuers as the configuration and its files name them."""

from __future__ import annotations

from collections.abc import Iterator

from pandad.api.tokens import authconfig, fetch
from pandad.api.tokens.accepted import Accepted, from_config
from pandad.api.tokens.discovery import FetchFailed
from pandad.doctor.finding import Finding, error, warning
from pandad.doctor.installation import Installation

PAGE = "reference/tokens.md"
CA_FILE = error("issuers-ca-unusable", "the authorities of the issuers' https cannot be read", "put them, PEM, into {path}", PAGE)
AUTH_CONFIG = error(
    "auth-config-unusable", "an auth_config file cannot be used: the daemon does not start", "mend the file, or take it away",
    PAGE)
NO_AUTH_CONFIG = warning(
    "auth-config-none", "the folder of auth_config files has none",
    "put VO_auth_config.json into {path}, or write auth_config_directory = \"\"", PAGE)
PLAIN = warning(
    "issuer-without-https", "the keys of an issuer come without https: who is on this host can forge its tokens",
    "write its https address", PAGE)
EVERYBODY = warning(
    "issuer-everybody", "everybody with a token of an issuer counts as one of the VO",
    "write members_only = true, unless that is meant", PAGE)
TWICE = warning(
    "issuer-twice", "two entries are for the same tokens", "leave one of the two out, or give them different audiences", PAGE)


def issuers(seen: Installation) -> Iterator[Finding]:
    """Everything that can be said without asking them."""
    config = seen.config.tokens
    if config.ca_file is not None and config.ca_file.is_file():
        try:
            fetch.authorities(config.ca_file)
        except FetchFailed as refused:
            yield CA_FILE.found(str(refused), **seen.place("tokens", "ca_file"), path=config.ca_file)
    first: dict[object, str] = {}
    for each, where in accepted(seen):
        yield from _one(seen, each, where)
        key = (each.issuers, each.vo, each.role, each.audiences)
        if key in first:
            yield TWICE.found(f"{each.name} is for the same tokens as {first[key]}", **where)
        first.setdefault(key, each.name)
    yield from _files(seen)


def _files(seen: Installation) -> Iterator[Finding]:
    directory = seen.config.tokens.auth_config_directory
    if directory is None or not directory.is_dir():
        return
    where = seen.place("tokens", "auth_config_directory")
    try:
        found = list(authconfig.accepted(directory, authconfig.read(directory)))
    except authconfig.AuthConfigError as refused:
        yield AUTH_CONFIG.found(str(refused), **where)
        return
    if not found:
        yield NO_AUTH_CONFIG.found(f"{directory} has no file VO{authconfig.SUFFIX}", **where, path=directory)


def accepted(seen: Installation) -> Iterator[tuple[Accepted, dict[str, str]]]:
    """Each kind of token that is taken, and where the configuration says so; files that cannot be used are left out."""
    for name, issuer in seen.config.tokens.issuers.items():
        yield from_config(name, issuer), seen.place("tokens", "issuers", name)
    directory = seen.config.tokens.auth_config_directory
    if directory is None or not directory.is_dir():
        return
    where = seen.place("tokens", "auth_config_directory")
    try:
        yield from ((each, where) for each in authconfig.accepted(directory, authconfig.read(directory)))
    except authconfig.AuthConfigError:
        return


def _one(seen: Installation, each: Accepted, where: dict[str, str]) -> Iterator[Finding]:
    if each.discovery.startswith("http:") and not seen.is_local:
        yield PLAIN.found(f"{each.name}: {each.discovery} is without https", **where)
    if not each.members_only:
        yield EVERYBODY.found(f"{each.name}: everybody with a token of {min(each.issuers)} counts as one of {each.vo}", **where)
