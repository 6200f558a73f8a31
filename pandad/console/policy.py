"""Who may say what on the console, and over which way. A verb without a policy cannot be written down."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from pandad.spec.errors import Forbidden


class Way(StrEnum):
    """How somebody came in."""

    SOCKET = "socket"  # on this host, as root or as the daemon's own account; the kernel says which
    SSH = "ssh"        # with a key that is in a file of authorised keys
    TELNET = "telnet"  # on this host, as the same accounts; the kernel says which


class Rank(IntEnum):
    """What somebody is to the console; each may all that the one before may."""

    READER = 1    # looks
    OPERATOR = 2  # changes things

    @property
    def single(self) -> str:
        """For sentences."""
        return "an operator" if self is Rank.OPERATOR else "a reader"

    @property
    def plural(self) -> str:
        """For sentences about all of them."""
        return f"{self.name.lower()}s"


HIGHEST = {Way.SOCKET: Rank.OPERATOR, Way.SSH: Rank.OPERATOR, Way.TELNET: Rank.READER}
"""Over each way. What is said over telnet could come from a program of the account that was talked into connecting there."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Somebody at the console.

    ``who``: for the audit: the login name, or the key; ``detail``: what proved it. ``host``: from where.
    """

    way: Way
    rank: Rank
    who: str
    detail: str
    host: str

    @property
    def described(self) -> str:
        """The end of each refusal."""
        return f"you are {self.who} ({self.detail}), {self.rank.single}, over {self.way}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One rule. ``rank``: that is needed. ``ways``: over which it can be used at all."""

    name: str
    rank: Rank
    ways: frozenset[Way]

    def check(self, peer: Peer) -> None:
        """Return if that person may go on.

        :raise Forbidden: says who the console thinks that is, and which rule failed.
        """
        if peer.way not in self.ways:
            ways = " or ".join(sorted(self.ways))
            raise Forbidden(f"this verb cannot be used over {peer.way}, only over {ways}; {peer.described}")
        if peer.rank < self.rank:
            raise Forbidden(f"this verb is for {self.rank.plural}; {peer.described}")


LOOK = Policy(name="LOOK", rank=Rank.READER, ways=frozenset(Way))
STEER = Policy(name="STEER", rank=Rank.OPERATOR, ways=frozenset({Way.SOCKET, Way.SSH}))
