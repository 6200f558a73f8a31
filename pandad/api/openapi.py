"""What this server says of its own calls: to programs, and to people."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from pandad.api import docspage, encode
from pandad.api.access import PUBLIC
from pandad.api.apidescription import description
from pandad.api.encode import Reply
from pandad.api.replyschema import Free, Schema
from pandad.api.route import GET, PLAIN, Route, declared
from pandad.spec.caller import Caller

HTML = b"text/html;charset=utf-8"


@encode.comes_as(HTML)
def as_page(result: bytes, wants_json: bool) -> Reply:
    """A page that loads nothing, sends nothing and stands in nobody's frame."""
    return Reply(result, HTML, headers=(
        (b"content-security-policy", docspage.POLICY.encode()), (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"), (b"cache-control", b"max-age=300")))


class OpenApi:
    """Describes the API of these handlers, itself included."""

    def __init__(self, handlers: Sequence[object]) -> None:
        self._handlers = handlers

    @Route("/api/v1/openapi.json", GET, PLAIN, access=PUBLIC, gives=dict[str, Free], passive=True, encode=encode.as_json)
    async def openapi(self, caller: Caller) -> Schema:
        """All calls of this server, for programs that make clients or tests."""
        return self._description

    @Route("/docs", GET, PLAIN, access=PUBLIC, gives=bytes, passive=True, encode=as_page)
    async def docs(self, caller: Caller) -> bytes:
        """The same as a page for people: what each call takes and gives, who may make it, and how."""
        return self._page

    @cached_property
    def _description(self) -> dict[str, Any]:
        return description(declared([*self._handlers, self]))

    @cached_property
    def _page(self) -> bytes:
        return docspage.page(self._description)
