"""Files that pilots and payloads fetch without an identity: queue descriptions, endpoints, sandboxes, payload scripts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pandad.api import encode
from pandad.api.access import PUBLIC
from pandad.api.load import Urgency
from pandad.api.replies.server import EndpointDescription, QueueDescription
from pandad.api.route import GET, PLAIN, Route
from pandad.spec.cachename import is_cache_name
from pandad.spec.caller import Caller
from pandad.spec.errors import NotFound

if TYPE_CHECKING:
    from pandad.userinterface.cachefolder import CacheFolder


class IDescriptions(Protocol):
    """JSON texts."""

    async def queue(self, name: str) -> str:
        """Of one queue; raises NotFound."""
        ...

    async def queues(self) -> str:
        """Of all queues, by name."""
        ...

    async def endpoints(self) -> str:
        """Of all storage endpoints, by name."""
        ...


@dataclass(frozen=True, slots=True)
class QueueName:
    """Which queue."""

    queue: str


@dataclass(frozen=True, slots=True)
class FileName:
    """Which file, below the directory of its kind."""

    name: str


class Files:
    """All of them.

    :param descriptions: of queues and endpoints, as pilots read them.
    :param cache: what people uploaded; None if this server keeps nothing.
    :param trf_dir: payload scripts; None if this server has none.
    """

    def __init__(self, descriptions: IDescriptions, cache: CacheFolder | None, trf_dir: Path | None) -> None:
        self._descriptions = descriptions
        self._cache, self._trf_dir = cache, trf_dir

    @Route("/cache/schedconfig/<queue>.all.json", GET, PLAIN, access=PUBLIC, gives=QueueDescription,
           passive=True, urgency=Urgency.ALWAYS, takes=QueueName, encode=encode.as_json_text)
    async def schedconfig(self, caller: Caller, asked: QueueName) -> str:
        """The description of one queue."""
        return await self._descriptions.queue(asked.queue)

    @Route("/cache/schedconfig/pandaqueues.json", GET, PLAIN, access=PUBLIC, gives=dict[str, QueueDescription], passive=True,
           urgency=Urgency.ALWAYS,
           encode=encode.as_json_text)
    async def pandaqueues(self, caller: Caller) -> str:
        """The descriptions of all queues, by name, for Harvester's cacher."""
        return await self._descriptions.queues()

    @Route("/cache/ddmendpoints.json", GET, PLAIN, access=PUBLIC, gives=dict[str, EndpointDescription], passive=True,
           urgency=Urgency.ALWAYS,
           encode=encode.as_json_text)
    async def ddmendpoints(self, caller: Caller) -> str:
        """All storage endpoints."""
        return await self._descriptions.endpoints()

    @Route("/cache/<path:name>", GET, PLAIN, access=PUBLIC, gives=bytes, passive=True, urgency=Urgency.ALWAYS, takes=FileName,
           encode=encode.as_file)
    async def cached(self, caller: Caller, asked: FileName) -> Path:
        """A sandbox or another uploaded file: whoever knows its name may have it."""
        if self._cache is None or not is_cache_name(asked.name):
            raise NotFound("file", asked.name)
        path = inside(self._cache.folder, asked.name)
        self._cache.note_fetch(path)
        return path

    @Route("/trf/<path:name>", GET, PLAIN, access=PUBLIC, gives=bytes, passive=True, urgency=Urgency.ALWAYS, takes=FileName,
           encode=encode.as_file)
    async def transformation(self, caller: Caller, asked: FileName) -> Path:
        """A payload script."""
        return inside(self._trf_dir, asked.name)


def inside(directory: Path | None, name: str) -> Path:
    """The file of that name below the directory, wherever its name and the links on its way lead.

    :raise NotFound: there is none, or it is not a plain file, or it lies elsewhere.
    """
    if directory is None:
        raise NotFound("file", name)
    try:
        root = directory.resolve(strict=True)
        path = (root / name).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):  # missing, name too long, loops of links
        raise NotFound("file", name) from None
    if not path.is_relative_to(root) or not path.is_file():
        raise NotFound("file", name)
    return path
