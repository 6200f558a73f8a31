"""The section [dataservice] of the configuration: what keeps the data, and how to reach it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from pandad import configchecks
from pandad.settings import setting

HOUR_S = 3600
DAY_S = 24 * HOUR_S

USERPASS, X509_PROXY, OIDC = "userpass", "x509_proxy", "oidc"


@dataclass(frozen=True, slots=True, kw_only=True)
class RucioConfig:
    """The rucio backend; docs/reference/rucio.md."""

    url: str = setting('Address of its REST interface, as "https://rucio.example.org"', "", check=configchecks.service)
    auth_url: str = setting('Where it gives out tokens; "" is the same address', "", check=configchecks.service)
    ca: Path | None = setting(
        'Authorities of its certificate: a file in PEM form, or a folder of such, as /etc/grid-security/certificates; '
        '"" is those of the system', None, on_disk=configchecks.readable)
    vo: str = setting('Its short name of the VO, where it serves several; "" elsewhere', "", check=configchecks.header)
    account: str = setting("The account in whose name pandad acts", "panda", check=configchecks.header)
    auth_type: str = setting("How pandad proves who it is", USERPASS, choices=(USERPASS, X509_PROXY, OIDC))
    username: str = setting("userpass: user name", "", check=configchecks.header)
    password_file: Path | None = setting(
        "userpass: file with the password, and nothing else", None, on_disk=configchecks.secret)
    proxy_file: Path | None = setting(
        "x509_proxy: proxy, or certificate and key, PEM in one file; read again whenever a token is fetched",
        None, on_disk=configchecks.secret)
    token_file: Path | None = setting(
        "oidc: file with an access token, kept fresh by another program; read again before it runs out",
        None, on_disk=configchecks.secret)
    callback_user: str = setting(
        'User name with which its hermes posts to /ddm/callback; "" is nobody', "", check=configchecks.header)
    callback_password_file: Path | None = setting(
        "File with the password that goes with it, and nothing else", None, on_disk=configchecks.secret)
    scope: str = setting("Scope of the datasets that pandad makes for itself", "panda", check=configchecks.header)
    endpoints: str = setting(
        "Which of its storage elements (RSEs) jobs may use, as an RSE expression; * is all", "*", check=configchecks.filled)
    endpoints_s: float = setting("How often these are looked up", 600.0, low=1, high=DAY_S)
    space_source: str = setting("Whose figures of free space count: source of the usage of an RSE", "storage")
    timeout_s: float = setting("How long one answer may take", 60.0, low=0.1, high=HOUR_S)
    connect_timeout_s: float = setting("How long opening a connection may take", 10.0, low=0.1, high=300)
    connections: int = setting("Calls at a time", 8, low=1, high=100)
    tries: int = setting("How often a call is tried that gets no answer, or one that invites to come again", 3, low=1, high=10)
    chunk: int = setting("Files in one call", 100, low=1, high=1000)
    scope_length: int = setting("Longest scope that its schema allows", 25, low=1, high=255)
    name_length: int = setting("Longest name of a file or dataset that its schema allows", 250, low=1, high=4000)
    break_after: int = setting("So many calls without an answer in a row, and it is left alone for a while", 5, low=1, high=1000)
    break_s: float = setting(
        "First while; each further one is twice as long, up to a minute, and ends with one trial call", 5.0, low=0.1, high=60)

    @property
    def refusal(self) -> str | None:
        """What is missing when this backend is chosen; what to write instead."""
        if not self.url:
            return 'has no url; write url = "https://rucio.example.org"'
        if not self.account:
            return 'has no account; write account = "panda"'
        needed = {USERPASS: ("username", "password_file"), X509_PROXY: ("proxy_file",), OIDC: ("token_file",)}
        for key in needed[self.auth_type]:
            if not getattr(self, key):
                return f'has auth_type = "{self.auth_type}" and no {key}; write {key} = "..."'
        if bool(self.callback_user) != (self.callback_password_file is not None):
            return "has one of callback_user and callback_password_file; write both, or none"
        if self.auth_type == X509_PROXY and not (self.auth_url or self.url).startswith("https:"):
            return "has auth_type = \"x509_proxy\" and an address without https; certificates need https"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataServiceConfig:
    """Input and output data."""

    backend: str = setting(
        "What keeps the data; local is folders that this host sees", "local", choices=("local", "rucio")
    )
    batch: int = setting("Jobs in one round", 200, low=1, high=100_000)
    missing_retry_s: int = setting("How often a missing input is looked for again", 30, low=1, high=DAY_S)
    give_up_s: int = setting(
        "A reported job fails whose output storage still does not answer after this",
        DAY_S,
        low=1,
        high=365 * DAY_S,
    )
    recheck_s: int = setting(
        "How often a job whose input is on its way is looked at in any case", HOUR_S, low=1, high=DAY_S)
    dispatch_files: int = setting("Most files in one dispatch dataset", 1000, low=1, high=10_000)
    dispatch_lifetime_s: int = setting(
        "How long what was brought for jobs is kept; longer while one of them lives", 7 * DAY_S, low=60, high=365 * DAY_S)
    poll_s: float = setting(
        "How often a transfer is looked at, beside what Rucio tells; one that takes long less often, down to a tenth", 60.0,
        low=0.05, high=DAY_S)
    stuck_s: int = setting(
        "Input of which no file came for so long is asked for in another way; 0 is never", 6 * HOUR_S, low=0, high=30 * DAY_S)
    other_sources: int = setting(
        "From so many other endpoints it is tried to be had first, if they have it", 1, low=0, high=10)
    other_queue: bool = setting(
        "Then its jobs go to another queue, unless they are pinned; else they go on waiting for it", True)
    avoid_s: int = setting(
        "They may come back to the queue that they left after this; 0 is never", DAY_S, low=0, high=365 * DAY_S)
    errand_retry_s: float = setting(
        "What could not be asked of the storage is asked again after this, then after twice as long, and so on", 10.0,
        low=0.01, high=HOUR_S)
    errand_retry_max_s: float = setting("But never less often than this", 180.0, low=0.01, high=DAY_S)
    transfer_poll_s: float = setting(
        "How often a rule is asked after that brings outputs to their destination, if nobody says sooner that it has", 60.0,
        low=0.05, high=DAY_S)
    sub_lifetime_s: int = setting(
        "How long such a rule lives where another one keeps what it brought; 0 is for ever", 14 * DAY_S, low=0, high=3650 * DAY_S)
    output_lifetime_s: int = setting(
        "How long an output dataset is kept at the endpoint where all of it is wanted; 0 is for ever", 0, low=0,
        high=3650 * DAY_S)
    dataset_close_s: float = setting("An output dataset is closed so long after the last of its jobs ended", 1800.0, low=0,
                                     high=30 * DAY_S)
    dataset_erase_s: float = setting("And, if no file came into it, erased so long after that", 4.0 * DAY_S, low=0,
                                     high=365 * DAY_S)
    endpoints: Mapping[str, Path] = setting(
        'Storage endpoints of the local backend: NAME = "/folder"',
        lambda: MappingProxyType({}),
        on_disk=configchecks.directory,
    )
    rucio: RucioConfig = field(default_factory=RucioConfig)

    @property
    def refusal(self) -> str | None:
        """What is missing for the chosen backend; what to write instead."""
        return self.rucio.refusal if self.backend == "rucio" else None
