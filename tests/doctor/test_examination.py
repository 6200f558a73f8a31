"""``pandad doctor``: an installation that is well gives no finding, and each fault that is brought about is told."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import async_yield_fixture, blockon, ensureDeferred
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred

from doctor.illnesses import GROUPS, Illness
from doctor.patient import Patient, make_healthy
from pandad.doctor.examination import Question
from pandad.doctor.look import Look
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


SEEDS = [pytest.param(illness, looks, id=illness.name) for illnesses, looks in GROUPS for illness in illnesses]


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
