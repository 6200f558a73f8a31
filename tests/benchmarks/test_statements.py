"""The statements for pgbench are the daemon's, and they work on copied jobs."""

from __future__ import annotations

import pytest

from pandad.embedded.postgres import EmbeddedPostgres
from tests.benchmarks.database import Database
from tests.benchmarks.measures.postgres import PILOT
from tests.benchmarks.statements import STANDS_FOR_IDS, pilot_script


@pytest.fixture
def database(postgres: EmbeddedPostgres) -> Database:
    """Empty: scripts only need it for how values are written."""
    return Database(postgres.dsn)


@pytest.mark.parametrize("each", [1, 3])
def test_a_script_names_all_its_jobs(database: Database, each: int) -> None:
    """No number is left that only stood for an id, and each job is claimed once, set running and reported."""
    script = pilot_script(database, PILOT, line=5, first_id=1000, each=each, rounds=10)
    assert str(STANDS_FOR_IDS)[:9] not in script
    claim, running, finished = script.splitlines()[-3:]
    for statement in (claim, running, finished):
        assert all(f":id{place}" in statement for place in range(each))
    assert claim.startswith('EXECUTE "claims.take"')
    assert running.startswith('EXECUTE "moves.') and finished.startswith('EXECUTE "moves.')
    assert script.count("PREPARE ") == 2
