"""docs/reference/protocol.md, from the route table, the table of refusals, and what callers.py and declined.py add to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pandad.api import catalogue
from pandad.api.apidescription import BODIES, FORMS, REFUSALS, tag_of
from pandad.api.errors import RESPONSES, Answer, answer_to
from pandad.api.replyschema import Shapes
from pandad.api.route import Route
from pandad.api.schemawords import words
from pandad.spec.errors import PandadError

from .callers import USES
from .declined import LEGACY_CALLS, V1_CALLS
from .markdown import code, made, table

INTRODUCTION = """
What goes over the wire, for who writes or mends a pilot, a client or a Harvester. Parameters and shapes of each call: [the
API](api.md); who may call it: [rights](rights.md); sizes, times and rates: [limits](limits.md).

Two dialects lead to the same jobs. **The legacy dialect**, `/server/panda/METHOD`, is panda-server 0.8.1's, which released
pilots speak: names in camelCase, answers as a form, or as JSON for who sends `Accept: application/json`. **API v1**,
`/api/v1/MODULE/METHOD`, is that of panda-server 1.0: every answer is `{"success": ..., "message": ..., "data": ...}` in JSON.

In both, a body may be JSON or a form, whichever the `Content-Type` says or leaves unsaid, and be gzip'd with or without
`Content-Encoding`; parameters of a GET stand in the query, repeated for lists. Unknown parameters are ignored; the text `NULL`,
and in a query `None`, stand for nothing; numbers may come as text. Times are UTC: ISO 8601, `YYYY-MM-DD hh:mm:ss`, or seconds
since 1970; in JSON answers they are `{"__datetime__": "..."}`. Answers of API v1 and all JSON begin with their bracket and end
with it.

An answer that says success means that it is stored: pandad answers after the commit. Whatever is lost on the way may be sent
again; what that does stands with each call. A call without an answer may have been done.
"""

TITLES: Mapping[str, str] = {
    "v1": "API v1", "v1 acquire": "`pilot/acquire_jobs`", "legacy": "the legacy dialect", "legacy getJob": "`getJob`",
    "legacy credential": "`getProxy`, `getKeyPair`, `get_access_token`, `get_token_key`", "plain": "all else"}

FAILURES = """
## What a refusal looks like

By kind of refusal and by dialect: the HTTP status, and in brackets the `StatusCode` of an answer with status 200. 429 and 503
have `Retry-After`: the same call may be sent again then. A pilot ends at anything but a 200 from `getJob`, so it gets one; it
takes every 200 from `updateJob` for "stored", so it gets that for nothing else.
"""

DECLINED = """
## What panda-server has, and pandad has not

Such a call is answered 403 `ERROR : method X is forbidden`, in both dialects, as by panda-server. The lists are whole: each call
of panda-server 0.8.1's legacy dialect and of 1.0.3's API v1 is here or above.
"""


def page() -> str:
    """The whole page."""
    routes = [route for route, _ in catalogue.declared()]
    tags = sorted({tag_of(route.path) for route in routes}, key=lambda tag: (tag == "other", tag != "legacy", tag))
    calls = [part for tag in tags for part in _section(tag, [route for route in routes if tag_of(route.path) == tag])]
    return "".join([made("The protocol", INTRODUCTION), *calls, FAILURES, _refusals(), DECLINED,
                    *_declined("the legacy dialect", LEGACY_CALLS), *_declined("API v1", V1_CALLS)])


def _section(tag: str, routes: Iterable[Route]) -> Iterator[str]:
    yield f"\n## {tag}\n"
    yield table(("call", "by", "body", "gives", "sent again"), (
        (code(f"{' or '.join(route.methods)} {route.path}"), USES[route.path].by, _body(route), _gives(route),
         USES[route.path].again)
        for route in sorted(routes, key=lambda route: route.path)))


def _body(route: Route) -> str:
    """What may come, in short."""
    if "POST" not in route.methods or (route.takes is None and not route.raw and not route.opens):
        return "-"
    if route.raw:
        return "JSON"
    return _short(FORMS if route.opens else BODIES)


def _gives(route: Route) -> str:
    said = "".join(word if isinstance(word, str) else f"[{word.name}](api.md#{word.name.lower()})"
                   for word in words(Shapes().of(route.gives)))
    return f"{said}, as {_short(route.media)}"


def _short(media: Iterable[str]) -> str:
    names = {"application/json": "JSON", "application/x-www-form-urlencoded": "form", "multipart/form-data": "multipart form",
             "text/plain": "text", "text/html": "HTML", "application/octet-stream": "it is"}
    return " or ".join(names.get(each, each) for each in media)


def _refusals() -> str:
    rows = ((text, *(_told(answer_to(_blank(kind), RESPONSES[name])) for name in TITLES)) for kind, text in REFUSALS.items())
    return table(("refused", *TITLES.values()), rows)


def _blank(kind: type[PandadError]) -> PandadError:
    return kind.__new__(kind)


def _told(answer: Answer) -> str:
    return str(answer.status) if answer.status_code is None else f"200 ({answer.status_code})"


def _declined(title: str, calls: Mapping[str, Sequence[str]]) -> Iterator[str]:
    yield f"\n### Of {title}\n"
    yield table(("calls", "why not"), ((", ".join(map(code, names)), why) for why, names in calls.items()))
