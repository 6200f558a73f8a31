"""Reading a verified chain: what cannot be produced over a socket without a faulty peer."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from pandad.api.x509.gridcert import PROXY_CERT_INFO, identify, proxy_policy, read, slash_form
from pandad.api.x509.refusal import PeerRefused
from pandad.embedded.pki import SandboxPki
from pandad.embedded.proxies import make_proxy

NOW = datetime.now(UTC)


def test_chain_without_root(pki: SandboxPki) -> None:
    """A chain without its end entity or without its root, as after a resumed session, tells nobody's name."""
    proxy = make_proxy(pki.users["alice"], NOW).certificate
    for chain in ([proxy], [proxy, pki.users["alice"].certificate], [pki.users["alice"].certificate]):
        with pytest.raises(PeerRefused, match="incomplete"):
            identify([read(certificate) for certificate in chain])


class Carrier:
    """Stands for a certificate with the given proxyCertInfo."""

    def __init__(self, info: bytes) -> None:
        value = x509.UnrecognizedExtension(PROXY_CERT_INFO, info)
        self.extensions = x509.Extensions([x509.Extension(PROXY_CERT_INFO, True, value)])


@given(st.binary(max_size=40))
def test_garbled_extension(info: bytes) -> None:
    """Whatever the extension holds, the certificate counts as a proxy and reading it raises nothing."""
    assert proxy_policy(Carrier(info)) is not None  # type: ignore[arg-type]


def test_unknown_attribute_types() -> None:
    """Attributes without a short name appear under their dotted number, values of several attributes in
    order."""
    name = x509.Name(
        [
            x509.NameAttribute(x509.ObjectIdentifier("1.2.3.4"), "odd"),
            x509.NameAttribute(x509.ObjectIdentifier("1.2.840.113549.1.9.1"), "a@b.org"),
        ]
    )
    assert slash_form(name) == "/1.2.3.4=odd/emailAddress=a@b.org"
