"""A page, from what is on it to the bytes of a reply: HTML for people, and the same as JSON for who asks for that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from pandad import __version__
from pandad.api.encode import JSON, Reply, comes_as
from pandad.api.errors import RESPONSES, answer_to
from pandad.api.route import Dialect
from pandad.monitor import drawing, look, sight, words
from pandad.spec.caller import ANONYMOUS, Caller
from pandad.spec.errors import NotAuthenticated, PandadError

HTML = b"text/html;charset=utf-8"
# Nothing but what this server itself sends: no script at all, no style or picture from elsewhere, no frame around it.
SAFE = (
    (b"content-security-policy", b"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
                                 b"frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),  # what somebody may see nobody else is to find
    (b"vary", b"accept"),
)


@dataclass(frozen=True, slots=True)
class Page:
    """``template``: a file of pages/. ``told``: what is on it, as JSON has it. ``seen``: what only the template needs.

    ``caller``: whom it is made for.
    """

    template: str
    title: str
    told: Mapping[str, Any]
    caller: Caller = ANONYMOUS
    seen: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another page of this server."""

    path: str


@comes_as(HTML, JSON)
def encode(result: Page | Elsewhere, wants_json: bool) -> Reply:
    """The reply."""
    if isinstance(result, Elsewhere):
        return Reply(b"", HTML, 303, ((b"location", result.path.encode("ascii")), *SAFE))
    if wants_json:
        return Reply(json_bytes(result.told), JSON, headers=SAFE)
    return Reply(_rendered(result).encode(), HTML, headers=SAFE)


def refuse(error: PandadError, wants_json: bool) -> Reply:
    """A page that says what is wrong, and what to do where that is known."""
    answer = answer_to(error, RESPONSES["plain"])
    told = {"error": str(error), "status": answer.status}
    if wants_json:
        return Reply(json_bytes(told), JSON, answer.status, SAFE)
    title = {403: "Not for you", 404: "Not found", 503: "Not now", 429: "Too many calls"}.get(answer.status, "That did not work")
    page = Page("refusal.html", title, {**told, "lacks_identity": isinstance(error, NotAuthenticated)})
    return Reply(_rendered(page).encode(), HTML, answer.status, SAFE)


PAGE = Dialect("page", encode, refuse, json_by_query=True)


def json_bytes(value: Any) -> bytes:
    """Times in ISO 8601 and UTC."""
    return orjson.dumps(value, _plain, orjson.OPT_UTC_Z | orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _rendered(page: Page) -> str:
    names = {**page.told, **page.seen}
    return TEMPLATES[page.template].render(**names, told=page.told, title=page.title, me=_me(page.caller), version=__version__)


def _me(caller: Caller) -> Mapping[str, Any]:
    known = sight.sees_names(caller)
    return {"known": known, "name": caller.name if known else None, "roles": sorted(caller.roles)}


def _environment() -> Environment:
    made = Environment(loader=PackageLoader("pandad.monitor", "pages"), autoescape=select_autoescape(default=True),
                       undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, auto_reload=False)
    made.filters.update(
        number=words.number, duration=words.duration, time=_time, percent=words.percent, plain=words.plain, clock=words.clock)
    made.globals.update(draw=drawing, look=look, age=_age)
    return made


def _time(at: datetime | None) -> Markup:
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), words.moment(at)) if at is not None else Markup("–")


def _age(at: datetime | None, now: datetime) -> str:
    return words.duration((now - at).total_seconds()) if at is not None else "–"


# All of them at once, before the first call: none is compiled while somebody waits.
_ENVIRONMENT = _environment()
TEMPLATES = {name: _ENVIRONMENT.get_template(name) for name in _ENVIRONMENT.list_templates(extensions=["html"])}
