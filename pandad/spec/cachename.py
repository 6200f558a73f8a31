"""Names of what people upload for their jobs. Whoever knows one may fetch the file, so each has in it what nobody guesses."""

from __future__ import annotations

import re

from pandad.spec.errors import BadRequest

_UUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_NAME = re.compile(rf"(?:[A-Za-z0-9]{{1,40}}[._])?{_UUID}(?:\.[A-Za-z0-9]{{1,10}}){{0,3}}")
_SOURCES = "sources."


def is_cache_name(name: str) -> bool:
    """Whether a file of the cache can have that name, as `sources.UUID.tar.gz`, `jobO.UUID.tar.gz`, `pre_UUID.dat.gz`."""
    return _NAME.fullmatch(name) is not None


def cache_name(given: str) -> str:
    """The name of a file that was uploaded from that path: clients send the path as it was typed.

    :raise BadRequest: no file of the cache can be called so.
    """
    name = given.rpartition("/")[2]
    if not is_cache_name(name):
        raise BadRequest("file", f"is called {ascii(name[:100])}; write NAME.UUID.tar.gz, as in jobO.{'0' * 8}-0000-4000-8000-"
                                 f"{'0' * 12}.tar.gz (letters and digits, one UUID, up to three endings)")
    return name


def is_sources(name: str) -> bool:
    """Whether it is the sources of a build, which may be large."""
    return name.startswith(_SOURCES)
