"""Completion, in the shells themselves."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from pandad.cli import completion
from pandad.cli.main import VERBS, main

ASK = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
$(complete -p pandad | sed 's/.*-F \\([^ ]*\\).*/\\1/')
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def bash_script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a bash reads at its start."""
    folder = tmp_path_factory.mktemp("completion")
    (folder / "pandad.bash").write_text(completion.script("bash"))
    (folder / "ask").write_text(ASK)
    return folder / "pandad.bash"


def completed(script: Path, *words: str) -> set[str]:
    """What bash offers for the last word."""
    run = subprocess.run(["bash", "ask", script.name, *words], capture_output=True, text=True, check=True, cwd=script.parent)
    assert run.stderr == ""
    return set(run.stdout.split())


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["pandad", "q"], {"queue"}),
        (["pandad", "job", "wh"], {"where", "why"}),
        (["pandad", "job", "submit", "--d"], {"--dry-run"}),
        (["pandad", "job", "ls", "--status", "act"], {"activated"}),
        (["pandad", "user", "grant", "x", "pro"], {"production"}),
        (["pandad", "job", "submit", "pandad.b"], {"pandad.bash"}),
    ],
)
def test_bash(bash_script: Path, words: list[str], offered: set[str]) -> None:
    """Verbs, commands, options, words that an option may have, and files."""
    assert completed(bash_script, *words) == offered


def test_bash_knows_every_verb(bash_script: Path) -> None:
    """At the first word."""
    assert set(VERBS) <= completed(bash_script, "pandad", "")


@pytest.mark.parametrize(("shell", "check"), [("bash", "-n"), ("zsh", "-n"), ("tcsh", "-n")])
def test_the_shell_reads_it(shell: str, check: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The script is one of that shell; where it is not installed, it is only looked whether all verbs are in it."""
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(verb in script for verb in VERBS)
    if shutil.which(shell):
        (tmp_path / "script").write_text(script)
        assert subprocess.run([shell, check, str(tmp_path / "script")], capture_output=True, check=False).returncode == 0
