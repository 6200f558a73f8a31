"""Rucio's REST interface for whoever sets a stage: plain calls that block, from a thread or a process of their own.

The daemon's client is another one, so that neither can hide a mistake of the other.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from pandad.spec.errors import PandadError

ANSWER_LIMIT_S = 60


class RestError(PandadError):
    """Rucio refused; ``kind`` is its ExceptionClass."""

    def __init__(self, status: int, kind: str, text: str) -> None:
        super().__init__(f"{status} {kind}: {text}")
        self.status, self.kind = status, kind


class Admin:
    """An account that may do everything, by user name and password."""

    def __init__(self, url: str, account: str, user: str, password: str) -> None:
        self._url = url
        reply = self._open("GET", "/auth/userpass", None, {
            "X-Rucio-Account": account, "X-Rucio-Username": user, "X-Rucio-Password": password})
        self._token = {"X-Rucio-Auth-Token": reply.headers["X-Rucio-Auth-Token"]}

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The decoded answer, None if it is empty or no JSON.

        :raise RestError: refused.
        """
        text = self._open(method, path, body, self._token).read()
        try:
            return json.loads(text)
        except ValueError:
            return None

    def lines(self, method: str, path: str, body: object = None) -> list[Any]:
        """The decoded lines of an answer that has one object a line.

        :raise RestError: refused.
        """
        return [json.loads(line) for line in self._open(method, path, body, self._token).read().splitlines() if line.strip()]

    def ensure(self, method: str, path: str, body: object = None) -> None:
        """Make something, unless it is there."""
        try:
            self.call(method, path, body)
        except RestError as error:
            if error.status != 409:
                raise

    def _open(self, method: str, path: str, body: object, headers: dict[str, str]) -> Any:
        content = None if body is None else json.dumps(body).encode()
        request = Request(self._url + path, content, {"Content-Type": "application/json", **headers}, method=method)
        try:
            return urlopen(request, timeout=ANSWER_LIMIT_S)  # noqa: S310
        except HTTPError as error:
            text = error.read(500).decode("utf-8", "replace")
            raise RestError(error.code, error.headers.get("ExceptionClass", ""), text) from None


def answers(url: str) -> bool:
    """Whether a server is there, whoever it is."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    try:
        with urlopen(f"{url}/ping", timeout=ANSWER_LIMIT_S, context=trusting) as reply:  # noqa: S310
            return bool(reply.status == 200)
    except (OSError, HTTPException):
        return False


def chunks(items: Sequence[Any], size: int = 100) -> Iterator[Sequence[Any]]:
    """In bites that Rucio takes in a second."""
    return (items[at:at + size] for at in range(0, len(items), size))


def furnish(admin: Admin, storage: Path, endpoints: Sequence[str], scopes: Sequence[str], account: str) -> None:
    """Scopes, and endpoints that are folders below `storage`: any one is as far from any other, and the account may fill them."""
    for scope in scopes:
        admin.ensure("POST", f"/scopes/{account}/{scope}")
    for name in endpoints:
        folder = storage / name
        folder.mkdir(parents=True, exist_ok=True)
        admin.ensure("POST", f"/rses/{name}", {"deterministic": True, "volatile": False, "rse_type": "DISK"})
        admin.ensure("POST", f"/rses/{name}/protocols/file", protocol(folder))
        admin.call("POST", f"/accounts/{account}/limits/local/{name}", {"bytes": -1})
    for here in endpoints:
        for there in endpoints:
            if here != there:
                admin.ensure("POST", f"/rses/{here}/distances/{there}", {"distance": 1})


def protocol(folder: Path) -> dict[str, Any]:
    """An endpoint that is a folder of this machine."""
    lan = {"read": 1, "write": 1, "delete": 1}
    return {"hostname": "localhost", "port": 0, "prefix": f"{folder}/", "impl": "rucio.rse.protocols.posix.Default",
            "domains": {"lan": lan, "wan": {**lan, "third_party_copy_read": 1, "third_party_copy_write": 1}}}
