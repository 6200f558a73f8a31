"""``pandad user``, ``credential`` and ``audit`` on a real store, as an operator types them."""

from __future__ import annotations

import argparse
import base64
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pandad.cli.audit import overview
from pandad.cli.main import main
from pandad.cli.options import moment
from pandad.config import Config, DatabaseConfig, SecretsConfig
from pandad.settings import render
from pandad.taskbuffer.audit import Verdict

ALICE, TOKEN = "/DC=org/CN=alice from /CN=CA", "12 from https://iam.test/"


@pytest.fixture
def config(database: DatabaseConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration of a migrated, empty database, with a key."""
    (tmp_path / "keys").write_bytes(base64.b64encode(b"k" * 32))
    (tmp_path / "keys").chmod(0o400)
    file = tmp_path / "pandad.toml"
    file.write_text(render(Config(database=database, secrets=SecretsConfig(key_file=tmp_path / "keys"))))
    monkeypatch.setenv("PANDAD_CONFIG", str(file))
    return file


def pandad(*words: str, given: str = "") -> tuple[int, str]:
    """Exit code, and what was printed."""
    done = subprocess.run([sys.executable, "-m", "pandad.cli", *words], input=given, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_day_of_an_operator(config: Path, tmp_path: Path) -> None:
    """Link, give a role, ban, show, lift, lend: each says what it did, and all of it is in the audit."""
    (tmp_path / "proxy").write_text("CANARY")
    assert pandad("user", "grant", ALICE, "pilot", "--reason", "ticket 1")[0] == 0
    code, said = pandad("user", "ban", ALICE, "--reason", "mining", "--until", "2100-01-01")
    assert (code, said) == (0, "account 1 is banned; every process knows it within 10 s, and running jobs go on\n")
    shown = json.loads(pandad("user", "show", "account 1", "--json")[1])
    assert shown["accounts"] == [{"account": 1, "label": "alice", "roles": ["pilot"], "identities": [ALICE]}]
    assert shown["bans"][0]["reason"] == "mining"
    assert pandad("user", "unban", ALICE) == (0, "1 ban lifted\n")
    assert pandad("user", "unban", ALICE) == (1, f"pandad: there is no ban on {ALICE}\n")
    assert pandad("credential", "put", "proxy", "robot", str(tmp_path / "proxy"), "--role", "atlas")[0] == 0
    assert pandad("credential", "put", "token-key", "client", "-", given="CANARY")[0] == 0
    listed = pandad("credential", "ls")[1]
    assert "token key" in listed and "CANARY" not in listed
    code, shows = pandad("audit", "show", "--json")
    acts = json.loads(shows)
    assert [a["act"] for a in reversed(acts)] == ["grant", "ban", "unban", "put credential", "put credential"]
    assert acts[-1]["why"] == "ticket 1" and acts[-1]["host"] and acts[-1]["who"] and "CANARY" not in shows
    code, said = pandad("audit", "verify")
    assert code == 0 and "5 wait for their place in it" in said


def test_mistakes(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong word, a missing file, no reason: one line, and the exit code of a mistake."""
    for words in (["user", "ban", ALICE], ["user", "grant", ALICE, "root"],
                  ["user", "ban", ALICE, "--reason", "x", "--until", "soon"],
                  ["credential", "put", "cookie", "x", "-"]):
        with pytest.raises(SystemExit) as refused:
            main(words)
        assert refused.value.code == 2
    capsys.readouterr()
    assert main(["credential", "put", "token", "x", str(tmp_path / "none")]) == 2
    assert "none cannot be read (FileNotFoundError)" in capsys.readouterr().err
    config.write_text('[database]\ndsn = "dbname=x"\n')
    assert main(["credential", "put", "token", "x", "-"]) == 2
    assert "[secrets] key_file is not set" in capsys.readouterr().err


def test_moments() -> None:
    """A day or a time, in UTC unless it says otherwise."""
    assert moment("2026-12-31") == datetime(2026, 12, 31, tzinfo=UTC)
    assert moment("2026-12-31T18:00+02:00") == datetime(2026, 12, 31, 16, tzinfo=UTC)
    with pytest.raises(argparse.ArgumentTypeError, match="is no date"):
        moment("soon")


def test_a_verdict_in_words() -> None:
    """What is wrong comes first, and what the seals are worth is said."""
    assert overview(Verdict(rows=3), True) == "3 acts are in the chain, and all fit"
    assert "without a key" in overview(Verdict(rows=3), False)
    assert overview(Verdict(rows=3, without_key=2), True).endswith("the first 2 were sealed before there was a key")
    many = overview(Verdict(problems=[f"p{n}" for n in range(60)], rows=3), True).split("\n")
    assert many[0] == "p0" and "and 10 more" in many and many[-1] == "3 acts are in the chain"
