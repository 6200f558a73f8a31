"""Uploads that nobody wants any more go; and what a crash left in the folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.threads import deferToThreadPool

from pandad.taskbuffer import cachefiles
from pandad.taskbuffer.store import Store
from pandad.userinterface.cachefolder import CacheFolder

T = TypeVar("T")

PAGE = 100  # files that one round looks at; each may mean a look at all jobs of a person


class CacheSweep:
    """:param folder: None: there is nothing to do."""

    def __init__(self, store: Store, folder: CacheFolder | None, keep_s: int, reactor: Any) -> None:
        self._store, self._folder, self._keep_s, self._reactor = store, folder, keep_s, reactor

    async def run_once(self) -> bool:
        """One round; True if there may be more."""
        if self._folder is None:
            return False
        folder = self._folder
        names = await self._store.read("cache_unused", cachefiles.unused, self._keep_s, PAGE)
        if names:
            await self._expire(folder, names)
        await self._clear(folder)
        return len(names) == PAGE

    async def _expire(self, folder: CacheFolder, names: list[str]) -> None:
        wanted = set(await self._in_thread(lambda: folder.fetched_within(names, self._keep_s)))
        wanted.update(await self._store.read("cache_needed", cachefiles.needed, [n for n in names if n not in wanted]))
        if wanted:  # they are looked at again when they have been unwanted for as long once more
            await self._store.once("cache_wanted", cachefiles.touch, wanted)
        if others := [name for name in names if name not in wanted]:
            gone = await self._store.once("cache_expire", cachefiles.expire, others, self._keep_s)
            await self._in_thread(lambda: folder.remove(gone))

    async def _clear(self, folder: CacheFolder) -> None:
        strays = await self._in_thread(folder.strays)
        if strays:
            unknown = await self._store.read("cache_unknown", cachefiles.unknown, strays)
            await self._in_thread(lambda: folder.remove(unknown))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await deferToThreadPool(self._reactor, self._reactor.getThreadPool(), work)
