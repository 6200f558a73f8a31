"""A small blocking client of API v1 over HTTPS, for a person with a grid credential or a token.

Environment, as every PanDA client reads it: PANDA_URL_SSL, X509_USER_PROXY, X509_CERT_DIR; with PANDA_AUTH=oidc PANDA_AUTH_VO,
and PANDA_AUTH_ID_TOKEN or the others of bearer.py.
Envelope: ``{"success": bool, "message": str, "data": ...}``; times come as ``{"__datetime__": ISO 8601}``.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

from pandad.cli import bearer
from pandad.cli.bearer import ClientError, NotSetUp
from pandad.cli.failures import OutOfReach

__all__ = ["Client", "ClientError", "NotSetUp", "Refused", "Unreachable", "connect", "credential", "unwrap"]

DEFAULT_PORT = 25443
TIMEOUT_S = 60


class Unreachable(OutOfReach, ClientError):
    """No answer came: whether the server did anything is unknown, and the call may be repeated later."""


class Refused(ClientError):
    """The server answered and said no. `status`: the HTTP status."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class Client:
    """Calls to one server with one credential; every call is a connection of its own.

    :param headers: what a token adds to each call.
    """

    def __init__(self, server: SplitResult, context: ssl.SSLContext, headers: Mapping[str, str]) -> None:
        self._host, self._port = server.hostname or "", server.port or DEFAULT_PORT
        self._context, self._headers = context, headers

    def get(self, method: str, **query: object) -> Any:
        """Call ``/api/v1/<method>`` with a query; its data.

        :raise ClientError: says why there is none.
        """
        return self._call("GET", f"/api/v1/{method}?{urlencode(query)}", None).get("data")

    def post(self, method: str, **body: object) -> Any:
        """Call ``/api/v1/<method>`` with a JSON body; its data.

        :raise ClientError: says why there is none.
        """
        return self.posted(method, **body).get("data")

    def posted(self, method: str, **body: object) -> dict[str, Any]:
        """The same with all that came: message and warnings too."""
        return self._call("POST", f"/api/v1/{method}", json.dumps(body).encode())

    def _call(self, verb: str, target: str, body: bytes | None) -> dict[str, Any]:
        headers = {"Accept": "application/json", "Content-Type": "application/json", **self._headers}
        connection = http.client.HTTPSConnection(
            self._host, self._port, timeout=TIMEOUT_S, context=self._context
        )
        try:
            connection.request(verb, target, body, headers)
            response = connection.getresponse()
            return opened(response.status, response.read())
        except (OSError, http.client.HTTPException) as e:
            raise self._explained(e) from e
        finally:
            connection.close()

    def _explained(self, error: Exception) -> ClientError:
        where = f"https://{self._host}:{self._port}"
        if isinstance(error, ssl.SSLCertVerificationError):
            return NotSetUp(
                f"the certificate of {where} is not trusted ({error.verify_message}); is X509_CERT_DIR right?"
            )
        if isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or ""):
            alert = (error.reason or "").lower().replace("_", " ")
            return NotSetUp(
                f"{where} does not accept your credential ({alert}); is it expired, revoked, or of an unknown CA?"
            )
        if isinstance(error, ConnectionRefusedError):
            return Unreachable(f"nothing listens at {where}; is pandad running, and PANDA_URL_SSL right?")
        return Unreachable(f"no answer from {where} ({str(error) or type(error).__name__})")


def connect(environ: Mapping[str, str] = os.environ) -> Client:
    """The client that the environment describes.

    :raise NotSetUp: says which variable or file is missing or wrong.
    """
    server, context = _server(environ), _context(environ)
    if environ.get("PANDA_AUTH") == "oidc":
        return Client(server, context, bearer.headers(environ))
    _show_certificate(context, environ)
    return Client(server, context, {})


def unwrap(status: int, body: bytes) -> Any:
    """The data of an envelope: see `opened`."""
    return opened(status, body).get("data")


def opened(status: int, body: bytes) -> dict[str, Any]:
    """An envelope, its times as aware datetimes.

    :raise Refused: the server said no, or something that is not PanDA answered.
    """
    try:
        envelope = json.loads(body, object_hook=_restored)
    except ValueError:
        envelope = None
    if not isinstance(envelope, dict) or "success" not in envelope:
        start = " ".join(body[:200].decode("utf-8", "replace").split())
        raise Refused(f"HTTP {status}, and not the answer of a PanDA server: {start or 'empty'}", status)
    if status != http.HTTPStatus.OK or not envelope["success"]:
        raise Refused(str(envelope.get("message") or f"HTTP {status} without a reason"), status)
    return envelope


def _restored(mapping: dict[str, Any]) -> Any:
    """Times come without a zone and are UTC."""
    if mapping.keys() != {"__datetime__"}:
        return mapping
    moment = datetime.fromisoformat(mapping["__datetime__"])
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _server(environ: Mapping[str, str]) -> SplitResult:
    url = environ.get("PANDA_URL_SSL")
    if not url:
        raise NotSetUp("PANDA_URL_SSL is not set; for a sandbox in DIR run: source DIR/env.sh")
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise NotSetUp(f"PANDA_URL_SSL is {url}; write https://HOST:{DEFAULT_PORT}/server/panda")
    return parts


def _context(environ: Mapping[str, str]) -> ssl.SSLContext:
    anchors = Path(environ.get("X509_CERT_DIR") or "/etc/grid-security/certificates")
    if not anchors.is_dir():
        raise NotSetUp(f"there is no folder {anchors} of trusted CAs; set X509_CERT_DIR")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(capath=anchors)
    return context


def _show_certificate(context: ssl.SSLContext, environ: Mapping[str, str]) -> None:
    certificate, key = credential(environ, Path.home(), Path("/tmp"))
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as e:
        reason = getattr(e, "reason", None) or e.strerror or "no certificate and key in it"
        raise NotSetUp(f"{certificate} cannot be used as a credential ({reason}); make a new proxy") from e


def credential(environ: Mapping[str, str], home: Path, shared: Path) -> tuple[Path, Path]:
    """The files of the user's certificate and key: X509_USER_PROXY, else the usual proxy, else ~/.globus.

    :raise NotSetUp: there is none.
    """
    named = environ.get("X509_USER_PROXY")
    usual = shared / f"x509up_u{os.getuid()}"
    proxy = Path(named) if named else usual
    if proxy.is_file():
        return proxy, proxy
    if named:
        raise NotSetUp(f"X509_USER_PROXY names {named}, which does not exist; make a proxy, or unset it")
    pair = home / ".globus" / "usercert.pem", home / ".globus" / "userkey.pem"
    if all(file.is_file() for file in pair):
        return pair
    raise NotSetUp(f"there is no credential: neither X509_USER_PROXY, {usual} nor {pair[0]}")
