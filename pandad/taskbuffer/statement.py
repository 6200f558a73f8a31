"""SQL statements as named constants. Each carries its name as a comment, so a DBA can find the code from pg_stat_activity."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Statement:
    """One parameterised statement (psycopg2 named style). ``text`` ends with its tag comment."""

    name: str
    text: str


STATEMENTS: dict[str, Statement] = {}


def sql(name: str, text: str) -> Statement:
    """Declare a statement; called at import time only, with constants, so that the list is complete and nothing is injected.

    :param name: ``module.verb``, unique in pandad.
    """
    assert name not in STATEMENTS, f"two statements are called {name}"
    STATEMENTS[name] = Statement(name, f"{text.strip()}\n/* pandad {name} */")
    return STATEMENTS[name]
