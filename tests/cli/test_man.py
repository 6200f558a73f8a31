"""Manual pages."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pandad.cli import man, roff, tree
from pandad.cli.exitcodes import MEANINGS
from pandad.cli.main import VERBS, main

PAGES = man.pages()
WHOLE = tree.whole()


def test_a_page_for_each_verb() -> None:
    """And one of the command itself."""
    assert set(PAGES) == {"pandad", *(f"pandad-{verb}" for verb in VERBS)}


@pytest.mark.parametrize("name", sorted(PAGES))
def test_everything_is_in_its_page(name: str) -> None:
    """What it is in a line, every command and option below it, an example of each, and the exit codes."""
    page = PAGES[name]
    (command,) = (each for each in (WHOLE, *WHOLE.commands) if "-".join(each.path) == name)
    leaves = [below for below in command.walk() if not below.commands] if command is not WHOLE else []
    assert f".SH NAME\n{roff.text(name)} \\- {roff.text(command.text)}\n" in page
    for leaf in leaves:
        assert roff.text(leaf.usage) in page
        assert all(roff.text(tree.spelled(word)) in page and roff.text(word.help or "") in page for word in leaf.words)
    assert page.count("For example:") == len(leaves)
    assert all(f".B {code}\n" in page for code in MEANINGS)
    if command is WHOLE:
        assert all(f"pandad\\-{verb}(1)" in page for verb in VERBS)


@pytest.mark.parametrize("words", [".SH x", "'x", "\\fB", "a\n.b", 'say "x" - ~/^`', "\\"])
def test_text_is_no_macro(words: str) -> None:
    """What pages tell is told as it is, whatever roff would make of it."""
    written = roff.text(words)
    assert "\n" not in written and not written.startswith((".", "'"))
    assert re.sub(r"\\(?:e|-|&|\((?:aq|ga|ha|ti|dq))", "", written).count("\\") == 0


@pytest.mark.skipif(shutil.which("groff") is None, reason="there is no groff on this machine to read the pages")
def test_groff_has_nothing_to_say() -> None:
    """All pages are read without a warning, and an option can be copied from them as it is typed."""
    text = "".join(PAGES.values())
    run = subprocess.run(["groff", "-man", "-Tascii", "-ww", "-P-cbou"], input=text, capture_output=True, text=True, check=True)
    assert run.stderr == ""
    assert "pandad job kill - --dry-run < ids.txt" in run.stdout


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One is printed where there is no terminal, or all are written; a verb that is none is named."""
    assert main(["man", "--out", str(tmp_path / "man1")]) == 0
    assert {file.name for file in (tmp_path / "man1").iterdir()} == {f"{name}.1" for name in PAGES}
    assert main(["man", "job"]) == 0
    assert capsys.readouterr().out == PAGES["pandad-job"]
    assert main(["man", "jbo"]) == 2
    assert "did you mean job?" in capsys.readouterr().err
