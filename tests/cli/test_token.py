"""``pandad token``: the words of its command line; then the command on a real store."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from pandad.cli.main import main
from pandad.cli.token import denial_of
from pandad.config import Config, DatabaseConfig
from pandad.embedded.tokens import Signer, claims_of, kept_signer
from pandad.settings import render
from pandad.spec.errors import BadRequest
from pandad.spec.token import Denial, DenialKind

ISSUER = "https://iam.test/"


@pytest.mark.parametrize(("subject", "jti", "expected"), [
    ("alice", None, Denial(ISSUER, DenialKind.SUBJECT, "alice")), (None, "7", Denial(ISSUER, DenialKind.JTI, "7")),
    (None, None, Denial(ISSUER, DenialKind.ISSUER, ""))])
def test_what_is_denied(subject: str | None, jti: str | None, expected: Denial) -> None:
    """A subject, a token, or all of an issuer."""
    assert denial_of(ISSUER, subject, jti) == expected


@pytest.mark.parametrize("words", [("", None, None), (ISSUER, "", None), (ISSUER, None, " ")])
def test_empty_words(words: tuple[str, str | None, str | None]) -> None:
    """An empty word, as of a variable that is not set, denies nobody rather than everybody."""
    with pytest.raises(BadRequest, match="is empty"):
        denial_of(*words)


def token(*words: str) -> subprocess.CompletedProcess[str]:
    """`pandad token`, in a process of its own: a reactor runs once in each."""
    return subprocess.run([sys.executable, "-m", "pandad.cli", "token", *words], capture_output=True, text=True, check=False)


def test_on_a_store(database: DatabaseConfig, tmp_path: Path) -> None:
    """What is denied is listed, and no more when it is allowed again; to allow what is not denied is an error."""
    file = tmp_path / "pandad.toml"
    file.write_text(render(Config(database=database)))
    config = ("--config", str(file))
    denied = token("deny", ISSUER, "--subject", "alice", "--reason", "stolen", "--json", *config)
    assert denied.returncode == 0, denied.stderr
    (listed,) = json.loads(token("ls", "--json", *config).stdout)
    assert listed == json.loads(denied.stdout)[0]
    assert (listed["denial"], listed["reason"]) == ({"issuer": ISSUER, "kind": "subject", "value": "alice"}, "stolen")
    assert "@" in listed["denied_by"]
    assert token("allow", ISSUER, "--subject", "alice", *config).returncode == 0
    again = token("allow", ISSUER, "--subject", "alice", *config)
    with closing(psycopg2.connect(database.dsn)) as beside, beside.cursor() as cursor:
        cursor.execute("SELECT act, target, why FROM audit ORDER BY id")
        acts = [("deny tokens", "stolen"), ("allow tokens", "")]
        assert cursor.fetchall() == [(act, f"{ISSUER} subject alice", why) for act, why in acts]
    assert (again.returncode, "there is no denial of" in again.stderr) == (1, True)
    assert token("ls", *config).stdout == "nothing is denied\n"


def test_show(signer: Signer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is needed to deny a token is shown, and nothing that would let one use it."""
    text = signer.sign({**claims_of("alice", ISSUER, "x", 1_800_000_000, 60), "jti": "7", "secret": "x"})
    (tmp_path / "t").write_text(text + "\n")
    assert main(["token", "show", str(tmp_path / "t")]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in (ISSUER, "alice", "7", "2027-01-15 08:01:00"))
    assert text.split(".")[2] not in shown and "secret" not in shown


@pytest.mark.parametrize("text", [None, "", "x.y.z", "eyJhbGciOiJub25lIn0.e30.x"])
def test_show_no_token(text: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no token is an error in one line."""
    if text is not None:
        (tmp_path / "t").write_text(text)
    assert main(["token", "show", str(tmp_path / "t")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    """A key."""
    return kept_signer(tmp_path_factory.mktemp("issuer") / "key")
