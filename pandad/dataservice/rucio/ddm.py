"""What Rucio knows of files and endpoints: the seam `IDDM`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

from twisted.logger import Logger

from pandad.dataservice.ddm import DDMUnavailable, FileName, Replica, UnknownEndpoint
from pandad.dataservice.rucio import rses
from pandad.dataservice.rucio.refusals import Refused
from pandad.dataservice.rucio.session import Call, Session, together
from pandad.spec.facts import Space, Whereabouts

T = TypeVar("T")
Asking = Callable[[Sequence[FileName]], Call]

AVAILABLE = "AVAILABLE"
RETRY_S = 15.0  # after endpoints could not be looked up
CLOSED = "is closed for reading, says Rucio"
NO_SCHEME = ["none"]  # of addresses: only where copies are is asked, and making up addresses is most of Rucio's work
_ENDPOINT = re.compile(r"[A-Za-z0-9_.-]+")
_NAME = re.compile(r"(?=.*\w)[!-~]+")  # what Rucio's schemas have in common; others would have a whole call refused


class RucioDDM:
    """Endpoints that are Rucio's RSEs, and copies that are its replicas.

    ``period_s``: how often `run_once` should be run.
    """

    log = Logger()
    moves = True

    def __init__(self, session: Session) -> None:
        self._session = session
        self.period_s = min(session.config.endpoints_s, RETRY_S)
        self._due_s = session.seconds()
        self._problem: str | None = None
        self._described: Mapping[str, Mapping[str, Any]] = {}

    async def replicas(self, endpoint: str, names: Sequence[FileName]) -> Mapping[FileName, Replica]:
        """As Rucio's catalogue has them: a few calls for thousands of files.

        :raise DDMUnavailable: not known now. :raise UnknownEndpoint: no such endpoint.
        """
        await self.readable(endpoint)

        def read(entry: Mapping[str, Any]) -> Replica | None:
            if entry["states"].get(endpoint) != AVAILABLE:
                return None
            return Replica(named(entry), endpoint, int(entry["bytes"]), str(entry["adler32"] or "").lower().rjust(8, "0"))

        found = await self._copies(names, {"rse_expression": endpoint}, read)
        return {replica.name: replica for replica in found}

    async def locate(self, names: Sequence[FileName]) -> Whereabouts:
        """As Rucio's catalogue has them, sizes too. What is at an endpoint that is closed for reading is not known.

        :raise DDMUnavailable: nothing is known now.
        """
        if not names:
            return Whereabouts()
        closed = set(await self._endpoints("availability_read", False))

        def read(entry: Mapping[str, Any]) -> tuple[FileName, Mapping[str, int]] | None:
            size_bytes = int(entry["bytes"])
            places = {rse: size_bytes for rse, state in entry["states"].items() if state == AVAILABLE and rse not in closed}
            return (named(entry), places) if places else None

        copies = dict(await self._copies(names, {}, read))
        return Whereabouts(copies, {name: f"{name} {CLOSED}" for name in sorted(closed)})

    async def _endpoints(self, availability: str, wanted: bool) -> list[str]:
        call = Call("GET", "/rses/", "the endpoints")
        try:
            return await self._session.lines(call, lambda entry: str(entry["rse"]) if entry[availability] is wanted else None)
        except Refused as error:
            raise error.error(call.subject) from None

    async def space(self, endpoints: Sequence[str]) -> Mapping[str, Space]:
        """What the storage said last; an endpoint that nobody has figures of, or that is closed for writing, is left out.

        :raise DDMUnavailable: not known now.
        """
        open_ones = set(await self._endpoints("availability_write", True)) if endpoints else set()
        names = [name for name in dict.fromkeys(endpoints) if name in open_ones]
        found = await together(rses.space(self._session, name) for name in names)
        return {name: space for name, space in zip(names, found, strict=True) if space is not None}

    def endpoints(self) -> Mapping[str, Mapping[str, Any]]:
        """As `run_once` found them last."""
        return self._described

    async def run_once(self) -> bool:
        """Loop body: look the endpoints up if it is time to. Those that are known stay while Rucio is away."""
        if self._session.seconds() < self._due_s:
            return False
        try:
            self._described = await rses.describe_all(self._session)
        except (Refused, DDMUnavailable) as error:
            self._complain(f"the endpoints: Rucio answers with {error}" if isinstance(error, Refused) else str(error))
        else:
            self._problem, self._due_s = None, self._session.seconds() + self._session.config.endpoints_s
        return False

    def _complain(self, problem: str) -> None:
        if self._problem is None:  # the rest of the outage says the same, and how long it lasts
            self.log.warn("the endpoints could not be looked up: {problem}", problem=problem)
        self._problem = problem

    def complaint(self) -> str | None:
        """What is wrong between pandad and Rucio, None if nothing."""
        return self._session.complaint() or self._problem

    def give_up(self) -> None:
        """The daemon stops: who waits for Rucio hears DDMUnavailable."""
        self._session.give_up()

    async def readable(self, endpoint: str) -> None:
        """An endpoint that is closed for reading has not lost its files.

        :raise DDMUnavailable: it is closed. :raise UnknownEndpoint: no such endpoint.
        """
        if not await self._is_open(endpoint, "availability_read"):
            raise DDMUnavailable(f"{endpoint} {CLOSED}")

    async def writable(self, endpoint: str) -> None:
        """The same for what is to come.

        :raise DDMUnavailable: it is closed. :raise UnknownEndpoint: no such endpoint.
        """
        if not await self._is_open(endpoint, "availability_write"):
            raise DDMUnavailable(f"{endpoint} is closed for writing, says Rucio")

    async def _is_open(self, endpoint: str, availability: str) -> bool:
        if not is_endpoint(endpoint):
            raise UnknownEndpoint(f"there is no storage endpoint {endpoint!a}")
        call = Call("GET", f"/rses/{quote(endpoint)}", f"endpoint {endpoint}")
        try:
            return await self._session.ask(call, lambda settings: bool(settings[availability]))
        except Refused as error:
            raise error.error(call.subject) from None

    async def _copies(self, names: Iterable[FileName], how: Mapping[str, object], read: Callable[[Any], T | None]) -> list[T]:
        def asking(some: Sequence[FileName]) -> Call:
            body = {"dids": dids_of(some), "schemes": NO_SCHEME, "ignore_availability": True, "resolve_archives": False, **how}
            return Call("POST", "/replicas/list", f"the copies of {some[0]} and others", body)

        return await self.listed(names, asking, read)

    async def listed(self, names: Iterable[FileName], asking: Asking, read: Callable[[Any], T | None]) -> list[T]:
        """One question for each chunk of names. Names that cannot be any are not asked about.

        :param read: an object of the answer; None leaves it out. :raise DDMUnavailable, DDMRefused: nothing is known.
        """
        config = self._session.config
        asked = [name for name in dict.fromkeys(names)
                 if _possible(name.scope, config.scope_length) and _possible(name.lfn, config.name_length)]
        chunks = [asked[at:at + config.chunk] for at in range(0, len(asked), config.chunk)]
        found = await together(self._lines(chunk, asking, read) for chunk in chunks)
        return [each for some in found for each in some]

    async def _lines(self, names: Sequence[FileName], asking: Asking, read: Callable[[Any], T | None]) -> list[T]:
        call = asking(names)
        try:
            return await self._session.lines(call, read)
        except Refused as error:
            if error.kind != "InvalidObject":
                raise error.error(call.subject) from None
        # A name that its schema does not allow stands for nothing, and hides nobody else's.
        if len(names) == 1:
            return []
        half = len(names) // 2
        return [*await self._lines(names[:half], asking, read), *await self._lines(names[half:], asking, read)]


def is_endpoint(name: str) -> bool:
    """Whether it can be the name of one, and is no expression that stands for several."""
    return _ENDPOINT.fullmatch(name) is not None


def dids_of(names: Iterable[FileName]) -> list[dict[str, str]]:
    """In Rucio's words."""
    return [{"scope": name.scope, "name": name.lfn} for name in names]


def named(entry: Mapping[str, Any]) -> FileName:
    """From them."""
    return FileName(entry["scope"], entry["name"])


def _possible(part: str, longest: int) -> bool:
    return len(part) <= longest and _NAME.fullmatch(part) is not None
