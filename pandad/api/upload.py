"""A file on its way: from the body of a request, as it comes, to the place that a room has for it. Never whole in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from pandad.api.errors import HungUp
from pandad.api.multipart import OneFile
from pandad.spec.errors import PandadError


class IPlace(Protocol):
    """Where a file goes."""

    def called(self, filename: str) -> None:
        """What the client calls it; said once, before the first byte. Raises PandadError: not under that name."""

    def write(self, data: bytes) -> None:
        """More of it. Raises PandadError: no more."""

    def end(self) -> None:
        """It was kept, or is not wanted; said at the end, once."""


class Upload:
    """A form with one file, to a place.

    :raise BadRequest: (also of the methods) this is no such form. The place's errors pass.
    """

    def __init__(self, content_type: bytes | None, place: IPlace) -> None:
        self.place = place
        self._named = False
        try:
            self._form = OneFile(content_type)
        except PandadError:
            place.end()
            raise

    def feed(self, piece: bytes) -> None:
        """The next piece of the body."""
        data = self._form.feed(piece)
        if not self._named and self._form.filename is not None:
            self._named = True
            self.place.called(self._form.filename)
        if data:
            self.place.write(data)

    def finish(self) -> None:
        """That was all of the body."""
        self._form.finish()


class Reception:
    """The body of one request while it comes. Who sends it is asked first: until that is known no more is read from him.

    :param begin: finds out, and has a place for what he sends. Raises PandadError: there is none.
    :param wait: read no more. :param go_on: read on.
    :param refuse: answers with the error, before all has come; said once, and nothing is taken afterwards.
    """

    def __init__(self, begin: Awaitable[Upload], wait: Callable[[], Any], go_on: Callable[[], Any],
                 refuse: Callable[[PandadError], Any]) -> None:
        self._wait, self._go_on = wait, go_on
        self._refuse: Callable[[PandadError], Any] | None = refuse
        self._early: list[bytes] = []
        self._upload: Upload | None = None
        self._error: PandadError | None = None
        self._over = False
        self._begun: Deferred[None] = Deferred.fromCoroutine(self._begin(begin))

    async def _begin(self, begin: Awaitable[Upload]) -> None:
        try:
            upload = await begin
        except PandadError as error:
            self._fail(error)
            return
        if self._over:  # he is gone
            upload.place.end()
            return
        self._upload, early = upload, b"".join(self._early)
        if early:
            self._early = []
            self.take(early)
            self._go_on()

    def take(self, piece: bytes) -> None:
        """The next piece of the body."""
        if self._over:
            return
        if self._upload is None:
            self._early.append(piece)
            self._wait()
            return
        try:
            self._upload.feed(piece)
        except PandadError as error:
            self._fail(error)

    def all_came(self) -> None:
        """The body is complete. `complete` will be asked, and `refuse` is not told any more."""
        self._refuse = None

    async def complete(self) -> Upload:
        """The upload, when all of it is here; it is the caller's to end from now on.

        :raise PandadError: why there is none.
        """
        await self._begun
        if self._upload is None:
            raise self._error or HungUp()
        upload, self._upload, self._over = self._upload, None, True
        return upload

    def end(self) -> None:
        """No more will come."""
        upload, self._upload, self._over = self._upload, None, True
        if upload is not None:
            upload.place.end()

    def _fail(self, error: PandadError) -> None:
        if not self._over:
            self.end()
            self._error = error
            if self._refuse is not None:
                self._refuse(error)
