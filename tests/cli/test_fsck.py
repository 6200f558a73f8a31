"""``pandad fsck``: its exit codes are its word; then what it prints."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_twisted import blockon
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from pandad.cli.fsck import Outcome, account, page
from pandad.cli.main import main
from pandad.config import Config, DatabaseConfig
from pandad.settings import render
from pandad.taskbuffer.fsck import INVARIANTS, Finding, Report
from pandad.taskbuffer.pool import connect

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "fsck.md"
JOB = INVARIANTS[-1]


def pandad(*words: object) -> subprocess.CompletedProcess[str]:
    """Run the command; a reactor cannot run twice in one process."""
    command = [sys.executable, "-m", "pandad.cli", "fsck", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def config(database: DatabaseConfig, tmp_path: Path) -> Path:
    """A configuration of a migrated, empty database."""
    file = tmp_path / "pandad.toml"
    file.write_text(render(Config(database=database)))
    return file


async def _harm(database: DatabaseConfig) -> None:
    link = await connect(reactor, database, "harm")
    await link.execute("INSERT INTO job_event (pandaid, event, tostatus, attemptnr, actor, who) "
                       "VALUES (7, 'submitted', 'defined', 1, 'user', 'x')")  # fmt: skip
    link.close()


@pytest.fixture
def harmed(config: Path, database: DatabaseConfig) -> Path:
    """The same, with an event of a job that is not there, and whose id will be given out."""
    blockon(Deferred.fromCoroutine(_harm(database)))
    return config


def test_the_page_is_that_of_the_table() -> None:
    """docs/reference/fsck.md is made from the table of invariants."""
    assert PAGE.read_text("utf-8") == page() + "\n"


def test_a_clean_database_is_exit_code_0(config: Path) -> None:
    """And one line, or clean in JSON."""
    done = pandad("--config", config)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{len(INVARIANTS)} invariants looked at, {len(INVARIANTS)} hold, 0 findings\n"
    said = json.loads(pandad("--config", config, "--json").stdout)
    assert said == {"clean": True, "looked_at": len(INVARIANTS), "findings": [], "more": [], "repaired": [], "stopped": ""}


def test_findings_are_exit_code_1(harmed: Path) -> None:
    """Each with its invariant, its id and what to do."""
    done = pandad("--config", harmed, "--json")
    said = json.loads(done.stdout)
    assert done.returncode == 1 and not said["clean"]
    assert {(f["invariant"], f["id"]) for f in said["findings"]} == {("event-of-job", "7"), ("sequence-ahead", "job_pandaid")}
    assert all(f["text"] and f["remedy"] and f["severity"] == "error" for f in said["findings"])


def test_chosen_invariants_alone(harmed: Path) -> None:
    """Others have no say in the exit code."""
    assert pandad("--config", harmed, "--check", "job-owner", "job-end").returncode == 0
    assert pandad("--config", harmed, "--check", "job-owner", "event-of-job").returncode == 1


def test_a_repair_says_what_it_did(harmed: Path) -> None:
    """The sequence is raised, and what cannot be repaired is still a finding."""
    done = pandad("--config", harmed, "--repair", "--after-restore", "--gap", "5000")
    assert done.returncode == 1 and "repaired: sequence job_pandaid gives 6008 next" in done.stdout
    again = pandad("--config", harmed, "--repair", "--after-restore", "--gap", "5000", "--check", "sequence-ahead")
    assert (again.returncode, again.stdout) == (0, "1 invariants looked at, 1 hold, 0 findings\n")


def test_not_to_look_is_no_finding(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No configuration, no such invariant: 2. No database: 3. Nothing is called clean or broken."""
    assert pandad("--config", tmp_path / "none.toml").returncode == 2
    config.write_text(render(Config(database=DatabaseConfig(dsn=f"host={tmp_path} dbname=x", wait_s=0.1))))
    away = pandad("--config", config, "--json")
    assert (away.returncode, away.stdout) == (3, "") and away.stderr.startswith("pandad: no connection to the database")
    assert main(["fsck", "--check", "job-onwer", "--config", str(config)]) == 2
    assert "did you mean job-owner?" in capsys.readouterr().err


def test_the_list_needs_no_database(capsys: pytest.CaptureFixture[str]) -> None:
    """Every invariant with its sentence."""
    assert main(["fsck", "--list", "--json"]) == 0
    assert [row["invariant"] for row in json.loads(capsys.readouterr().out)] == [i.name for i in INVARIANTS]
    assert main(["fsck", "--list"]) == 0
    text = capsys.readouterr().out
    assert all(f"{i.name} " in text and i.says in text for i in INVARIANTS)


def test_the_account_says_what_to_do_once_for_each_kind() -> None:
    """However many findings there are of it; and that there may be more."""
    outcome = Outcome(Report(5, [Finding(JOB, "1", "odd"), Finding(JOB, "2", "odder")], [JOB.name]), ["it is well again"])
    text = account(outcome)
    assert text.startswith("repaired: it is well again\n") and text.endswith("5 invariants looked at, 4 hold, 2 findings")
    assert text.count(JOB.remedy) == 1 and f"{JOB.name}: there may be more of these" in text
