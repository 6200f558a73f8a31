"""``pandad queue``: reading descriptions and words; then the command on a real store."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cric
import pytest

from pandad.cli.main import main
from pandad.cli.queue import StatusChange, change_of, queues_of
from pandad.config import Config, DatabaseConfig
from pandad.settings import render
from pandad.spec.errors import BadRequest
from pandad.spec.site import QueueStatus
from pandad.tomlsource import Source, SourceError

from .conftest import Panda

TOML = '''
nickname = "SMALL"
corecount = 4
maxrss = 4000
maxtime = 3600
[astorages]
pr = ["DISK"]
'''


def test_a_short_text_is_completed_for_pilots() -> None:
    """What pilots demand of a queue and a short text leaves out is filled in; what it says is kept."""
    [queue] = queues_of(Source(TOML, "q.toml"))
    assert (queue.name, queue.status, queue.corecount, queue.endpoint_in) == ("SMALL", QueueStatus.ONLINE, 4, "DISK")
    assert queue.description["panda_resource"] == queue.description["atlas_site"] == "SMALL"
    assert queue.description["state"] == "ACTIVE"
    [queue] = queues_of(Source(TOML.replace("corecount", 'gstat = "SITE"\nstatus = "test"\ncorecount'), "q.toml"))
    assert (queue.site, queue.status) == ("SITE", QueueStatus.TEST)


@pytest.mark.parametrize("text", ['{"A": {"maxrss": 1}, "B": {}}', "[A]\nmaxrss = 1\n[B]\n"])
def test_many_queues_in_one_text(text: str) -> None:
    """A table of tables is many queues, named by their keys."""
    assert [(q.name, q.maxrss_mb) for q in queues_of(Source(text, "q"))] == [("A", 1), ("B", 0)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("maxrss = 1", "q:1: nickname: the queue's name is missing"),
        ('nickname = "Q"\nstatus = "on"', "q:2: status: 'on' is none of online"),
        ("[A]\n[B]\nmaxrss = -1", "q:3: B.maxrss: -1 is negative; 0 means no limit"),
    ],
)
def test_mistakes_point_at_their_line(text: str, expected: str) -> None:
    """A wrong description is refused with its line."""
    with pytest.raises(SourceError) as caught:
        queues_of(Source(text, "q"))
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize(
    ("words", "change"),
    [
        (["status=brokeroff", "reason=a=b c"], StatusChange(QueueStatus.BROKEROFF, "a=b c")),
        (["status=online"], StatusChange(QueueStatus.ONLINE)),
        (["status=source"], StatusChange(None)),
        (["status=test", "until=2h"], StatusChange(QueueStatus.TEST, "", timedelta(hours=2))),
        (["until=3d", "status=test"], StatusChange(QueueStatus.TEST, "", timedelta(days=3))),
        (["status=test", "until=2026-12-01T12:00"], StatusChange(QueueStatus.TEST, "", datetime(2026, 12, 1, 12, tzinfo=UTC))),
    ],
)
def test_a_change_is_a_status_a_reason_and_an_end(words: list[str], change: StatusChange) -> None:
    """The reason may be left out, and may hold anything; the end is a while or a date."""
    assert change_of(words) == change


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["reason=x"], "status: is ''; write one of"),
        (["status=onlin"], "status: is 'onlin'; did you mean online"),
        (["statsu=online"], "statsu: cannot be set; did you mean status"),
        (["status"], "status: is ''"),
        (["status=test", "until=soon"], "until: 'soon' is no time; write 2h, 3d, 2026-12-31"),
        (["status=source", "until=2h"], "until: is for a status that ends"),
    ],
)
def test_a_wrong_change_says_what_to_write(words: list[str], text: str) -> None:
    """Only what can be set is taken."""
    with pytest.raises(BadRequest, match=text):
        change_of(words)


def pandad(*words: object) -> subprocess.CompletedProcess[str]:
    """Run the command; a reactor cannot run twice in one process."""
    return subprocess.run(
        [sys.executable, "-m", "pandad.cli", *map(str, words)], capture_output=True, text=True, check=False
    )


@pytest.fixture
def config(database: DatabaseConfig, tmp_path: Path) -> Path:
    """A configuration of a migrated, empty database."""
    file = tmp_path / "pandad.toml"
    file.write_text(render(Config(database=database)))
    return file


def test_queues_are_added_listed_and_switched(config: Path, tmp_path: Path) -> None:
    """What is added is listed, a new status is kept, and a queue that is not there is one line of error."""
    (tmp_path / "q.toml").write_text(TOML)
    assert pandad("queue", "ls", "--config", config).stdout == "there are no queues\n"
    added = pandad("queue", "add", tmp_path / "q.toml", "--config", config)
    assert (added.returncode, added.stderr) == (0, "")
    changed = pandad("queue", "set", "SMALL", "status=brokeroff", "reason=disk full", "until=2h", "--config", config)
    assert (changed.returncode, changed.stderr, changed.stdout) == (0, "", "SMALL is brokeroff\n")
    [row] = json.loads(pandad("queue", "ls", "--json", "--config", config).stdout)
    assert (row["queue"], row["status"], row["memory_mb"]) == ("SMALL", "brokeroff", 4000)
    assert (row["source_status"], row["reason"], row["jobs"], row["source"]) == ("online", "disk full", 0, None)
    assert row["until"] > row["set_at"] and "@" in row["set_by"]
    shown = pandad("queue", "show", "SMALL", "--config", config).stdout
    assert "disk full" in shown and 'astorages       {"pr": ["DISK"]}' in shown
    missing = pandad("queue", "set", "NONE", "status=online", "--config", config)
    assert (missing.returncode, missing.stdout, missing.stderr) == (1, "", "pandad: there is no queue NONE\n")


def test_many_queues_at_once(config: Path, tmp_path: Path) -> None:
    """A verb of its own for each status that an operator gives; for all that are named, or for none if one is not there."""
    (tmp_path / "q.toml").write_text(TOML)
    pandad("queue", "add", tmp_path / "q.toml", "--config", config)
    tried = pandad("queue", "drain", "SMALL", "--dry-run", "--config", config)
    assert (tried.returncode, tried.stdout) == (0, "SMALL would be brokeroff; it was online\n")
    assert pandad("queue", "offline", "SMALL", "NONE", "--config", config).returncode == 1
    drained = pandad("queue", "drain", "SMALL", "--reason", "disk full", "--until", "2h", "--json", "--config", config)
    assert json.loads(drained.stdout) == [{"queue": "SMALL", "was": "online", "status": "brokeroff"}]
    again = pandad("queue", "undrain", "SMALL", "--config", config)
    assert (again.returncode, again.stdout) == (0, "SMALL is online; it was brokeroff\n")


def test_queues_are_imported_and_removed(config: Path, tmp_path: Path) -> None:
    """A dump of CRIC is taken whole; what changed is told, before and after; each step is in the audit."""
    file, dump = tmp_path / "dump.json", cric.queues(3)
    name = next(iter(dump))
    file.write_text(json.dumps(dump))
    assert pandad("queue", "diff", file, "--config", config).stdout.endswith("would be: queues: 3 added, 0 unchanged\n")
    assert pandad("queue", "ls", "--config", config).stdout == "there are no queues\n"
    done = pandad("queue", "import", file, "--config", config)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.endswith("done: queues: 3 added, 0 unchanged\n")
    shown = json.loads(pandad("queue", "show", name, "--json", "--config", config).stdout)
    assert shown["description"] == dump[name] and shown["source"] == str(file)
    file.write_text(json.dumps({key: value for key, value in dump.items() if key != name}))
    found = json.loads(pandad("queue", "import", file, "--json", "--config", config).stdout)
    assert (found["gone"], found["same"], found["applied"], found["source"]) == ([name], 2, True, str(file))
    removed = pandad("queue", "rm", name, "--config", config)
    assert (removed.returncode, removed.stdout) == (0, f"{name} is removed\n")
    acts = json.loads(pandad("audit", "show", "--json", "--config", config).stdout)
    assert [(act["act"], act["target"]) for act in acts][:3] == [
        ("remove queue", name), ("import queues", str(file)), ("import queues", str(file))]


def test_a_queue_that_would_come_back_is_not_removed(config: Path, tmp_path: Path) -> None:
    """The daemon follows its source; there is no use in removing what is in there."""
    file, text = tmp_path / "dump.json", config.read_text()
    file.write_text(json.dumps({"A": {"status": "offline"}}))
    assert pandad("queue", "import", file, "--config", config).returncode == 0
    config.write_text(text.replace('\nsource = ""', f'\nsource = "{file}"'))
    refused = pandad("queue", "rm", "A", "--config", config)
    assert (refused.returncode, refused.stderr[:45]) == (1, f"pandad: queue A is in {file}"[:45])
    assert json.loads(pandad("queue", "sources", "--json", "--config", config).stdout)[0]["source"] == str(file)
    assert pandad("queue", "diff", "--config", config).stdout == "would be: queues: 1 unchanged\n"


def test_a_bad_dump_is_refused_with_every_mistake(config: Path, tmp_path: Path) -> None:
    """Each is a line with queue and key; the exit code says that nothing was taken."""
    file = tmp_path / "dump.json"
    file.write_text(json.dumps({"A": {"status": "on"}, "B": {"maxrss": "x"}, "C": {}}))
    refused = pandad("queue", "import", file, "--config", config)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert [line.removeprefix(f"pandad: {file}: ")[:9] for line in refused.stderr.splitlines()] == [
        "A: status", "B: maxrss"]
    taken = pandad("queue", "import", file, "--skip-bad", "--config", config)
    assert taken.stdout.splitlines()[0].startswith("! A: status") and "1 added, 2 not read" in taken.stdout


def test_endpoints_links_and_sources(config: Path, tmp_path: Path) -> None:
    """They are taken from files too; where the daemon takes them from is listed; without a source one must be named."""
    (tmp_path / "e.json").write_text(json.dumps(cric.endpoints(3)))
    (tmp_path / "l.toml").write_text("[A]\nB = 3\nC = 5\n")
    endpoints = pandad("queue", "import", "--endpoints", tmp_path / "e.json", "--config", config)
    assert endpoints.stdout.endswith("done: endpoints: 3 added, 0 unchanged\n")
    links = pandad("queue", "import", "--links", tmp_path / "l.toml", "--config", config)
    assert links.stdout == "+ A to B\n+ A to C\ndone: links: 2 added, 0 unchanged\n"
    assert pandad("queue", "sources", "--config", config).stdout == "[queues] names no source\n"
    refused = pandad("queue", "diff", "--config", config)
    assert refused.stderr == "pandad: FILE|URL: is missing, and [queues] source is not set; name a file or an https address\n"


def test_a_database_of_another_version_is_left_alone(config: Path, database: DatabaseConfig, postgres: object) -> None:
    """Without the schema that it knows, the command says so and changes nothing."""
    config.write_text(render(Config(database=DatabaseConfig(dsn=postgres.dsn))))  # type: ignore[attr-defined]
    refused = pandad("queue", "ls", "--config", config)
    assert refused.returncode == 2
    assert refused.stderr.startswith("pandad: the database has schema 0, this pandad wants")


def test_loops_are_listed(config: Path) -> None:
    """`pandad loop ls` shows the loops of the database; there are none before a daemon ran."""
    assert pandad("loop", "ls", "--config", config).stdout == "no loop has run yet\n"
    assert json.loads(pandad("loop", "ls", "--json", "--config", config).stdout) == []


def test_why(panda: Panda, capsys: pytest.CaptureFixture[str]) -> None:
    """What is up with a queue: the summary, what is wrong and what to do, what it takes, who asked, what waits and is refused."""
    at = {"__datetime__": "2025-01-02T03:04:05+00:00"}
    panda.answers["queue/why"] = lambda asked: {
        "queue": "Q", "status": "offline", "reason": "flood", "summary": "Q is offline", "takes": {"maxrss": 2000},
        "problems": [{"code": "queue-closed", "text": "it is offline", "next_step": "open it"}],
        "pilots": [{"window_s": 3600, "asked": 5, "served": 0, "refused": {"memory": 5}, "last": at}],
        "asked": [{"at": at, "asked": {"memory_mb": 1000}, "jobs": 0,
                   "reasons": [{"criterion": "memory", "have": 1000, "need": 2000}]}],
        "ends": [], "waits": [{"user": "alice", "jobs": 7, "resource_type": "SCORE", "text": "memory: too little"}],
        "refuses": [{"criterion": "status", "jobs": 3, "text": "the queue is offline", "examples": [1, 2, 3]}]}
    assert main(["queue", "why", "Q"]) == 0
    out = capsys.readouterr().out
    for words in ("Q is offline", "queue-closed  it is offline  open it", "maxrss  2000", "memory=5",
                  "memory: had 1000, needed 2000", "memory: too little", "1, 2, 3"):
        assert words in out
    assert panda.asked == [("GET", "queue/why", "queue=Q")]
    assert main(["queue", "why", "Q", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["queue"] == "Q"
