"""Run by the Python that has Rucio, under gunicorn, as its configuration and as its application: with https, and whoever shows a
certificate or a proxy is known to Rucio by it, as behind a web server with mod_ssl and GridSite.
"""

import ssl
from collections.abc import Callable, Mapping
from typing import Any

SHORT = {"domainComponent": "DC", "countryName": "C", "organizationName": "O", "organizationalUnitName": "OU", "commonName": "CN"}


def ssl_context(config: object, default_factory: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """gunicorn asks for this."""
    context = default_factory()
    context.verify_flags |= ssl.VERIFY_ALLOW_PROXY_CERTS
    return context


def dn_of(certificate: Mapping[str, Any]) -> str:
    """The subject in slash form."""
    parts = (part for parts in certificate.get("subject", ()) for part in parts)
    return "".join(f"/{SHORT.get(name, name)}={value}" for name, value in parts)


def application(environ: dict[str, Any], start_response: Any) -> Any:
    """Rucio's, with what a web server in front of it would add."""
    from rucio.web.rest.flaskapi.v1.main import application as rucio

    shown = environ["gunicorn.socket"].getpeercert()
    if shown:
        environ["SSL_CLIENT_S_DN"] = dn_of(shown)
    return rucio(environ, start_response)
