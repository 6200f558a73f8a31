"""The section [console] of the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pandad import configchecks
from pandad.settings import setting

HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleConfig:
    """The admins' console; docs/reference/console.md. Nobody else can use it: see there who can."""

    socket: Path | None = setting(
        'Unix socket of the console, for root and the account of the daemon; "" is none', lambda: Path("/run/pandad/console"),
        on_disk=configchecks.socket_place)
    deadline_s: float = setting("How long one line may take", 30.0, low=0.1, high=3600)
    python: bool = setting(
        "Give operators, over the socket and SSH, a Python prompt inside the daemon: who uses it may read every secret, change "
        "anything unseen and stop the daemon by one slow line. For developers, for as long as they look for a fault", False)
    ssh_port: int = setting("Port of the console over SSH; 0 is none", 0, low=0, high=HIGHEST_PORT)
    ssh_interface: str = setting('IP address for that; "" is all of them', "", check=configchecks.address)
    ssh_host_key: Path | None = setting(
        "Its own host key; made if there is none", None, on_disk=configchecks.key_or_place)
    ssh_operators: Path | None = setting(
        "Keys of those who may use all verbs, as in authorized_keys", None, on_disk=configchecks.trusted)
    ssh_readers: Path | None = setting("Keys of those who may only look", None, on_disk=configchecks.trusted)
    telnet_port: int = setting(
        "Port of the console over telnet, to look only, for root and the account of the daemon; 0 is none", 0, low=0,
        high=HIGHEST_PORT)
    telnet_interface: str = setting("Loopback address for that", "127.0.0.1", check=configchecks.loopback)

    @property
    def refusal(self) -> str | None:
        """Which keys do not go together; what to write instead."""
        if self.ssh_port and self.ssh_host_key is None:
            return 'has ssh_port and no ssh_host_key; write ssh_host_key = "/var/lib/pandad/ssh_host_key"'
        if self.ssh_port and not (self.ssh_operators or self.ssh_readers):
            return 'has ssh_port and no keys of persons; write ssh_operators = "/etc/pandad/operators.keys"'
        return None
