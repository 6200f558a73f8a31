"""What files and addresses have to say of queues, storage endpoints and links: fetched and read, nothing stored."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from twisted.internet.threads import deferToThreadPool

from pandad.download import Answer, Downloader, DownloadFailed
from pandad.queuesconfig import QueuesConfig
from pandad.spec.dump import Dump, Links, as_it_is, completed, endpoints_in, links_in, queues_in
from pandad.spec.errors import BadRequest, PandadError
from pandad.taskbuffer.sources import ENDPOINTS, LINKS, QUEUES, Mark
from pandad.tomlsource import Source, SourceError, json_in

MB = 1 << 20

_JSON = re.compile(r"\s*(?:\{|\[\s*[{\]])")  # a table of TOML begins with a bracket too, but with no second one like these

# By kind, from what stands in a text and whether that is JSON.
READ: Mapping[str, Callable[[object, bool], Dump[Any] | Links]] = {
    QUEUES: lambda data, is_json: queues_in(data, as_it_is if is_json else completed),
    ENDPOINTS: lambda data, is_json: endpoints_in(data),
    LINKS: lambda data, is_json: links_in(data),
}


class SourceUnusable(PandadError):
    """A source does not answer, or with something that cannot be read; str() says why, a line for each reason."""


class QueueSource:
    """Reads sources.

    :raise SourceUnusable: the authorities of the configuration cannot be used.
    """

    def __init__(self, reactor: Any, config: QueuesConfig) -> None:
        self._reactor, self._most_bytes = reactor, config.most_mb * MB
        try:
            self._downloader = Downloader(
                reactor, config.timeout_s, config.authorities, self._most_bytes, config.credential)
        except DownloadFailed as error:
            raise SourceUnusable(f"[queues] authorities: {error}") from None

    async def fetch(self, address: str, mark: Mark) -> Answer:
        """The content of an address or a file.

        :param mark: of what was taken last: if it is still that, there is no content.
        :raise SourceUnusable: it cannot be had.
        """
        if "://" not in address:
            return Answer(await self._apart(self._file, Path(address)))
        try:
            return await self._downloader.get(address, mark.etag, mark.modified)
        except DownloadFailed as error:
            raise SourceUnusable(str(error)) from None

    async def read(self, kind: str, content: bytes, address: str) -> Any:
        """The dump of one of sources.KINDS, read in a thread: a large one takes longer than a pilot should wait for.

        :raise SourceUnusable: it is none.
        """
        return await self._apart(parsed, kind, content, address)

    def _apart(self, work: Callable[..., Any], *args: object) -> Any:
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), work, *args)

    def _file(self, path: Path) -> bytes:
        try:
            with path.open("rb") as stream:
                content = stream.read(self._most_bytes + 1)
        except OSError as error:
            raise SourceUnusable(f"{path} cannot be read ({error.strerror})") from None
        if len(content) > self._most_bytes:
            raise SourceUnusable(f"{path} has more than {self._most_bytes} bytes; see [queues] most_mb")
        return content


def parsed(kind: str, content: bytes, address: str) -> Dump[Any] | Links:
    """The dump in a text: JSON, which is kept as it is, or TOML, whose queues are completed for pilots.

    :raise SourceUnusable: there is none in it.
    """
    try:
        text = content.decode("utf-8-sig")
        if not text.strip():
            raise BadRequest("", "is empty")
        is_json = address.endswith(".json") or _JSON.match(text) is not None
        return READ[kind](json_in(text, address) if is_json else Source(text, address).data, is_json)
    except UnicodeDecodeError as error:
        raise SourceUnusable(f"{address} is not UTF-8 text (byte {error.start})") from None
    except SourceError as error:
        raise SourceUnusable(str(error)) from None
    except BadRequest as error:
        raise SourceUnusable(f"{address} {error.problem}") from None
