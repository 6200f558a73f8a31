"""`python -m clients.flood PORT CONNECTIONS`: asks for the states of no jobs, as often as these connections take; until killed.

Requests are pipelined, so that each turn of the server's reactor finds far more of them than it can answer in that turn.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

ASK = b"GET /server/panda/getStatus HTTP/1.1\r\nHost: x\r\n\r\n" * 1000
READ_BYTES = 1 << 20


async def ask(port: int) -> None:
    """On one connection; on another one when that is lost."""
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        reading = asyncio.create_task(_read(reader))
        while not reading.done() and not writer.is_closing():
            writer.write(ASK)
            with suppress(ConnectionError):
                await writer.drain()
        writer.close()


async def _read(reader: asyncio.StreamReader) -> None:
    with suppress(ConnectionError):
        while await reader.read(READ_BYTES):
            pass


async def main() -> None:
    """All of them."""
    port, connections = map(int, sys.argv[1:])
    await asyncio.gather(*(ask(port) for _ in range(connections)))


if __name__ == "__main__":
    asyncio.run(main())
