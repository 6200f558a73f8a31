"""What pages say of their blocks, and the rule by which outputs are compared."""

from __future__ import annotations

import configparser
import json
from collections import Counter
from pathlib import Path

import pytest

from pandad.config import load

from .blocks import COMMANDS, LANGUAGES, REASONS, Block, Page, PageError, parse, paths, read
from .comparing import Exchange, exchanges, fits
from .notrun import NOT_RUN

MACHINES = ("desk", "host")
PAGES = [read(path) for path in paths()]
BLOCKS = [block for page in PAGES for block in page.blocks]


def places(blocks: list[Block]) -> list[str]:
    """For parametrize."""
    return [block.place for block in blocks]


def test_every_block_has_a_language() -> None:
    """Else nobody knows whether it is commands."""
    assert [block.place for block in BLOCKS if block.language not in LANGUAGES] == []


def test_blocks_that_are_not_run_are_few_and_known() -> None:
    """Each has one of the reasons, and stands in the list."""
    left_out = [block for block in BLOCKS if "not run" in block.notes]
    assert [block.place for block in left_out if block.notes["not run"] not in REASONS] == []
    found = {page.name: dict(Counter(block.notes["not run"] for block in left_out if block.page == page.name)) for page in PAGES}
    assert {page: reasons for page, reasons in found.items() if reasons} == {
        page: dict(reasons) for page, reasons in NOT_RUN.items() if reasons}


def test_every_page_is_tried_somewhere() -> None:
    """On a machine that there is, or by a test of its own that there is."""
    for page in PAGES:
        machine, _, test = page.machine.partition(", by ")
        assert machine in MACHINES, page.name
        assert not test or (Path(__file__).parent / test).exists(), page.name


PIECES = [block for block in BLOCKS if block.language == "toml" and not {"file", "not run"} & set(block.notes)]


@pytest.mark.parametrize("block", PIECES, ids=places(PIECES))
def test_a_piece_of_configuration_is_good(block: Block, tmp_path: Path) -> None:
    """TOML that is no file of its own can be put into pandad's configuration as it stands."""
    whole = block.text if "[database]" in block.text else f"{block.text}\n[database]\ndsn = 'dbname=pandad'\n"
    (tmp_path / "pandad.toml").write_text(whole, "utf-8")
    load(tmp_path / "pandad.toml", on_this_host=False)


@pytest.mark.parametrize("block", [each for each in BLOCKS if each.language in ("json", "ini")],
                         ids=places([each for each in BLOCKS if each.language in ("json", "ini")]))
def test_it_can_be_read(block: Block) -> None:
    """What is shown as JSON or as an ini file is that."""
    if block.language == "json":
        json.loads(block.text)
    else:
        configparser.ConfigParser(interpolation=None).read_string(block.text)


PAGE = """Text.

<!-- tried on: host -->
<!-- tried with: HOST=localhost ID=1 -->

<!-- file: job.toml -->
```toml
name = "x"
```

* An item:

  <!-- exits: 1 -->

  ```sh
  pandad check
  ```

<!-- not run: make runs it -->
```sh
make test
```
"""


def parsed() -> Page:
    """A page with one of each."""
    return parse("docs/x.md", PAGE)


def test_a_page_says_how_it_is_tried() -> None:
    """Where, with what for its placeholders; each block what it is, however deep it stands."""
    page = parsed()
    assert (page.machine, page.words) == ("host", {"HOST": "localhost", "ID": "1"})
    assert [(block.language, dict(block.notes), block.text) for block in page.blocks] == [
        ("toml", {"file": "job.toml"}, 'name = "x"\n'), ("sh", {"exits": "1"}, "pandad check\n"),
        ("sh", {"not run": "make runs it"}, "make test\n")]
    assert [block.line for block in page.commands] == [7, 15]
    assert set(COMMANDS) < set(LANGUAGES)


@pytest.mark.parametrize("text", [
    "```sh\nls\n", "<!-- not run, for now -->\n```sh\nls\n```\n", "<!-- exits with 1 -->\n```sh\nls\n```\n"])
def test_what_is_not_understood_is_refused(text: str) -> None:
    """A fence without an end, or a comment that was meant to say something: the block would be left out unseen."""
    with pytest.raises(PageError, match=r"docs/x\.md:1"):
        parse("docs/x.md", text)


def test_commands_and_what_they_say() -> None:
    """A command goes on after a backslash; what stands before the first one is nobody's."""
    shown = "$ echo a \\\n>   b\na b\n# true\n$ echo\n\nx\n"
    assert exchanges(shown) == [Exchange("echo a \\\n  b", "a b"), Exchange("true", ""), Exchange("echo", "\nx")]


@pytest.mark.parametrize(("expected", "said", "good"), [
    ("PandaID 1", "PandaID  417\n", True),
    ("PandaID 1", "PandaID x", False),
    ("a\n...\nb", "a\nb", True),
    ("a\n...\nb", "a\nx\ny\nb", True),
    ("a\n...", "a", True),
    ("a\n...", "a\nb\nc", True),
    ("a\n...", "b", False),
    ("...", "anything\nat all", True),
    ("since ... ago", "since 2 days ago", True),
    ("since ... ago", "since 2\ndays ago", False),
    ("a.b", "axb", False),
    ("", "something", False),
    ("a", "a\nb", False),
    ("2026-01-01T10:00", "2031-12-24T08:59", True),
])
def test_numbers_blanks_and_dots_stand_for_others(expected: str, said: str, good: bool) -> None:
    """And nothing else does."""
    assert fits(expected, said) is good
