"""Texts of sources: which language they are in, and the examples of the page about them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pandad.daemons.queuesource import SourceUnusable, parsed
from pandad.spec.facts import Link
from pandad.taskbuffer.sources import LINKS, QUEUES

PAGE = (Path(__file__).parents[2] / "docs/reference/queues.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"A": {"maxrss": 1}}', "https://cric/x"),
        ('\ufeff [ {"nickname": "A", "maxrss": 1}]', "https://cric/x"),
        ("[A]\nmaxrss = 1", "/x"),
        ('# a comment\nnickname = "A"\nmaxrss = 1', "/x.toml"),
    ],
)
def test_json_and_toml(text: str, name: str) -> None:
    """Told apart by how they begin, a list from the header of a table too."""
    dump: Any = parsed(QUEUES, text.encode(), name)
    assert {name: queue.maxrss_mb for name, queue in dump.things.items()} == {"A": 1}
    assert ("siteid" in dump.texts["A"]) == (name != "https://cric/x")  # TOML is completed for pilots


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "/x is empty"), ("[1, 2", "/x:1"), ("3", "/x:1"), ("a: b", "an equals sign: a = b")],
)
def test_what_is_no_dump(text: str, says: str) -> None:
    """It is said of which source, and where."""
    with pytest.raises(SourceUnusable, match=says):
        parsed(QUEUES, text.encode(), "/x")


@pytest.mark.parametrize("text", ["[]", "{}", '{"A": 1e999}', '{"A": {"x": 1e999}}'])
def test_a_dump_of_nothing(text: str) -> None:
    """It is one, without a queue that can be read; a number beyond all measure is the mistake of its queue."""
    dump: Any = parsed(QUEUES, text.encode(), "/x")
    assert not dump.things and len(dump.mistakes) == ("A" in text)


def test_the_examples_of_the_page() -> None:
    """They are what they are said to be."""
    queue, links = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (json_links,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    dump: Any = parsed(QUEUES, queue.encode(), "/x")
    mine = dump.things["MY_QUEUE"]
    assert (mine.maxrss_mb, mine.endpoint_in, len(queue.splitlines())) == (16000, "MY_DISK", 10)
    wanted = {("SITE_A", "SITE_B"): Link(distance=3), ("SITE_A", "SITE_C"): Link(distance=9)}
    for text in (links, json_links):
        found: Any = parsed(LINKS, text.encode(), "/x")
        assert found.links == wanted
