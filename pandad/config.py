"""The configuration of a pandad: one TOML file, read once, into one frozen dataclass for each room.

Every default, bound and sentence of explanation stands on a field below; ``etc/pandad.toml`` is `sample()`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from pandad import configchecks
from pandad.brokerageconfig import BrokerageConfig as BrokerageConfig
from pandad.cacheconfig import CacheConfig as CacheConfig
from pandad.consoleconfig import ConsoleConfig
from pandad.dataserviceconfig import DataServiceConfig as DataServiceConfig
from pandad.jediconfig import JediConfig as JediConfig
from pandad.limitsconfig import LimitsConfig
from pandad.logconfig import LogConfig as LogConfig
from pandad.monitorconfig import MonitorConfig
from pandad.queuesconfig import QueuesConfig
from pandad.retryconfig import RetryConfig as RetryConfig
from pandad.retryconfig import RetryRuleConfig as RetryRuleConfig
from pandad.settings import Reader, render, setting
from pandad.tlsconfig import TlsConfig as TlsConfig
from pandad.tokenconfig import TokensConfig
from pandad.tomlsource import Problem, Source, SourceError, Where, read

HOUR_S = 3600
DAY_S = 24 * HOUR_S
HIGHEST_PORT = 65535


class ConfigError(SourceError):
    """The configuration cannot be used; `problems` lists everything that is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """Where pandad listens: the TLS port takes every call, the plain port passive reads only."""

    interface: str = setting('IP address to listen on; "" is all of them', "", check=configchecks.address)
    tls_port: int = setting(
        "Port of the HTTPS calls; 0 lets the system choose", 25443, low=0, high=HIGHEST_PORT
    )
    http_port: int = setting(
        "Port of the passive HTTP reads; 0 lets the system choose", 25080, low=0, high=HIGHEST_PORT
    )
    stop_s: float = setting(
        "How long a stop may take: calls under way are answered, rounds of loops end; what is left then is cut", 8.0,
        low=0.5, high=600)
    ports_file: Path | None = setting(
        'Where to write {"tls_port": n, "http_port": n} as soon as pandad listens; "" is nowhere',
        None,
        on_disk=configchecks.writable_place,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseConfig:
    """The one PostgreSQL."""

    dsn: str = setting(
        "How to reach it, in libpq's words; mandatory", check=configchecks.named, example='"dbname=pandad"'
    )
    connections: int = setting(
        "Most connections at a time, those for reads and the listening one not counted", 8, low=1, high=1000
    )
    read_connections: int = setting(
        "Most connections for reads at a time, so that they never wait behind writes", 4, low=1, high=1000
    )
    connect_timeout_s: float = setting("How long opening a connection may take", 5.0, low=0.1, high=300)
    wait_s: float = setting(
        "How long a call waits for a connection before it is told to come again", 10.0, low=0.1, high=300
    )
    statement_timeout_s: float = setting(
        "How long one statement may run; a database that hangs is given up 5 s later", 20.0, low=0.1, high=HOUR_S
    )
    upgrade_at_start: bool = setting(
        "Bring the schema up to date at each start. false: only a database without one is given it, and a daemon that finds an "
        "older one waits, not ready, for an operator's `pandad upgrade`", True)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityConfig:
    """Who may do more than submit and manage own jobs, by DN without the /CN= of proxies, or FQAN: docs/reference/rights.md.

    For one CA only: "DN from CA"; for a token: "SUBJECT from ISSUER".
    """

    pilot: tuple[str, ...] = setting("May fetch and report any job", (), check=configchecks.principal)
    production: tuple[str, ...] = setting(
        "May submit and manage production work, and do what a pilot does", (), check=configchecks.principal
    )
    admin: tuple[str, ...] = setting("May do everything", (), check=configchecks.principal)
    ddm: tuple[str, ...] = setting(
        "May tell what became of transfers (/ddm/callback)", (), check=configchecks.principal)
    vos: tuple[str, ...] = setting(
        "VOs whose roles count from VOMS: /VO/Role=production, /VO/Role=pilot, and /VO/GROUP/Role=production for GROUP alone",
        (), check=configchecks.vo,
    )
    groups: Mapping[str, tuple[str, ...]] = setting(
        'Managers of groups, who may kill and debug the jobs of that workingGroup: NAME = ["DN", ...]',
        lambda: MappingProxyType({}), check=configchecks.principal)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretsConfig:
    """Secrets of users, which their jobs get; they are stored sealed with a key that the database does not have."""

    key_file: Path | None = setting(
        'Keys, one a line, each from `openssl rand -base64 32`; the first seals, all open; "" refuses secrets',
        None, on_disk=configchecks.secret)
    handed_out: str = setting(
        "With which jobs of their owner they go to a pilot; asked is those with the tag us (useSecrets)",
        "all", choices=("all", "asked"))
    pilot_owner: str | None = setting(
        'DN, or "DN from CA", whose secrets go to the pilots of jobs in debug mode, for logs in real time; "" is nobody', None,
        check=configchecks.owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesConfig:
    """A folder that pandad serves as it is."""

    trf_directory: Path | None = setting(
        'Payload scripts, served at /trf/; "" is none', None, on_disk=configchecks.directory
    )


def _limit(doc: str, default_s: int) -> int:
    limit: int = setting(doc, default_s, low=0, high=365 * DAY_S)
    return limit


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeoutsConfig:
    """How long a job may stay where it is; 0 is for ever. docs/reference/timeouts.md says what happens then."""

    sent_s: int = _limit("Handed to a pilot that does not speak: goes to the next one", 40)
    sent_tries: int = setting(
        "After so many pilots in a row that did not speak the job fails; 0 is never", 10, low=0, high=1000
    )
    heartbeat_analysis_s: int = _limit("Starting or running without a heartbeat, analysis", 2 * HOUR_S)
    heartbeat_production_s: int = _limit("The same, production", 2 * HOUR_S)
    holding_analysis_s: int = _limit("Its pilot promised to come back (holding), analysis", 3 * HOUR_S)
    holding_urgent_s: int = _limit("The same, production with a priority over 800", 3 * HOUR_S)
    holding_production_s: int = _limit("The same, other production", 48 * HOUR_S)
    pending_s: int = _limit("Made by a task and not set up", HOUR_S)
    waiting_s: int = _limit("Waiting for an input that is not there", DAY_S)
    transferring_urgent_s: int = _limit("Outputs on their way, priority from 800", 2 * DAY_S)
    transferring_s: int = _limit("The same, other jobs", 6 * DAY_S)
    defined_s: int = _limit("Defined or assigned", 7 * DAY_S)
    activated_s: int = _limit("Activated, and no pilot came for it", 7 * DAY_S)
    throttled_s: int = _limit("Throttled", 7 * DAY_S)
    merging_s: int = _limit("Merging and untouched, analysis", 7 * DAY_S)
    running_s: int = _limit("Running, however lively: its pilot is told to stop", 21 * DAY_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharesConfig:
    """Whose jobs go first: by cores in use over weight, first of the group, then of the type of work, then of the user."""

    refresh_s: float = setting("How often the cores in use are counted anew", 10.0, low=0.05, high=HOUR_S)
    user_cap: int = setting("Most cores of one user at a time; 0 is no cap", 10_000, low=0, high=10**9)
    groups: Mapping[str, float] = setting(
        "Weights of working groups; one that is not listed has 1", lambda: MappingProxyType({}), low=0.001, high=1e6
    )
    work: Mapping[str, float] = setting(
        "Weights of types of work: production, analysis, test; one that is not listed has 1",
        lambda: MappingProxyType({}),
        low=0.001,
        high=1e6,
    )
    group_caps: Mapping[str, int] = setting(
        "Most cores of a working group at a time; one that is not listed has no cap",
        lambda: MappingProxyType({}),
        low=1,
        high=10**9,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UserInterfaceConfig:
    """Submissions."""

    submit_repeat_window_s: int = setting(
        "Equal jobs with outputs of fixed names, sent again within this by a client that lost the answer, get their first ids; "
        "0 is never",
        600,
        low=0,
        high=DAY_S,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryConfig:
    """Ended jobs: they stay readable, in monthly partitions."""

    keep_s: int = setting(
        "How long an ended job stays among the live ones; nobody sees a difference, but fewer rows are faster",
        6 * HOUR_S,
        low=0,
        high=365 * DAY_S,
    )
    batch: int = setting("Jobs in one round", 500, low=1, high=100_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopsConfig:
    """How often each loop looks for work; a notice from the database wakes it earlier."""

    brokerage_s: float = setting("Gives defined jobs a queue", 10.0, low=0.05, high=HOUR_S)
    brake_s: float = setting("Brakes queues where jobs fail at once, and tests them", 10.0, low=0.05, high=HOUR_S)
    rebrokerage_s: float = setting("Takes waiting jobs off queues that went away, or where they waited long", 30.0, low=0.05,
                                   high=HOUR_S)
    activator_s: float = setting("Sees whether inputs are there, and activates", 10.0, low=0.05, high=HOUR_S)
    placements_s: float = setting("Sees how transfers of input are doing that are due", 5.0, low=0.05, high=HOUR_S)
    adder_s: float = setting(
        "Checks and registers the outputs of jobs that are through", 10.0, low=0.05, high=HOUR_S
    )
    outbox_s: float = setting(
        "Makes the calls that are owed to the data management system, and tries those again that failed", 5.0, low=0.05,
        high=HOUR_S)
    finisher_s: float = setting("Finishes jobs whose outputs have reached their destination", 10.0, low=0.05, high=HOUR_S)
    closer_s: float = setting("Closes output datasets that are complete", 30.0, low=0.05, high=HOUR_S)
    watcher_s: float = setting("Ends or requeues jobs past a limit of [timeouts]", 4.0, low=0.05, high=HOUR_S)
    alive_s: float = setting(
        "Says that this process lives; three times this without a word of any is an outage", 2.0, low=0.05, high=60
    )
    caps_s: float = setting("Holds jobs back whose user or group is at a cap, and lets them go", 10.0, low=0.05, high=HOUR_S)
    ageing_s: float = setting("Raises the priority of user jobs that wait for days", 600.0, low=0.05, high=DAY_S)
    historian_s: float = setting("Moves ended jobs to the archive", 60.0, low=0.05, high=DAY_S)
    queues_s: float = setting(
        "Ends operators' words on queues whose time is over, and asks the sources of [queues] when that is due", 10.0,
        low=0.05, high=HOUR_S)
    cache_s: float = setting("Removes uploads that nobody needs any more", 600.0, low=0.05, high=DAY_S)
    rights_s: float = setting("Looks whether accounts or bans were changed; in every process", 3.0, low=0.05, high=8)
    audit_s: float = setting("Seals what persons and admins did", 5.0, low=0.05, high=60)
    tasks_s: float = setting("Makes jobs of tasks, and sees how tasks end", 5.0, low=0.05, high=HOUR_S)
    tally_s: float = setting("Adds up what is counted of jobs", 2.0, low=0.05, high=300)
    traffic_s: float = setting("Stores what pilots asked for and got; in every process", 5.0, low=0.05, high=300)
    lease_s: float = setting(
        "A loop whose process fell silent goes to another after this, or after three of its periods if that is longer",
        10.0,
        low=1,
        high=HOUR_S,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All of it. A room gets its own section and nothing more."""

    server: ServerConfig = field(default_factory=ServerConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    tls: TlsConfig = field(default_factory=TlsConfig)
    database: DatabaseConfig
    identity: IdentityConfig = field(default_factory=IdentityConfig)
    tokens: TokensConfig = field(default_factory=TokensConfig)
    secrets: SecretsConfig = field(default_factory=SecretsConfig)
    files: FilesConfig = field(default_factory=FilesConfig)
    cache: CacheConfig = field(default_factory=CacheConfig)
    timeouts: TimeoutsConfig = field(default_factory=TimeoutsConfig)
    shares: SharesConfig = field(default_factory=SharesConfig)
    userinterface: UserInterfaceConfig = field(default_factory=UserInterfaceConfig)
    jedi: JediConfig = field(default_factory=JediConfig)
    queues: QueuesConfig = field(default_factory=QueuesConfig)
    brokerage: BrokerageConfig = field(default_factory=BrokerageConfig)
    dataservice: DataServiceConfig = field(default_factory=DataServiceConfig)
    history: HistoryConfig = field(default_factory=HistoryConfig)
    retry: RetryConfig = field(default_factory=RetryConfig)
    loops: LoopsConfig = field(default_factory=LoopsConfig)
    console: ConsoleConfig = field(default_factory=ConsoleConfig)
    monitor: MonitorConfig = field(default_factory=MonitorConfig)
    log: LogConfig = field(default_factory=LogConfig)


def load(path: str | Path, *, on_this_host: bool = True) -> Config:
    """The configuration in a file; relative paths in it are relative to the folder of the file.

    :param on_this_host: also check that the files and folders it names can be used by this user.
    :raise ConfigError: lists everything that is wrong.
    """
    path = Path(path).absolute()
    try:
        source = read(path)
    except SourceError as e:
        raise _all_of(e, path.parent, on_this_host) from None
    config, problems = configured(source, path.parent, on_this_host)
    if config is None:
        raise ConfigError(*problems)
    return config


def parse(text: str, name: str = "pandad.toml", folder: Path = Path("/")) -> Config:
    """The configuration in a text, without a look at the files it names.

    :raise ConfigError: lists everything that is wrong.
    """
    try:
        source = Source(text, name)
    except SourceError as e:
        raise _all_of(e, folder, False) from None
    config, problems = configured(source, folder, on_this_host=False)
    if config is None:
        raise ConfigError(*problems)
    return config


def _all_of(error: SourceError, folder: Path, on_this_host: bool) -> ConfigError:
    """What is wrong with a text that cannot be read whole."""
    rest = configured(error.rest, folder, on_this_host, in_part=True)[1] if error.rest is not None else ()
    return ConfigError(*sorted((*error.problems, *rest), key=_place), rest=error.rest)


def sample() -> str:
    """A commented configuration that shows every key at its default."""
    head = """\
# pandad: every key with its default. A key that is left out has its default; [database] dsn has none.
# Relative paths are relative to the folder of this file. Try it with: pandad check --config FILE
"""
    return head + render(Config(database=DatabaseConfig(dsn="dbname=pandad")))


def configured(
    source: Source, folder: Path, on_this_host: bool, in_part: bool = False
) -> tuple[Config | None, Sequence[Problem]]:
    """The configuration in a text that could be read, None if anything is wrong with it; and what is.

    :param in_part: see `Reader`.
    """
    reader = Reader(source, folder, on_this_host, in_part)
    config = reader.table(Config, source.data, ())
    for path, problem in _refusals(config) if config is not None else ():
        reader.complain(path, problem)
    if config is not None and on_this_host and configchecks.has_password(config.database.dsn):
        refusal = configchecks.secret(folder / source.name)
        if refusal is not None:
            reader.complain(("database", "dsn"), f"has a password; {refusal}, or put the password in ~/.pgpass")
    return None if reader.problems else config, sorted(reader.problems, key=_place)


def _refusals(config: Config) -> Iterator[tuple[Where, str]]:
    """Keys that do not go together."""
    if 0 != config.server.tls_port == config.server.http_port:
        yield ("server", "http_port"), "is the same as tls_port; write another port"
    yield from ((("retry", "rules", name), rule.refusal) for name, rule in config.retry.rules.items() if rule.refusal)
    yield from ((("tokens", "issuers", name), each.refusal) for name, each in config.tokens.issuers.items() if each.refusal)
    if config.console.refusal is not None:
        yield ("console",), config.console.refusal
    if (refusal := config.dataservice.refusal) is not None:
        yield ("dataservice", "rucio"), refusal


def _place(problem: Problem) -> int:
    return problem.line
