"""What an upgrade would do is said before it is done."""

from __future__ import annotations

import pytest
from pytest_twisted import ensureDeferred

from pandad.spec.act import operator_on
from pandad.taskbuffer import audit, migrate, upgrade
from pandad.taskbuffer.migrate import Migration, SchemaError
from pandad.taskbuffer.store import Store

from .observing import rows, run

BY = operator_on("root", "here")("upgrade", "schema 1 to 2")


def later(text: str) -> list[Migration]:
    """What this pandad knows, and one migration more."""
    known = migrate.known()
    return [*known, Migration(len(known) + 1, "later.sql", text)]


@ensureDeferred
async def test_nothing_to_do(store: Store) -> None:
    """A database that is up to date has no plan, and no upgrade of it stands in the audit."""
    plan = await store.transact("plan", upgrade.plan)
    assert (plan.pending, plan.touched, plan.stops_older) == ([], [], []) and plan.standing.serves
    assert await store.transact("upgrade", upgrade.upgrade, BY) == 0
    assert await store.transact("audit", audit.show, None, None, None, 1, 10) == []


@ensureDeferred
async def test_the_plan_and_the_upgrade(store: Store) -> None:
    """The plan has the tables that are touched and were there, the largest first, and whom it stops; it changes nothing. The
    upgrade stands in the audit."""
    await store.transact("fill", run, "INSERT INTO queue (name, description, status, changedby) "
                                      "SELECT concat('Q', n), '{}', 'online', 'x' FROM generate_series(1, 200) n")
    wanted = later("-- Why.\n-- Older pandads: stop, they look for it\nCREATE TABLE fresh (); ALTER TABLE fresh ADD x integer;\n"
                   "ALTER TABLE loop ADD x integer; CREATE INDEX q ON queue (status); -- ALTER TABLE job\n")
    plan = await store.transact("plan", upgrade.plan, wanted)
    assert [m.number for m in plan.pending] == [wanted[-1].number] and plan.stops_older == list(plan.pending)
    assert [size.table for size in plan.touched] == ["queue", "loop"] and plan.touched[0].bytes > plan.touched[1].bytes > 0
    assert await store.transact("look", rows, "SELECT to_regclass('fresh')") == [(None,)]
    assert await store.transact("upgrade", upgrade.upgrade, BY, wanted) == 1
    noted = await store.transact("audit", rows, "SELECT who, act, target FROM audit")
    assert noted == [("root", "upgrade", "schema 1 to 2")]


@ensureDeferred
async def test_a_pandad_of_before_heeds_no_words(store: Store) -> None:
    """It refuses every newer schema, whatever that says: then the way back is the dump."""
    wanted = later("-- Why.\n-- Older pandads: work on\nSELECT 1")
    assert (await store.transact("plan", upgrade.plan, wanted)).loses_nothing
    await store.transact("forget", run, "ALTER TABLE schema_version DROP COLUMN tolerated")
    assert not (await store.transact("plan", upgrade.plan, wanted)).loses_nothing


@ensureDeferred
async def test_daemons_that_are_connected_are_told(store: Store) -> None:
    """Each has one connection that listens; commands have none."""
    before = await store.transact("plan", upgrade.plan)
    store.listen("audit", lambda: None)
    store.start()
    for _ in range(20_000):
        plan = await store.transact("plan", upgrade.plan)
        if len(plan.daemons) > len(before.daemons):
            break
    assert (len(before.daemons), list(plan.daemons)) == (0, [""])


async def listening(store: Store) -> None:
    """As a daemon on this database is: it has a connection that listens."""
    store.listen("audit", lambda: None)
    store.start()
    while not (await store.transact("plan", upgrade.plan)).daemons:
        pass


WORKS_ON = later("-- Why.\n-- Older pandads: work on\nSELECT 1")
STOPS = later("-- Why.\n-- Older pandads: stop, they look for it\nSELECT 1")


@ensureDeferred
async def test_a_start_upgrades_if_it_may(store: Store) -> None:
    """Who was not asked leaves an older schema alone, and says what is wanted; it may go on where nothing is to be done."""
    with pytest.raises(SchemaError) as refused:
        await store.transact("start", upgrade.at_start, False, WORKS_ON)
    assert str(refused.value) == (f"the database has schema {len(WORKS_ON) - 1}, and this pandad needs {len(WORKS_ON)}: "
                                  "run `pandad upgrade` ([database] upgrade_at_start is false)")
    assert (await store.transact("look", migrate.standing, WORKS_ON)).applied == len(WORKS_ON) - 1
    assert await store.transact("start", upgrade.at_start, True, WORKS_ON) == 1
    assert await store.transact("start", upgrade.at_start, False, WORKS_ON) == 0


@ensureDeferred
async def test_a_start_makes_the_schema_where_there_is_none(store: Store) -> None:
    """Whatever it may do with an older one: there is nothing to lose."""
    await store.transact("empty", run, "DROP SCHEMA public CASCADE")
    await store.transact("fresh", run, "CREATE SCHEMA public")
    assert await store.transact("start", upgrade.at_start, False) == len(migrate.known())


@ensureDeferred
async def test_a_start_stops_nobody_who_is_at_work(store: Store) -> None:
    """An upgrade that older pandads cannot work with waits until they are gone, as in a restart node by node; another one does
    not wait."""
    await listening(store)
    with pytest.raises(SchemaError, match="1 pandads are connected, and older ones cannot work after later.sql: stop them all"):
        await store.transact("start", upgrade.at_start, True, STOPS)
    assert await store.transact("start", upgrade.at_start, True, WORKS_ON) == 1


@pytest.mark.parametrize(("text", "tables"), [
    ("ALTER TABLE job ADD COLUMN x integer", ["job"]),
    ("ALTER TABLE ONLY job DROP x", ["job"]),
    ("CREATE UNIQUE INDEX x ON queue (name)", ["queue"]),
    ("UPDATE file SET x = 1", ["file"]),
    ("DELETE FROM loop; DROP TABLE worker; INSERT INTO rights DEFAULT VALUES", ["loop", "rights", "worker"]),
    ("CREATE TRIGGER t BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION f()", ["audit"]),
    ("CREATE TABLE x (); CREATE INDEX ON x (y); SELECT 1 FROM job FOR UPDATE OF job", []),
    ("INSERT INTO x SELECT 1 ON CONFLICT DO UPDATE SET y = 1", ["x"]),
])
def test_tables_that_are_touched(text: str, tables: list[str]) -> None:
    """Those that a migration changes or locks, and did not make."""
    assert upgrade.touched([text]) == tables
