"""The description of the API."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from base64 import b64encode
from dataclasses import make_dataclass
from html.parser import HTMLParser
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from replyshapes import faults_of_text

from pandad.api import docspage
from pandad.api.apidescription import OF_IDENTITY, REFUSALS
from pandad.api.openapi import OpenApi
from pandad.api.replyschema import NoSchema, Shapes
from pandad.api.route import declared


def test_all_calls_are_in_it(api: Any) -> None:
    """Every route with every method, with the parameters of its dataclass under their names on the wire, and itself."""
    described = api.passive.get("/api/v1/openapi.json").json
    assert described["openapi"].startswith("3.1")
    routes = [route for route, _ in declared(api.handlers)]
    paths = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route.path): {method.lower() for method in route.methods} for route in routes}
    assert {path: set(place) for path, place in described["paths"].items()} == paths
    update = described["paths"]["/server/panda/updateJob"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert update["required"] == ["jobId", "state"]
    assert update["properties"]["startTime"]["format"] == "date-time"
    status = described["paths"]["/api/v1/job/get_status"]["get"]["parameters"]
    assert [(each["name"], each["in"], each["required"]) for each in status] == [("job_ids", "query", True)]
    file = described["paths"]["/cache/{name}"]["get"]["parameters"]
    assert [(each["name"], each["in"]) for each in file] == [("name", "path")]


def test_what_it_says_of_each_call(api: Any) -> None:
    """What it does, whom it is for, and an id of its own."""
    described = OpenApi(api.handlers)._description
    operations = [each for place in described["paths"].values() for each in place.values()]
    assert all(each["summary"] and each["description"].startswith("For ") for each in operations)
    assert len({each["operationId"] for each in operations}) == len(operations)


def test_it_is_openapi(api: Any) -> None:
    """By the specification itself, so that programs can be made of it."""
    assert list(OpenAPIV31SpecValidator(api.passive.get("/api/v1/openapi.json").json).iter_errors()) == []


def test_what_it_says_of_refusals(api: Any) -> None:
    """Each kind stands under the status that its dialect gives it; of identity only where one is needed."""
    paths = api.passive.get("/api/v1/openapi.json").json["paths"]
    kill = paths["/api/v1/job/kill"]["post"]["responses"]
    assert all(any(text in reply["description"] for reply in kill.values()) for text in REFUSALS.values())
    assert set(kill) == {"200", "403", "413", "429", "500", "503"}
    get_job = paths["/server/panda/getJob"]["post"]["responses"]
    assert set(get_job) == {"200"} and "StatusCode 60: no identity" in get_job["200"]["description"]
    alive = paths["/api/v1/system/is_alive"]["get"]["responses"]
    assert not any(REFUSALS[kind] in reply["description"] for kind in OF_IDENTITY for reply in alive.values())


def test_what_it_says_of_replies(api: Any) -> None:
    """Each success has a schema, in an envelope where there is one; what refers to a shape finds it."""
    description = api.passive.get("/api/v1/openapi.json").json
    named = description["components"]["schemas"]
    for path, _, operation in docspage.operations_of(description):
        for media, content in operation["responses"]["200"]["content"].items():
            enveloped = content["schema"].get("$ref", "").endswith("/Envelope")
            assert enveloped == (path.startswith("/api/v1/") and path != "/api/v1/openapi.json"), path
            assert (content["schema"]["then"]["properties"]["data"] if enveloped else content["schema"]) == operation["x-gives"]
            assert "/" in media
    assert set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(description))) == set(named)
    assert named["JobCommand"]["properties"]["command"] == {"type": "string"}
    assert named["JobCommand"]["required"] == ["StatusCode", "command"]


PLAIN_ONES = {
    "/healthz": "", "/startupz": "", "/readyz": "", "/api/v1/openapi.json": "", "/cache/ddmendpoints.json": "",
    "/cache/schedconfig/pandaqueues.json": "", "/cache/schedconfig/<queue>.all.json": "/cache/schedconfig/TEST_PQ.all.json"}


@pytest.mark.parametrize("path", PLAIN_ONES)
def test_what_anybody_may_have(api: Any, path: str) -> None:
    """What is answered is of the shape that the route says. (Other calls: tests/rights, on a real database.)"""
    got = api.passive.get(PLAIN_ONES[path] or path, headers={"accept": "application/json"})
    assert faults_of_text(path, got.text) == []


def test_what_there_is_no_schema_of() -> None:
    """A type that could be anything is none that a route may give, nor are two shapes of one name."""
    for vague in (Any, dict, list[Any], dict[str, Any], tuple[int, Any]):
        with pytest.raises(NoSchema, match="says nothing about a reply"):
            Shapes().of(vague)
    shapes = Shapes()
    shapes.of(make_dataclass("Same", [("a", int)]))
    with pytest.raises(NoSchema, match="two shapes are called Same"):
        shapes.of(make_dataclass("Same", [("a", str)]))


def test_each_call_can_be_typed(api: Any) -> None:
    """Each has a line for curl, with all that must be there; a call for anybody needs no credential."""
    description = api.passive.get("/api/v1/openapi.json").json
    for path, verb, operation in docspage.operations_of(description):
        for sample in operation["x-codeSamples"]:
            words = shlex.split(sample["source"])
            assert words[0] == "curl" and re.match(r"https?://HOST:\d+/", words[-1])
            assert ("--cert" in words, "-H" in words and "Authorization: Bearer $TOKEN" in words) in (
                [(False, False)] if sample["label"] == "anybody" else [(True, False), (False, True)]), path
            assert ("--capath" in words) == words[-1].startswith("https:"), path
            needed = [name for name, place, _, must in docspage.parameters_of(operation) if must and place != "path"]
            assert all(name in sample["source"] for name in needed), path
            assert ("-X" in words) == (verb != "get")


def test_an_example_works(api: Any, alice: str) -> None:
    """What stands there, sent as it stands, is understood: GET with a query, POST with a body of JSON."""
    paths = api.passive.get("/api/v1/openapi.json").json["paths"]
    calls = ("/api/v1/job/get_timeline", "get"), ("/api/v1/job/kill", "post"), ("/api/v1/job/get_description", "post")
    for path, verb in calls:
        words = shlex.split(paths[path][verb]["x-codeSamples"][0]["source"])
        target = words[-1].partition(":25443")[2]
        if verb == "get":
            got = api.active.get(target, dn=alice)
        else:
            got = api.active.post(target, data=words[words.index("-d") + 1].encode(), dn=alice,
                                  headers={"Content-Type": "application/json"})
        assert got.json["success"], (path, got.text)


class Outline(HTMLParser):
    """What a page has: ids, links, tags, and what its tags would load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids, self.links, self.tags, self.open = list[str](), list[str](), set[str](), list[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page(api: Any) -> None:
    """/docs has every call, each once and to be linked to; it loads nothing, runs nothing, and says so to the browser."""
    got = api.passive.get("/docs")
    assert got.status == 200 and got.headers["content-type"] == "text/html;charset=utf-8"
    outline = Outline(got.text)
    calls = [docspage.anchor(path, verb) for path, verb, _ in docspage.operations_of(OpenApi(api.handlers)._description)]
    assert len(set(outline.ids)) == len(outline.ids) and set(calls) <= set(outline.ids) and outline.open == []
    assert {link for link in outline.links if not link.startswith("#")} == {"/api/v1/openapi.json"}
    shapes = {docspage.shape_anchor(name) for name in OpenApi(api.handlers)._description["components"]["schemas"]}
    assert {link.removeprefix("#") for link in outline.links if link.startswith("#")} == {*calls, *shapes} <= set(outline.ids)
    assert outline.tags.isdisjoint({"script", "img", "link", "iframe", "form"})
    style = re.search(r"<style>(.*?)</style>", got.text, re.DOTALL)
    assert style is not None
    digest = b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = got.headers["content-security-policy"]
    assert f"style-src 'sha256-{digest}'" in policy and policy.startswith("default-src 'none'")


def test_nothing_on_the_page_is_markup() -> None:
    """Whatever a description says is text."""
    operation = {"operationId": "x", "tags": ["<b>"], "summary": "<script>alert(1)</script>", "description": "For <i>.",
                 "responses": {"200": {"description": "a & b"}}, "x-access": {"credential": "<", "role": "-", "reaches": "'"},
                 "x-codeSamples": [], "x-gives": {"enum": ["<u>"]}}
    shape = {"type": "object", "description": "<em>", "properties": {"<s>": {"type": "<q>"}}}
    page = docspage.page({"info": {"version": "<1>"}, "paths": {"/x": {"get": operation}},
                          "components": {"schemas": {"<tt>": shape}}}).decode()
    assert not any(tag in page for tag in ("<u>", "<em>", "<s>", "<q>", "<tt>"))
    assert "<script" not in page and "&lt;script&gt;alert(1)" in page and "a &amp; b" in page
