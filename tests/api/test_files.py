"""Files without an identity."""

from __future__ import annotations

import os
from typing import Any

import pytest
from pytest_twisted import ensureDeferred

from pandad.api.files import inside
from pandad.spec.errors import NotFound

from .conftest import KNOWN_UPLOAD, DescriptionsStandIn


@pytest.fixture(params=["active", "passive"])
def port(request: pytest.FixtureRequest, api: Any) -> Any:
    """Files are the same on both ports."""
    return getattr(api, request.param)


def test_schedconfig(port: Any) -> None:
    """A pilot gets the description of its queue."""
    got = port.get("/cache/schedconfig/TEST_PQ.all.json")
    assert got.text == DescriptionsStandIn.QUEUE and got.headers["content-type"] == "application/json"


def test_all_queues(port: Any) -> None:
    """Harvester gets the descriptions of all queues."""
    assert port.get("/cache/schedconfig/pandaqueues.json").text == '{"TEST_PQ":%s}' % DescriptionsStandIn.QUEUE  # noqa: UP031


def test_unknown_queue(port: Any) -> None:
    """A queue that is not there is a 404 that names it."""
    got = port.get("/cache/schedconfig/OTHER.all.json")
    assert (got.status, got.text) == (404, "ERROR : there is no queue OTHER")


def test_endpoints(port: Any) -> None:
    """A pilot gets the storage endpoints."""
    assert port.get("/cache/ddmendpoints.json").json == {"TEST_DISK": {"state": "ACTIVE"}}


@ensureDeferred
async def test_files(api: Any, port: Any) -> None:
    """Scripts and sandboxes come as they are: an archive is not announced as compressed, or clients would unpack it."""
    (api.cache / KNOWN_UPLOAD).write_bytes(b"\x1f\x8b...")
    (api.trf / "page.html").write_bytes(b"<script>")
    got = await port.fetch(f"/cache/{KNOWN_UPLOAD}")
    assert (got.status, got.body) == (200, b"\x1f\x8b...")
    assert not got.headers.get("content-encoding")
    assert (await port.fetch("/trf/page.html")).headers["content-type"] == "application/octet-stream"


@ensureDeferred
async def test_large_file(api: Any, port: Any) -> None:
    """A file larger than any buffer arrives whole, and a part of it can be asked for."""
    content = bytes(range(256)) * 10_000
    (api.cache / KNOWN_UPLOAD).write_bytes(content)
    assert (await port.fetch(f"/cache/{KNOWN_UPLOAD}")).body == content
    part = await port.fetch(f"/cache/{KNOWN_UPLOAD}", headers={"range": "bytes=256-511"})
    assert (part.status, part.body) == (206, content[:256])


@pytest.mark.parametrize(
    "path",
    [
        "/trf/none",
        "/trf/",
        "/trf/user",
        "/trf/../secret",
        "/trf/%2e%2e/secret",
        "/trf/..%2fsecret",
        "/trf//etc/passwd",
        "/trf/%2fetc/passwd",
        "/trf/link",
        "/trf/linked/secret",
        "/trf/loop",
        "/trf/a%00b",
        "/trf/" + "x" * 300,
        "/trf/fifo",
        "/trf/user/../../secret",
    ],
)
def test_nothing_else(api: Any, port: Any, path: str) -> None:
    """Nothing outside the directory can be had, by name or by link, and nothing but plain files inside."""
    (api.trf.parent / "secret").write_text("secret")
    (api.trf / "user").mkdir()
    (api.trf / "link").symlink_to(api.trf.parent / "secret")
    (api.trf / "linked").symlink_to(api.trf.parent)
    (api.trf / "loop").symlink_to(api.trf / "loop")
    os.mkfifo(api.trf / "fifo")
    got = port.raw(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert got.status in (400, 404)
    assert got.text.startswith("ERROR : ")


@ensureDeferred
async def test_links_inside(api: Any, port: Any) -> None:
    """A link to a file of the same directory is followed: versions are kept so."""
    (api.trf / "runGen-00-00-02").write_bytes(b"2")
    (api.trf / "runGen").symlink_to("runGen-00-00-02")
    assert (await port.fetch("/trf/runGen")).body == b"2"


def test_no_directory() -> None:
    """A server that keeps no files of a kind says so of each."""
    with pytest.raises(NotFound, match="there is no file x"):
        inside(None, "x")
