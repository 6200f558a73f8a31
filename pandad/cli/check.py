"""``pandad check``: say whether a configuration would start, one line for each thing that must be right."""

from __future__ import annotations

import argparse
import errno
import os
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from pandad import download
from pandad.api.tokens import authconfig, fetch
from pandad.api.tokens.accepted import Accepted, from_config
from pandad.api.tokens.discovery import FetchFailed
from pandad.api.x509.expiry import endings
from pandad.api.x509.tls import GridContextFactory, GridFiles, TlsConfigError
from pandad.api.x509.vomsdir import read_vomsdir
from pandad.cli.output import add_json, show, table
from pandad.cli.store import add_config, in_reactor
from pandad.config import Config, ConfigError, DatabaseConfig, ServerConfig, load, sample
from pandad.dataservice.rucio.login import ends_at, text_of
from pandad.dataservice.rucio.trust import CredentialUnusable, authorities, shown
from pandad.dataserviceconfig import OIDC, USERPASS, X509_PROXY, RucioConfig
from pandad.queuesconfig import QueuesConfig
from pandad.spec.errors import StoreBusy, StoreUnavailable
from pandad.spec.principal import principal_of
from pandad.taskbuffer import migrate, vault
from pandad.taskbuffer.store import Store
from pandad.tlsconfig import TlsConfig
from pandad.tokenconfig import TokensConfig


class Level(StrEnum):
    """How bad a finding is; an error keeps pandad from starting or from working."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of looking at one thing."""

    level: Level
    subject: str
    text: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add_config(parser)
    add_json(parser)
    parser.add_argument(
        "--sample", action="store_true", help="print a commented configuration and do nothing else"
    )


def run(args: argparse.Namespace) -> int:
    """Print the findings; 0 when none is an error."""
    if args.sample:
        print(sample(), end="")
        return 0
    findings = list(examine(args.config))
    rows = [(f.level, f.subject, f.text) for f in findings]
    show(args, [asdict(f) for f in findings], table(("result", "subject", "finding"), rows))
    return 1 if any(f.level is Level.ERROR for f in findings) else 0


def examine(path: Path) -> Iterator[Finding]:
    """Everything there is to say about a configuration. Needs the process's reactor, once."""
    try:
        load(path)
        yield Finding(Level.OK, "configuration", f"{path} can be used")
    except ConfigError as e:
        yield from (Finding(Level.ERROR, "configuration", str(problem)) for problem in e.problems)
    try:
        config = load(path, on_this_host=False)
    except ConfigError:
        return  # there is nothing to go on with, and it has been said why
    yield from tls(config.tls)
    yield voms(config.tls)
    yield from ports(config.server)
    yield from identities(config)
    yield from tokens(config.tokens)
    yield secrets(config)
    yield from queues(config.queues)
    yield from endpoints(config)
    yield database(config.database)


def tls(config: TlsConfig) -> Iterator[Finding]:
    """Whether a TLS server can be made from the host certificate, its key and the CA folder; and what of it ends soon."""
    files = GridFiles(config.host_certificate, config.host_key, config.ca_directory, config.vomsdir)
    try:
        GridContextFactory(files)
    except TlsConfigError as e:
        yield Finding(Level.ERROR, "tls", str(e))
        return
    yield Finding(Level.OK, "tls", f"{config.host_certificate} and its key fit, {config.ca_directory} has CAs")
    now = datetime.now(UTC)
    warnings = (ending.warning(now) for ending in endings(files, config.warn_days))
    yield from (Finding(Level.WARNING, "tls", warning) for warning in warnings if warning)


def voms(config: TlsConfig) -> Finding:
    """Which VOs may give groups and roles."""
    known = read_vomsdir(config.vomsdir)
    if not known:
        return Finding(Level.OK, "voms", "no VO gives groups or roles: tls.vomsdir has none")
    return Finding(Level.OK, "voms", f"{config.vomsdir} knows {', '.join(known)}")


def ports(config: ServerConfig) -> Iterator[Finding]:
    """Whether the ports are free."""
    for name in ("tls_port", "http_port"):
        port = getattr(config, name)
        if port:
            yield _port(name, config.interface, port)


def _port(name: str, interface: str, port: int) -> Finding:
    family = socket.AF_INET6 if ":" in interface else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        # As the daemon does it: connections of an earlier one that linger do not count.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((interface, port))
            listener.listen()
        except OSError as e:
            return Finding(Level.ERROR, name, f"{port} {_refused(e)}")
    return Finding(Level.OK, name, f"{port} is free")


def _refused(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "is taken, by a running pandad or another program; stop that or set another port"
    if error.errno == errno.EACCES:
        return "may not be used by this user; set a port from 1024"
    return f"cannot be used ({error.strerror}); see server.interface"


def identities(config: Config) -> Iterator[Finding]:
    """Roles that nobody has."""
    without = {
        "pilot": "no robot may fetch jobs of others",
        "production": "nobody may submit production work",
        "admin": "nobody may see and manage everything",
    }
    for role, consequence in without.items():
        members = getattr(config.identity, role)
        if members:
            bare = sum(1 for member in members if isinstance(principal_of(member), str))
            yield Finding(Level.OK, f"identity.{role}", f"{len(members)} entr{'ies' if len(members) > 1 else 'y'}" + (
                f'; {bare} of them for any trusted CA to vouch for: write "DN from CA" if there are several CAs' if bare else ""))
        else:
            yield Finding(Level.WARNING, f"identity.{role}", f"is empty: {consequence}")


def tokens(config: TokensConfig) -> Iterator[Finding]:
    """Whose tokens are good, and what is doubtful about that."""
    if config.ca_file is not None:
        try:
            fetch.authorities(config.ca_file)
        except FetchFailed as e:
            yield Finding(Level.ERROR, "tokens", str(e))
    directory, accepted = config.auth_config_directory, [from_config(*each) for each in config.issuers.items()]
    if directory is not None:
        try:
            found = list(authconfig.accepted(directory, authconfig.read(directory)))
        except authconfig.AuthConfigError as e:
            yield Finding(Level.ERROR, "tokens", str(e))
            return
        if not found:
            yield Finding(Level.WARNING, "tokens", f"{directory} has no file VO{authconfig.SUFFIX}")
        accepted += found
    if not accepted:
        yield Finding(Level.OK, "tokens", "none is accepted: there is no issuer")
    yield from map(_issuer, accepted)


def _issuer(accepted: Accepted) -> Finding:
    subject = f"tokens {accepted.name}"
    if accepted.discovery.startswith("http:"):
        return Finding(Level.WARNING, subject, f"{accepted.discovery} is without https: who is on this host can forge its tokens")
    issuer, audiences = min(accepted.issuers), " or ".join(sorted(accepted.audiences))
    if not accepted.members_only:
        return Finding(Level.WARNING, subject, f"everybody with a token of {issuer} counts as one of {accepted.vo}")
    return Finding(Level.OK, subject, f"{issuer} for {accepted.vo}, audience {audiences}")


def queues(config: QueuesConfig) -> Iterator[Finding]:
    """Where queues come from, and whether that can be."""
    if config.authorities is not None:
        try:
            download.authorities_in(config.authorities)
        except download.DownloadFailed as e:
            yield Finding(Level.ERROR, "queues.authorities", str(e))
    for kind, address in config.addresses.items():
        missing = "://" not in address and not os.access(address, os.R_OK)
        yield Finding(Level.WARNING if missing else Level.OK, f"queues.{kind}",
                      f"they come from {address}{', which cannot be read' if missing else ''}")
    if not config.source:
        yield Finding(Level.OK, "queues.queues", "no source is named: queues are added with `pandad queue add` and `import`")


def secrets(config: Config) -> Finding:
    """Whether secrets of users can be kept."""
    path = config.secrets.key_file
    if path is None:
        return Finding(Level.OK, "secrets", "are not kept: key_file is not set")
    try:
        vault.read(path)
    except vault.KeyFileError as e:
        return Finding(Level.ERROR, "secrets", str(e))
    return Finding(Level.OK, "secrets", f"{path} has keys")


def endpoints(config: Config) -> Iterator[Finding]:
    """Whether the folders of the local data service can be read, or what Rucio is asked with."""
    if config.dataservice.backend == "rucio":
        yield rucio(config.dataservice.rucio)
        return
    if not config.dataservice.endpoints:
        yield Finding(Level.WARNING, "endpoints", "there are none: only jobs without files can run")
    for name, folder in config.dataservice.endpoints.items():
        if folder.is_dir() and os.access(folder, os.R_OK | os.X_OK):
            yield Finding(Level.OK, f"endpoint {name}", f"{folder} can be read")
        else:
            yield Finding(Level.ERROR, f"endpoint {name}", f"{folder} is no folder that this user may read")


def rucio(config: RucioConfig) -> Finding:
    """Whether the files that prove who we are, and who Rucio is, hold what they should. It is not asked."""
    try:
        if config.ca is not None:
            authorities(config.ca)
        if config.auth_type == X509_PROXY and config.proxy_file is not None:
            shown(config.proxy_file)
        if config.auth_type == USERPASS and config.password_file is not None:
            text_of(config.password_file)
        if config.auth_type == OIDC and config.token_file is not None:
            ends_at(text_of(config.token_file))
    except CredentialUnusable as e:
        return Finding(Level.ERROR, "rucio", str(e))
    if config.url.startswith("http:"):
        return Finding(Level.WARNING, "rucio", f"{config.url} is without https: who is on this host can read our credentials")
    return Finding(Level.OK, "rucio", f"{config.url} as {config.account}, by {config.auth_type}")


def database(config: DatabaseConfig) -> Finding:
    """Whether the database answers, and what pandad would do to its schema."""

    async def versions(store: Store) -> tuple[int, int]:
        return await store.transact("check_versions", migrate.versions)

    try:
        applied, known = in_reactor(config, versions)
    except (StoreUnavailable, StoreBusy) as e:
        return Finding(Level.ERROR, "database", str(e))
    if applied > known:
        return Finding(
            Level.ERROR, "database", f"has schema {applied}, this pandad knows {known}; install a newer one"
        )
    if applied < known:
        return Finding(
            Level.WARNING, "database", f"has schema {applied}; pandad will bring it to {known} when it starts"
        )
    return Finding(Level.OK, "database", f"answers, and has schema {known}")
