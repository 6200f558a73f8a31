"""``pandad check``: what it prints and how it ends. What it finds: tests/doctor."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from doctor.goodconfiguration import lay_out

from pandad.cli.main import main
from pandad.config import sample
from pandad.embedded.pki import SandboxPki


@pytest.fixture
def good(tmp_path: Path, pki: SandboxPki) -> Path:
    """A configuration in which there is nothing to find."""
    return lay_out(tmp_path, pki)


def test_a_good_configuration_passes(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, and exit code 0."""
    assert main(["check", "--config", str(good), "--strict"]) == 0
    assert capsys.readouterr().out == f"{good} can be used: 0 errors, 0 warnings\n"


def test_an_error_and_a_warning_are_told_at_once(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error first, each with file and line, what to do, and where to read on; exit code 1."""
    good.write_text(good.read_text().replace("answer_s = 90.0", "answer_s = 200").replace("tls_port =", "tls_prt ="))
    assert main(["check", "--config", str(good)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{good}:3: error: server.tls_prt: is not a known key"
    assert lines[1] == "    did you mean tls_port?"
    assert lines[3].startswith(f"{good}:51: warning: limits.answer_s: is 200 s")
    assert lines[5] == "    [answer-too-late] docs/reference/limits.md"
    assert lines[-1] == f"{good} should be mended: 1 errors, 1 warnings"


def test_a_warning_is_no_failure_unless_asked_for(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0, with --strict 1; the same for a script."""
    good.write_text(good.read_text().replace("answer_s = 90.0", "answer_s = 200"))
    assert main(["check", "--config", str(good), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["clean"], told["errors"], told["warnings"]) == (False, 0, 1)
    assert told["findings"][0]["fault"] == "answer-too-late"
    assert told["findings"][0]["remedy"] == "lower limits.answer_s below 120"
    assert main(["check", "--config", str(good), "--strict"]) == 1


@pytest.mark.parametrize(("content", "says"), [
    (None, "cannot be read"),
    (b"\xff\xfe[\x00l\x00", "is not UTF-8 text"),
    (b"", 'write dsn = "dbname=pandad"'),
])
def test_a_file_that_is_no_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, says: str
) -> None:
    """It is told what it is, and how to make it one."""
    file = tmp_path / "pandad.toml"
    if content is not None:
        file.write_bytes(content)
    assert main(["check", "--config", str(file)]) == 1
    assert says in capsys.readouterr().out


@pytest.mark.parametrize("ends", [b"\r\n", b"\r", b"\n"])
def test_how_an_editor_saves_is_no_mistake(good: Path, ends: bytes) -> None:
    """A byte order mark and the line ends of other systems are read as they are meant."""
    good.write_bytes(b"\xef\xbb\xbf" + good.read_bytes().replace(b"\n", ends))
    assert main(["check", "--config", str(good), "--strict"]) == 0


def test_it_changes_nothing(good: Path) -> None:
    """Neither what is in a file nor which there are."""
    def state() -> dict[Path, tuple[int, int]]:
        return {path: (path.stat().st_mtime_ns, path.stat().st_mode) for path in good.parent.rglob("*")}

    before = state()
    main(["check", "--config", str(good)])
    assert state() == before


def test_the_sample(capsys: pytest.CaptureFixture[str]) -> None:
    """It is printed as it is, whatever configuration there is."""
    assert main(["check", "--sample"]) == 0
    assert capsys.readouterr().out == sample()


def test_without_the_pki_the_rest_is_told(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is missing is told once, by the key that names it."""
    shutil.rmtree(good.parent / "pki")
    assert main(["check", "--config", str(good)]) == 1
    told = [line for line in capsys.readouterr().out.splitlines() if ": error: " in line]
    assert [line.split(": ")[2] for line in told] == ["tls.host_certificate", "tls.host_key", "tls.ca_directory"]
