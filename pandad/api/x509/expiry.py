"""What of the grid's files ends soon: host certificate, authorities, revocation lists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from pandad.api.x509.revocation import read_crl
from pandad.api.x509.tls import GridFiles, load_certificates

EARLY_CRL = 0.25  # of its time: fetchers bring the next list in the first half of it, so that by then they have failed for long


@dataclass(frozen=True, slots=True)
class Ending:
    """Something that has an end. ``kind``: host, ca or crl. ``early``: how long before it a warning is due."""

    kind: str
    path: Path
    ends: datetime
    early: timedelta

    def days_left(self, now: datetime) -> float:
        """Below zero when it is over."""
        return (self.ends - now) / timedelta(days=1)

    def warning(self, now: datetime) -> str | None:
        """A sentence, if one is due."""
        if self.ends - now > self.early:
            return None
        says = f"expires in {self.days_left(now):.1f} days" if self.ends > now else "has expired"
        return f"{self.path} {says}, on {self.ends:%Y-%m-%d %H:%M} UTC: {_WHAT_TO_DO[self.kind]}"


_WHAT_TO_DO = {
    "host": "replace it, or no client will talk to this server",
    "ca": "install the new one, or nobody it vouches for is let in",
    "crl": "see why no newer list was fetched (fetch-crl), or nobody of its authority is let in",
}


def endings(files: GridFiles, warn_days: int) -> Iterator[Ending]:
    """Everything that ends, the hash links to the same file once; what cannot be read is left out.

    :raise TlsConfigError: the host certificate cannot be read.
    """
    early = timedelta(days=warn_days)
    yield Ending("host", files.certificate, min(c.not_valid_after_utc for c in load_certificates(files.certificate)), early)
    for file in _files(files.ca_directory, "*.[0-9]"):
        try:
            yield Ending("ca", file, x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc, early)
        except (OSError, ValueError):
            continue
    for file in _files(files.ca_directory, "*.r[0-9]"):
        crl = read_crl(file)
        if crl is not None and crl.next_update_utc is not None:
            yield Ending("crl", file, crl.next_update_utc, (crl.next_update_utc - crl.last_update_utc) * EARLY_CRL)


def _files(directory: Path, pattern: str) -> Iterator[Path]:
    """Each once, though it may be there under several names."""
    seen = set()
    for file in sorted(directory.glob(pattern)):
        target = file.resolve()
        if target not in seen:
            seen.add(target)
            yield file
