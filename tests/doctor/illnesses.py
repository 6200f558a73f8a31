"""Faults of an installation, brought about for real one by one; and how the doctor must tell each."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from doctor.patient import Patient, reactor, sql
from doctor.pooler import Pooler
from pandad.config import DatabaseConfig
from pandad.doctor.examination import HOST, OTHERS
from pandad.embedded.proxies import pem_of, write_private
from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer.pool import connect


@dataclass(frozen=True)
class Illness:
    """``fault``: what must be found; ``words``: in what is said or advised; ``besides``: what else follows from it."""

    name: str
    fall_ill: Callable[[Patient], Awaitable[object]]
    fault: str
    words: str
    besides: Collection[str] = ()


def at_once(do: Callable[[Patient], object]) -> Callable[[Patient], Awaitable[object]]:
    """What needs no waiting."""
    async def fall_ill(patient: Patient) -> None:
        do(patient)
    return fall_ill


def in_the_database(*statements: str) -> Callable[[Patient], Awaitable[object]]:
    """What is brought about by SQL in a database of its own."""
    return lambda patient: patient.sql(*statements)


def in_the_server(name: str, value: str) -> Callable[[Patient], Awaitable[object]]:
    """A setting of the whole server."""
    return lambda patient: patient.system(name, value)


def postgres_says(message: str, code: str = "57P03") -> Callable[[Patient], Awaitable[object]]:
    """A server that refuses every connection with these words."""
    def answer(request: bytes) -> bytes:
        if len(request) == 8:  # whether it speaks TLS, or GSSAPI: no
            return b"N"
        fields = b"SFATAL\0C" + code.encode() + b"\0M" + message.encode() + b"\0\0"
        return b"E" + struct.pack("!i", len(fields) + 4) + fields

    return at_once(lambda patient: patient.dsn(f"host=127.0.0.1 port={patient.door(answer)} user=pandad dbname=pandad"))


async def _password(patient: Patient) -> None:
    """A role that must show a password, and shows a wrong one."""
    file = patient.sandbox.directory / "postgres" / "data" / "pg_hba.conf"
    before = file.read_text()
    mine = await patient.role("secretive", "LOGIN PASSWORD 'right'")
    name = mine.partition("user=")[2].partition(" ")[0]

    async def say(text: str) -> None:
        file.write_text(text)
        await sql(patient.sandbox.postgres.dsn, "SELECT pg_reload_conf()")
        while not (await sql(patient.sandbox.postgres.dsn, "SELECT count(*) FROM pg_hba_file_rules"))[0][0]:
            pass

    await say(f"local all {name} scram-sha-256\n{before}")
    patient.later(lambda: say(before))
    patient.say(f'dsn = "{mine}"', f'dsn = "{mine} password=wrong"')


async def _long_transaction(patient: Patient) -> None:
    link = await connect(reactor, DatabaseConfig(dsn=await patient.database()), "forgotten psql")
    await link.execute("BEGIN")
    await link.execute("SELECT 1")
    patient.stricter["long_transaction_s"] = 0.0

    async def close() -> None:
        link.close()

    patient.later(close)


async def _prepared(patient: Patient) -> None:
    dsn = await patient.database()
    link = await connect(reactor, DatabaseConfig(dsn=dsn), "two phases")
    for statement in ("BEGIN", "CREATE TABLE half ()", "PREPARE TRANSACTION 'forgotten'"):
        await link.execute(statement)
    link.close()
    patient.later(lambda: sql(dsn, "ROLLBACK PREPARED 'forgotten'"))


async def _slot(patient: Patient) -> None:
    dsn = patient.sandbox.postgres.dsn
    await sql(dsn, "SELECT pg_create_physical_replication_slot('gone', true)")
    patient.later(lambda: sql(dsn, "SELECT pg_drop_replication_slot('gone')"))


async def _guest(patient: Patient, *grants: str) -> None:
    mine = await patient.role("guest")
    owner = mine.replace(mine.partition("user=")[2].partition(" ")[0], "pandad", 1)
    guest = mine.partition("user=")[2].partition(" ")[0]
    await sql(owner, *(grant.format(guest=guest) for grant in grants))


def guest(*grants: str) -> Callable[[Patient], Awaitable[object]]:
    """An account with these rights and no others."""
    return lambda patient: _guest(patient, *grants)


async def _sql_ascii(patient: Patient) -> None:
    await patient.database("template0", "ENCODING 'SQL_ASCII'")


async def _pooler(patient: Patient) -> None:
    dsn = await patient.database()
    port = patient.listens(Pooler(patient.sandbox.directory / "postgres"))
    patient.say(f'dsn = "{dsn}"', f'dsn = "host=127.0.0.1 port={port} {dsn.partition("port=5432 ")[2]}"')


def silent_for(status: JobStatus, seconds: float) -> Callable[[Patient], Awaitable[object]]:
    """A job that has been in that state for so long."""
    async def fall_ill(patient: Patient) -> None:
        stage = await patient.stage()
        await stage.silent_for([await stage.job(status)], seconds)
    return fall_ill


def taken(section: str, key: str) -> Callable[[Patient], Awaitable[object]]:
    """Another program on a port, that answers nobody."""
    def do(patient: Patient) -> None:
        port = patient.door(lambda request: b"")
        patient.text = "\n".join(f"{key} = {port}" if line.startswith(f"{key} =") else line for line in patient.text.split("\n"))
        assert f"{key} = {port}" in patient.text, section
    return at_once(do)


def _elsewhere(patient: Patient) -> None:
    lines = patient.text.split("\n")
    for key in ("tls_port", "http_port"):
        lines = [f"{key} = {patient.closed_port()}" if line.startswith(f"{key} =") else line for line in lines]
    patient.text = "\n".join(lines)


READY = json.dumps({"ok": True, "checks": {"database": {"ok": True}}, "notes": []})


def instead(**answers: str) -> Callable[[Patient], Awaitable[object]]:
    """A daemon that says this of itself."""
    def do(patient: Patient) -> None:
        port = patient.web(**{"is_alive": '{"message": "alive=yes"}', "readyz": READY, **answers})
        lines = patient.text.split("\n")
        patient.text = "\n".join(f"http_port = {port}" if line.startswith("http_port =") else line for line in lines)
    return at_once(do)


def _other_certificate(patient: Patient) -> None:
    shutil.copytree(patient.sandbox.pki.directory, patient.folder / "pki")
    made = patient.sandbox.pki.authority.issue_host(["localhost"], datetime.now(UTC))
    for name, content in (("hostkey", pem_of(made.key)), ("hostcert", pem_of(made.certificate))):
        patient.folder.joinpath("pki", f"{name}.pem").unlink()
        write_private(patient.folder / "pki" / f"{name}.pem", content)
        patient.say(f'"{patient.sandbox.directory}/pki/{name}.pem"', f'"{patient.folder}/pki/{name}.pem"')


def _console(patient: Patient) -> None:
    path = patient.folder / "console"
    path.write_text("notes")
    line = next(line for line in patient.text.split("\n") if line.startswith("socket ="))
    patient.say(line, f'socket = "{path}"')


UNIT = """[Service]
Type={type}
ExecStart=/opt/pandad/bin/twistd -n pandad --config {config}
TimeoutStopSec={stop}
LimitNOFILE={files}
ProtectSystem=strict
ReadWritePaths={paths}
"""


def unit(**but: str) -> Callable[[Patient], Awaitable[object]]:
    """A unit of systemd with one setting that does not fit."""
    def do(patient: Patient) -> None:
        usual = {"type": "notify", "config": str(patient.folder / "pandad.toml"), "stop": "15", "files": "65536", "paths": "/"}
        (patient.folder / "pandad.service").write_text(UNIT.format(**{**usual, **but}))
    return at_once(do)


def _socket_unit(patient: Patient) -> None:
    (patient.folder / "pandad.socket").write_text("[Socket]\nListenStream=0.0.0.0:25443\nListenStream=0.0.0.0:1\n")


def named(host: str) -> Callable[[Patient], Awaitable[object]]:
    """A server for other hosts too, which is called so."""
    def do(patient: Patient) -> None:
        patient.say('interface = "127.0.0.1"', 'interface = "0.0.0.0"')
        patient.differs["host"] = host
    return at_once(do)


def stricter(**but: float) -> Callable[[Patient], Awaitable[object]]:
    """A limit that what is there is beyond: a disk cannot be filled here, nor another PostgreSQL be had."""
    return at_once(lambda patient: patient.stricter.update(but))


def issuer(discovery: str, name: str = "") -> Callable[[Patient], Awaitable[object]]:
    """One more issuer, whose configuration is there."""
    def do(patient: Patient) -> None:
        address = discovery.format(own=patient.sandbox.issuer.url, closed=patient.closed_port(),
                                   web=f"http://localhost:{patient.web(well_known_x=_document(patient))}")
        patient.text += (f'\n[tokens.issuers.other]\nissuer = "{name or "https://iam.example.org/"}"\nvo = "sandbox"\n'
                         f'audience = ["x"]\ndiscovery = "{address}"\n')
    return at_once(do)


def _document(patient: Patient) -> str:
    port = patient.web(jwks='{"keys": []}')
    return json.dumps({"issuer": "https://iam.example.org/", "jwks_uri": f"http://localhost:{port}/jwks"})


def rucio(answers: Callable[[bytes], bytes] | None) -> Callable[[Patient], Awaitable[object]]:
    """A Rucio, or none."""
    def do(patient: Patient) -> None:
        port = patient.door(answers) if answers is not None else patient.closed_port()
        write_private(patient.folder / "password", b"hush")
        patient.say('backend = "local"', 'backend = "rucio"')
        patient.key("dataservice.rucio", f'url = "http://localhost:{port}"\nusername = "panda"\n'
                    f'password_file = "{patient.folder}/password"\ntries = 1')
    return at_once(do)


REFUSAL = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
NEW = "name-loopback", "name-unknown", "name-elsewhere", "issuer-without-https", "host-certificate-name"
Ill = Illness
TABLES = ("GRANT ALL ON ALL TABLES IN SCHEMA public TO {guest}", "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {guest}")

REACHING = (
    Ill("host unknown", at_once(lambda p: p.dsn("host=no-such-host.invalid dbname=pandad")), "database-host-unknown", "DNS"),
    Ill("nobody listens", at_once(lambda p: p.dsn(f"host=127.0.0.1 port={p.closed_port()} dbname=pandad")), "database-down",
      "systemctl start postgresql"),
    Ill("no socket", at_once(lambda p: p.dsn(f"host={p.folder} dbname=pandad")), "database-down", "host="),
    Ill("silent", at_once(lambda p: p.dsn(f"host=127.0.0.1 port={p.door(lambda request: b'')} dbname=pandad")), "database-silent",
      "firewall"),
    Ill("wrong password", _password, "database-login", "~/.pgpass"),
    Ill("no such role", at_once(lambda p: p.dsn(p.sandbox.postgres.dsn.replace("user=pandad", "user=nobody"))), "database-login",
      "pg_hba.conf"),
    Ill("no such database", at_once(lambda p: p.dsn(p.sandbox.postgres.dsn_of("nowhere"))), "database-missing", "createdb"),
    Ill("no connection left", lambda p: p.role("popular", "LOGIN CONNECTION LIMIT 0"), "database-full", "max_connections"),
    Ill("starting", postgres_says("the database system is starting up"), "database-starting", "wait"),
    Ill("no TLS", at_once(lambda p: p.dsn(f"host=127.0.0.1 port={p.door(lambda request: b'N')} dbname=pandad sslmode=require")),
      "database-tls", "sslmode"),
    Ill("pgbouncer as it is", postgres_says("unsupported startup parameter: options", "08P01"), "database-pooler",
        "pool_mode = session"),
    Ill("pooler by transaction", _pooler, "database-pooler", "pool_mode = session"),
)

SERVER = (
    Ill("fsync", in_the_server("fsync", "off"), "database-unsafe", "ALTER SYSTEM RESET fsync"),
    Ill("full_page_writes", in_the_server("full_page_writes", "off"), "database-unsafe", "full_page_writes"),
    Ill("autovacuum", in_the_server("autovacuum", "off"), "database-no-vacuum", "ALTER SYSTEM RESET autovacuum"),
    Ill("track_counts", in_the_server("track_counts", "off"), "database-no-vacuum", "track_counts"),
    Ill("nobody confirms", in_the_server("synchronous_standby_names", "'nobody'"), "standby-missing", "synchronous_standby_names",
      ("pandad-not-ready",)),
    Ill("read-only", lambda p: _read_only(p), "database-read-only", "default_transaction_read_only"),
    Ill("few connections", at_once(lambda p: p.key("database", "connections = 500")), "database-few-connections",
        "max_connections"),
    Ill("encoding", _sql_ascii, "database-encoding", "--encoding UTF8", ("schema-none",)),
    Ill("no CREATE", guest(*TABLES, "GRANT USAGE ON SCHEMA public TO {guest}", "REVOKE CREATE ON SCHEMA public FROM PUBLIC"),
      "database-no-create", "GRANT CREATE ON SCHEMA", ("database-not-owner",)),
    Ill("no rights", guest("GRANT CREATE, USAGE ON SCHEMA public TO {guest}"), "database-no-right", "REASSIGN OWNED",
      ()),
    Ill("not the owner", guest(*TABLES, "GRANT ALL ON SCHEMA public TO {guest}"),
      "database-not-owner", "REASSIGN OWNED"),
    Ill("no schema", in_the_database("DROP SCHEMA public CASCADE"), "database-no-schema", "CREATE SCHEMA", ("schema-none",)),
    Ill("clock", at_once(lambda p: p.differs.update(now=datetime.now(UTC) + timedelta(hours=1))), "clock-skew", "timedatectl"),
    Ill("long transaction", _long_transaction, "long-transaction", "forgotten psql"),
    Ill("prepared transaction", _prepared, "prepared-transaction", "ROLLBACK PREPARED"),
    Ill("idle slot", _slot, "idle-slot", "pg_drop_replication_slot"),
    Ill("disk of the database", stricter(disk_free_share=1.1), "database-disk", "make room", ("disk-full",)),
    Ill("old server", stricter(oldest_server=990000), "database-old", "PostgreSQL 13"),
)

SCHEMA = (
    Ill("no schema yet", lambda p: p.database("template0"), "schema-none", "start pandad"),
    Ill("older", in_the_database("DELETE FROM schema_version WHERE number = (SELECT max(number) FROM schema_version)"),
        "schema-behind", "pandad upgrade"),
    Ill("newer", in_the_database("INSERT INTO schema_version VALUES (999, 'later', 'x')"), "schema-ahead", "newer pandad"),
    Ill("migration edited", in_the_database("UPDATE schema_version SET digest = 'x' WHERE number = 3"), "schema-changed",
        "install"),
    Ill("index dropped", in_the_database("DROP INDEX errand_due"), "schema-changed", "make it again"),
    Ill("trigger off", in_the_database("ALTER TABLE file DISABLE TRIGGER ALL"), "schema-changed", "ENABLE TRIGGER"),
)

WORK = (
    Ill("nobody lives", in_the_database("UPDATE alive SET at = now() - interval '1 hour', due = now() - interval '1 hour'"),
      "nobody-lives", "systemctl start pandad"),
    Ill("nobody leads", in_the_database("UPDATE loop SET leaseuntil = '-infinity'"), "nobody-leads", "journalctl"),
    Ill("loop asleep", in_the_database("UPDATE loop SET finished = now() - interval '3 hours' WHERE name = 'watcher'"),
        "loop-asleep",
      "watcher"),
    Ill("loop fails", in_the_database("UPDATE loop SET failures = 5, error = 'KeyError: x' WHERE name = 'closer'"), "loop-fails",
      "loop run closer"),
    Ill("no queue", in_the_database("DELETE FROM queue"), "no-queue", "pandad queue add"),
    Ill("all offline", in_the_database("UPDATE queue SET override = 'offline', reason = 'x', setby = 'x', setat = now()"),
      "queues-all-offline", "status=online"),
    Ill("source fails", lambda p: _source(p, "/dev/null", "is not JSON"), "source-fails", "is not JSON"),
    Ill("other source", lambda p: _source(p, "/dev/zero", ""), "source-elsewhere", "reload"),
    Ill("unplaced", silent_for(JobStatus.DEFINED, 7 * 3600), "jobs-unplaced", "pandad job why"),
    Ill("not fetched", silent_for(JobStatus.ACTIVATED, 2 * 86400), "jobs-not-fetched", "pandad queue why"),
    Ill("stuck", silent_for(JobStatus.TRANSFERRING, 2 * 86400), "outputs-stuck", "transferring"),
    Ill("overdue", silent_for(JobStatus.ACTIVATED, 9 * 86400), "jobs-overdue", "watcher"),
    Ill("errands",
        in_the_database("INSERT INTO errand (kind, key, subject, step, payload, asked) VALUES ('x', 'x', 'x', 1, '{}', "
                                 "now() - interval '2 hours')"), "errands-late", "journalctl"),
)

HERE = (
    Ill("TLS port taken", taken("server", "tls_port"), "port-taken", "ss -ltnp", ("tls-refused",)),
    Ill("hangs", taken("server", "http_port"), "pandad-hangs", "restart pandad", ("port-taken",)),
    Ill("no TLS there", taken("server", "tls_port"), "tls-refused", "journalctl", ("port-taken",)),
    Ill("disk", stricter(disk_free_share=1.1), "disk-full", "make room", ("database-disk",)),
    Ill("plain port taken", taken("server", "http_port"), "port-taken", "process", ("pandad-hangs",)),
    Ill("no such address", at_once(lambda p: (p.key("console", f'ssh_port = {p.closed_port()}\nssh_interface = "192.0.2.1"\n'
      f'ssh_host_key = "{p.folder}/key"\nssh_operators = "{p.sandbox.config_file}"'))), "address-unknown", "ip address"),
    Ill("not running", at_once(_elsewhere), "pandad-not-running", "systemctl start pandad"),
    Ill("not ready", instead(readyz="-" + json.dumps({"ok": False, "checks": {"loop watcher": {"ok": False,
        "problem": "no good round"}}})),
      "pandad-not-ready", "no good round"),
    Ill("notes", instead(readyz=json.dumps({"ok": True, "checks": {}, "notes": ["Rucio is left alone"]})), "pandad-notes",
        "left alone"),
    Ill("another version", instead(openapi_json=json.dumps({"info": {"version": "0.0.1"}})), "version-other",
        "systemctl restart"),
    Ill("not reloaded", at_once(_other_certificate), "certificate-not-reloaded", "systemctl reload"),
    Ill("few descriptors", at_once(lambda p: p.key("limits", "connections = 1000000")), "files-few", "LimitNOFILE=1000200"),
    Ill("console taken", at_once(_console), "console-taken", "rm "),
    Ill("unit type", unit(type="simple"), "unit-type", "Type=notify"),
    Ill("unit of another", unit(config="/etc/pandad/other.toml"), "unit-config", "/etc/pandad/other.toml"),
    Ill("unit stops early", unit(stop="5s"), "unit-stop", "TimeoutStopSec=12"),
    Ill("unit with few files", unit(files="1024"), "unit-files", "LimitNOFILE=10200"),
    Ill("unit closes a folder", unit(paths="/srv"), "unit-paths", "ReadWritePaths="),
    Ill("socket unit", at_once(_socket_unit), "unit-ports", "ListenStream="),
    Ill("name unknown", named("no-such-host.invalid"), "name-unknown", "hostnamectl", NEW),
    Ill("name elsewhere", named("192.0.2.7"), "name-elsewhere", "DNS", NEW),
    Ill("name loopback", named("localhost"), "name-loopback", "/etc/hosts", NEW),
)

PARTNERS = (
    Ill("issuer away", issuer("http://localhost:{closed}/x"), "issuer-away", "curl"),
    Ill("another issuer", issuer("{own}/.well-known/openid-configuration"), "issuer-another", "exactly"),
    Ill("issuer without keys", issuer("{web}/.well_known_x"), "issuer-without-keys", "RS256"),
    Ill("Rucio away", rucio(None), "rucio-away", "/ping"),
    Ill("Rucio refuses", rucio(lambda request: REFUSAL), "rucio-refuses", "added to it in Rucio"),
)


async def _read_only(patient: Patient) -> None:
    dsn = await patient.database()
    name = dsn.partition("dbname=")[2]
    await sql(patient.sandbox.postgres.dsn, f"ALTER DATABASE {name} SET default_transaction_read_only = on")


async def _source(patient: Patient, address: str, problem: str) -> None:
    patient.key("queues", 'source = "/dev/null"')
    await patient.sql(f"INSERT INTO source (kind, address, problem) VALUES ('queues', '{address}', nullif('{problem}', ''))")


GROUPS = (((*REACHING, *SERVER, *SCHEMA, *WORK), OTHERS[:2]), (HERE, HOST), (PARTNERS, OTHERS[2:]))
"""Faults, and the looks that may find them."""
