"""``pandad doctor``: an installation that is well gives no finding, and each fault that is brought about is told."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import async_yield_fixture, blockon, ensureDeferred
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.utils import getProcessOutputAndValue

from doctor.illnesses import GROUPS, Illness
from doctor.patient import Patient, make_healthy
from pandad.doctor.examination import EVERYTHING, Question
from pandad.doctor.look import Look
from pandad.embedded.daemon import environment_of_pandad
from pandad.embedded.pki import SandboxPki
from pandad.embedded.postgres import EmbeddedPostgres
from pandad.embedded.sandbox import Sandbox

reactor: Any = installed


@pytest.fixture(scope="module")
def sandbox(open_directory: Path, pki: SandboxPki) -> Iterator[Sandbox]:
    """One that runs, on a PostgreSQL that keeps what it was told."""
    shutil.copytree(pki.directory, open_directory / "doctor" / "pki")  # keys take time
    made = Sandbox(reactor, open_directory / "doctor", ports=(0, 0))
    made.postgres = EmbeddedPostgres(reactor, open_directory / "doctor" / "postgres", settings={"max_prepared_transactions": "2"})
    blockon(Deferred.fromCoroutine(made.start()))
    blockon(Deferred.fromCoroutine(make_healthy(made)))
    yield made
    blockon(Deferred.fromCoroutine(made.stop()))


@async_yield_fixture
async def patient(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[Patient]:
    """It is well."""
    made = Patient(sandbox, tmp_path)
    yield made
    await made.recover()


@ensureDeferred
async def test_a_sandbox_is_well(patient: Patient) -> None:
    """There is neither an error nor a warning."""
    assert await patient.findings() == []


@ensureDeferred
async def test_a_database_at_work_is_well(patient: Patient) -> None:
    """Those that the faults below are made of have none."""
    await patient.database()
    assert await patient.findings() == []


THOROUGH = "PANDAD_DOCTOR_THOROUGH"  # in the environment: all looks at each
SEEDS = [pytest.param(illness, EVERYTHING if THOROUGH in os.environ else looks, id=illness.name)
         for illnesses, looks in GROUPS for illness in illnesses]


@pytest.mark.parametrize(("illness", "looks"), SEEDS)
@ensureDeferred
async def test_a_fault_is_told(patient: Patient, illness: Illness, looks: Sequence[Look | Question]) -> None:
    """With what to do; and nothing is told that does not follow from it. (All looks at each: python -m tests.doctor)"""
    await illness.fall_ill(patient)
    findings = await patient.findings(looks)
    told = {finding.fault for finding in findings}
    assert illness.fault in told and told <= {illness.fault, *illness.besides}, findings
    said = [f"{finding.text}; {finding.remedy}" for finding in findings if finding.fault == illness.fault]
    assert any(illness.words in each for each in said), said


async def run(*words: str) -> tuple[str, int]:
    """The command: what it prints, and its exit code."""
    command = ["-m", "pandad.cli", "doctor", *words]
    out, said, code = await getProcessOutputAndValue(sys.executable, command, environment_of_pandad(), reactor=reactor)
    assert said == b""
    return out.decode(), code


@ensureDeferred
async def test_the_command(sandbox: Sandbox) -> None:
    """On an installation that is well: one line, and exit code 0."""
    out, code = await run("--config", str(sandbox.config_file), "--strict")
    assert (code, out.split(" in ")[0]) == (0, f"{len(EVERYTHING)} looks")
    assert out.endswith("0 errors, 0 warnings\n")


@ensureDeferred
async def test_the_command_where_nothing_runs(patient: Patient) -> None:
    """The database's words come first, with the command that helps; exit code 1."""
    patient.dsn(f"host={patient.folder} dbname=pandad")
    file = patient.write()
    out, code = await run("--config", str(file), "--json")
    (finding,) = json.loads(out)["findings"]
    assert (code, finding["fault"], finding["level"]) == (1, "database-down", "error")
    assert (finding["place"], finding["page"]) == (f"{file}:14", "docs/how-to/runbooks.md#pandaddatabaseaway")
