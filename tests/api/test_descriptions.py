"""What pilots are told of queues and storage endpoints, from the store and the data management system."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import cric
import pytest
from pytest_twisted import ensureDeferred

from pandad.api.descriptions import Descriptions
from pandad.spec.dump import endpoints_in, queues_in
from pandad.spec.errors import NotFound
from pandad.taskbuffer.imports import Manner, take_endpoints, take_queues
from pandad.taskbuffer.store import Store

MANNER = Manner(source="/dump.json", who="root")
OWN: dict[str, Any] = {"LOCAL": {"state": "ACTIVE", "id": 1}, "SITE-000_DATADISK": {"state": "ACTIVE", "id": 2}}


@ensureDeferred
async def test_queues_as_they_came(store: Store) -> None:
    """One and all, key for key, number for number."""
    dump = cric.queues(20)
    await store.transact("take", take_queues, queues_in(dump), MANNER)
    told = Descriptions(store, dict)
    assert json.dumps(json.loads(await told.queues())) == json.dumps(dict(sorted(dump.items())))
    for name, description in dump.items():
        assert json.dumps(json.loads(await told.queue(name))) == json.dumps(description)
    with pytest.raises(NotFound, match="there is no queue NO"):
        await told.queue("NO")


@ensureDeferred
async def test_endpoints_of_both(store: Store) -> None:
    """Those of the data management system, and the imported ones, which go before."""
    told = Descriptions(store, lambda: OWN)
    assert json.loads(await told.endpoints()) == OWN
    dump = cric.endpoints(3)
    await store.transact("take", take_endpoints, endpoints_in(dump), MANNER)
    both = json.loads(await told.endpoints())
    assert json.dumps(both) == json.dumps(dict(sorted({**OWN, **dump}.items())))
    del dump["SITE-000_DATADISK"]
    await store.transact("take", take_endpoints, endpoints_in(dump), replace(MANNER, who="alice"))
    assert json.loads(await told.endpoints()) == {**OWN, **dump}
    assert await told.endpoints() is await told.endpoints()
