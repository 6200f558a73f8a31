"""Outgoing HTTPS to token issuers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.ssl import Certificate

from pandad import download
from pandad.api.tokens.discovery import FetchFailed

ANSWER_LIMIT_BYTES = 512 * 1024  # longer than any key set


class Fetcher:
    """Gets documents by their address.

    :param ca_file: authorities to believe; None: the system's.
    :raise FetchFailed: there are no certificates in that file.
    """

    def __init__(self, reactor: Any, timeout_s: float, ca_file: Path | None) -> None:
        try:
            self._downloader = download.Downloader(reactor, timeout_s, ca_file, ANSWER_LIMIT_BYTES)
        except download.DownloadFailed as error:
            raise FetchFailed(str(error)) from None

    async def get(self, address: str) -> bytes:
        """The content of an address.

        :raise FetchFailed: it did not answer with 200 and a short text in time.
        """
        try:
            content = (await self._downloader.get(address)).content
        except download.DownloadFailed as error:
            raise FetchFailed(str(error)) from None
        assert content is not None  # nothing earlier was named
        return content


def authorities(ca_file: Path) -> list[Certificate]:
    """The certificates in a PEM file.

    :raise FetchFailed: there are none.
    """
    try:
        return download.authorities_in(ca_file)
    except download.DownloadFailed as error:
        raise FetchFailed(str(error)) from None
