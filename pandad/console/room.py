"""The console as a service: the ways in that the configuration opens."""

from __future__ import annotations

from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from pandad.console import looking, python, steering, telnet
from pandad.console.desk import Desk
from pandad.console.hostkey import host_key
from pandad.console.local import Place
from pandad.console.policy import Rank
from pandad.console.verb import Bench
from pandad.consoleconfig import ConsoleConfig
from pandad.daemons.loop import Loop

SOCKET_RETRY_S = 5.0  # while another process has it
BACKLOG = 10

VERBS_OF = (looking, steering, python)  # to be imported is all that they need


class Console(MultiService):
    """All ways in. One that cannot be opened is told in the log and keeps nothing else from working.

    :raise HostKeyError: the SSH host key cannot be used.
    """

    log = Logger()

    def __init__(self, reactor: Any, bench: Bench, config: ConsoleConfig) -> None:
        super().__init__()
        self._reactor, self._config = reactor, config
        self.desk = Desk(reactor, bench, config.deadline_s)
        self._place = Place(reactor, self.desk, config.socket) if config.socket is not None else None
        self._ssh = self._ssh_factory() if config.ssh_port else None
        self._ports: list[Any] = []

    def startService(self) -> None:
        """See IService."""
        super().startService()
        if self._place is not None:
            Loop(self._reactor, "console socket", SOCKET_RETRY_S, self._place.take).setServiceParent(self)
        if self._ssh is not None:
            self._listen(self._config.ssh_port, self._ssh, self._config.ssh_interface)
        if self._config.telnet_port:
            self._listen(self._config.telnet_port, telnet.factory(self._reactor, self.desk), self._config.telnet_interface)

    def stopService(self) -> Deferred[Any]:
        """See IService."""
        stopped = [super().stopService(), *(port.stopListening() for port in self._ports)]
        ends: Deferred[Any] = DeferredList([each for each in stopped if each is not None], consumeErrors=True)
        if self._place is not None:
            place = self._place
            ends.addCallback(lambda _: Deferred.fromCoroutine(place.leave()))
        return ends

    def _listen(self, port: int, factory: Any, interface: str) -> None:
        try:
            self._ports.append(self._reactor.listenTCP(port, factory, BACKLOG, interface))
        except CannotListenError as problem:
            self.log.error("no console there: {problem}", problem=str(problem))

    def _ssh_factory(self) -> Any:
        from pandad.console import ssh  # of no use to those who do not ask for it, and takes a while

        config = self._config
        assert config.ssh_host_key is not None
        files = {rank: path for rank, path in ((Rank.OPERATOR, config.ssh_operators), (Rank.READER, config.ssh_readers))
                 if path is not None}
        return ssh.ConsoleFactory(self._reactor, self.desk, ssh.usable(host_key(config.ssh_host_key)), ssh.Keys(files))
