"""The page of the API for people, from its OpenAPI description: one document, without scripts, that loads nothing."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator

from twisted.web.template import Tag, flattenString, tags

from pandad.api.schemawords import Described, keys_of, type_of, words

STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #8882; --link: light-dark(#0550ae, #8cf); }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1rem; }
a { color: var(--link); }
nav ul { columns: 3 18rem; padding-left: 1rem; overflow-wrap: anywhere; }
section.call { border-top: 1px solid var(--line); padding: .5rem 0 1.5rem; }
h3 { font: 600 1.05rem ui-monospace, monospace; overflow-wrap: anywhere; }
h3 .verb { background: var(--soft); border-radius: .3rem; padding: .1rem .4rem; margin-right: .4rem; }
pre { background: var(--soft); padding: .6rem; border-radius: .3rem; white-space: pre-wrap; overflow-wrap: anywhere; }
table { border-collapse: collapse; display: block; overflow-x: auto; margin: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--soft); }
caption { text-align: left; font-weight: 600; padding-top: .4rem; }
"""

_HASH = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def page(description: Described) -> bytes:
    """The whole page, in UTF-8."""
    written: list[bytes] = []
    flattenString(None, _document(description)).addCallback(written.append)
    return b"<!DOCTYPE html>\n" + written[0]  # at once: nothing in it is waited for


def _document(description: Described) -> Tag:
    operations, shapes = list(operations_of(description)), description.get("components", {}).get("schemas", {})
    info = description["info"]
    return tags.html(
        tags.head(
            tags.meta(charset="utf-8"), tags.meta(name="viewport", content="width=device-width, initial-scale=1"),
            tags.title(f"API of pandad {info['version']}"), tags.style(STYLE)),
        tags.body(
            tags.header(tags.h1("API of pandad ", info["version"]), _introduction()),
            tags.nav(*_contents(operations), **{"aria-label": "Calls"}),
            Tag("main")(*(_call(*operation) for operation in operations), *_shapes(shapes))),
        lang="en")


def operations_of(description: Described) -> Iterator[tuple[str, str, Described]]:
    """Path, method and operation, by tag: the modules of API v1 first."""
    found = [(path, verb, operation) for path, place in description["paths"].items() for verb, operation in place.items()]
    last = ("legacy", "other")
    yield from sorted(found, key=lambda each: (each[2]["tags"][0] in last, each[2]["tags"][0], each[0], each[1]))


def _introduction() -> Tag:
    return tags.div(
        tags.p("Every call, with what it takes and gives, who may make it, and how. For programs: ",
               tags.a("openapi.json", href="/api/v1/openapi.json"), "."),
        tags.p("API v1 answers with an envelope, ", tags.code('{"success": true, "message": "", "data": ...}'),
               "; a refusal is one too, with success false. Bodies are JSON or forms; times are UTC. The calls below "
               "/server/panda are PanDA's legacy dialect, which pilots speak."),
        tags.p("Show who you are with a certificate or proxy in TLS, or with a bearer token and the header Origin, which names "
               "the VO, or VO:ROLE. What is marked for anybody is served on the port without TLS too."),
        tags.p("What a call gives stands there without the envelope. What has a name is a shape, described at the end; a key "
               "that a shape does not have may come with a later version: read past it."))


def _contents(operations: list[tuple[str, str, Described]]) -> Iterator[Tag]:
    for tag in dict.fromkeys(operation["tags"][0] for _, _, operation in operations):
        here = [(path, verb) for path, verb, operation in operations if operation["tags"][0] == tag]
        yield tags.h2(tag, id=tag)
        yield tags.ul(*(tags.li(tags.a(f"{verb.upper()} {_short(path)}", href=f"#{anchor(path, verb)}")) for path, verb in here))


def _short(path: str) -> str:
    return path.removeprefix("/api/v1/").removeprefix("/server/panda/")


def anchor(path: str, verb: str) -> str:
    """The address of a call on the page: ``get-api-v1-job-why``."""
    return verb + "".join(c if c.isalnum() or c in "_." else "-" for c in path)


def _call(path: str, verb: str, operation: Described) -> Tag:
    access = operation["x-access"]
    role = "" if access["role"] == "-" else f" Role: {access['role']}."
    who = operation["description"], f" Credential: {access['credential']}.{role} Reaches: {access['reaches']}."
    return tags.section(
        tags.h3(tags.span(verb.upper(), class_="verb"), tags.a(path, href=f"#{anchor(path, verb)}")),
        tags.p(operation["summary"]), tags.p(tags.strong("Who: "), *who),
        *_parameters(operation), tags.p(tags.strong("Gives: "), *linked(operation["x-gives"])),
        *_responses(operation["responses"]),
        *(each for sample in operation["x-codeSamples"] for each in _sample(sample)),
        id=anchor(path, verb), class_="call")


def _sample(sample: Described) -> tuple[Tag, Tag]:
    return tags.p(sample["label"], ":"), tags.pre(tags.code(sample["source"]))


def parameters_of(operation: Described) -> list[tuple[str, str, str, bool]]:
    """Name, where it stands, its type, and whether it must be there."""
    found = [(p["name"], p["in"], type_of(p["schema"]), p["required"]) for p in operation.get("parameters", ())]
    if "requestBody" in operation:
        body = next(iter(operation["requestBody"]["content"].values()))["schema"]
        found += [(name, "body", type_of(schema), name in body["required"]) for name, schema in body["properties"].items()]
    return found


def linked(schema: Described) -> Iterator[str | Tag]:
    """A schema in words, with a link to each shape."""
    for word in words(schema):
        yield word if isinstance(word, str) else tags.a(word.name, href=f"#{shape_anchor(word.name)}")


def shape_anchor(name: str) -> str:
    """The address of a shape on the page."""
    return f"shape-{name}"


def _shapes(shapes: Described) -> Iterator[Tag]:
    if shapes:
        yield tags.h2("Shapes", id="shapes")
    for name, shape in sorted(shapes.items()):
        rows = [tags.tr(tags.td(tags.code(key)), tags.td(*linked(schema)), tags.td("yes" if must else "no"))
                for key, schema, must in keys_of(shape)]
        yield tags.section(
            tags.h3(tags.a(name, href=f"#{shape_anchor(name)}")), tags.p(shape.get("description", "")),
            *([_table("Keys", ("name", "type", "always there"), rows)] if rows else [tags.p(type_of(shape))]),
            id=shape_anchor(name), class_="call")


def _parameters(operation: Described) -> Iterator[Tag]:
    rows = [tags.tr(tags.td(tags.code(name)), tags.td(kind), tags.td(place), tags.td("yes" if must else "no"))
            for name, place, kind, must in parameters_of(operation)]
    if rows:
        yield _table("Parameters", ("name", "type", "in", "needed"), rows)


def _responses(responses: Described) -> Iterator[Tag]:
    yield _table("Replies", ("HTTP", "means"), [
        tags.tr(tags.td(status), tags.td(told["description"])) for status, told in responses.items()])


def _table(caption: str, header: tuple[str, ...], rows: list[Tag]) -> Tag:
    head = tags.tr(*(tags.th(name, scope="col") for name in header))
    return tags.table(tags.caption(caption), tags.thead(head), tags.tbody(*rows))
