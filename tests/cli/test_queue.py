"""``pandad queue``: reading descriptions and words; then the command on a real store."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pandad.cli.main import main
from pandad.cli.queue import change_of, queues_of
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


def test_a_change_is_a_status_and_a_reason() -> None:
    """The reason may be left out, and may hold anything."""
    assert change_of(["status=brokeroff", "reason=a=b c"]) == (QueueStatus.BROKEROFF, "a=b c")
    assert change_of(["status=online"]) == (QueueStatus.ONLINE, "")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["reason=x"], "status: is ''; write one of"),
        (["status=onlin"], "status: is 'onlin'; did you mean online"),
        (["statsu=online"], "statsu: cannot be set; did you mean status"),
        (["status"], "status: is ''"),
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
    changed = pandad("queue", "set", "SMALL", "status=brokeroff", "reason=disk full", "--config", config)
    assert (changed.returncode, changed.stderr) == (0, "")
    [row] = json.loads(pandad("queue", "ls", "--json", "--config", config).stdout)
    assert (row["queue"], row["status"], row["memory_mb"]) == ("SMALL", "brokeroff", 4000)
    missing = pandad("queue", "set", "NONE", "status=online", "--config", config)
    assert (missing.returncode, missing.stdout, missing.stderr) == (1, "", "pandad: there is no queue NONE\n")


def test_a_database_of_another_version_is_left_alone(config: Path, database: DatabaseConfig, postgres: object) -> None:
    """Without the schema that it knows, the command says so and changes nothing."""
    config.write_text(render(Config(database=DatabaseConfig(dsn=postgres.dsn))))  # type: ignore[attr-defined]
    refused = pandad("queue", "ls", "--config", config)
    assert refused.returncode == 1
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
