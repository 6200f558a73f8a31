"""Links between the pages lead somewhere, and every page can be found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .blocks import REPOSITORY, paths

ALL = [*paths(), REPOSITORY / "CHANGELOG.md"]
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`[^`\n]*`")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)


def links(path: Path) -> Iterator[str]:
    """Where a page's links lead, the addresses of other servers left out."""
    prose = _SPAN.sub("", _CODE.sub("", path.read_text("utf-8")))
    return (target for target in _LINK.findall(prose) if "://" not in target and not target.startswith("mailto:"))


def anchors(path: Path) -> set[str]:
    """The names of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in _HEADING.findall(_CODE.sub("", path.read_text("utf-8"))):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        number = 0
        while (unique := f"{name}-{number}" if number else name) in found:
            number += 1
        found.add(unique)
    return found


def broken(path: Path) -> list[str]:
    """Links that lead nowhere."""
    wrong: list[str] = []
    for link in links(path):
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            wrong.append(link)
    return wrong


@pytest.mark.parametrize("path", ALL, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_lead_somewhere(path: Path) -> None:
    """To a file that is there, and a heading that it has."""
    assert broken(path) == []


def test_every_page_is_found() -> None:
    """From docs/index.md, by some links."""
    seen, ahead = set[Path](), [REPOSITORY / "docs" / "index.md"]
    while ahead:
        page = ahead.pop()
        if page not in seen and page.suffix == ".md" and page.exists():
            seen.add(page)
            ahead += [(page.parent / link.partition("#")[0]).resolve() for link in links(page) if not link.startswith("#")]
    assert [str(path.relative_to(REPOSITORY)) for path in paths() if path not in seen] == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    """A page that is not there, a heading that is not; what stands in code is no link."""
    (tmp_path / "b.md").write_text("# Who may `end` jobs?\n# Who may end jobs\n", "utf-8")
    page = tmp_path / "a.md"
    text = "[x](b.md#who-may-end-jobs-1) [y](b.md#no) [z](c.md) `[a](d.md)`\n```sh\n[b](e.md)\n```\n[c](#me)\n# Me\n"
    page.write_text(text, "utf-8")
    assert broken(page) == ["b.md#no", "c.md"]
