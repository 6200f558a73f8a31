"""TLS towards Rucio: whom to believe, and what to show."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL, crypto
from twisted.internet.ssl import Certificate, optionsForClientTLS, platformTrust, trustRootFromCertificates
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from pandad.spec.errors import PandadError

_KEY = re.compile(rb"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.*?-----END \1PRIVATE KEY-----", re.DOTALL)
_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


class CredentialUnusable(PandadError):
    """A file that should hold a credential of ours, or authorities, does not; str() says which and why."""


@implementer(IPolicyForHTTPS)
class ContextFactory:
    """How connections are secured.

    :param roots: authorities; None: the system's.
    :param certificate: PEM file with the certificate to show, its chain and its key; None: none.
    :raise CredentialUnusable: that file has not what it should.
    """

    def __init__(self, roots: list[Certificate] | None, certificate: Path | None) -> None:
        self._trust: Any = platformTrust() if roots is None else trustRootFromCertificates(roots)
        self._shown = None if certificate is None else shown(certificate)

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:
        """Twisted asks for this."""
        return optionsForClientTLS(hostname.decode("ascii"), trustRoot=self._trust, extraCertificateOptions=self._shown)


def shown(path: Path) -> dict[str, Any]:
    """A proxy, or a certificate, with its chain and its key, in Twisted's words.

    :raise CredentialUnusable: they are not in that file, or do not fit.
    """
    try:
        content = path.read_bytes()
        blocks = (_BEGIN + block.partition(_END)[0] + _END for block in content.split(_BEGIN)[1:])
        first, *chain = (crypto.load_certificate(crypto.FILETYPE_PEM, block) for block in blocks)
        found = _KEY.search(content)
        key = load_pem_private_key(found[0] if found else b"", None)
        trial = SSL.Context(SSL.TLS_CLIENT_METHOD)
        trial.use_certificate(first)
        trial.use_privatekey(key)  # type: ignore[arg-type]
        trial.check_privatekey()
    except (OSError, crypto.Error, SSL.Error, ValueError, TypeError) as error:
        raise CredentialUnusable(f"{path} has no certificate with its key in PEM form ({type(error).__name__})") from None
    return {"certificate": first, "privateKey": key, "extraCertChain": chain}


def authorities(path: Path) -> list[Certificate]:
    """The certificates in a PEM file, or in the files NAME.0, NAME.pem and NAME.crt of a folder.

    :raise CredentialUnusable: there are none.
    """
    try:
        files = sorted(p for p in path.iterdir() if p.suffix in (".0", ".pem", ".crt")) if path.is_dir() else [path]
        found = [Certificate.loadPEM(_BEGIN + block.partition(_END)[0] + _END)
                 for file in files for block in file.read_bytes().split(_BEGIN)[1:]]
    except (OSError, crypto.Error, ValueError) as error:
        raise CredentialUnusable(f"{path} cannot be read ({error})") from None
    if not found:
        raise CredentialUnusable(f"{path} has no certificate in PEM form")
    return found
