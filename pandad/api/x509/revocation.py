"""Certificates that nobody shows in a handshake, verified as strictly as those that are: chain, signing policies, revocation.

OpenSSL does all of it in a handshake, where a callback overlooks authorities without a CRL. Outside of one pyOpenSSL has no
such callback, so that OpenSSL verifies the chain and the CRLs are looked at here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from OpenSSL import crypto

from pandad.api.x509.gridcert import UNREADABLE, read, slash_form
from pandad.api.x509.refusal import FAULTS, Refusal
from pandad.api.x509.signingpolicy import Policies, may_sign

MOST_LISTS = 10  # of names with the same hash; fetchers count them from 0
_PEM = b"-----BEGIN"


class ChainRefused(Exception):
    """A certificate, or one that leads to its root, is not good; `name` is whose."""

    def __init__(self, reason: Refusal, name: str) -> None:
        super().__init__(f"{reason} ({name})")
        self.reason, self.name = reason, name


@dataclass(frozen=True, slots=True)
class Trust:
    """The authorities of a folder, as it was when `store` read it."""

    ca_directory: Path
    policies: Policies
    accept_expired_crl: bool
    store: crypto.X509Store

    @classmethod
    def of(cls, ca_directory: Path, policies: Policies, accept_expired_crl: bool) -> Trust:
        """Read the folder anew, as certificates are asked for."""
        store = crypto.X509Store()
        store.load_locations(None, str(ca_directory))
        return cls(ca_directory, policies, accept_expired_crl, store)

    def check(self, certificate: x509.Certificate, others: Sequence[x509.Certificate], now: datetime) -> None:
        """Return if all is well, now.

        :param others: may lead to the root; they are not believed themselves.
        :raise ChainRefused: it is not.
        """
        try:
            self._check(certificate, others, now)
        except (*UNREADABLE, crypto.Error):  # what one of the two reads, the other need not
            raise ChainRefused(Refusal.MALFORMED, "a certificate that cannot be read") from None

    def _check(self, certificate: x509.Certificate, others: Sequence[x509.Certificate], now: datetime) -> None:
        untrusted = [crypto.X509.from_cryptography(other) for other in others]
        shown = crypto.X509.from_cryptography(certificate)
        try:
            chain = crypto.X509StoreContext(self.store, shown, chain=untrusted).get_verified_chain()
        except crypto.X509StoreContextError as error:
            reason = FAULTS.get(int(error.errors[0]), Refusal.OTHER)
            raise ChainRefused(reason, slash_form(error.certificate.to_cryptography().subject)) from error
        links = [link.to_cryptography() for link in chain]
        for link, signer in zip(links, links[1:], strict=False):
            self._check_link(link, signer, now)

    def _check_link(self, certificate: x509.Certificate, signer: x509.Certificate, now: datetime) -> None:
        reading = read(certificate)
        if not reading.self_issued and not may_sign(self.policies, reading.issuer, reading.subject):
            raise ChainRefused(Refusal.SIGNING_POLICY, reading.subject)
        refusal = self._revocation(certificate, signer, now)
        if refusal is not None:
            raise ChainRefused(refusal, reading.subject)

    def _revocation(self, certificate: x509.Certificate, signer: x509.Certificate, now: datetime) -> Refusal | None:
        """By the lists of the signer; the first of them that is in force says it."""
        refusals = []
        for crl in self._lists(signer):
            refusal = self._unusable(crl, certificate, signer, now)
            if refusal is None:
                is_revoked = crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None
                return Refusal.REVOKED if is_revoked else None
            refusals.append(refusal)
        return refusals[0] if refusals else None

    def _lists(self, signer: x509.Certificate) -> Iterator[x509.CertificateRevocationList]:
        name = crypto.X509.from_cryptography(signer).subject_name_hash()
        for number in range(MOST_LISTS):
            crl = read_crl(self.ca_directory / f"{name:08x}.r{number}")
            if crl is not None and crl.issuer == signer.subject:
                yield crl

    def _unusable(
        self, crl: x509.CertificateRevocationList, certificate: x509.Certificate, signer: x509.Certificate, now: datetime
    ) -> Refusal | None:
        key = signer.public_key()
        try:
            is_signed = crl.is_signature_valid(key)  # type: ignore[arg-type]  # of a kind that signs, or it did not sign
            understood = all(_covers(extension, certificate) for extension in crl.extensions)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            return Refusal.CRL_UNUSABLE
        if not is_signed or not understood or crl.last_update_utc > now:
            return Refusal.CRL_UNUSABLE
        ends = crl.next_update_utc
        return Refusal.CRL_EXPIRED if ends is not None and ends < now and not self.accept_expired_crl else None


def read_crl(file: Path) -> x509.CertificateRevocationList | None:
    """A list in PEM or DER form; None if it is neither."""
    try:
        content = file.read_bytes()
        return (x509.load_pem_x509_crl if content.startswith(_PEM) else x509.load_der_x509_crl)(content)
    except (OSError, ValueError):
        return None


def _covers(extension: x509.Extension[x509.ExtensionType], certificate: x509.Certificate) -> bool:
    """Whether a list with this extension says all about the certificate."""
    value = extension.value
    if isinstance(value, x509.IssuingDistributionPoint):
        is_authority = read(certificate).is_authority
        others_only = value.only_contains_user_certs if is_authority else value.only_contains_ca_certs
        return not (others_only or value.only_contains_attribute_certs or value.indirect_crl or value.only_some_reasons)
    return not extension.critical
