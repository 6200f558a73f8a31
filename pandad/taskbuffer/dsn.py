"""The words of a DSN, as libpq reads them; and what it raises."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg2
import psycopg2.extensions

from pandad.spec.errors import PandadError

Refused = psycopg2.Error
"""Whatever PostgreSQL, or libpq, says no with."""


class BadDsn(PandadError):
    """libpq cannot read a DSN; in its own words."""


def words_of(dsn: str) -> Mapping[str, str]:
    """The words of a DSN, by name.

    :raise BadDsn: it is none.
    """
    try:
        words: Mapping[str, str] = psycopg2.extensions.parse_dsn(dsn)
    except Refused as error:
        raise BadDsn(" ".join(str(error).split())) from None
    return words


def dsn_of(words: Mapping[str, str]) -> str:
    """The DSN that says this."""
    return str(psycopg2.extensions.make_dsn(**words))


def for_writing(dsn: str) -> str:
    """For a choice of hosts: libpq takes a session that begins read-only, as those of readers do, for a standby's, so that
    ``read-write`` would refuse them every host; ``primary`` asks the server.

    :raise psycopg2.Error: this is no DSN.
    """
    words = psycopg2.extensions.parse_dsn(dsn)
    if words.get("target_session_attrs") == "read-write":
        words["target_session_attrs"] = "primary"
    return dsn_of(words)
