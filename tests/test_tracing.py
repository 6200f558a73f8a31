"""One id leads from a client's reply to the database's log."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextvars import copy_context

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred, gatherResults

from pandad import tracing
from pandad.taskbuffer.batch import Batcher
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Store, Transaction

WHO_AM_I = sql("test_tracing.query", "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()")


class Call:
    """One."""

    subject: str | None = None
    panda_id: int | None = None

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id


@pytest.mark.parametrize("given_id", ["a", "x-y.z:1_2", "0" * 64])
def test_sane_ids_stay(given_id: str) -> None:
    """As the client wrote them."""
    assert tracing.sane(given_id.encode()) == given_id


@given(st.binary(max_size=80))
def test_no_other_id_gets_anywhere(given_id: bytes) -> None:
    """What could end a comment, a line or a header is not taken."""
    taken = tracing.sane(given_id)
    assert taken is None or re.fullmatch(r"[0-9A-Za-z._:-]{1,64}", taken)
    assert tracing.sane(given_id + b"*/") is None and tracing.sane(given_id + b"\n") is None


def test_own_ids_differ() -> None:
    """All of them, and they are sane."""
    made = [tracing.new_id() for _ in range(1000)]
    assert len(set(made)) == 1000 and all(tracing.sane(each.encode()) == each for each in made)


@pytest.mark.parametrize(("calls", "name"), [
    ([Call("a")], "a"), ([Call("a"), Call("b")], "a,b"), ([None, Call("b")], "b+1"),
    ([Call(str(n)) for n in range(9)], "0,1,2,3+5")])
def test_what_is_done_for_several(calls: Sequence[Call | None], name: str) -> None:
    """The first of them by name, and how many more."""
    found = tracing.together(calls)
    assert found is not None and found.request_id == name


def test_what_is_done_for_nobody() -> None:
    """Has no name."""
    assert tracing.together([None, None]) is None and tracing.comment() == ""


async def _query(txn: Transaction) -> str:
    return str((await txn.one(WHO_AM_I))[0])


@ensureDeferred
async def test_statements_name_the_call(store: Store) -> None:
    """In what PostgreSQL shows and logs; those that are for no call name none."""

    def ask(call: Call | None) -> Deferred[str]:
        tracing.current.set(call)
        return store.transact("test", _query)

    asked = [copy_context().run(ask, call) for call in (Call("first"), None, Call("second"))]
    assert await gatherResults(asked) == [
        'EXECUTE "test_tracing.query" /* first */', 'EXECUTE "test_tracing.query"', 'EXECUTE "test_tracing.query" /* second */']


@ensureDeferred
async def test_a_round_is_named_after_its_own_calls(store: Store) -> None:
    """Not after the call that began the rounds."""

    async def work(kind: None, questions: Sequence[int]) -> Sequence[str]:
        return [await store.read("test", _query)] * len(questions)

    batcher: Batcher[None, int, str] = Batcher("test", work)

    def ask(name: str) -> Deferred[str]:
        tracing.current.set(Call(name))
        return batcher.ask(None, 0)

    said = await gatherResults([copy_context().run(ask, name) for name in ("a", "b", "c")])
    assert [each.partition("/*")[2] for each in said] == [" a */", " b,c */", " b,c */"]
