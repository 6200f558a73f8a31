"""No secret may stand in a line that is logged: an observer that hears all events of all levels, from the first test to the last.

Secrets of tests have MARK in them; what cannot be marked, as a private key, is made known.
"""

from __future__ import annotations

import re
from pathlib import Path

from twisted.logger import ILogObserver, LogEvent, formatEvent, formatEventAsClassicLogText
from zope.interface import provider

MARK = "c4n4ry"
_LONG = re.compile(r"[A-Za-z0-9+/_=-]{40,}")
_KEYS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n(.*?)-----END", re.DOTALL)

known: set[str] = set()
findings: list[str] = []


def know(*files: Path) -> None:
    """The private keys in these: each line of their texts."""
    for file in files:
        for key in _KEYS.findall(file.read_text("ascii")):
            known.update(_LONG.findall(key))


def secrets_in(text: str) -> list[str]:
    """What there is of them in a text."""
    return [*([MARK] if MARK in text else []), *sorted(known.intersection(_LONG.findall(text)))]


@provider(ILogObserver)
def observer(event: LogEvent) -> None:
    """Note what may not be: in the line, or in the traceback that goes with it."""
    text = formatEventAsClassicLogText(event) or formatEvent(event)
    if secrets_in(text):
        findings.append(text)
