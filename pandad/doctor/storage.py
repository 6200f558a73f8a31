"""Files of the other sections: keys of secrets, sources of queues, storage endpoints, credentials for Rucio."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from pandad import download
from pandad.dataservice.rucio.login import ends_at, text_of
from pandad.dataservice.rucio.trust import CredentialUnusable, authorities, shown
from pandad.dataserviceconfig import OIDC, USERPASS, X509_PROXY, RucioConfig
from pandad.doctor.finding import Finding, error, warning
from pandad.doctor.installation import Installation
from pandad.taskbuffer import vault

RUCIO_PAGE = "reference/rucio.md"
SECRETS = error(
    "secrets-key-unusable", "the key file of users' secrets has a line that is no key",
    "openssl rand -base64 32 > {path} && chmod 0400 {path}", "operations.md#secrets-of-users")
QUEUE_AUTHORITIES = error(
    "queues-authorities-unusable", "the authorities of the queues' sources cannot be read", "put them, PEM, into {path}",
    "reference/queues.md")
QUEUE_CREDENTIAL = warning(
    "queues-credential-ends", "the credential for the queues' sources has ended, or does soon", "renew {path}",
    "reference/queues.md")
QUEUE_SOURCE = warning(
    "queues-source-missing", "a source of queues cannot be read: those of before stay", "put {path} there, readable",
    "reference/queues.md")
NO_ENDPOINT = warning(
    "no-endpoint", "there are no storage endpoints: only jobs without files can run",
    'write NAME = "/folder" into [dataservice.endpoints]')
ENDPOINT = error(
    "endpoint-unreadable", "this user cannot read the folder of a storage endpoint",
    "mkdir -p {path}, and let the user of the daemon in")
RUCIO_CREDENTIAL = error(
    "rucio-credential-unusable", "what pandad proves to Rucio who it is with cannot be used", "put it into {path} again",
    RUCIO_PAGE)
RUCIO_ENDS = warning(
    "rucio-credential-ends", "the credential for Rucio has ended, or does within hours", "renew {path}, and see why it was not",
    RUCIO_PAGE)
RUCIO_PLAIN = warning(
    "rucio-without-https", "credentials for Rucio go over the wire unencrypted", "write its https address", RUCIO_PAGE)


def secrets(seen: Installation) -> Iterator[Finding]:
    """Whether secrets of users can be kept."""
    path = seen.config.secrets.key_file
    if path is None or not os.access(path, os.R_OK):
        return
    try:
        vault.read(path)
    except vault.KeyFileError as refused:
        yield SECRETS.found(str(refused).partition(";")[0], **seen.place("secrets", "key_file"), path=path)


def queue_files(seen: Installation) -> Iterator[Finding]:
    """Where queues come from, as far as it is a matter of files."""
    config = seen.config.queues
    if config.authorities is not None and config.authorities.exists():
        try:
            download.authorities_in(config.authorities)
        except download.DownloadFailed as refused:
            yield QUEUE_AUTHORITIES.found(str(refused), **seen.place("queues", "authorities"), path=config.authorities)
    names = {"queues": "source", "endpoints": "endpoints_source", "links": "links_source"}
    for kind, address in config.addresses.items():
        if "://" not in address and not os.access(address, os.R_OK):
            yield QUEUE_SOURCE.found(f"{address} cannot be read", **seen.place("queues", names[kind]), path=address)
    ends = _end_of(config.credential) if config.credential is not None else None
    if ends is not None and ends < seen.now + timedelta(seconds=seen.limits.proxy_left_s):
        yield QUEUE_CREDENTIAL.found(
            f"{config.credential} ends on {ends:%Y-%m-%d %H:%M} UTC", path=config.credential,
            **seen.place("queues", "credential"))


def endpoints(seen: Installation) -> Iterator[Finding]:
    """Whether the folders of the local data service can be read; or the credentials for Rucio, without asking it."""
    if seen.config.dataservice.backend == "rucio":
        yield from _rucio(seen, seen.config.dataservice.rucio)
        return
    if not seen.config.dataservice.endpoints:
        yield NO_ENDPOINT.found("there are none", **seen.place("dataservice", "endpoints"))
    for name, folder in seen.config.dataservice.endpoints.items():
        if folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK):
            yield ENDPOINT.found(f"{folder} is closed to this user", **seen.place("dataservice", "endpoints", name), path=folder)


def _rucio(seen: Installation, config: RucioConfig) -> Iterator[Finding]:
    used = {USERPASS: "password_file", X509_PROXY: "proxy_file", OIDC: "token_file"}[config.auth_type]
    path: Path | None = getattr(config, used)
    where = seen.place("dataservice", "rucio", used)
    try:
        if config.ca is not None and config.ca.exists():
            authorities(config.ca)
    except CredentialUnusable as refused:
        yield RUCIO_CREDENTIAL.found(str(refused), **seen.place("dataservice", "rucio", "ca"), path=config.ca)
    if path is not None and os.access(path, os.R_OK):
        try:
            ends = _usable_until(config.auth_type, path)
        except CredentialUnusable as refused:
            yield RUCIO_CREDENTIAL.found(str(refused), **where, path=path)
        else:
            left_s = 0.0 if config.auth_type == OIDC else seen.limits.proxy_left_s  # tokens live for minutes, and are renewed
            if ends is not None and ends < seen.now + timedelta(seconds=left_s):
                yield RUCIO_ENDS.found(f"{path} ends on {ends:%Y-%m-%d %H:%M} UTC", **where, path=path)
    if config.url.startswith("http:") and not seen.is_local:
        yield RUCIO_PLAIN.found(f"{config.url} is without https", **seen.place("dataservice", "rucio", "url"))


def _usable_until(auth_type: str, path: Path) -> datetime | None:
    """When it ends, None for a password.

    :raise CredentialUnusable: it is none.
    """
    if auth_type == X509_PROXY:
        shown(path)
        return _end_of(path)
    text = text_of(path)
    return datetime.fromtimestamp(ends_at(text), UTC) if auth_type == OIDC else None


def _end_of(path: Path) -> datetime | None:
    try:
        return min(c.not_valid_after_utc for c in x509.load_pem_x509_certificates(path.read_bytes()))
    except (OSError, ValueError):
        return None
