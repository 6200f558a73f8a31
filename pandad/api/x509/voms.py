"""Groups and roles that a VOMS server vouches for: the attribute certificates of a proxy, verified.

What counts is what libvomsapi takes (`VOMS_Retrieve` with RECURSE_CHAIN, and `VOMS_DefaultData`): the extension of the proxy that
was delegated last, whatever those before it say; all its attribute certificates must be good, and the first is whom its bearer
acts as. Nothing is accepted that libvomsapi refuses; in some things this is stricter, see docs/reference/x509.md.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from pandad.api.x509.attributecertificate import AttributeCertificate, name_of, parse
from pandad.api.x509.gridcert import UNREADABLE, slash_form
from pandad.api.x509.refusal import AttributeRefusal as Why
from pandad.api.x509.refusal import AttributesRefused
from pandad.api.x509.revocation import ChainRefused, Trust
from pandad.api.x509.vomsdir import Vo, fits

REMEMBERED = 10_000  # proxies: pilots come back with the same one, and verifying its attributes costs more than its handshake
CLOCK_SKEW = timedelta(minutes=5)  # as libvomsapi: a fresh one may come from a server whose clock is ahead
LEAST_RSA_BITS = 2048

HASHES: Mapping[str, hashes.HashAlgorithm] = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}


@dataclass(frozen=True, slots=True)
class VomsAttributes:
    """What a VO says of a user. ``fqans``: in their order, the first is the primary one; ``not_*``: aware."""

    vo: str
    fqans: tuple[str, ...]
    nickname: str
    not_before: datetime
    not_after: datetime


class Voms:
    """Verifies attributes by what `vomsdir` and the folder of authorities held when it was made; make a new one when they change.

    :param hosts: the names of this server, for attributes that are meant for some hosts only.
    :param now: the wall clock, aware.
    """

    def __init__(self, vos: Mapping[str, Vo], trust: Trust, hosts: Collection[str], now: Callable[[], datetime]) -> None:
        self._vos, self._trust, self._hosts, self._now = vos, trust, frozenset(hosts), now
        self._known = lru_cache(maxsize=REMEMBERED)(self._found)

    def attributes(self, extension: bytes, holder: bytes) -> VomsAttributes:
        """What counts now.

        :param extension: see gridcert.PeerIdentity.attributes. :param holder: the end entity certificate, DER.
        :raise AttributesRefused: nothing does.
        """
        found = self._known(extension, holder)
        if isinstance(found, AttributesRefused):
            raise AttributesRefused(found.reason, found.detail)
        now = self._now()
        if found.not_before > now + CLOCK_SKEW:
            raise AttributesRefused(Why.NOT_YET_VALID, f"{found.not_before:%Y-%m-%d %H:%M} UTC")
        if found.not_after <= now:
            raise AttributesRefused(Why.EXPIRED, f"{found.not_after:%Y-%m-%d %H:%M} UTC")
        return found

    def _found(self, extension: bytes, holder: bytes) -> VomsAttributes | AttributesRefused:
        """What counts while it is valid; a refusal is remembered too, or bad attributes would cost more than good ones."""
        try:
            certificates = parse(extension)
            for certificate in certificates:
                self._check(certificate, holder)
        except AttributesRefused as refused:
            return refused
        first = certificates[0]
        return VomsAttributes(
            first.vo, first.fqans, first.nickname,
            max(c.not_before for c in certificates), min(c.not_after for c in certificates))

    def _check(self, certificate: AttributeCertificate, holder: bytes) -> None:
        _check_holder(certificate, holder)
        if certificate.targets is not None and self._hosts.isdisjoint(certificate.targets):
            raise AttributesRefused(Why.TARGET, ", ".join(certificate.targets))
        vo = self._vos.get(certificate.vo)
        if vo is None:
            raise AttributesRefused(Why.UNKNOWN_VO, certificate.vo)
        signer, others = _signer(certificate, vo)
        _check_signer(certificate, signer)
        try:
            self._trust.check(signer, others, self._now())
        except ChainRefused as refused:
            raise AttributesRefused(Why.SIGNER, str(refused)) from refused


def _check_holder(certificate: AttributeCertificate, holder: bytes) -> None:
    """Real servers name the issuer of the user's certificate, as RFC 5755 says; some, its subject. The serial number decides."""
    shown = x509.load_der_x509_certificate(holder)
    names = name_of(shown.issuer), name_of(shown.subject)
    if certificate.holder_serial != shown.serial_number or certificate.holder_issuer not in names:
        raise AttributesRefused(Why.HOLDER, f"serial number {certificate.holder_serial}")


def _signer(certificate: AttributeCertificate, vo: Vo) -> tuple[x509.Certificate, Sequence[x509.Certificate]]:
    """The certificate of the server, and what may lead from it to its root: by the .lsc if there is one, else from the folder."""
    chains = vo.chains.get(certificate.host)
    if chains is None or not certificate.certificates:
        return _installed(certificate, vo), ()
    try:
        shown = [(slash_form(link.subject), slash_form(link.issuer)) for link in certificate.certificates]
    except UNREADABLE:
        raise AttributesRefused(Why.MALFORMED, "the certificates of its signer") from None
    if not any(fits(chain, shown) for chain in chains):
        raise AttributesRefused(Why.LSC, f"{certificate.host}: {shown[0][0]}")
    return certificate.certificates[0], certificate.certificates[1:]


def _installed(certificate: AttributeCertificate, vo: Vo) -> x509.Certificate:
    for candidate in vo.certificates:
        if _is_signed(certificate, candidate):
            return candidate
    raise AttributesRefused(Why.UNKNOWN_SERVER, certificate.host)


def _check_signer(certificate: AttributeCertificate, signer: x509.Certificate) -> None:
    if certificate.issuer != name_of(signer.subject):
        raise AttributesRefused(Why.ISSUER)
    if not _is_signed(certificate, signer):
        raise AttributesRefused(Why.SIGNATURE)
    if certificate.key_identifier != x509.SubjectKeyIdentifier.from_public_key(signer.public_key()).digest:
        raise AttributesRefused(Why.KEY_IDENTIFIER)


def _is_signed(certificate: AttributeCertificate, signer: x509.Certificate) -> bool:
    kind, digest = certificate.algorithm
    try:
        key = signer.public_key()
        if kind == "rsa" and isinstance(key, rsa.RSAPublicKey) and key.key_size >= LEAST_RSA_BITS:
            key.verify(certificate.signature, certificate.signed, padding.PKCS1v15(), HASHES[digest])
        elif kind == "ecdsa" and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(certificate.signature, certificate.signed, ec.ECDSA(HASHES[digest]))
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, *UNREADABLE):
        return False
    return True
