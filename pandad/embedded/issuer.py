"""A token issuer to play with, on loopback only: OpenID configuration, JWKS, and the device flow (RFC 8628) as panda-client does.

It asks for no password. Whoever reaches it, and that is every account of this host, may have tokens of SELF_SERVED users; those
of robots are made by the sandbox and lie in files.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort
from twisted.web.resource import NoResource, Resource
from twisted.web.server import Site

from pandad.embedded.proxies import write_private
from pandad.embedded.tokens import AUDIENCE, CLIENT_ID, PEOPLE, claims_of, kept_signer

INTERFACE = "127.0.0.1"
SELF_SERVED = ("alice", "bob")
FILE_LIFETIME_S = 30 * 24 * 3600  # as the sandbox' proxies
FLOW_LIFETIME_S = 3600
CODE_LIFETIME_S = 600
MOST_PENDING = 1000
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass(slots=True)
class _Pending:
    """A device flow that has begun. ``user``: who gets the token, unless another one signs in."""

    user_code: str
    ends_s: float
    user: str = SELF_SERVED[0]


class OAuthError(Exception):
    """A refusal in OAuth's words (RFC 6749, 5.2)."""


class Issuer:
    """One issuer, with its key below `directory`.

    :param now_s: the wall clock, seconds since 1970.
    :param port: 0 lets the system choose.
    """

    def __init__(self, reactor: Any, directory: Path, now_s: Callable[[], float], port: int = 0) -> None:
        self._reactor, self._now_s, self._wished = reactor, now_s, port
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.signer = kept_signer(directory / "issuer.key")
        self._listening: IListeningPort | None = None
        self._pending: dict[str, _Pending] = {}  # by device code
        self._refresh: dict[str, str] = {}  # users by refresh token

    def start(self) -> None:
        """Listen. What is under way is forgotten when it stops, its key is not."""
        self._listening = self._reactor.listenTCP(self._wished, Site(_Root(self)), interface=INTERFACE)

    async def stop(self) -> None:
        """Listen no longer."""
        if self._listening is not None:
            stopped = self._listening.stopListening()
            if isinstance(stopped, Deferred):
                await stopped

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._listening is not None
        port: int = self._listening.getHost().port  # type: ignore[attr-defined]  # IPv4Address
        return port

    @property
    def url(self) -> str:
        """Its name, iss in its tokens."""
        return f"http://localhost:{self.port}"

    def token(self, user: str, lifetime_s: int = FILE_LIFETIME_S, **but: Any) -> str:
        """A token of one of PEOPLE; `but`: claims that are to be different."""
        return self.signer.sign({**claims_of(user, self.url, AUDIENCE, self._now_s(), lifetime_s), **but})

    def write_tokens(self, directory: Path) -> None:
        """USER.token for all of PEOPLE, without a line end: pilots send what is in the file."""
        for user in PEOPLE:
            write_private(directory / f"{user}.token", self.token(user).encode())

    def configuration(self) -> dict[str, Any]:
        """The OpenID configuration."""
        return {"issuer": self.url, "jwks_uri": f"{self.url}/jwks", "token_endpoint": f"{self.url}/token",
                "device_authorization_endpoint": f"{self.url}/device_authorization",
                "grant_types_supported": [DEVICE_GRANT, "refresh_token"], "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": [self.signer.algorithm]}

    def begin(self, given: Mapping[str, str]) -> dict[str, Any]:
        """A new device flow."""
        self._check_client(given)
        now_s = self._now_s()
        self._pending = {code: each for code, each in self._pending.items() if each.ends_s > now_s}
        if len(self._pending) >= MOST_PENDING:
            raise OAuthError("temporarily_unavailable")
        device_code, user_code = secrets.token_urlsafe(32), secrets.token_hex(4)
        self._pending[device_code] = _Pending(user_code, now_s + CODE_LIFETIME_S)
        page = f"{self.url}/device"
        return {"device_code": device_code, "user_code": user_code, "verification_uri": page,
                "verification_uri_complete": f"{page}?user_code={user_code}", "expires_in": CODE_LIFETIME_S, "interval": 1}

    def sign_in(self, user_code: str, user: str) -> bool:
        """Have the flow with that code end with a token of this user; False: there is no such flow, or no such user."""
        flow = next((each for each in self._pending.values() if each.user_code == user_code), None)
        if flow is None or user not in SELF_SERVED:
            return False
        flow.user = user
        return True

    def redeem(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Tokens for a device code or for a refresh token."""
        self._check_client(given)
        if given.get("grant_type") == DEVICE_GRANT:
            flow = self._pending.pop(given.get("device_code", ""), None)
            user = flow.user if flow is not None and flow.ends_s > self._now_s() else None
        elif given.get("grant_type") == "refresh_token":
            user = self._refresh.pop(given.get("refresh_token", ""), None)
        else:
            raise OAuthError("unsupported_grant_type")
        if user is None:
            raise OAuthError("invalid_grant")
        return self._tokens(user)

    def _tokens(self, user: str) -> dict[str, Any]:
        refresh = secrets.token_urlsafe(32)
        self._refresh[refresh] = user
        if len(self._refresh) > MOST_PENDING:
            del self._refresh[next(iter(self._refresh))]
        return {"id_token": self.token(user, FLOW_LIFETIME_S, aud=CLIENT_ID), "access_token": self.token(user, FLOW_LIFETIME_S),
                "refresh_token": refresh, "token_type": "Bearer", "expires_in": FLOW_LIFETIME_S}

    def _check_client(self, given: Mapping[str, str]) -> None:
        if given.get("client_id") != CLIENT_ID:
            raise OAuthError("invalid_client")


class _Root(Resource):
    """All paths of an issuer."""

    isLeaf = True

    def __init__(self, issuer: Issuer) -> None:
        super().__init__()
        self._issuer = issuer

    def render_GET(self, request: Any) -> bytes:
        given = _first(request.args)
        if request.path == b"/.well-known/openid-configuration":
            return _json(request, self._issuer.configuration())
        if request.path == b"/jwks":
            return _json(request, {"keys": [self._issuer.signer.jwk()]})
        if request.path == b"/device":
            return self._page(request, given.get("user_code", ""), given.get("user", ""))
        page: bytes = NoResource().render(request)
        return page

    def render_POST(self, request: Any) -> bytes:
        answers = {b"/device_authorization": self._issuer.begin, b"/token": self._issuer.redeem}
        answer = answers.get(request.path)
        if answer is None:
            page: bytes = NoResource().render(request)
            return page
        try:
            return _json(request, answer(_first(request.args)))
        except OAuthError as error:
            request.setResponseCode(400)
            return _json(request, {"error": str(error)})

    def _page(self, request: Any, user_code: str, user: str) -> bytes:
        """Where a person says who he is: by a link, without a password."""
        request.setHeader(b"content-type", b"text/html;charset=utf-8")
        if user:
            done = self._issuer.sign_in(user_code, user)
            return f"<p>You are {escape(user)}.".encode() if done else b"<p>There is no such code, or no such user."
        code = escape(user_code, quote=True)
        links = "".join(f'<li><a href="/device?user_code={code}&amp;user={name}">{name}</a>' for name in SELF_SERVED)
        return f"<p>A sandbox of pandad: who are you? Without an answer you are {SELF_SERVED[0]}.<ul>{links}</ul>".encode()


def _first(arguments: Mapping[bytes, list[bytes]]) -> dict[str, str]:
    return {name.decode("latin-1"): values[0].decode("latin-1") for name, values in arguments.items()}


def _json(request: Any, content: Mapping[str, Any]) -> bytes:
    request.setHeader(b"content-type", b"application/json")
    return json.dumps(content).encode()
