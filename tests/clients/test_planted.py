"""A thousand secrets in a daemon that writes down all it can, beside a PostgreSQL that does too: nobody sees one who may not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import psycopg2
import pytest
from pytest_twisted import blockon, ensureDeferred
from rights.calls import submitting
from twisted.internet.defer import Deferred

from clients.conftest import started_sandbox
from clients.planting import Answer, Garden, Somebody, tries
from clients.twistd import environment
from clients.user import LIMIT_S
from clients.waiting import in_thread
from pandad.embedded.sandbox import QUEUE, Sandbox

PLANTED = 1_000
LOUD = ("log_statement = 'all'", "log_parameter_max_length = -1", "log_parameter_max_length_on_error = -1",
        "log_min_messages = 'debug1'", "log_connections = on")
SEALED = ("user_secret", "pilot_credential", "link_code")
ABOUT_SECRETS = re.compile(r"/creds/|secret|/account/|Proxy|KeyPair|token|acquire_jobs$|getJob$|update_job$")
TABLES = "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"


def tell(sandbox: Sandbox, *statements: str) -> list[tuple[str, ...]]:
    """The rows of the last one."""
    with closing(psycopg2.connect(sandbox.config.database.dsn)) as link, link.cursor() as cursor:
        link.autocommit = True
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def garden() -> Garden:
    """Nothing planted yet."""
    return Garden()


@pytest.fixture(scope="module")
def loud(open_directory: Path, garden: Garden) -> Iterator[Sandbox]:
    """A sandbox at its most talkative, with a password in its DSN, which PostgreSQL does not ask for."""
    for made in started_sandbox(open_directory / "loud"):
        tell(made, *(f"ALTER SYSTEM SET {setting}" for setting in LOUD), "SELECT pg_reload_conf()")
        blockon(Deferred.fromCoroutine(made.daemon.stop()))
        text = made.config_file.read_text().replace("dbname=pandad", f"dbname=pandad password={garden.seed()}")
        made.config_file.chmod(0o600)
        made.config_file.write_text(f'{text}\n[log]\nlevel = "debug"\n')
        blockon(Deferred.fromCoroutine(made.daemon.start()))
        people = [each for kind in ("proxy", "token") for each in made.pki.directory.glob(f"*.{kind}")]
        for file in (made.pki.host_key, made.directory / "secrets.key", *people):
            garden.know(file)
        yield made


def a_day(sandbox: Sandbox, garden: Garden) -> Iterator[Answer]:
    """What comes to the daemon: good calls and bad ones with secrets, from users, a pilot and nobody; then, to those calls that
    deal in secrets, once more while nothing can be stored, so that each fails amid its work and the row is told."""
    people = [Somebody(sandbox, name) for name in ("alice", "pilot", "")]
    alice, pilot, _ = people
    job = submitted(alice)
    for somebody in people:
        yield from tries(garden.seed, somebody, job, QUEUE)
    yield from with_tokens(sandbox, garden)
    tell(sandbox, *(f"ALTER TABLE {table} ADD CONSTRAINT spoiled CHECK (false) NOT VALID" for table in SEALED))
    for somebody in (alice, pilot):
        yield from tries(garden.seed, somebody, job, QUEUE, ABOUT_SECRETS)
    tell(sandbox, *(f"ALTER TABLE {table} DROP CONSTRAINT spoiled" for table in SEALED))
    for somebody in people:
        somebody.close()


def submitted(somebody: Somebody) -> int:
    """A job of his that carries his secrets."""
    body = {**submitting(prodSourceLabel="user", computingSite=QUEUE)}
    answer = somebody.call("POST", "/api/v1/job/submit", json.dumps(body).encode())
    return int(json.loads(answer.said[answer.said.index(b"{"):])["data"][0][0])


def with_tokens(sandbox: Sandbox, garden: Garden) -> Iterator[Answer]:
    """Good tokens, and such that were altered or are used for something else."""
    nobody = Somebody(sandbox, "")
    for name in ("alice", "pilot"):
        token = sandbox.pki.token(name).read_text()
        for text in (token, token[:-4] + "AAAA", token + garden.seed(), f"{token},{token}", token.swapcase()):
            for origin in ("sandbox", "sandbox:pilot", "other"):
                yield nobody.call("GET", "/api/v1/system/get_attributes",
                                  headers={"authorization": f"Bearer {text}", "origin": origin})
    nobody.close()


def commands(sandbox: Sandbox, garden: Garden) -> Sequence[tuple[Sequence[str], str]]:
    """Verbs with what they read from standard input: those that are given secrets, those that could show them, and mistakes."""
    seed, proxy, token = garden.seed, sandbox.pki.proxy("alice"), sandbox.pki.token("alice")
    bad = sandbox.directory / "bad.toml"
    bad.write_text(f'[database]\ndsn = "host=/nowhere password={seed()}"\n[server]\nport = "{seed()}"\n')
    put = ("credential", "put")
    return [
        ((*put, "proxy", "robot", str(proxy)), ""), ((*put, "private-key", "k", "-"), seed()),
        ((*put, "public-key", "k", "-"), seed()), ((*put, "token", "c", "-"), seed()), ((*put, "token-key", "c", "-"), seed()),
        ((*put, "token", "d", "-"), "\0" + seed()),
        (("credential", "ls", "--json"), ""), (("token", "show", str(token)), ""), (("token", "show", str(proxy)), ""),
        (("token", "deny", "https://iam.test/", "--jti", "7", "--reason", "stolen"), ""), (("audit", "show", "--json"), ""),
        (("check",), ""), (("check", "--config", str(bad)), ""), (("--debug", "queue", "ls", "--config", str(bad)), ""),
        (("user", "show"), ""), (("fsck",), ""), (("whoami",), "")]


def run(sandbox: Sandbox, words: Sequence[str], given: str) -> bytes:
    """All that a verb says."""
    done = subprocess.run([sys.executable, "-m", "pandad.cli", *words], input=given.encode(), capture_output=True, check=False,
                          timeout=LIMIT_S, env={**environment(), **sandbox.environment()})
    return done.stdout + done.stderr


def processes(sandbox: Sandbox) -> Mapping[str, bytes]:
    """What everybody on this machine sees of its processes, and what the daemon, PostgreSQL and their children have in their
    environments."""
    ours, found = {sandbox.daemon.pid, sandbox.postgres.pid}, {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            found[str(process / "cmdline")] = (process / "cmdline").read_bytes()
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if {int(process.name), parent} & ours:
                found[str(process / "environ")] = (process / "environ").read_bytes()
    return found


def stored(sandbox: Sandbox) -> Mapping[str, bytes]:
    """Every row of the database, and what its sessions did last."""
    tables = [table for (table,) in tell(sandbox, TABLES)] + ["pg_stat_activity"]
    return {table: str(tell(sandbox, f"SELECT to_jsonb(t)::text FROM {table} t")).encode() for table in tables}


@ensureDeferred
async def test_nobody_sees_a_secret(loud: Sandbox, garden: Garden) -> None:
    """Through every call and the verbs, good and bad, and such that fail amid their work: secrets stand in the answers to those
    whose they are and in no other one, nor in a log, the metrics, a row, a process list, an environment, or what a verb says."""
    with ThreadPoolExecutor(2) as pool:
        said = dict(await in_thread(lambda: list(pool.map(
            lambda each: (" ".join(each[0]), run(loud, *each)), commands(loud, garden)))))
    answers = await in_thread(lambda: list(a_day(loud, garden)))
    nobody = Somebody(loud, "")
    metrics = await in_thread(nobody.call, "GET", "/metrics")
    nobody.close()
    places = {
        "the log": loud.log_file.read_bytes(), "PostgreSQL's log": loud.postgres.log_file.read_bytes(),
        "metrics": metrics.said, **said, **await in_thread(processes, loud), **await in_thread(stored, loud),
        **{f"{n} {answer.whom} {answer.path}": answer.said for n, answer in enumerate(answers) if not answer.may_have_secrets}}
    assert garden.planted >= PLANTED
    assert {place: found for place, text in places.items() if (found := garden.found(text))} == {}


@ensureDeferred
async def test_it_would_be_seen(loud: Sandbox, garden: Garden) -> None:
    """Those to whom secrets are given have them; the logs have the calls; a failure amid them was one."""
    alice = Somebody(loud, "alice")
    kept = garden.seed()
    await in_thread(alice.call, "POST", "/api/v1/creds/set_user_secrets", json.dumps({"key": "k", "value": kept}).encode())
    answer = await in_thread(alice.call, "GET", "/api/v1/creds/get_user_secrets")
    alice.close()
    assert garden.found(answer.said) == [kept] and answer.may_have_secrets
    assert "user_secret" in loud.postgres.log_file.read_text("utf-8", "replace")
    log = loud.log_file.read_text("utf-8", "replace")
    assert "incident" in log and "Failing row contains" in log
