"""All that is made from the code: each file, and who makes its text from what it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pandad.cli import access, fsck, man, metrics, timeouts
from pandad.config import sample
from pandad.console import page as console
from pandad.doctor import page as checks
from pandad.doctor.examination import DEADLINE_S

from . import apipage, commandpage, configurationpage, errorcodespage, joblifepage, protocolpage

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
MAN = ROOT / "docs" / "man"

Text = Callable[[str], str]


def _whole(make: Callable[[], str]) -> Text:
    return lambda before: make()


PAGES: Mapping[Path, Text] = {
    REFERENCE / "cli.md": _whole(commandpage.page),
    REFERENCE / "configuration.md": _whole(configurationpage.page),
    REFERENCE / "errorcodes.md": _whole(errorcodespage.page),
    REFERENCE / "joblife.md": _whole(joblifepage.page),
    REFERENCE / "api.md": _whole(apipage.page),
    REFERENCE / "protocol.md": _whole(protocolpage.page),
    REFERENCE / "checks.md": _whole(lambda: checks.page(DEADLINE_S)),
    REFERENCE / "console.md": _whole(console.page),
    REFERENCE / "fsck.md": _whole(lambda: fsck.page() + "\n"),
    REFERENCE / "metrics.md": metrics.renewed,
    REFERENCE / "rights.md": access.renewed,
    REFERENCE / "timeouts.md": timeouts.renewed,
    ROOT / "etc" / "pandad.toml": _whole(sample),
}


def stale() -> Iterator[tuple[Path, str | None]]:
    """The files that are not as they would be made now, with their text; None: should not be there."""
    manual = {MAN / f"{name}.{man.SECTION}": text for name, text in man.pages().items()}
    for file, make in PAGES.items():
        before = file.read_text("utf-8") if file.exists() else ""
        if (text := make(before)) != before:
            yield file, text
    for file, text in manual.items():
        if not file.exists() or file.read_text("utf-8") != text:
            yield file, text
    yield from ((file, None) for file in sorted(MAN.glob("*")) if file not in manual)
