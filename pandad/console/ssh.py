"""The console over SSH: a host key of its own, public keys alone, and nothing but sessions: no forwarding, no files, no agent."""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from twisted.conch.avatar import ConchUser
from twisted.conch.error import ValidPublicKey
from twisted.conch.insults.insults import ServerProtocol
from twisted.conch.interfaces import IConchUser, ISession
from twisted.conch.ssh.connection import SSHConnection
from twisted.conch.ssh.factory import SSHFactory
from twisted.conch.ssh.keys import BadKeyError, Key
from twisted.conch.ssh.session import SSHSession, wrapProtocol
from twisted.conch.ssh.transport import SSHServerTransport
from twisted.conch.ssh.userauth import SSHUserAuthServer
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ISSHPrivateKey
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from zope.interface import implementer

from pandad import configchecks
from pandad.console.desk import Desk
from pandad.console.hostkey import HostKeyError
from pandad.console.policy import HIGHEST, Peer, Rank, Way
from pandad.console.session import Session
from pandad.console.terminal import Terminal
from pandad.spec.errors import Conflict

SMALLEST_RSA_BITS = 2048
MOST_ATTEMPTS = 6
LOGIN_LIMIT_S = 60
MOST_CONNECTIONS = 50  # those that have not shown a key, too

log = Logger()


def usable(text: bytes) -> Key:
    """A host key.

    :raise HostKeyError: it is none.
    """
    try:
        key: Key = Key.fromString(text)
    except (BadKeyError, ValueError) as problem:
        raise HostKeyError(f"[console] ssh_host_key is no key ({problem}); remove the file, and another is made") from None
    return key


@implementer(ICredentialsChecker)
class Keys:
    """Who may come in: the keys in the files, read at each login, so that a key that is taken out is out.

    :param files: by the rank that they give.
    """

    credentialInterfaces = (ISSHPrivateKey,)

    def __init__(self, files: Mapping[Rank, Path]) -> None:
        self._files = files

    def requestAvatarId(self, credentials: Any) -> Deferred[bytes | tuple[()]]:
        """Rank and fingerprint, once it was shown that the key is there."""
        found: Deferred[bytes | tuple[()]] = Deferred()
        try:
            found.callback(self._checked(credentials))
        except (UnauthorizedLogin, ValidPublicKey) as refusal:
            found.errback(refusal)
        return found

    def _checked(self, credentials: Any) -> bytes:
        try:
            shown = Key.fromString(credentials.blob)
        except BadKeyError as error:
            raise UnauthorizedLogin(f"no key: {error}") from None
        rank = next((rank for rank, key in self._known() if key == shown), None)
        if rank is None:
            log.info("console: refused the SSH key {key}", key=_fingerprint(shown))
            raise UnauthorizedLogin("this key is not among those of the console")
        if not credentials.signature:
            raise ValidPublicKey
        if not shown.verify(credentials.signature, credentials.sigData):
            raise UnauthorizedLogin("the signature does not fit the key")
        return f"{rank.name} {_fingerprint(shown)}".encode()

    def _known(self) -> Iterator[tuple[Rank, Key]]:
        """The highest rank first, should a key be in both."""
        for rank in sorted(self._files, reverse=True):
            if (refusal := configchecks.trusted(self._files[rank])) is not None:
                log.error("console: nobody comes in by these keys: {problem}", problem=refusal)
                continue
            for line in self._files[rank].read_bytes().splitlines():
                key = _listed(line)
                if key is not None:
                    yield rank, key


def _listed(line: bytes) -> Key | None:
    """The key in a line of the form ``TYPE KEY COMMENT``; None if there is none that counts."""
    try:
        key = Key.fromString(line.strip())
    except (BadKeyError, ValueError):
        return None
    return key if key.isPublic() and (key.type() != "RSA" or key.size() >= SMALLEST_RSA_BITS) else None


def _fingerprint(key: Key) -> str:
    """As ssh-keygen -l writes it."""
    return "SHA256:" + b64encode(sha256(key.public().blob()).digest()).decode().rstrip("=")


@implementer(ISession)
class Person(ConchUser):
    """Somebody who showed a key: gets a terminal, or one line done (``ssh -p PORT HOST why 1234``)."""

    def __init__(self, reactor: Any, desk: Desk, rank: Rank, key: str) -> None:
        super().__init__()
        self._reactor, self._desk, self._rank, self._key = reactor, desk, rank, key
        self.channelLookup[b"session"] = SSHSession
        self._terminal: Terminal | None = None
        self._session: Session | None = None
        self._size = 80, 24

    def getPty(self, terminal: bytes, windowSize: tuple[int, int, int, int], modes: Any) -> None:
        """See ISession."""
        self._size = windowSize[1], windowSize[0]

    def openShell(self, transport: Any) -> None:
        """See ISession."""
        server = ServerProtocol(lambda: self._opened(Terminal(self._reactor, self._desk, lambda _: self._peer())))
        server.makeConnection(transport)
        transport.makeConnection(wrapProtocol(server))
        assert self._terminal is not None
        self._terminal.terminalSize(*self._size)

    def execCommand(self, transport: Any, command: bytes) -> None:
        """See ISession; the exit status is 0 if the line was done."""
        peer, line = self._peer(), command.decode("utf-8", "replace")
        try:
            self._desk.enter(self, peer)
        except Conflict as refusal:
            transport.write(f"{refusal}\n".encode())
            _exit(transport, 1)
            return
        self._session = Session(self._desk, peer, lambda text: None)

        def done(reply: dict[str, Any]) -> None:
            self._desk.leave(self)
            transport.write(f"{reply['text']}\n".encode("utf-8", "replace"))
            _exit(transport, 0 if reply["good"] else 1)

        self._session.perform(line).addCallback(done)

    def windowChanged(self, newWindowSize: tuple[int, int, int, int]) -> None:
        """See ISession."""
        if self._terminal is not None:
            self._terminal.terminalSize(newWindowSize[1], newWindowSize[0])

    def eofReceived(self) -> None:
        """See ISession."""

    def closed(self) -> None:
        """See ISession: nobody waits for an answer any more."""
        self._desk.leave(self)
        if self._session is not None:
            self._session.cancel()
        if self._terminal is not None:  # whom nobody else tells
            self._terminal.connectionLost()

    def _opened(self, terminal: Terminal) -> Terminal:
        self._terminal = terminal
        return terminal

    def _peer(self) -> Peer:
        address = self.conn.transport.transport.getPeer()
        return Peer(Way.SSH, min(self._rank, HIGHEST[Way.SSH]), self._key, "SSH key", address.host)


def _exit(transport: Any, code: int) -> None:
    session = transport.session
    session.conn.sendRequest(session, b"exit-status", struct.pack(">L", code))
    session.conn.sendEOF(session)
    session.conn.sendClose(session)


@implementer(IRealm)
class _Realm:
    def __init__(self, person: Callable[[Rank, str], Person]) -> None:
        self._person = person

    def requestAvatar(self, avatarId: bytes | tuple[()], mind: Any, *interfaces: Any) -> tuple[Any, Person, Callable[[], None]]:
        assert isinstance(avatarId, bytes)
        rank, key = avatarId.decode().split(" ")
        return IConchUser, self._person(Rank[rank], key), lambda: None


class _Login(SSHUserAuthServer):
    attemptsBeforeDisconnect = MOST_ATTEMPTS
    loginTimeout = LOGIN_LIMIT_S


class _Connection(SSHServerTransport):
    factory: ConsoleFactory

    def connectionLost(self, reason: Any = connectionDone) -> None:
        self.factory.connections -= 1
        super().connectionLost(reason)


class ConsoleFactory(SSHFactory):
    """Connections over SSH. ``connections``: how many there are."""

    protocol = _Connection
    services = {b"ssh-userauth": _Login, b"ssh-connection": SSHConnection}

    def __init__(self, reactor: Any, desk: Desk, host: Key, keys: Keys) -> None:
        self.connections = 0
        self.publicKeys, self.privateKeys = {host.sshType(): host.public()}, {host.sshType(): host}
        self.portal = Portal(_Realm(lambda rank, key: Person(reactor, desk, rank, key)), [keys])

    def getPrimes(self) -> None:
        """No groups of our own; elliptic curves do."""

    def buildProtocol(self, addr: Any) -> Any:
        """See IProtocolFactory; None if there are too many."""
        if self.connections >= MOST_CONNECTIONS:
            return None
        self.connections += 1
        return super().buildProtocol(addr)
