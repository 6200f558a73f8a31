"""The section [tls] of the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pandad import configchecks
from pandad.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsConfig:
    """The server's own certificate, and whose certificates it believes."""

    host_certificate: Path = setting(
        "Certificate of this host, PEM, its chain behind it",
        Path("/etc/grid-security/hostcert.pem"),
        on_disk=configchecks.certificate,
    )
    host_key: Path = setting(
        "Its key, PEM; readable by the user of the daemon only",
        Path("/etc/grid-security/hostkey.pem"),
        on_disk=configchecks.secret,
    )
    ca_directory: Path = setting(
        "Folder of the trusted CAs: hash links, *.r0, *.signing_policy",
        Path("/etc/grid-security/certificates"),
        on_disk=configchecks.directory,
    )
    vomsdir: Path | None = setting(
        'Folder of the VOMS servers that may vouch for groups and roles: <vo>/<host>.lsc; "" is none; none there is none',
        Path("/etc/grid-security/vomsdir"),
    )
    accept_expired_crl: bool = setting(
        "Whether a CA whose revocation list has expired is still believed. true: a CRL fetcher that died locks nobody out, and "
        "who was revoked since is let in; false: nobody of that CA is let in until there is a new list",
        False,
    )
    accept_old_style_proxies: bool = setting(
        "Whether proxies of Globus 2 (last CN proxy or limited proxy, and no extension) stand for their users", False
    )
    reload_s: int = setting(
        "How often these files are read again, for new revocation lists; SIGHUP has them read at once", 600, low=1, high=24 * 3600
    )
    warn_days: int = setting(
        "How long before the end of the host certificate or of a CA the log warns, once a day", 14, low=1, high=365
    )
