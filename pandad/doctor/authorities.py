"""The folder of authorities: hash links, revocation lists, signing policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import crypto

from pandad.api.x509.expiry import EARLY_CRL
from pandad.api.x509.gridcert import slash_form
from pandad.api.x509.revocation import read_crl
from pandad.api.x509.signingpolicy import read_policies
from pandad.doctor.finding import Fault, Finding, error, warning
from pandad.doctor.installation import Installation

ENDS_PAGE, PAGE = "how-to/runbooks.md#pandadcertificateends", "reference/x509.md"
ENDED_PAGE, UNUSABLE_PAGE = "how-to/runbooks.md#pandadcertificateended", "how-to/runbooks.md#pandadfilesunusable"

EMPTY = error(
    "ca-folder-empty", "the folder of authorities has none: nobody with a certificate is let in",
    "install the CA bundle of your grid (ca-policy-egi-core, igtf-policy-installation-bundle) into {folder}", UNUSABLE_PAGE)
NO_LINKS = error(
    "ca-folder-without-links", "authorities are not found under the hashes of their names", "run: openssl rehash {folder}",
    UNUSABLE_PAGE)
WRONG_LINK = error(
    "ca-link-wrong", "an authority stands under the hash of another name, and is not found", "run: openssl rehash {folder}", PAGE)
UNREADABLE = warning(
    "ca-unreadable", "the file of an authority has no certificate, or cannot be read: who it vouches for is refused",
    "install {path} again", PAGE)
ENDED = error(
    "ca-ended", "an authority has expired: nobody it vouches for is let in",
    "update your CA bundle (`apt upgrade` or `dnf update`)", ENDED_PAGE)
ENDS = warning(
    "ca-ends", "an authority ends in less than tls.warn_days", "update your CA bundle (`apt upgrade` or `dnf update`)", ENDS_PAGE)
CRL_MISSING = warning(
    "crl-missing", "authorities have no revocation list: who they revoked is let in", "run: fetch-crl, and enable its timer",
    PAGE)
CRL_ENDED = error(
    "crl-ended", "a revocation list has expired: nobody of its authority is let in",
    "run: fetch-crl -v, and see why it had not run", ENDED_PAGE)
CRL_ENDED_ACCEPTED = warning(
    "crl-ended-accepted", "a revocation list has expired: who was revoked since is let in",
    "run: fetch-crl -v, and see why it had not run", ENDED_PAGE)
CRL_ENDS = warning(
    "crl-ends", "a revocation list ends soon: it was not renewed in time", "run: fetch-crl -v, and see why it had not run",
    ENDS_PAGE)
CRL_OF_ANOTHER = error(
    "crl-of-another", "a revocation list is not signed by the authority it stands beside: nobody of that one is let in",
    "rm {path}; fetch-crl", PAGE)
CRL_UNREADABLE = error("crl-unreadable", "a revocation list cannot be read: it revokes nobody", "rm {path}; fetch-crl", PAGE)
NO_POLICY = warning(
    "signing-policy-missing",
    "authorities without a signing policy may vouch for any name, those of other authorities' users too",
    "install the .signing_policy files of your CA bundle", PAGE)
POLICY_OF_NONE = warning(
    "signing-policy-empty", "a signing policy allows no name: nobody of its authority is let in", "install {path} again", PAGE)
SHOWN = 3  # names in one finding

Where = Mapping[str, Any]
"""The place of the key, and words for the remedy."""


@dataclass(frozen=True, slots=True)
class _Authority:
    path: Path
    certificate: x509.Certificate

    @property
    def name(self) -> str:
        return slash_form(self.certificate.subject)


def authorities(seen: Installation) -> Iterator[Finding]:
    """Everything about that folder."""
    folder = seen.config.tls.ca_directory
    if not folder.is_dir():
        return  # said where the configuration was read
    where: Where = {**seen.place("tls", "ca_directory"), "folder": folder}
    links = sorted(folder.glob("[0-9a-f]*.[0-9]"))
    if not links:
        has_some = any(b"BEGIN CERTIFICATE" in _content(file) for file in folder.iterdir() if file.is_file())
        fault, what = (NO_LINKS, "certificates, and no hash links") if has_some else (EMPTY, "no authority")
        yield _of(fault, f"{folder} has {what}", where)
        return
    found = [each for link in links if isinstance(each := _read(link), _Authority)]
    yield from (_of(UNREADABLE, f"{link} has no certificate", where, path=link) for link in links if _read(link) is None)
    yield from _ends(seen, _each_once(found), where)
    yield from _wrong_links(found, where)
    yield from _lists(seen, found, where)
    yield from _policies(folder, _each_once(found), where)


def _read(path: Path) -> _Authority | None:
    try:
        return _Authority(path, x509.load_pem_x509_certificate(path.read_bytes()))
    except (OSError, ValueError):
        return None


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _each_once(found: Sequence[_Authority]) -> list[_Authority]:
    """The same authority stands there under both of OpenSSL's hashes."""
    return list({each.certificate.public_bytes(Encoding.DER): each for each in found}.values())


def _ends(seen: Installation, found: Sequence[_Authority], where: Where) -> Iterator[Finding]:
    for each in found:
        ends = each.certificate.not_valid_after_utc
        if ends < seen.now:
            yield _of(ENDED, f"{each.name} expired on {ends:%Y-%m-%d %H:%M} UTC ({each.path.name})", where)
        elif ends - seen.now < timedelta(days=seen.config.tls.warn_days):
            yield _of(ENDS, f"{each.name} ends on {ends:%Y-%m-%d %H:%M} UTC ({each.path.name})", where)


def _of(fault: Fault, text: str, where: Where, **words: Any) -> Finding:
    return fault.found(text, **where, **words)


def _wrong_links(found: Sequence[_Authority], where: Where) -> Iterator[Finding]:
    """One link under the newer hash is enough."""
    linked = {each.path.stem for each in found}
    for each in _each_once(found):
        wanted = f"{crypto.X509.from_cryptography(each.certificate).subject_name_hash():08x}"
        if wanted not in linked:
            yield _of(WRONG_LINK, f"{each.name} stands in {each.path.name}, and is looked for in {wanted}.0", where)


def _lists(seen: Installation, found: Sequence[_Authority], where: Where) -> Iterator[Finding]:
    folder, ended = seen.config.tls.ca_directory, CRL_ENDED_ACCEPTED if seen.config.tls.accept_expired_crl else CRL_ENDED
    by_hash = {each.path.stem: each for each in found}
    told: set[bytes] = set()
    for file in sorted(folder.glob("[0-9a-f]*.r[0-9]")):
        content = _content(file)
        if content in told:
            continue  # under the other hash
        told.add(content)
        crl = read_crl(file)
        if crl is None:
            yield _of(CRL_UNREADABLE, f"{file} has no revocation list", where, path=file)
            continue
        signer = by_hash.get(file.stem)
        if signer is not None and not _signed(crl, signer.certificate):
            yield _of(CRL_OF_ANOTHER, f"{file} is not of {signer.name}, but of {slash_form(crl.issuer)}", where, path=file)
        yield from _list_ends(seen, file, crl, ended, where)
    without = [each.name for each in _each_once(found) if not list(folder.glob(f"{each.path.stem}.r[0-9]"))]
    if without:
        yield _of(CRL_MISSING, f"{_some(without)} without a revocation list", where)


def _signed(crl: x509.CertificateRevocationList, signer: x509.Certificate) -> bool:
    if crl.issuer != signer.subject:
        return False
    with suppress(TypeError, ValueError):
        return crl.is_signature_valid(signer.public_key())  # type: ignore[arg-type]
    return False


def _list_ends(seen: Installation, file: Path, crl: x509.CertificateRevocationList, ended: Fault,
               where: Where) -> Iterator[Finding]:
    if crl.next_update_utc is None:
        return
    ends = crl.next_update_utc
    if ends < seen.now:
        yield _of(ended, f"{file} expired on {ends:%Y-%m-%d %H:%M} UTC", where)
    elif ends - seen.now < (ends - crl.last_update_utc) * EARLY_CRL:
        yield _of(CRL_ENDS, f"{file} ends on {ends:%Y-%m-%d %H:%M} UTC, and three quarters of its time are over", where)


def _policies(folder: Path, found: Sequence[_Authority], where: Where) -> Iterator[Finding]:
    try:
        policies = read_policies(folder)
    except OSError as refused:
        yield _of(UNREADABLE, f"{refused.filename} cannot be read ({refused.strerror})", where, path=refused.filename)
        return
    without = [each.name for each in found if each.name not in policies]
    if without:
        yield _of(NO_POLICY, f"{_some(without)} without a signing policy", where)
    for name, patterns in policies.items():
        if not any(patterns):
            yield _of(POLICY_OF_NONE, f"the signing policy of {name} names nobody (cond_subjects)", where,
                      path=folder / "*.signing_policy")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more} {'is' if len(names) == 1 else 'are'}"
