"""A pilot starts contained, with what it needs and no more, and can be ended at once.

These tests run no real pilot: a program of a few lines stands in its source tree."""

from __future__ import annotations

import configparser
import json
import os
import runpy
import shlex
import tempfile
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor

from pandad.embedded import pilotsettings, pilotsource
from pandad.embedded.containment import UNPRIVILEGED_ID, ContainmentError, contained_account
from pandad.embedded.pilot import (
    PILOT_VERSION,
    PilotProcess,
    PilotSettings,
    missing_requirements,
    prepare_pilot,
    queue_description,
)

lacking = missing_requirements()
contained = pytest.mark.skipif(bool(lacking), reason="; ".join(lacking))

DEFAULTS = """
[Pilot]
heartbeat: 1800
kept: as it was
[Information]
queues_url: https://somewhere.else/
"""

REPORTING_PILOT = """
import json, os, pathlib, pipes, sys
pathlib.Path(os.environ["HOME"], "report").write_text(json.dumps({
    "uid": os.getuid(), "environment": dict(os.environ), "quoted": pipes.quote("a b"),
    "proxy": pathlib.Path(os.environ["X509_USER_PROXY"]).read_text()}))
storage = pathlib.Path(sys.argv[sys.argv.index("--input-destination-dir") + 1])
(storage / "user" / "output").write_text((storage / "user" / "input").read_text().upper())
print("done")
sys.exit(65)
"""

ENDLESS_PILOT = """
import os, time
os.write(1, b"started\\n")
while True:
    time.sleep(1000)
"""


def settings(directory: Path, program: str) -> PilotSettings:
    top = Path(tempfile.mkdtemp(dir=directory))
    top.chmod(0o755)
    (top / "source" / "pilot" / "util").mkdir(parents=True)
    (top / "source" / "pilot" / "util" / "default.cfg").write_text(DEFAULTS)
    (top / "source" / "pilot.py").write_text(program)
    (top / "ca").mkdir()
    (top / "proxy").write_text("a proxy")
    (top / "proxy").chmod(0o600)
    (top / "storage" / "user").mkdir(parents=True)
    (top / "storage" / "user" / "input").write_text("some text")
    return PilotSettings(
        source=top / "source",
        workdir=top / "work",
        queue="Q1",
        tls_port=1,
        http_port=2,
        proxy_file=top / "proxy",
        ca_dir=top / "ca",
        storage_root=top / "storage",
        node="node7",
        extra_environment={"HARVESTER_ID": "h"},
    )


@contained
@ensureDeferred
async def test_pilot_runs_contained_with_what_it_needs(open_directory: Path) -> None:
    """The pilot can read its proxy and its inputs and write its outputs, finds a `pipes` module under any Python,
    and its exit code is reported."""
    given = settings(open_directory, REPORTING_PILOT)
    process = PilotProcess(given)
    await process.start(reactor)
    assert await process.finished == 65, process.log_file.read_text()
    report: dict[str, Any] = json.loads((given.workdir / "report").read_text())
    assert report["uid"] == (UNPRIVILEGED_ID if contained_account().drop else 0)
    assert report["quoted"] == "'a b'"
    assert report["proxy"] == "a proxy"
    assert report["environment"]["PILOT_NOKILL"] == "1"
    assert report["environment"]["PANDA_HOSTNAME"] == "node7"
    assert report["environment"]["HARVESTER_ID"] == "h"
    assert (given.storage_root / "user" / "output").read_text() == "SOME TEXT"
    assert process.log_file.read_text().endswith("done\n")


@contained
@ensureDeferred
async def test_environment_is_closed(open_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of our own environment reaches the pilot."""
    monkeypatch.setenv("PANDAD_SECRET", "1")
    given = settings(open_directory, REPORTING_PILOT)
    process = PilotProcess(given)
    await process.start(reactor)
    await process.finished
    assert "PANDAD_SECRET" not in (given.workdir / "report").read_text()


@contained
@ensureDeferred
async def test_kill_ends_it(open_directory: Path) -> None:
    """Kill ends a pilot that would run for ever; to kill it again does nothing."""
    process = PilotProcess(settings(open_directory, ENDLESS_PILOT))
    process.kill()
    await process.start(reactor)
    process.kill()
    assert await process.finished != 0
    process.kill()


@contained
@ensureDeferred
async def test_a_directory_is_used_once(open_directory: Path) -> None:
    """A pilot refuses to start in a directory that exists: it may delete it."""
    given = settings(open_directory, ENDLESS_PILOT)
    given.workdir.mkdir()
    with pytest.raises(FileExistsError):
        await PilotProcess(given).start(reactor)


@contained
@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the pilot as somebody else")
@ensureDeferred
async def test_a_closed_directory_is_refused(tmp_path: Path) -> None:
    """Where the pilot's account cannot enter, nothing is started and the error says what to do."""
    tmp_path.chmod(0o700)
    process = PilotProcess(settings(tmp_path, ENDLESS_PILOT))
    with pytest.raises(ContainmentError, match="choose a directory"):
        await process.start(reactor)
    assert not process.log_file.exists()


def test_configuration_changes_only_what_it_names(open_directory: Path) -> None:
    """The pilot's own defaults stay, its servers become ours."""
    configuration: configparser.ConfigParser = pilotsettings.configuration(settings(open_directory, ""))
    assert configuration["Pilot"]["kept"] == "as it was"
    assert configuration["Pilot"]["heartbeat"] == "10"
    assert "localhost:2/" in configuration["Information"]["queues_url"]


@pytest.mark.parametrize("module", pilotsettings.SHIMS)
def test_shims_quote_like_the_standard_library(module: str, tmp_path: Path) -> None:
    """A shim behaves as the module it stands for."""
    (tmp_path / f"{module}.py").write_text(pilotsettings.SHIMS[module])
    quote = runpy.run_path(str(tmp_path / f"{module}.py"))["quote"]
    assert [quote(text) for text in ("", "a b", "it's")] == [shlex.quote(text) for text in ("", "a b", "it's")]


def test_queue_has_what_the_pilot_demands() -> None:
    """Each key without which the pilot ends before it asks for a job is there; files are moved in place."""
    queue = queue_description("Q1", "SITE", "SITE_DISK", max_walltime_s=600)
    assert (queue["nickname"], queue["panda_resource"], queue["atlas_site"]) == ("Q1", "Q1", "SITE")
    assert (queue["state"], queue["status"], queue["maxtime"]) == ("ACTIVE", "online", 600)
    assert "mv" in queue["copytools"] and queue["catchall"] == "mv_final_destination"
    assert queue["astorages"]["pw"] == ["SITE_DISK"]


def test_source_is_fetched_once(tmp_path: Path) -> None:
    """A tree that is there is used without asking the network."""
    (tmp_path / pilotsource.TREE).mkdir()
    assert prepare_pilot(tmp_path) == tmp_path / f"panda-pilot-{PILOT_VERSION}"
