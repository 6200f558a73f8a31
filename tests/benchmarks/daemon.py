"""The daemon under measurement: `python -m tests.benchmarks.daemon PLAIN_PORT -n pandad --config FILE`.

It is the ordinary one with one port more: there every call is served without TLS, and whoever shows no certificate is the pilot.
pandad has no setting for that.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.scripts.twistd import run

from pandad import service
from pandad.admission import Admission
from pandad.api.port import listen
from pandad.config import Config
from pandad.embedded.pki import SANDBOX_USERS
from pandad.embedded.sandbox import INTERFACE
from pandad.service import Pandad
from pandad.spec.caller import Caller, Identity, Role

PILOT = Caller(Identity("/CN=nobody vouches for this", SANDBOX_USERS["pilot"]), frozenset({Role.PILOT}), host=INTERFACE)


class EverybodyElseIsThePilot(Admission):
    """The usual ways to tell who is calling, and a pilot where they find nobody."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._usual, self.identify = self.identify, self._identify

    async def _identify(self, request: Any) -> Caller:
        caller = await self._usual(request)
        return PILOT if caller.identity is None else caller


class OpenPandad(Pandad):
    """Pandad with a port that needs no certificate."""

    def __init__(self, plain_port: int, reactor: Any, config: Config, read: Callable[[], Config]) -> None:
        self._plain_port = plain_port
        super().__init__(reactor, config, read)

    def _listen(self) -> None:
        super()._listen()
        self._ports.append(listen(self._reactor, self._plain_port, self._sites.active, INTERFACE))


if __name__ == "__main__":
    service.Pandad = partial(OpenPandad, int(sys.argv.pop(1)))  # type: ignore[assignment,misc]  # makeService makes this one then
    service.Admission = EverybodyElseIsThePilot  # type: ignore[attr-defined]
    run()
