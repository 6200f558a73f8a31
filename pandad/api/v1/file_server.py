"""API v1, module file_server: what people upload for their jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pandad.api.access import OWN
from pandad.api.encode import Envelope
from pandad.api.route import Route
from pandad.spec.caller import Caller

if TYPE_CHECKING:
    from pandad.api.upload import Upload
    from pandad.userinterface.cache import Cache, CacheUpload


@dataclass(frozen=True, slots=True, kw_only=True)
class Footer:
    """What a client knows of a file of his: its size in bytes, and the CRC32 that its last eight bytes claim, if it is a gzip."""

    file_size: int
    checksum: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheName:
    """Which file."""

    file_name: str


class FileServer:
    """One method per call."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def open(self, caller: Caller, length: int) -> CacheUpload:
        """A place for a file in a body of so many bytes."""
        return self._cache.begin(caller, length)

    @Route("/api/v1/file_server/upload_cache_file", access=OWN, gives=str, opens="open")
    async def upload_cache_file(self, caller: Caller, upload: Upload) -> Envelope:
        """Keep the file of a multipart form, under the name that it has there."""
        try:
            upload.finish()
            place: CacheUpload = upload.place  # type: ignore[assignment]  # `open` made it
            await place.keep()
        finally:
            upload.place.end()
        return Envelope(True, f"{place.name} is here", place.name)

    @Route("/api/v1/file_server/validate_cache_file", access=OWN, gives=str | None, takes=Footer, tells_host=True)
    async def validate_cache_file(self, caller: Caller, asked: Footer, host: str) -> Envelope:
        """Whether the caller's file is here already: FOUND:HOST:NAME or NOTFOUND. HOST is the one that was called, because each
        that shares the folder has it."""
        name = await self._cache.look(caller, asked.file_size, asked.checksum)
        return Envelope(True, "NOTFOUND" if name is None else f"FOUND:{host}:{name}", name)

    @Route("/api/v1/file_server/touch_cache_file", access=OWN, gives=None, takes=CacheName)
    async def touch_cache_file(self, caller: Caller, asked: CacheName) -> Envelope:
        """The file is still wanted."""
        await self._cache.touch(caller, asked.file_name)
        return Envelope(True, "")

    @Route("/api/v1/file_server/delete_cache_file", access=OWN, gives=None, takes=CacheName)
    async def delete_cache_file(self, caller: Caller, asked: CacheName) -> Envelope:
        """The file is not wanted any more."""
        await self._cache.delete(caller, asked.file_name)
        return Envelope(True, "")
