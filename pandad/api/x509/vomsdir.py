"""Which servers may vouch for a VO: the folder `vomsdir`, as grid software lays it out.

``vomsdir/<vo>/<host>.lsc``: the subject and the issuer of the server's certificate, and of those that lead to its root, one name
a line in slash form; several such chains are parted by a line of dashes and words. ``vomsdir/<vo>/*.pem``: certificates of
servers as they are, for servers that have no .lsc. The names stand in the files that a site gets from its VOs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509

from pandad.api.x509.gridcert import UNREADABLE

_SYNONYMS = ((re.compile(r"/(?:Email|E)="), "/emailAddress="), (re.compile(r"/USERID="), "/UID="))
_NEXT_CHAIN = re.compile(r"-+ *NEXT CHAIN *-+")

Chain = Sequence[tuple[str, str]]
"""(subject, issuer) of each certificate, that of the server first."""


@dataclass(frozen=True, slots=True)
class Vo:
    """The servers of one VO."""

    chains: Mapping[str, Sequence[Chain]] = field(default_factory=dict)
    """By host: any of these will do."""
    certificates: Sequence[x509.Certificate] = ()


def read_vomsdir(directory: Path | None) -> Mapping[str, Vo]:
    """All of it, by VO; nothing if there is no such folder. What cannot be read is left out: it gives nobody anything."""
    if directory is None or not directory.is_dir():
        return {}
    return {folder.name: _read_vo(folder) for folder in sorted(directory.iterdir()) if folder.is_dir()}


def _read_vo(folder: Path) -> Vo:
    chains = {file.stem: read_lsc(_content(file).decode("utf-8", "replace")) for file in sorted(folder.glob("*.lsc"))}
    certificates = [certificate for file in sorted(folder.glob("*.pem")) for certificate in _read_pem(file)]
    return Vo(chains, certificates)


def _read_pem(file: Path) -> Sequence[x509.Certificate]:
    """The first certificate of a file: what stands behind it is its chain."""
    try:
        return [x509.load_pem_x509_certificate(_content(file))]
    except UNREADABLE:
        return ()


def _content(file: Path) -> bytes:
    """Nothing, if it cannot be read."""
    try:
        return file.read_bytes()
    except OSError:
        return b""


def read_lsc(text: str) -> Sequence[Chain]:
    """The chains of one .lsc file; one with an odd number of names is none."""
    chains = [[line.strip().strip('"') for line in part.splitlines() if line.strip()] for part in _NEXT_CHAIN.split(text)]
    return [list(zip(names[::2], names[1::2], strict=True)) for names in chains if names and len(names) % 2 == 0]


def fits(chain: Chain, shown: Chain) -> bool:
    """Whether the certificates that came along are those of the file; it may name more that lead on to the root."""
    return bool(shown) and len(shown) <= len(chain) and all(
        _same(a, b) for pair in zip(chain, shown, strict=False) for a, b in zip(*pair, strict=True))


def _same(a: str, b: str) -> bool:
    return _plain(a) == _plain(b)


def _plain(dn: str) -> str:
    """Software never agreed on how to write these two kinds of attributes."""
    for pattern, word in _SYNONYMS:
        dn = pattern.sub(word, dn)
    return dn
