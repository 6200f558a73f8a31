"""What the names that people give stand for at Rucio: datasets, containers of them, patterns; and the files in them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from pandad.dataservice.datasets import Dataset, NewFile
from pandad.dataservice.ddm import DDMRefused, UnknownData
from pandad.dataservice.names import Named
from pandad.dataservice.rucio.files import file_of
from pandad.dataservice.rucio.refusals import Refused
from pandad.dataservice.rucio.session import Call, Session, together

DATASET, CONTAINER = "DATASET", "CONTAINER"
MOST_NAMES = 1000  # that fit a pattern: each of them is asked after
TOGETHER = 100  # datasets whose files are listed in one call
_MADE_FOR_JOBS = re.compile(r"_(?:dis|sub)\d+$")


class _Known(NamedTuple):
    """``files``: in it, however deep."""

    type: str
    open: bool
    files: int


def path_of(name: Dataset) -> str:
    """Where Rucio has it."""
    return f"/dids/{quote(name.scope, safe='')}/{quote(name.name, safe='')}"


class RucioNames:
    """What Rucio knows of them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def named(self, name: Dataset) -> Named:
        """See `INames.named`."""
        names = await _fitting(self._session, name) if "*" in name.name else [name]
        known = dict(zip(names, await together(_known(self._session, each) for each in names), strict=True))
        stray = next((each for each, what in known.items() if what.type not in (DATASET, CONTAINER)), None)
        if stray is not None:
            raise UnknownData(f"{stray} is a file, and no dataset")
        datasets = {each for each, what in known.items() if what.type == DATASET}
        closed = all(what.type == DATASET and not what.open for what in known.values())
        datasets |= await _inside(self._session, {each for each, what in known.items() if what.type == CONTAINER})
        return Named(sorted(datasets, key=lambda d: (d.name, d.scope)), sum(what.files for what in known.values()), closed)

    async def files(self, datasets: Sequence[Dataset]) -> Mapping[Dataset, Sequence[NewFile]]:
        """See `INames.files`."""
        found: dict[Dataset, list[NewFile]] = {each: [] for each in datasets}

        def read(entry: Any) -> tuple[Dataset, NewFile]:
            return Dataset(entry["parent_scope"], entry["parent_name"]), file_of(entry)

        for at in range(0, len(datasets), TOGETHER):
            some = datasets[at:at + TOGETHER]
            more = f" and {len(some) - 1} more" if len(some) > 1 else ""
            dids = [{"scope": each.scope, "name": each.name} for each in some]
            call = Call("POST", "/dids/bulkfiles", f"files of {some[0]}{more}", {"dids": dids})
            for dataset, file in await _lines(self._session, call, read):
                found[dataset].append(file)
        return found


async def _fitting(session: Session, pattern: Dataset) -> list[Dataset]:
    found: set[Dataset] = set()
    for kind in ("dataset", "container"):
        path = f"/dids/{quote(pattern.scope, safe='')}/dids/search?type={kind}&name={quote(pattern.name, safe='')}"
        names = await _lines(session, Call("GET", path, f"datasets like {pattern}"), str)
        found |= {Dataset(pattern.scope, name) for name in names if not _MADE_FOR_JOBS.search(name)}
    if not found:
        raise UnknownData(f"there is no dataset or container like {pattern}")
    if len(found) > MOST_NAMES:
        raise DDMRefused(f"{len(found)} names are like {pattern}, and at most {MOST_NAMES} may be; put them into a container")
    return sorted(found, key=lambda d: d.name)


async def _known(session: Session, name: Dataset) -> _Known:
    call = Call("GET", f"{path_of(name)}?dynamic_depth=FILE", f"dataset {name}")
    try:
        return await session.ask(
            call, lambda entry: _Known(entry["type"], bool(entry.get("open")), int(entry.get("length") or 0)))
    except Refused as error:
        raise error.error(call.subject) from None


async def _inside(session: Session, containers: set[Dataset]) -> set[Dataset]:
    """The datasets in these, and in those that are in them."""
    datasets, seen, asked = set[Dataset](), set(containers), containers
    while asked:
        found = {child for some in await together(_children(session, each) for each in asked) for child in some}
        datasets |= {each for each, kind in found if kind == DATASET}
        asked = {each for each, kind in found if kind == CONTAINER} - seen
        seen |= asked
    return datasets


async def _children(session: Session, container: Dataset) -> Sequence[tuple[Dataset, str]]:
    def read(entry: Any) -> tuple[Dataset, str]:
        return Dataset(entry["scope"], entry["name"]), str(entry["type"])

    return await _lines(session, Call("GET", f"{path_of(container)}/dids", f"datasets of {container}"), read)


async def _lines(session: Session, call: Call, read: Any) -> list[Any]:
    try:
        return await session.lines(call, read)
    except Refused as error:
        raise error.error(call.subject) from None
