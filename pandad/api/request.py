"""One HTTP request, from its head to its reply."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, AnyStr

from twisted.web.http import NO_BODY_CODES, RESPONSES, parse_qs
from twisted.web.http_headers import Headers

from pandad.api.encode import Reply
from pandad.api.errors import TooLarge
from pandad.api.traced import TracedRequest
from pandad.api.upload import Reception

Receive = Callable[["PandaRequest", int, Callable[[], Any], Callable[[], Any], Callable[[Reply], Any]], Reception]
"""What takes the body of an upload; see endpoint.Endpoint.receive."""

_AUTHORITY = re.compile(rb"\Ahttps?://[^/?]*", re.IGNORECASE)


def local_target(target: bytes) -> bytes:
    """The request target without "http://host": clients send that when they take this server for their HTTP proxy."""
    local = _AUTHORITY.sub(b"", target, count=1)
    return local if local.startswith((b"/", b"*")) else b"/" + local


class PandaRequest(TracedRequest):
    """A request that is refused before its body is read if that is too large, and that may be meant for a proxy.

    It comes by one of two ways: piece by piece from Twisted's parser, or whole by `arrived`.
    """

    channel: Any = None
    received_bytes = 0  # of the body, if it comes in pieces
    reception: Reception | None = None  # of the body, if it is a file that is not kept in memory
    _refused = False
    _limit_bytes = 0
    _whole: tuple[Mapping[bytes, bytes], bytes] | None = None  # headers and body
    _headers: Headers | None

    def arrived(self, method: bytes, target: bytes, headers: Mapping[bytes, bytes], body: bytes) -> None:
        """All of it, at once.

        :param headers: by name in small letters.
        """
        self.method, self.uri, self.clientproto = method, target, b"HTTP/1.1"
        self.path, _, query = target.partition(b"?")
        self.args = parse_qs(query, 1) if query else {}
        self._whole, self._headers = (headers, body), None
        self.process()

    @property
    def requestHeaders(self) -> Headers:
        """As Twisted's own code wants them; made when it does."""
        if self._headers is None:
            assert self._whole is not None
            self._headers = Headers({name: [value] for name, value in self._whole[0].items()})
        return self._headers

    @requestHeaders.setter
    def requestHeaders(self, headers: Headers) -> None:
        self._headers = headers

    def getHeader(self, key: AnyStr) -> AnyStr | None:
        """The header's (last) value. As text: what is no UTF-8 in it is marked; Twisted would raise."""
        if isinstance(key, bytes):
            return self._whole[0].get(key.lower()) if self._whole is not None else super().getHeader(key)
        value = self.getHeader(key.encode())
        return None if value is None else value.decode("utf-8", "replace")

    def values(self, name: bytes) -> list[bytes]:
        """Each value of a header: whose value decides must not be said twice.

        :param name: in small letters.
        """
        if self._whole is not None:  # in which no name stands twice
            value = self._whole[0].get(name)
            return [] if value is None else [value]
        return list(self.requestHeaders.getRawHeaders(name, ()))

    def body(self) -> bytes:
        """The whole body. To be taken before anything is waited for: it goes when the client hangs up."""
        if self._whole is not None:
            return self._whole[1]
        assert self.content is not None
        content: bytes = self.content.read()
        return content

    def gone(self) -> bool:
        """Whether nobody waits for a reply: the client hung up, or has its reply."""
        return self.channel is None

    def forget(self, name: bytes) -> None:
        """As if the header had not come.

        :param name: in small letters.
        """
        self.requestHeaders.removeHeader(name)
        if self._whole is not None:
            self._whole = {key: value for key, value in self._whole[0].items() if key != name}, self._whole[1]

    def gotLength(self, length: int | None) -> None:
        """The headers are in, the body is to come."""
        # The request learns its own target only when it is complete.
        path = local_target(getattr(self.channel, "_path", b"/")).partition(b"?")[0]
        receive = self.channel.site.resource.receivers.get(path)
        if receive is not None and getattr(self.channel, "_command", b"") == b"POST":
            self._receive(receive, length)
            return
        self._limit_bytes = self.channel.site.resource.body_limit_bytes(path)
        if length is not None and length > self._limit_bytes:
            self._refuse()
        else:
            super().gotLength(length)

    def _receive(self, receive: Receive, length: int | None) -> None:
        """The body is an upload."""
        super().gotLength(0)
        if length is None:
            self._refused = True
            self.requestHeaders.removeHeader(b"expect")
            self.channel.refuse(411, b"Length Required", "say in Content-Length how much is to come")
            return
        source = self.channel._networkProducer

        def turn_away(reply: Reply) -> None:
            self._refused = True
            self.requestHeaders.removeHeader(b"expect")
            rest_bytes = max(length - self.received_bytes, 0) if self.caller.identity is not None else 0
            self.channel.refuse(reply.status, RESPONSES.get(reply.status, b"Refused"), reply, rest_bytes)

        self.reception = receive(self, length, source.pauseProducing, source.resumeProducing, turn_away)

    def handleContentChunk(self, data: bytes) -> None:
        """Bodies are counted as they come: not all have a length, and all together they fill memory and disk."""
        if self._refused:
            return
        self.received_bytes += len(data)
        if self.reception is not None:
            self.reception.take(data)
            return
        self.channel.site.arriving.add(len(data))
        if self.received_bytes > self._limit_bytes:
            self._refuse()
        elif self.channel.site.arriving.too_many:
            self._refused = True
            self.channel.refuse(503, b"Service Unavailable", "too many large bodies are on their way here; try again later")
        else:
            super().handleContentChunk(data)

    def _refuse(self) -> None:
        self._refused = True
        self.requestHeaders.removeHeader(b"expect")  # else Twisted still invites the body
        self.channel.refuse(413, b"Content Too Large", str(TooLarge(self._limit_bytes)))

    def connectionLost(self, reason: Any) -> None:
        """The client hung up."""
        self._arrived()
        if self.reception is not None:
            self.reception.end()
        super().connectionLost(reason)

    def _arrived(self) -> None:
        if self.received_bytes and self.reception is None:
            self.channel.site.arriving.add(-self.received_bytes)
            self.received_bytes = 0

    def process(self) -> None:
        """The request is complete."""
        self._arrived()
        if self._refused:
            return
        if self.reception is not None:
            self.reception.all_came()
        if not self.path.startswith(b"/"):
            self.uri = local_target(self.uri)
            self.path = self.uri.partition(b"?")[0]
        serve = self.channel.site.resource.plain.get(self.path)
        if serve is not None:
            serve(self)
        else:
            super().process()

    def reply(self, reply: Reply) -> None:
        """Write all of it, in one piece, so that it leaves in one packet."""
        self.setResponseCode(reply.status)
        lines = [b"%b %d %b" % (self.clientproto, reply.status, self.code_message), *self.channel.site.lines(),
                 b"Content-Type: " + reply.content_type, b"Content-Length: %d" % len(reply.body),
                 b"X-Request-Id: " + self.request_id.encode()]
        lines += [b"%b: %b" % header for header in reply.headers]
        if not self.channel.persistent:
            lines.append(b"Connection: close")
        silent = self.method == b"HEAD" or reply.status in NO_BODY_CODES
        self.startedWriting = 1
        self.channel.write(b"\r\n".join((*lines, b"", b"" if silent else reply.body)))
        self.finish()
