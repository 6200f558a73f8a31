"""The folder of VOMS servers."""

from __future__ import annotations

from collections.abc import Iterator

from pandad.api.x509.vomsdir import read_lsc
from pandad.doctor.finding import Finding, warning
from pandad.doctor.hostcertificate import content_of
from pandad.doctor.installation import Installation

PAGE = "reference/x509.md#voms"
EMPTY = warning(
    "vomsdir-vo-empty", "the folder of a VO names no server: its attributes do not count",
    "put the .lsc files of the VO into {folder}", PAGE)
BAD_LSC = warning(
    "lsc-unusable", "the file of a VOMS server names no certificates: its attributes do not count",
    "write the subject of its certificate on the first line of {path}, that of its issuer on the second", PAGE)
BAD_NAME = warning(
    "lsc-name", "a line in the file of a VOMS server is no DN in slash form",
    'write it as "/DC=org/DC=example/CN=host.example.org" in {path}', PAGE)


def vos(seen: Installation) -> Iterator[Finding]:
    """Whether what is there can vouch for anything."""
    folder, where = seen.config.tls.vomsdir, seen.place("tls", "vomsdir")
    if folder is None or not folder.is_dir():
        return  # a VO that is named all the same is told where it is named
    for vo in sorted(each for each in folder.iterdir() if each.is_dir()):
        servers = sorted(vo.glob("*.lsc"))
        if not servers and not list(vo.glob("*.pem")):
            yield EMPTY.found(f"{vo} names no server", **where, folder=vo)
        for file in servers:
            chains = read_lsc((content_of(file) or b"").decode("utf-8", "replace"))
            if not chains:
                yield BAD_LSC.found(f"{file} has no pair of names", **where, path=file)
            odd = [name for chain in chains for pair in chain for name in pair if not name.startswith("/")]
            if odd:
                yield BAD_NAME.found(f"{file} has {odd[0]!r}", **where, path=file)
