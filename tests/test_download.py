"""Fetching by address: what is new only, within a size, from whom authorities vouch for. See also api/tokens/test_discovery.py"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor

from pandad.download import Answer, Downloader, DownloadFailed, authorities_in
from pandad.embedded.pki import SandboxPki

PLENTY_S, SIZE = 20.0, 1000
VERIFY_ALLOW_PROXY_CERTS = 0x40  # OpenSSL's; the ssl module names it from 3.10 on


class Handler(BaseHTTPRequestHandler):
    """Says what it was asked, with a tag; nothing new to who knows the tag or a date."""

    def do_GET(self) -> None:
        """The only verb."""
        if self.path == "/secret":
            connection: Any = self.connection
            self.send_response(200 if connection.getpeercert() else 403)
            self.end_headers()
            return
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
    context.load_verify_locations(pki.ca_file)
    context.verify_flags |= VERIFY_ALLOW_PROXY_CERTS
    context.verify_mode = ssl.CERT_OPTIONAL
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


@pytest.mark.parametrize("kind", ["proxy", "credential"])
@ensureDeferred
async def test_who_asks(url: str, pki: SandboxPki, tmp_path: Path, kind: str) -> None:
    """A proxy or a certificate is shown to who wants one, as it is in the file at that moment."""
    with pytest.raises(DownloadFailed, match="HTTP status 403"):
        await Downloader(reactor, PLENTY_S, pki.ca_file, SIZE).get(f"{url}/secret")
    file = tmp_path / "x509up"
    get = Downloader(reactor, PLENTY_S, pki.ca_file, SIZE, file).get
    for text, says in ((None, "No such file"), ("no certificate", "cannot be used")):
        if text is not None:
            file.write_text(text)
        with pytest.raises(DownloadFailed, match=says):
            await get(f"{url}/secret")
    file.write_bytes(getattr(pki, kind)("alice").read_bytes())
    assert (await get(f"{url}/secret")).content == b""


@ensureDeferred
async def test_sizes(url: str, pki: SandboxPki) -> None:
    """Up to the limit, and not a byte more."""
    get = Downloader(reactor, PLENTY_S, pki.ca_file, SIZE).get
    assert len((await get(f"{url}/{SIZE}")).content or b"") == SIZE
    with pytest.raises(DownloadFailed, match="answers with more than 1000 bytes"):
        await get(f"{url}/{SIZE + 1}")
