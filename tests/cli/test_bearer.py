"""Where the command finds a token, and what it sends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cli.conftest import Panda
from pandad.cli.bearer import NotSetUp, headers
from pandad.cli.client import connect

VO = {"PANDA_AUTH_VO": "atlas:production"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with a token."""
    found = tmp_path / "token"
    found.write_text("from-file\n")
    return found


def test_places(file: Path) -> None:
    """Those of panda-client in its order, then those of WLCG; a line end is no part of a token."""
    found = {"BEARER_TOKEN_FILE": str(file)}
    assert headers({**VO, **found}) == {"Authorization": "Bearer from-file", "Origin": "atlas:production"}
    for name in ("BEARER_TOKEN", "OIDC_AUTH_ID_TOKEN"):
        found[name] = f"{name}\n"
        assert headers({**VO, **found})["Authorization"] == f"Bearer {name}"
    assert headers({**VO, **found, "OIDC_AUTH_TOKEN_FILE": str(file)})["Authorization"] == "Bearer from-file"
    assert headers({**VO, **found, "OIDC_AUTH_TOKEN_FILE": str(file), "PANDA_AUTH_ID_TOKEN": "x"})["Authorization"] == "Bearer x"


def test_the_usual_file(file: Path) -> None:
    """Without any word of it, that in the user's runtime folder."""
    file.rename(file.with_name(f"bt_u{os.getuid()}"))
    assert headers({**VO, "XDG_RUNTIME_DIR": str(file.parent)})["Authorization"] == "Bearer from-file"


@pytest.mark.parametrize(("environ", "says"), [
    ({"PANDA_AUTH_ID_TOKEN": "x"}, "PANDA_AUTH_VO is not set"),
    ({**VO, "BEARER_TOKEN": " "}, "there is no token"),
    ({**VO, "OIDC_AUTH_TOKEN_FILE": "/none/t"}, "the token in /none/t cannot be read"),
])
def test_none(environ: dict[str, str], says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Says what to set."""
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)
    with pytest.raises(NotSetUp, match=says):
        headers(environ)


def test_without_a_certificate(panda: Panda, monkeypatch: pytest.MonkeyPatch) -> None:
    """With PANDA_AUTH=oidc no certificate is needed, nor shown: the server here wants one and gets none."""
    panda.answers["system/is_alive"] = lambda _: "yes"
    assert connect().get("system/is_alive") == "yes"
    for name, value in {**VO, "PANDA_AUTH": "oidc", "PANDA_AUTH_ID_TOKEN": "x", "X509_USER_PROXY": "/none"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Exception, match="no answer from|does not accept your credential"):
        connect().get("system/is_alive")
