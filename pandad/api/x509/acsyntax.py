"""The structures of attribute certificates: RFC 5755's, and what VOMS puts into them.

cryptography reads them as DER, and refuses what has more or less in it than stands here. TLV is anything.
"""

from __future__ import annotations

from typing import Annotated

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier


@asn1.sequence
class NamePart:
    """One attribute of a name."""

    kind: ObjectIdentifier
    value: asn1.TLV


NameParts = list[asn1.SetOf[NamePart]]
DirectoryName = Annotated[NameParts, asn1.Explicit(4)]


@asn1.sequence
class IssuerSerial:
    """A certificate, by who issued it."""

    issuer: list[DirectoryName]
    serial: int


@asn1.sequence
class Holder:
    """Whom it is for. RFC 5755 has two more ways to say it, which libvomsapi does not take."""

    base_certificate_id: Annotated[IssuerSerial, asn1.Implicit(0)]


@asn1.sequence
class Validity:
    """From when to when."""

    not_before: asn1.GeneralizedTime
    not_after: asn1.GeneralizedTime


@asn1.sequence
class Extension:
    """One extension."""

    kind: ObjectIdentifier
    critical: Annotated[bool, asn1.Default(False)]
    value: bytes


@asn1.sequence
class Info:
    """What is signed."""

    version: int
    holder: asn1.TLV
    issuer: asn1.TLV
    algorithm: asn1.TLV
    serial: int
    validity: Validity
    attributes: list[asn1.TLV]
    extensions: list[Extension]


@asn1.sequence
class Certificate:
    """The whole of one."""

    info: asn1.TLV
    algorithm: asn1.TLV
    signature: asn1.BitString


@asn1.sequence
class Certificates:
    """VOMS: the content of a proxy's extension."""

    certificates: list[Certificate]


@asn1.sequence
class Issuer:
    """Who signed it: V2Form with its name alone."""

    name: list[DirectoryName]


@asn1.sequence
class Algorithm:
    """How it was signed."""

    kind: ObjectIdentifier
    parameters: asn1.Null | None


@asn1.sequence
class Kind:
    """Any attribute."""

    kind: ObjectIdentifier
    values: asn1.TLV


@asn1.sequence
class Authority:
    """VOMS: the address of the server, and octets for each FQAN."""

    servers: Annotated[list[Annotated[asn1.IA5String, asn1.Implicit(6)]], asn1.Implicit(0)]
    fqans: list[asn1.TLV]


@asn1.sequence
class Fqans:
    """VOMS: the attribute that has them."""

    kind: ObjectIdentifier
    values: asn1.SetOf[Authority]


@asn1.sequence
class Links:
    """VOMS: the certificate of the server, and what leads from it to its root."""

    links: list[x509.Certificate]


@asn1.sequence
class KeyIdentifier:
    """RFC 5280: authorityKeyIdentifier."""

    key: Annotated[bytes | None, asn1.Implicit(0)]
    issuer: Annotated[list[asn1.TLV] | None, asn1.Implicit(1)]
    serial: Annotated[int | None, asn1.Implicit(2)]


@asn1.sequence
class GenericAttribute:
    """VOMS: a name, its value, and the VO that it is of."""

    name: bytes
    value: bytes
    qualifier: bytes


@asn1.sequence
class Grant:
    """VOMS: generic attributes from one server."""

    grantor: list[asn1.TLV]
    attributes: list[GenericAttribute]


@asn1.sequence
class Grants:
    """VOMS: the extension with them."""

    grants: list[Grant]


@asn1.sequence
class Target:
    """A host that it is for."""

    name: Annotated[asn1.TLV, asn1.Explicit(0)]


@asn1.sequence
class Targets:
    """All of them."""

    targets: list[asn1.TLV]
