"""What somebody else's page has a browser send is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pandad.cli.access import routes

KILL = "/api/v1/job/kill"
READS = re.compile(r"(?i)get|is_?alive|list$|why$|demand$|active_job|.*\.json$")


@pytest.mark.parametrize(("says", "taken"), [
    ({}, True),
    ({"sec-fetch-site": "same-origin", "origin": "https://panda.test"}, True),
    ({"sec-fetch-site": "same-origin"}, True),
    ({"sec-fetch-site": "none"}, True),
    ({"origin": "https://panda.test"}, True),
    ({"origin": "HTTPS://Panda.Test"}, True),
    ({"sec-fetch-site": "cross-site", "origin": "https://evil.test"}, False),
    ({"sec-fetch-site": "same-site", "origin": "https://wiki.panda.test"}, False),
    ({"sec-fetch-site": "cross-site"}, False),
    ({"sec-fetch-site": "", "origin": "https://panda.test"}, False),
    ({"sec-fetch-site": "cross-site", "origin": "https://panda.test"}, False),  # one is lying
    ({"origin": "https://evil.test"}, False),
    ({"origin": "https://panda.test.evil.test"}, False),
    ({"origin": "https://panda.test:8443"}, False),
    ({"origin": "http://panda.test"}, False),
    ({"origin": "null"}, False),
    ({"origin": "atlas"}, True),  # as PanDA's clients send it with a token: a VO
])
def test_whose_page(api: Any, says: dict[str, str], taken: bool) -> None:
    """Programs and pages of this server are heard; nobody else is, whatever the reason that it is not sure whose page it is."""
    got = api.active.post(KILL, dn="/CN=alice", headers=says, json={"job_ids": [1]})
    assert (len(api.jobs.asked) == 1) == taken
    assert ("a page of another server" in got.text) != taken


def test_nothing_of_an_upload_is_taken(api: Any) -> None:
    """It is refused before the file has come."""
    connection = api.active.connect()
    connection.send(b"POST /api/v1/file_server/upload_cache_file HTTP/1.1\r\nHost: panda.test\r\nx-dn: /CN=alice\r\n"
                    b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000\r\nOrigin: https://evil.test\r\n\r\n--x")
    assert "a page of another server (https://evil.test)" in connection.got().text
    assert api.uploads.asked == []


def test_links_lead_here(api: Any) -> None:
    """Reads are not refused: what a link on another page leads to is shown to who follows it."""
    assert api.active.get("/api/v1/system/is_alive", headers={"sec-fetch-site": "cross-site"}).status == 200


def test_what_a_link_can_call_changes_nothing() -> None:
    """A call that may come as GET is a read, and its name says so: browsers follow links to it from anywhere."""
    calls = {route.path: route.methods for route in routes() if route.path.startswith(("/api/", "/server/"))}
    assert [path for path, methods in calls.items() if "GET" in methods and not READS.match(path.rpartition("/")[2])] == []
    assert "/api/v1/job/submit" in calls
