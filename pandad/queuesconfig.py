"""The section [queues] of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pandad import configchecks
from pandad.settings import setting

DAY_S = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuesConfig:
    """Where queues, storage endpoints and links are taken from, each an https address or the path of a file; "" is nowhere.

    What a source does not have any more is gone from here too; what was added with `pandad queue add` stays.
    docs/reference/queues.md
    """

    source: str = setting("Queues: schedconfig JSON of CRIC, all queues in one", "", check=configchecks.place)
    endpoints_source: str = setting("Storage endpoints: ddmendpoint JSON of CRIC", "", check=configchecks.place)
    links_source: str = setting("Distances between endpoints or sites", "", check=configchecks.place)
    refresh_s: int = setting("How often they are asked for news", 600, low=1, high=DAY_S)
    skip_bad: bool = setting(
        "true: what is wrong in a source stays as it is here, the rest is taken; false: then nothing of it is taken", False)
    authorities: Path | None = setting(
        'Authorities of the addresses\' https, a PEM file or a folder of them; "" is those of the system', None,
        on_disk=configchecks.file_or_directory)
    credential: Path | None = setting(
        'Certificate, key and chain in one PEM file, such as a proxy, for addresses that ask who wants to know; "" is none', None,
        on_disk=configchecks.certificate)
    timeout_s: float = setting("How long one answer may take", 60.0, low=0.1, high=600)
    most_mb: int = setting("How long one answer may be", 64, low=1, high=1024)

    @property
    def addresses(self) -> Mapping[str, str]:
        """Those that are set, by what is taken from there; queues last, for they speak of the others."""
        named = {"endpoints": self.endpoints_source, "links": self.links_source, "queues": self.source}
        return {kind: address for kind, address in named.items() if address}
