"""What the demo promised, what came of it, and how it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pandad.cli.job import errors
from pandad.cli.jobwait import Description
from pandad.cli.output import cell, table
from pandad.dataservice.ddm import FileName
from pandad.dataservice.local import path_of
from pandad.spec.jobstatus import JobStatus

PAYLOAD_EXIT_CODE = 42
FAILS = "demo-fails"


@dataclass(frozen=True)
class Verdict:
    """One job: what it is, where its output lies, and whether that is what was promised."""

    job: Description
    output: Path
    problem: str | None

    @property
    def as_promised(self) -> bool:
        """No problem."""
        return self.problem is None

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        shown = ("PandaID", "jobName", "jobStatus", "computingSite", "attemptNr", "transExitCode", "pilotErrorCode",
                 "pilotErrorDiag", "timeline")
        return {**{key: self.job[key] for key in shown}, "output": str(self.output), "problem": self.problem}


def judge(job: Description, storage: Path) -> Verdict:
    """Compare a job with the promise: finished with the right output, or failed with the exit code that was asked for."""
    names = {f["type"]: FileName(f["scope"], f["lfn"]) for f in job["Files"]}
    output = path_of(storage, names["output"])
    source = path_of(storage, names["input"])
    assert output is not None and source is not None
    return Verdict(job, output, _problem(job, source, output))


def _problem(job: Description, source: Path, output: Path) -> str | None:
    status, code = job["jobStatus"], str(job["transExitCode"])
    if str(job["jobName"]).startswith(FAILS):
        if status == JobStatus.FAILED and code == str(PAYLOAD_EXIT_CODE):
            return None
        return f"should have failed with exit code {PAYLOAD_EXIT_CODE}; it is {status} with {code}"
    if status != JobStatus.FINISHED:
        return f"should be finished, is {status}: {errors(job)}"
    if not output.is_file():
        return f"there is no {output}"
    return None if output.read_text() == source.read_text().upper() else f"{output} has the wrong content"


def rendered(verdicts: Sequence[Verdict], directory: Path, good: bool) -> str:
    """The report for a person."""
    return "\n".join([
        "", "What happened to each job (UTC):", *(_story(v) for v in verdicts),
        "", _overview(verdicts),
        "", *_outcome(verdicts, good),
        "", "What to try next:",
        f"  pandad sandbox {directory}          # the same sandbox again, its jobs kept; in another terminal:",
        f"  . {directory}/env.sh",
        "  pandad job why 10; pandad job timeline 10",
        f"  pandad job submit {directory}/jobs.toml; pandad queue set SANDBOX status=brokeroff reason=trying",
        "  pandad demo --kill-daemon --stop-database 20   # the same, with faults on the way",
        f"  rm -r {directory}                    # when you are done",
    ])


def _outcome(verdicts: Sequence[Verdict], good: bool) -> list[str]:
    if good:
        return [f"As promised: {len(verdicts) - 1} jobs finished with the right output, one failed with exit code "
                f"{PAYLOAD_EXIT_CODE}."]
    return ["NOT as promised:", *(f"  job {v.job['PandaID']}: {v.problem}" for v in verdicts if v.problem)]


def _overview(verdicts: Sequence[Verdict]) -> str:
    return table(("PandaID", "name", "state", "queue", "attempt", "error", "output"), [
        (v.job["PandaID"], v.job["jobName"], v.job["jobStatus"], v.job["computingSite"], v.job["attemptNr"], errors(v.job),
         v.output if v.job["jobStatus"] == JobStatus.FINISHED else None) for v in verdicts])


def _story(verdict: Verdict) -> str:
    steps = " > ".join(_step(event) for event in verdict.job["timeline"])
    return f"  job {verdict.job['PandaID']}: {steps}"


def _step(event: Mapping[str, Any]) -> str:
    state = event["to"] if event["to"] != event["from"] else event["event"]
    return f"{state} {cell(event['at'])[11:]}"
