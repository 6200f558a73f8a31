"""Secrets that are told apart from everything else, and where they were found again."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from re import Pattern
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from rights.calls import CALLS, path_of
from secretwatch import MARK

from pandad.embedded.sandbox import HOST, Sandbox

LIMIT_S = 60
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
OWN = re.compile(r"user_secrets?$|acquire_jobs|getJob$|get_link_code")
LENT = re.compile(r"get_proxy|getProxy|get_key_pair|getKeyPair|get_access_token|get_token_key")


@dataclass(frozen=True)
class Answer:
    """To whom, on what, and what: the status line, the headers and the body."""

    whom: str
    path: str
    status: int
    said: bytes

    @property
    def may_have_secrets(self) -> bool:
        """Whether the call gives them to those whose they are, and he is one."""
        return bool(self.whom and OWN.search(self.path)) or (self.whom == "pilot" and bool(LENT.search(self.path)))


@dataclass
class Garden:
    """What was planted. ``known``: secrets that nobody can mark, as keys."""

    planted: int = 0
    known: set[bytes] = field(default_factory=set, repr=False)

    def seed(self) -> str:
        """A new secret."""
        self.planted += 1
        return f"{MARK}{self.planted:06}"

    def know(self, file: Path) -> None:
        """The private keys in a file, or the whole of it if it has no other parts: each line that could stand alone."""
        text = file.read_bytes()
        keys = re.findall(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\n(.*?)\n-----END", text, re.DOTALL)
        for line in b"\n".join(keys or ([] if b"-----BEGIN" in text else [text])).split():
            self.know_token(line) if line.count(b".") == 2 else self.known.add(line)

    def know_token(self, token: bytes) -> None:
        """Its signature: the rest is no secret, and is shown to administrators."""
        self.known.add(token.rpartition(b".")[2])

    def found(self, text: bytes) -> list[str]:
        """What of it stands in a text."""
        hidden = re.findall(rb"%s\d{6}" % MARK.encode(), text) + [each for each in self.known if each in text]
        return [each.decode() for each in hidden]


class Somebody:
    """Who makes calls on a connection that is kept, with the credential of that user of the sandbox; "": without any."""

    def __init__(self, sandbox: Sandbox, name: str) -> None:
        self.name = name
        context = ssl.create_default_context(capath=str(sandbox.pki.ca_directory))
        if name:
            context.load_cert_chain(sandbox.pki.proxy(name))
        self._link = http.client.HTTPSConnection(HOST, sandbox.config.server.tls_port, timeout=LIMIT_S, context=context)

    def call(self, method: str, path: str, body: bytes | None = None, kind: str = JSON,
             headers: Mapping[str, str] = MappingProxyType({})) -> Answer:
        """One call."""
        self._link.request(method, path, body, {"accept": JSON, "content-type": kind, **headers})
        response = self._link.getresponse()
        said = f"{response.reason} {response.headers}".encode() + response.read()
        return Answer(self.name, path.partition("?")[0], response.status, said)

    def close(self) -> None:
        """Hang up."""
        self._link.close()


@dataclass(frozen=True)
class Sent:
    """``given``: as a query or as a body, as the call has it; ``body``: in the place of that, where there is one."""

    given: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    method: str | None = None


Seed = Callable[[], str]


def tries(seed: Seed, somebody: Somebody, job: int, queue: str, only: Pattern[str] | None = None) -> Iterator[Answer]:
    """Every call, in every way that there is to come with a secret, good and bad.

    :param only: of these paths.
    """
    for name, call in CALLS.items():
        for way in WAYS if only is None or only.search(name) else ():
            sent, path, method = way(seed, dict(call.about(job, queue))), path_of(name), call.method
            query = urlencode(sent.given, doseq=True)
            if method == "GET":
                yield somebody.call(sent.method or method, f"{path}?{query}", headers=sent.headers)
            else:
                body = sent.body or (query if call.form else json.dumps(sent.given)).encode()
                yield somebody.call(sent.method or method, path, body, FORM if call.form else JSON, sent.headers)


def _wanted(values: Mapping[str, Any]) -> list[str]:
    """The parameters of a call that are secrets."""
    return [name for name in ("value", "code", "token_key") if isinstance(values.get(name), str)]


def _where_it_belongs(seed: Seed, values: dict[str, Any]) -> Sent:
    return Sent({**values, **{name: seed() for name in _wanted(values)}, "token": seed()})


def _where_none_belongs(seed: Seed, values: dict[str, Any]) -> Sent:
    return Sent({**values, **{name: seed() for name in ("password", "tokenKey", "pilotToken", "private_key", "client_secret")}})


def _of_a_wrong_type(seed: Seed, values: dict[str, Any]) -> Sent:
    return Sent({**values, **{name: {"a": [seed(), 1e300]} for name in (*_wanted(values), "token")}})


def _cut_off(seed: Seed, values: dict[str, Any]) -> Sent:
    return Sent({**values, "value": seed() + "\0"}, body=json.dumps({**values, "value": seed()}).encode()[:-1])


def _badly_zipped(seed: Seed, values: dict[str, Any]) -> Sent:
    zipped = gzip.compress(json.dumps({"value": seed()}).encode())[:-4]
    return Sent({**values, "value": [seed(), seed()]}, {"content-encoding": "gzip"}, zipped)


def _in_headers(seed: Seed, values: dict[str, Any]) -> Sent:
    return Sent(values, {"authorization": f"Bearer {seed()}", "proxy-authorization": f"Basic {seed()}",
                         "cookie": f"session={seed()}", "x-token": seed()})


def _by_a_wrong_method(seed: Seed, values: dict[str, Any]) -> Sent:
    return Sent({**values, "token": seed()}, {"authorization": f"Bearer {seed()}"}, method="PUT")


WAYS: Sequence[Callable[[Seed, dict[str, Any]], Sent]] = (
    _where_it_belongs, _where_none_belongs, _of_a_wrong_type, _cut_off, _badly_zipped, _in_headers, _by_a_wrong_method)
