"""As little roff as manual pages need: the macros of man(7). All text is escaped here, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterable

_ESCAPES = str.maketrans({"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti", '"': "\\(dq"})


def text(words: str) -> str:
    """Words as they shall be read: no macro, no escape, no ligature of theirs works."""
    escaped = re.sub(r"\s+", " ", words).strip().translate(_ESCAPES)
    return f"\\&{escaped}" if escaped.startswith(".") else escaped


def document(name: str, section: int, source: str, parts: Iterable[str]) -> str:
    """A whole page. No date: a page is that of a version."""
    return f'.TH "{text(name.upper())}" "{section}" "" "{text(source)}" "pandad"\n.nh\n.ad l\n' + "".join(parts)


def section(name: str) -> str:
    """A heading."""
    return f".SH {text(name)}\n"


def subsection(name: str) -> str:
    """A heading below it."""
    return f'.SS "{text(name)}"\n'


def name_line(name: str, what: str) -> str:
    """What `whatis` and `apropos` read."""
    return f"{text(name)} \\- {text(what)}\n"


def paragraph(words: str) -> str:
    """Some sentences."""
    return f".PP\n{text(words)}\n"


def item(term: str, meaning: str) -> str:
    """An entry of a list."""
    return f".TP\n.B {text(term)}\n{text(meaning)}\n"


def literal(line: str) -> str:
    """A line as one would type it."""
    return f".PP\n.nf\n.RS 4\n{text(line)}\n.RE\n.fi\n"
