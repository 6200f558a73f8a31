"""The DSN of the database, before anybody connects with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pandad.configchecks import has_password
from pandad.doctor.finding import Finding, error, warning
from pandad.doctor.installation import Installation
from pandad.settings import nearest
from pandad.taskbuffer.dsn import BadDsn, words_of

PAGE = "operations.md#a-standby"
MALFORMED = error("dsn-malformed", "the DSN of the database is none", "{do}")
PORT = error("dsn-port", "the DSN names a port that is none", "write port=5432, or whichever PostgreSQL listens on")
FILE_MISSING = error(
    "dsn-file-missing", "the DSN names a file that this user cannot read", "put {path} there, or name the right one")
IN_THE_CLEAR = warning(
    "database-in-the-clear", "everything goes to a database on another host unencrypted",
    "write sslmode=verify-full and sslrootcert=FILE into the DSN")
ANY_HOST = warning(
    "dsn-any-host", "with several hosts the DSN may meet a standby, which refuses all writes",
    "write target_session_attrs=read-write into the DSN", PAGE)
OVERRULED = warning("dsn-overruled", "the DSN says something that pandad sets itself", "leave {word} out")

_FILES = ("sslrootcert", "sslcert", "sslkey", "passfile")
_OURS = ("options", "application_name", "client_encoding")
_KNOWN = ("host", "hostaddr", "port", "dbname", "user", "password", "passfile", "connect_timeout", "sslmode", "sslrootcert",
          "sslcert", "sslkey", "target_session_attrs", "load_balance_hosts", "service", "keepalives", "options",
          "application_name", "channel_binding", "gssencmode", "requirepeer")
_UNKNOWN = re.compile(r'invalid (?:connection|URI query) (?:option|parameter):? "([^"]+)"')


def dsn(seen: Installation) -> Iterator[Finding]:
    """What libpq would make of it."""
    where = seen.place("database", "dsn")
    try:
        words = words_of(seen.config.database.dsn)
    except BadDsn as refused:
        unknown = _UNKNOWN.search(str(refused))
        advice = nearest(unknown[1], _KNOWN) if unknown else 'write it as "host=db.example.org dbname=pandad user=pandad"'
        said = "libpq cannot read it" if has_password(seen.config.database.dsn) else f"libpq says: {refused}"
        yield MALFORMED.found(said, **where, do=advice)
        return
    for port in words.get("port", "").split(","):
        if port and not (port.isdigit() and 0 < int(port) < 65536):
            yield PORT.found(f"has port={port}", **where)
    yield from _hosts(words, where)
    for word in _FILES:
        path = Path(words.get(word, ""))
        if word in words and words[word] != "system" and not path.is_file():
            yield FILE_MISSING.found(f"has {word}={path}, and there is no such file", **where, path=path)
    yield from (OVERRULED.found(f"has {word}, which has no effect", **where, word=word) for word in _OURS if word in words)


def _hosts(words: Mapping[str, str], where: dict[str, str]) -> Iterator[Finding]:
    hosts = [host for host in (words.get("hostaddr") or words.get("host", "")).split(",") if host]
    remote = [host for host in hosts if not host.startswith(("/", "@", "127.", "::1")) and host != "localhost"]
    if remote and words.get("sslmode") in ("disable", "allow"):
        yield IN_THE_CLEAR.found(f"has sslmode={words['sslmode']} for {', '.join(remote)}", **where)
    if len(hosts) > 1 and words.get("target_session_attrs", "any") not in ("read-write", "primary"):
        yield ANY_HOST.found(f"names {len(hosts)} hosts, and takes whichever answers", **where)
