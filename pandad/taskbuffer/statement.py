"""SQL statements as named constants. Most are prepared once per connection under its name: parsing and planning the larger ones
costs more than running them, and a DBA who sees `EXECUTE "jobs.claim"` in pg_stat_activity can find the code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import orjson

_PARAMETER = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement with psycopg2's named parameters.

    Each parameter's type must follow from the text alone: cast it where the context leaves it open, and an array of an ENUM by
    way of text (``%(x)s::text[]::job_status[]``), because a driver's array of texts does not turn into one by itself.

    :param prepare: the text that prepares it; None: the statement is sent as it is, each time.
    :param execute: the text that runs the prepared statement, with named parameters.
    """

    name: str
    text: str
    prepare: str | None = None
    execute: str | None = None


STATEMENTS: dict[str, Statement] = {}


def sql(name: str, text: str, *, planned_each_time: bool = False) -> Statement:
    """Declare a statement; called at import time only, with constants, so that the list is complete and nothing is injected.

    :param name: ``module.verb``, unique in pandad.
    :param planned_each_time: for a rare statement whose LIMIT is a parameter: planned without the value, it is taken for a tenth
        of the table and reads all of it. Its name is then a comment.
    """
    assert name not in STATEMENTS, f"two statements are called {name}"
    if planned_each_time:
        STATEMENTS[name] = Statement(name, f"{text.strip()}\n/* pandad {name} */")
        return STATEMENTS[name]
    names = tuple(dict.fromkeys(_PARAMETER.findall(text)))
    positional = _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", text)
    arguments = f" ({', '.join(f'%({n})s' for n in names)})" if names else ""
    STATEMENTS[name] = Statement(name, text.strip(), f'PREPARE "{name}" AS {positional.strip()}', f'EXECUTE "{name}"{arguments}')
    return STATEMENTS[name]


def as_json(rows: Iterable[object]) -> str:
    """Rows for jsonb_to_recordset and its kin."""
    return orjson.dumps(list(rows)).decode()


def listed(words: Iterable[str]) -> str:
    """Words of pandad's own as SQL literals; sorted, so that a statement's text is always the same."""
    return ", ".join(f"'{word}'" for word in sorted(words))


def ddl(name: str, text: str) -> Statement:
    """A statement that cannot be prepared: those of migrations."""
    return Statement(name, text)
