"""Fetching by address: what is new only, within a size, from whom authorities vouch for. See also api/tokens/test_discovery.py"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor

from pandad.download import Answer, Downloader, DownloadFailed, authorities_in
from pandad.embedded.pki import SandboxPki

PLENTY_S, SIZE = 20.0, 1000


class Handler(BaseHTTPRequestHandler):
    """Says what it was asked, with a tag; nothing new to who knows the tag or a date."""

    def do_GET(self) -> None:
        """The only verb."""
        known = self.headers.get("If-None-Match") == '"1"' or self.headers.get("If-Modified-Since") is not None
        self.send_response(304 if known or self.path == "/odd" else 200)
        self.send_header("ETag", '"1"')
        self.end_headers()
        if not known:
            self.wfile.write(b"x" * int(self.path[1:] or 0) if self.path[1:].isdigit() else b"hello")

    def log_message(self, *args: object) -> None:
        """To nobody."""


@pytest.fixture
def url(pki: SandboxPki) -> Iterator[str]:
    """Of a server with a certificate of the sandbox' authority."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *args: None  # type: ignore[method-assign]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.host_certificate, pki.host_key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"https://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@ensureDeferred
async def test_what_is_new(url: str, pki: SandboxPki) -> None:
    """The first time all of it, with the tag for the second; by tag or by date there is then no content."""
    get = Downloader(reactor, PLENTY_S, pki.ca_file, SIZE).get
    first = await get(f"{url}/x")
    assert first == Answer(b"hello", '"1"', None)
    assert (await get(f"{url}/x", first.etag)).content is (await get(f"{url}/x", None, "Mon, 23 Nov 2026")).content is None
    with pytest.raises(DownloadFailed, match="HTTP status 304"):
        await get(f"{url}/odd")


@ensureDeferred
async def test_a_folder_of_authorities(url: str, pki: SandboxPki, tmp_path: Path) -> None:
    """As the grid has it; without the right one in it nobody is believed."""
    assert (await Downloader(reactor, PLENTY_S, pki.ca_directory, SIZE).get(f"{url}/x")).content == b"hello"
    with pytest.raises(DownloadFailed, match="has no certificate in PEM form"):
        authorities_in(tmp_path)
    (tmp_path / "x.pem").write_text("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
    with pytest.raises(DownloadFailed, match="cannot be read"):
        Downloader(reactor, PLENTY_S, tmp_path, SIZE)


@ensureDeferred
async def test_sizes(url: str, pki: SandboxPki) -> None:
    """Up to the limit, and not a byte more."""
    get = Downloader(reactor, PLENTY_S, pki.ca_file, SIZE).get
    assert len((await get(f"{url}/{SIZE}")).content or b"") == SIZE
    with pytest.raises(DownloadFailed, match="answers with more than 1000 bytes"):
        await get(f"{url}/{SIZE + 1}")
