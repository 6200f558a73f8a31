"""The registry: what can be called, by whom, with what. A route without an access rule cannot be written down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from math import inf
from typing import Any, TypeVar

from pandad.api import encode
from pandad.api.access import Access
from pandad.api.coerce import MAX_ITEMS
from pandad.api.encode import FileReply, Reply
from pandad.api.errors import RESPONSES, refuse_credential, refuse_legacy, refuse_v1
from pandad.api.load import Urgency
from pandad.spec.errors import PandadError

Handler = TypeVar("Handler", bound=Callable[..., Any])
Encoder = Callable[[Any, bool], Reply | FileReply]

KIB, MIB = 1 << 10, 1 << 20
SHALLOW = 16  # levels of JSON, where nothing free-form comes
WATCHED_S = 20.0  # who watches asks again soon, and must not pile up


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a family of calls answers. ``name`` is its row in errors.RESPONSES.

    ``encode`` and ``refuse`` also get whether the caller accepts JSON. ``json_by_query``: ``?json`` says so too.
    """

    name: str
    encode: Encoder
    refuse: Callable[[PandadError, bool], Reply]
    json_by_query: bool = False


V1 = Dialect("v1", encode.envelope, lambda error, _: refuse_v1(error, RESPONSES["v1"]))
V1_ACQUIRE = Dialect("v1 acquire", encode.envelope, lambda error, _: refuse_v1(error, RESPONSES["v1 acquire"]))
LEGACY = Dialect("legacy", encode.legacy, lambda error, json: refuse_legacy(error, RESPONSES["legacy"], json))
LEGACY_GETJOB = Dialect(
    "legacy getJob", encode.legacy, lambda error, json: refuse_legacy(error, RESPONSES["legacy getJob"], json))
LEGACY_CREDENTIAL = Dialect(
    "legacy credential", encode.as_json, lambda error, _: refuse_credential(error, RESPONSES["legacy credential"]))
PLAIN = Dialect("plain", encode.as_text, lambda error, json: refuse_legacy(error, RESPONSES["plain"], json))

GET, POST = ("GET",), ("POST",)
ANY = GET + POST


@dataclass(frozen=True)
class Route:
    """One call, and the decorator of the method that answers it.

    The method gets the Caller, then the decoded request if ``takes`` names its dataclass; what it returns is encoded.

    ``raw``: the method gets the body as it came instead.
    ``path``: a Klein pattern; its variables join the parameters.
    ``tells_gone``: the method gets one argument more, at the end: a function without arguments that says whether the client has
    hung up since, for calls that hand out what should not go to somebody who left while waiting for it.
    ``tells_host``: likewise, the name by which the client called this server.
    ``opens``: for an upload: the name of the method, beside this one, that has a place for the file (IPlace), given the Caller
    and the bytes to come; this one then gets the Upload, all of which is here, and is to finish and end it.
    ``passive``: a read, also served on the port without TLS.
    ``forgiving``: see decode.Decoder.
    ``gives``: the type of what its success says, of the envelope's data in API v1: see replyschema. None: nothing.
    ``encode``: where the reply is not what the dialect has by default.
    ``body_limit_bytes``: of the body, also after it was inflated. ``json_depth``: of its JSON. ``items``: of each list.
    ``answer_s``: by when it is answered at the latest, where that is sooner than [limits] answer_s: for those who will not wait.
    ``urgency``: who goes first under overload; None is by the method: USER for what is posted, LIST for the rest. A function of
    the decoded request where it depends on that, for reports of jobs: nobody is counted to send too many of those.
    """

    path: str
    methods: Sequence[str] = POST
    dialect: Dialect = V1
    _: KW_ONLY
    access: Access
    gives: Any
    takes: type | None = None
    raw: bool = False
    tells_gone: bool = False
    tells_host: bool = False
    opens: str = ""
    forgiving: bool = False
    passive: bool = False
    encode: Encoder | None = None
    body_limit_bytes: int = 64 * KIB
    json_depth: int = SHALLOW
    items: int = MAX_ITEMS
    answer_s: float = inf
    urgency: Urgency | Callable[[Any], Urgency] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.access, Access):
            raise TypeError(f"{self.path}: {self.access!r} is not an access rule")
        if self.raw and self.takes is not None:
            raise TypeError(f"{self.path}: a body is either decoded or not")
        if self.opens and (self.raw or self.takes is not None or self.methods != POST):
            raise TypeError(f"{self.path}: an upload is posted, and is all that its call takes")
        if self.passive and not self.access.anonymous:
            raise TypeError(f"{self.path}: nobody has an identity on the passive port")

    def __call__(self, handler: Handler) -> Handler:
        handler.__dict__.setdefault("routes", []).append(self)
        return handler

    @property
    def fixed_urgency(self) -> Urgency | None:
        """None if it depends on the request."""
        if callable(self.urgency):
            return None
        by_method = Urgency.USER if self.methods == POST else Urgency.LIST
        return by_method if self.urgency is None else self.urgency

    @property
    def media(self) -> tuple[str, ...]:
        """The Content-Types that a success may have."""
        return encode.media_of(self.encode or self.dialect.encode)

    @property
    def legacy(self) -> bool:
        """Whether the caller spells names as the legacy dialect does."""
        return self.dialect in (LEGACY, LEGACY_GETJOB, LEGACY_CREDENTIAL)


def declared(handlers: Sequence[object]) -> Iterator[tuple[Route, Callable[..., Any]]]:
    """All routes of these handler objects, with the bound methods that answer them. A handler may have a method ``narrowed`` that
    gives another route in place of each: for fewer people."""
    for handler in handlers:
        narrowed = getattr(handler, "narrowed", None)
        for route, name in routes_of(type(handler)):
            yield narrowed(route) if narrowed is not None else route, getattr(handler, name)


def routes_of(handler: type) -> Iterator[tuple[Route, str]]:
    """All routes of a class of handlers, with the names of the methods that answer them."""
    for name, function in vars(handler).items():
        for route in getattr(function, "routes", ()):
            yield route, name
