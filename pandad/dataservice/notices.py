"""What Rucio tells of its rules and transfers, as its hermes posts it: hints, each of which only has something looked at.

Hermes sends what a rule and its files did as JSON objects with event_type and payload, one a line, each after a line for
Elasticsearch; it sends the same again until it is answered with 200.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from pandad import metrics
from pandad.spec.errors import BadRequest
from pandad.spec.file import FileName
from pandad.taskbuffer import placements
from pandad.taskbuffer.store import Store, Transaction

MOST = 10_000  # messages in one call
LONGEST = 500  # characters of a name; Rucio's are shorter
FILES_S = 5.0  # files come one by one: what comes within this is looked at together

RULE_EVENTS = frozenset({"rule-ok", "rule-progress", "rule-stuck", "datasetlock-ok", "deletion-rule", "close"})
FILE_EVENTS = frozenset({"transfer-done", "transfer-failed", "transfer-submission-failed"})


@dataclass(slots=True)
class Notices:
    """What something was told of.

    :param datasets: (scope, name). :param arrived: files with the endpoint where a transfer of theirs ended, well or not.
    :param ignored: messages of other kinds, or that are not understood.
    """

    rules: set[str] = field(default_factory=set)
    datasets: set[tuple[str, str]] = field(default_factory=set)
    arrived: set[tuple[str, FileName]] = field(default_factory=set)
    ignored: int = 0

    @property
    def count(self) -> int:
        """Of things that something was told of."""
        return len(self.rules) + len(self.datasets) + len(self.arrived)


Listener = Callable[[Transaction, Notices], Awaitable[object]]


def read(body: bytes) -> Notices:
    """The messages of a call: one JSON object a line, or one list of them. What is not understood is counted and left out: hermes
    would send it for ever.

    :raise BadRequest: nothing of it is JSON, or it is too much.
    """
    found = Notices()
    for number, message in enumerate(_messages(body)):
        if number >= MOST:
            raise BadRequest("body", f"has more than {MOST} messages; send them in several calls")
        if not _enter(found, message):
            found.ignored += 1
    return found


def _messages(body: bytes) -> Iterator[object]:
    lines = [line for line in body.splitlines() if line.strip()]
    if len(lines) == 1 or body.lstrip().startswith(b"["):
        try:
            whole = orjson.loads(body)
        except ValueError:
            raise BadRequest("body", "is no JSON; send one object a line with event_type and payload") from None
        yield from whole if isinstance(whole, list) else [whole]
        return
    decoded = [message for line in lines if (message := _decoded(line)) is not None]
    if lines and not decoded:
        raise BadRequest("body", "is no JSON; send one object a line with event_type and payload")
    yield from (message for message in decoded if not _is_index(message))


def _decoded(line: bytes) -> object:
    try:
        return orjson.loads(line)
    except ValueError:
        return None


def _is_index(message: object) -> bool:
    """Elasticsearch's line before each document."""
    return isinstance(message, dict) and message.keys() == {"index"}


def _enter(found: Notices, message: object) -> bool:
    """Whether it says something."""
    if not isinstance(message, dict):
        return False
    kind = str(message.get("event_type", "")).lower().replace("_", "-")
    payload = message.get("payload")
    if isinstance(payload, str):
        payload = _decoded(payload.encode())
    if not isinstance(payload, dict):
        return False
    if kind in RULE_EVENTS:
        return _enter_rule(found, payload)
    return kind in FILE_EVENTS and _enter_file(found, payload)


def _enter_rule(found: Notices, payload: Mapping[str, Any]) -> bool:
    rule, dataset = _texts(payload, ["rule_id"]), _texts(payload, ["scope", "name"])
    found.rules.update(rule)
    if dataset:
        found.datasets.add((dataset[0], dataset[1]))
    return bool(rule or dataset)


def _enter_file(found: Notices, payload: Mapping[str, Any]) -> bool:
    texts = _texts(payload, ["dst-rse", "scope", "name"])
    if texts:
        found.arrived.add((texts[0], FileName(texts[1], texts[2])))
    return bool(texts)


def _texts(payload: Mapping[str, Any], keys: Iterable[str]) -> Sequence[str]:
    """All of these, or none."""
    values = [payload.get(key) for key in keys]
    fit = all(isinstance(value, str) and 0 < len(value) <= LONGEST and "\0" not in value for value in values)
    return [str(value) for value in values] if fit else ()


class Bulletin:
    """Passes on what was told. ``listeners``: each gets all of it, in one transaction, and keeps what concerns it."""

    def __init__(self, store: Store, listeners: Sequence[Listener]) -> None:
        self._store, self._listeners = store, listeners

    async def post(self, body: bytes) -> Notices:
        """Hear what a call says; what was read.

        :raise BadRequest: see `read`. :raise StoreUnavailable: it is to be sent again.
        """
        notices = read(body)
        metrics.DDM_TOLD.add("understood", n=notices.count)
        metrics.DDM_TOLD.add("ignored", n=notices.ignored)
        if notices.count:
            await self._store.transact("ddm_told", self._tell, notices)
        return notices

    async def _tell(self, txn: Transaction, notices: Notices) -> None:
        for hear in self._listeners:
            await hear(txn, notices)


async def hear_of_placements(txn: Transaction, notices: Notices) -> None:
    """Transfers of input."""
    woken = await placements.told(txn, notices.rules, notices.datasets) if notices.rules or notices.datasets else 0
    if notices.arrived:
        await placements.told_files(txn, notices.arrived, FILES_S)
    if woken:
        txn.hint("placements")
