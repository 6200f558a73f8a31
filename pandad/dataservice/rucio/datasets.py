"""Datasets, copies and rules at Rucio: the seam `IDatasets`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, NoReturn, TypeVar
from urllib.parse import quote

from pandad.dataservice.datasets import Dataset, NewFile, Rule, RuleState, RuleWish
from pandad.dataservice.ddm import (
    DatasetClosed,
    DDMRefused,
    DDMUnavailable,
    FileDiffers,
    FileName,
    NotAllowed,
    NotNow,
    UnknownEndpoint,
)
from pandad.dataservice.rucio.ddm import RucioDDM, dids_of, is_endpoint, named
from pandad.dataservice.rucio.files import described, file_of
from pandad.dataservice.rucio.naming import CONTAINER, DATASET, path_of
from pandad.dataservice.rucio.refusals import Refused
from pandad.dataservice.rucio.session import Call, Session, together

T = TypeVar("T")

LISTED = 3  # names in a message; the rest is counted
_RULE_ID = re.compile(r"[0-9a-f]{32}")
_UNPRINTABLE = re.compile(r"[^ -~]+")
ERROR_LENGTH = 250


class _Known(NamedTuple):
    """What Rucio says of a name. ``account``: who made it."""

    type: str
    open: bool
    account: str


class RucioDatasets:
    """What the Setupper, the Adder and the Closer do there. Each call may be made again: the second time changes nothing."""

    def __init__(self, session: Session, ddm: RucioDDM) -> None:
        self._session, self._ddm = session, ddm

    async def make(self, dataset: Dataset, *, lifetime_s: int | None = None, hidden: bool = False, reopen: bool = False) -> bool:
        """See `IDatasets.make`."""
        meta = {"hidden": True, "purge_replicas": True} if hidden else {}
        body = {"type": DATASET, "lifetime": lifetime_s, "meta": meta}
        try:
            await self._session.do(Call("POST", path_of(dataset), f"dataset {dataset}", body))
            return True
        except Refused as error:
            if error.kind != "DataIdentifierAlreadyExists":
                raise error.error(f"dataset {dataset}") from None
        known = await self._known(dataset)
        if known.type != DATASET:
            raise DDMRefused(f"{dataset} exists, and is no dataset")
        if reopen and not known.open:
            await self._reopen(dataset, known.account)
        return False

    async def _reopen(self, dataset: Dataset, owner: str) -> None:
        """What somebody else closed he may have published; and with some policies only admins open anything again."""
        if owner != self._session.config.account:
            raise DatasetClosed(f"{dataset} of {owner} is closed and takes no more files; write into another one")
        try:
            await self._session.do(Call("PUT", f"{path_of(dataset)}/status", f"dataset {dataset}", {"open": True}))
        except Refused as error:
            refused = error.error(f"dataset {dataset}")
            if isinstance(refused, NotAllowed):
                raise DatasetClosed(f"{dataset} is closed, and {owner} may not open it again; write into another one") from None
            if error.kind != "UnsupportedOperation" or not (await self._known(dataset)).open:  # another call may have opened it
                raise refused from None

    async def attach(self, dataset: Dataset, names: Sequence[FileName]) -> None:
        """See `IDatasets.attach`."""
        try:
            for some in self._chunks(names):
                attachment = {"scope": dataset.scope, "name": dataset.name,
                              "dids": dids_of(some)}
                await self._session.do(Call("POST", "/dids/attachments", f"files of {dataset}",
                                            {"attachments": [attachment], "ignore_duplicate": True}))
        except Refused as error:
            if error.kind == "UnsupportedOperation":
                await self._closed(dataset, names)
            else:
                raise error.error(f"files of {dataset}") from None

    async def _closed(self, dataset: Dataset, names: Sequence[FileName]) -> None:
        """It takes no more files, which is no harm if they are in it."""
        inside = {file.name for file in await self.contents(dataset)}
        missing = [name for name in names if name not in inside]
        if missing:
            raise DatasetClosed(f"{dataset} is closed, and does not have {listed(missing)}")

    async def gather(self, container: Dataset, datasets: Sequence[Dataset]) -> None:
        """See `IDatasets.gather`."""
        subject = f"container {container}"
        try:
            await self._session.do(Call("POST", path_of(container), subject, {"type": CONTAINER}))
        except Refused as error:
            if error.kind != "DataIdentifierAlreadyExists":
                raise error.error(subject) from None
        dids = [{"scope": each.scope, "name": each.name} for each in datasets]
        attachment = {"scope": container.scope, "name": container.name, "dids": dids}
        try:
            await self._session.do(Call("POST", "/dids/attachments", subject, {
                "attachments": [attachment], "ignore_duplicate": True}))
        except Refused as error:
            if error.kind == "UnsupportedOperation":
                await self._not_gathered(container)
            raise error.error(subject) from None

    async def _not_gathered(self, container: Dataset) -> None:
        """The better reasons."""
        known = await self._known(container)
        if known.type != CONTAINER:
            raise DDMRefused(f"{container} exists, and is no container")
        if not known.open:
            raise DatasetClosed(f"the container {container} of {known.account} is closed and takes no more datasets")

    async def contents(self, dataset: Dataset) -> Sequence[NewFile]:
        """See `IDatasets.contents`."""
        return await self._lines(Call("GET", f"{path_of(dataset)}/files", f"files of {dataset}"), file_of)

    async def close(self, dataset: Dataset) -> None:
        """See `IDatasets.close`."""
        try:
            await self._session.do(Call("PUT", f"{path_of(dataset)}/status", f"dataset {dataset}", {"open": False}))
        except Refused as error:
            if error.kind != "UnsupportedOperation" or (await self._known(dataset)).open:
                raise error.error(f"dataset {dataset}") from None

    async def erase(self, dataset: Dataset) -> None:
        """See `IDatasets.erase`. Rucio's undertaker does it, with the rules."""
        try:
            await self._session.do(Call("POST", f"{path_of(dataset)}/meta/lifetime", f"dataset {dataset}", {"value": 0}))
        except Refused as error:
            if error.kind != "DataIdentifierNotFound":
                raise error.error(f"dataset {dataset}") from None

    async def taken(self, names: Sequence[FileName]) -> Sequence[FileName]:
        """See `IDatasets.taken`."""
        def asking(some: Sequence[FileName]) -> Call:
            return Call("POST", "/dids/bulkmeta", f"the names {some[0]} and others", {"dids": dids_of(some)})

        return await self._ddm.listed(names, asking, named)

    async def register(self, endpoint: str, files: Sequence[NewFile]) -> None:
        """See `IDatasets.register`. Rucio keeps silent about a file that it knows otherwise, so it is asked what it knows."""
        for some in self._chunks(files):
            body = {"rse": endpoint, "files": [described(file) for file in some]}
            await self._do(Call("POST", "/replicas", f"copies at {endpoint}", body))
        known = await self._ddm.replicas(endpoint, [file.name for file in files])
        absent = [file.name for file in files if file.name not in known]
        if absent:
            raise NotNow(f"{listed(absent)} at {endpoint}: Rucio has an entry that does not count")
        wrong = [file.name for file in files
                 if (known[file.name].size_bytes, known[file.name].adler32) != (file.size_bytes, file.adler32)]
        if wrong:
            raise FileDiffers(f"Rucio knows {listed(wrong)} with another size or checksum")

    async def add_rule(self, dataset: Dataset, wish: RuleWish) -> str:
        """See `IDatasets.add_rule`."""
        if not is_endpoint(wish.endpoint):
            raise UnknownEndpoint(f"there is no storage endpoint {wish.endpoint!a}")
        body = {
            "dids": [{"scope": dataset.scope, "name": dataset.name}], "copies": 1, "rse_expression": wish.endpoint,
            "account": self._session.config.account, "lifetime": wish.lifetime_s, "grouping": "DATASET",
            "activity": wish.activity, "notify": wish.notify, "comment": wish.comment, "priority": wish.priority,
            "source_replica_expression": wish.source, "purge_replicas": wish.purge_replicas}
        subject = f"rule for {dataset} at {wish.endpoint}"
        try:
            return await self._session.ask(Call("POST", "/rules/", subject, body), lambda ids: str(ids[0]))
        except Refused as error:
            if error.kind == "DuplicateRule":
                return await self._existing(dataset, wish)
            if error.kind in ("InvalidRSEExpression", "InsufficientTargetRSEs"):
                await self._ddm.writable(wish.endpoint)  # its own reasons are better
            raise error.error(subject) from None

    async def _existing(self, dataset: Dataset, wish: RuleWish) -> str:
        """The rule that was made before; one that would end too early lives as long as the wished one."""
        rules = [rule for rule in await self.rules_of(dataset) if rule.endpoint == wish.endpoint]
        if not rules:
            raise DDMUnavailable(f"rule for {dataset} at {wish.endpoint}: it was there and is not there any more")
        if rules[0].expires_at is not None:
            await self.extend_rule(rules[0].id, wish.lifetime_s)
        return rules[0].id

    async def rules_of(self, dataset: Dataset) -> Sequence[Rule]:
        """See `IDatasets.rules_of`."""
        account = self._session.config.account

        def read(entry: Any) -> Rule | None:
            return rule_of(entry) if entry["account"] == account and entry["copies"] == 1 else None

        return await self._lines(Call("GET", f"{path_of(dataset)}/rules", f"rules for {dataset}"), read)

    async def rules(self, ids: Sequence[str]) -> Sequence[Rule]:
        """See `IDatasets.rules`."""
        found = await together(self._rule(rule_id) for rule_id in dict.fromkeys(ids) if _RULE_ID.fullmatch(rule_id))
        return [rule for rule in found if rule is not None]

    async def _rule(self, rule_id: str) -> Rule | None:
        try:
            return await self._session.ask(Call("GET", f"/rules/{rule_id}", f"rule {rule_id}"), rule_of)
        except Refused as error:
            if error.kind == "RuleNotFound":
                return None
            raise error.error(f"rule {rule_id}") from None

    async def extend_rule(self, rule_id: str, lifetime_s: int | None) -> None:
        """See `IDatasets.extend_rule`."""
        await self._do(Call("PUT", f"/rules/{quote(rule_id)}", f"rule {rule_id}", {"options": {"lifetime": lifetime_s}}))

    async def delete_rule(self, rule_id: str, *, purge: bool = False) -> None:
        """See `IDatasets.delete_rule`."""
        try:
            body = {"purge_replicas": purge or None}
            await self._session.do(Call("DELETE", f"/rules/{quote(rule_id)}", f"rule {rule_id}", body))
        except Refused as error:
            if error.kind != "RuleNotFound":
                raise error.error(f"rule {rule_id}") from None

    async def _known(self, dataset: Dataset) -> _Known:
        call = Call("GET", path_of(dataset), f"dataset {dataset}")
        try:
            return await self._session.ask(
                call, lambda entry: _Known(entry["type"], bool(entry.get("open")), entry.get("account", "")))
        except Refused as error:
            _raise(error, call)

    async def _do(self, call: Call) -> None:
        try:
            await self._session.do(call)
        except Refused as error:
            _raise(error, call)

    async def _lines(self, call: Call, read: Any) -> list[Any]:
        try:
            return await self._session.lines(call, read)
        except Refused as error:
            _raise(error, call)

    def _chunks(self, items: Sequence[T]) -> Iterator[Sequence[T]]:
        size = self._session.config.chunk
        return (items[at:at + size] for at in range(0, len(items), size))


def _raise(error: Refused, call: Call) -> NoReturn:
    raise error.error(call.subject) from None


def rule_of(entry: Any) -> Rule:
    """A rule, from Rucio's description of it."""
    return Rule(entry["id"], entry["rse_expression"], RuleState(entry["state"]), int(entry["locks_ok_cnt"]),
                int(entry["locks_replicating_cnt"]), int(entry["locks_stuck_cnt"]), _when(entry.get("expires_at")),
                _UNPRINTABLE.sub(" ", entry.get("error") or "")[:ERROR_LENGTH] or None)


def _when(text: str | None) -> datetime | None:
    return parsedate_to_datetime(text) if text else None


def listed(names: Sequence[FileName]) -> str:
    """The first few of them."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(map(str, names[:LISTED])) + more
