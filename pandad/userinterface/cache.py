"""What people upload for their jobs: sandboxes of prun and pathena. Kept under the name that the client chose, until unwanted."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.threads import deferToThreadPool

from pandad.config import CacheConfig
from pandad.spec.act import doer
from pandad.spec.cachename import cache_name, is_sources
from pandad.spec.caller import Caller, Identity
from pandad.spec.errors import Conflict, Forbidden, NotFound, PandadError, Unavailable
from pandad.taskbuffer import audit, cachefiles
from pandad.taskbuffer.cachefiles import CacheFile
from pandad.taskbuffer.oneatatime import Matter, one_at_a_time
from pandad.taskbuffer.store import Store, Transaction
from pandad.userinterface.cachefolder import CacheFolder, Incoming, NoRoom
from pandad.userinterface.identity import identity_of

T = TypeVar("T")

MIB = 1 << 20
FORM_BYTES = 8192  # around a file
A_PERSONS = 4  # of the uploads at a time, one in so many


class NoCache(PandadError):
    """This server takes no uploads."""

    def __init__(self) -> None:
        super().__init__("this server keeps no files of users: its administrator has to set [cache] folder")


class TooManyUploads(Unavailable):
    """There are as many under way as may be."""

    def __init__(self, whose: str) -> None:
        super().__init__(f"{whose} too many uploads under way; try again when one of them is through")


class TooMuch(PandadError):
    """The file is too large."""

    def __init__(self, limit_bytes: int, name: str = "a file") -> None:
        super().__init__(f"{name} may have {limit_bytes} bytes here, and this has more")


class Cache:
    """All uploads.

    :param folder: None: this server takes none.
    """

    def __init__(self, store: Store, folder: CacheFolder | None, config: CacheConfig, reactor: Any) -> None:
        self._store, self._folder, self._config, self._reactor = store, folder, config, reactor
        self._under_way: Counter[int | Identity] = Counter()  # by person

    def limit_bytes(self, name: str | None = None) -> int:
        """The most that a file of that name may have; any file, if it is not known yet."""
        sources, other = self._config.sources_mib * MIB, self._config.other_mib * MIB
        if name is None:
            return max(sources, other)
        return sources if is_sources(name) else other

    def begin(self, caller: Caller, size: int) -> CacheUpload:
        """Somebody wants to upload about so many bytes.

        :raise NoCache: not here. :raise TooMuch: never. :raise NoRoom: it would fill the disk.
        :raise TooManyUploads: not now.
        """
        folder, person = self._opened(), _person(caller)
        if size > self.limit_bytes() + FORM_BYTES:
            raise TooMuch(self.limit_bytes())
        if self._under_way.total() >= self._config.uploads:
            raise TooManyUploads("this server has")
        if self._under_way[person] >= max(self._config.uploads // A_PERSONS, 1):
            raise TooManyUploads("you have")
        free = folder.free_bytes()
        if free - size < self._config.free_mib * MIB:
            raise NoRoom(f"it has {free // MIB} MiB, and {self._config.free_mib} MiB have to stay free")
        file = folder.begin()
        self._under_way[person] += 1
        return CacheUpload(self, caller, file)

    def forget(self, caller: Caller) -> None:
        """One of his uploads is not under way any more."""
        self._under_way[_person(caller)] -= 1
        self._under_way += Counter()  # without those who have none

    async def keep(self, caller: Caller, file: Incoming, name: str) -> None:
        """Have it under that name. What is kept already, by the same person and byte for byte, is fine.

        :raise Conflict: there is another file of that name, or the person has too much here.
        :raise Forbidden: the name is somebody else's. :raise NoRoom: the disk does not take it.
        """
        folder = self._opened()
        await self._in_thread(file.seal)
        row = CacheFile(name=name, owner=identity_of(caller), size_bytes=file.size_bytes, crc=file.crc, digest=file.digest,
                        host=socket.gethostname())
        # First the row: it is what makes the name one's own. Without the file it is no lie that hurts, and a retry heals it.
        await self._store.transact("cache_put", self._put, caller, row)
        await self._in_thread(lambda: folder.place(file, name))

    async def _put(self, txn: Transaction, caller: Caller, row: CacheFile) -> None:
        await one_at_a_time(txn, Matter.UPLOADS, caller.identities)
        if await self._is_known(txn, caller, row):
            await cachefiles.touch(txn, [row.name])
        elif await cachefiles.put(txn, row, caller.identities, self._config.person_mib * MIB):
            await audit.note(txn, doer(caller)("upload", row.name))
        elif not await self._is_known(txn, caller, row):  # two people at a time, and the other one was first
            raise Conflict(f"all of your files here together may have {self._config.person_mib} MiB, and would have more with "
                           f"{row.name}; delete some (file_server/delete_cache_file), or wait until they run out")

    async def _is_known(self, txn: Transaction, caller: Caller, row: CacheFile) -> bool:
        known = await cachefiles.find(txn, row.name)
        if known is None:
            return False
        _check_owner(caller, known)
        if known.digest != row.digest:
            raise Conflict(f"there is another file {row.name} of yours; upload this one under a new name")
        return True

    async def look(self, caller: Caller, size: int, crc: int) -> str | None:
        """The name of a file of the caller's that is as large and has that CRC32 in its gzip footer.

        :raise NoCache: not here.
        """
        folder = self._opened()
        name = await self._store.once("cache_look", cachefiles.alike, caller.identities, size, crc)
        return name if name is not None and await self._in_thread(lambda: folder.has(name, size)) else None

    async def touch(self, caller: Caller, given_name: str) -> None:
        """The file is still wanted.

        :raise NotFound: there is none. :raise Forbidden: it is somebody else's.
        """
        await self._store.transact("cache_touch", self._touch, caller, cache_name(given_name))

    async def _touch(self, txn: Transaction, caller: Caller, name: str) -> None:
        await self._own(txn, caller, name)
        await cachefiles.touch(txn, [name])

    async def delete(self, caller: Caller, given_name: str) -> None:
        """The file is not wanted any more.

        :raise NotFound: there is none. :raise Forbidden: it is somebody else's.
        """
        folder, name = self._opened(), cache_name(given_name)
        await self._store.transact("cache_delete", self._delete, caller, name)
        await self._in_thread(lambda: folder.remove([name]))

    async def _delete(self, txn: Transaction, caller: Caller, name: str) -> None:
        await self._own(txn, caller, name)
        await cachefiles.remove(txn, name)
        await audit.note(txn, doer(caller)("delete upload", name))

    async def _own(self, txn: Transaction, caller: Caller, name: str) -> None:
        known = await cachefiles.find(txn, name)
        if known is None:
            raise NotFound("file", name)
        _check_owner(caller, known)

    def _opened(self) -> CacheFolder:
        if self._folder is None:
            raise NoCache
        return self._folder

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await deferToThreadPool(self._reactor, self._reactor.getThreadPool(), work)


class CacheUpload:
    """One that is under way. ``name``: under which it will be kept."""

    def __init__(self, cache: Cache, caller: Caller, file: Incoming) -> None:
        self._cache, self._caller, self._file = cache, caller, file
        self._limit_bytes, self.name = 0, ""

    def called(self, filename: str) -> None:
        """What the client calls it.

        :raise BadRequest: nothing here is called so.
        """
        self.name = cache_name(filename)
        self._limit_bytes = self._cache.limit_bytes(self.name)

    def write(self, data: bytes) -> None:
        """More of it.

        :raise TooMuch: than one of that name may have. :raise NoRoom: than the disk takes.
        """
        if self._file.size_bytes + len(data) > self._limit_bytes:
            raise TooMuch(self._limit_bytes, self.name)
        self._file.write(data)

    async def keep(self) -> None:
        """That was all; see Cache.keep."""
        await self._cache.keep(self._caller, self._file, self.name)

    def end(self) -> None:
        """It is over, one way or another; what was not kept is gone."""
        self._file.discard()
        self._cache.forget(self._caller)


def _person(caller: Caller) -> int | Identity:
    return identity_of(caller) if caller.account is None else caller.account


def _check_owner(caller: Caller, file: CacheFile) -> None:
    if not caller.is_(file.owner):
        raise Forbidden(f"the file {file.name} is somebody else's; {caller.described}")
