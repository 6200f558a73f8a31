"""``pandad whoami`` and ``pandad link``, against a server of canned answers. (What the server says: tests/api/test_whoami.py.)"""

from __future__ import annotations

import json
from typing import Any

import pytest

from pandad.cli.main import main


def test_whoami(panda: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each thing that there is."""
    panda.answers["system/get_user_attributes"] = lambda _: {
        "subject": "/CN=alice", "anchor": "/CN=CA", "roles": ["pilot"], "limited": False, "fqans": [], "account": None}
    assert main(["whoami"]) == 0
    assert capsys.readouterr().out == "you are         /CN=alice\nvouched for by  /CN=CA\nroles           pilot\n"
    assert main(["whoami", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["account"] is None


def test_link(panda: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Ask for a code; bring one back; part again."""
    panda.answers["account/get_link_code"] = lambda _: {"code": "CODE", "expires": "12:00"}
    panda.answers["account/link"] = lambda _: {"account": 7}
    panda.answers["account/unlink"] = lambda _: None
    assert main(["link"]) == main(["link", "CODE", "--with", "12"]) == main(["link", "--undo", "12", "iss"]) == 0
    assert "run: pandad link CODE" in capsys.readouterr().out
    assert [(method, sent) for _, method, sent in panda.asked] == [
        ("account/get_link_code", {}), ("account/link", {"code": "CODE", "subject": "12"}),
        ("account/unlink", {"subject": "12", "anchor": "iss"})]
