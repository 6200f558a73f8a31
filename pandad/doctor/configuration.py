"""The looks of ``pandad check``: at the configuration, and at the files that it names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pandad.doctor.authorities import authorities
from pandad.doctor.contradictions import contradictions
from pandad.doctor.dsn import dsn
from pandad.doctor.finding import Finding, ordered
from pandad.doctor.hostcertificate import host_certificate, host_key
from pandad.doctor.installation import installation
from pandad.doctor.issuers import issuers
from pandad.doctor.look import Look
from pandad.doctor.people import people
from pandad.doctor.storage import endpoints, queue_files, secrets
from pandad.doctor.vos import vos

LOOKS: Sequence[Look] = (
    Look("contradictions", "keys that do not go together", (), contradictions),
    Look("people", "who has which role", ("identity", "tls.ca_directory", "tls.vomsdir", "tokens"), people),
    Look("dsn", "the words of the DSN", ("database.dsn",), dsn),
    Look("host certificate", "the host certificate", ("tls", "server.interface"), host_certificate),
    Look("host key", "the host key", ("tls.host_key", "tls.host_certificate"), host_key),
    Look("authorities", "authorities, revocation lists, signing policies", ("tls.ca_directory", "tls.warn_days"), authorities),
    Look("vos", "VOMS servers", ("tls.vomsdir",), vos),
    Look("issuers", "token issuers", ("tokens", "server.interface"), issuers),
    Look("secrets", "the key of users' secrets", ("secrets.key_file",), secrets),
    Look("queue files", "sources of queues", ("queues",), queue_files),
    Look("endpoints", "storage endpoints, and credentials for Rucio", ("dataservice", "server.interface"), endpoints),
)


def check(path: Path, now: datetime) -> list[Finding]:
    """All that is wrong with a configuration file and the files it names."""
    seen, findings = installation(path, now)
    if seen is not None:
        findings += [finding for look in LOOKS for finding in look.findings(seen)]
    return ordered(findings)
