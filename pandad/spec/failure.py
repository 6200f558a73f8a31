"""What went wrong with an attempt: PanDA's pairs of code and text, by the component that set them, and the payload's exit."""

from __future__ import annotations

from dataclasses import dataclass

from pandad.spec.job import JobSpec

EXIT_CODE, PILOT = "transExitCode", "pilot"
_COMPONENTS = ("exe", PILOT, "ddm", "brokerage", "jobDispatcher", "taskBuffer", "sup")  # the nearest to the payload first
SOURCES = (EXIT_CODE, *_COMPONENTS)


@dataclass(frozen=True, slots=True)
class Failure:
    """One error; ``code`` is never negative: a pilot's minus is a request (see retry.py), and no part of the code."""

    source: str
    code: int
    text: str

    def __str__(self) -> str:
        if self.source == EXIT_CODE:
            return f"payload exit code {self.text}"
        return f"{self.source} {self.code}: {self.text or 'no text'}"


def failures_of(job: JobSpec) -> list[Failure]:
    """Every error that stands on the job; codes of 0 are none."""
    found = [Failure(source, abs(code), getattr(job, source + "ErrorDiag") or "")
             for source in _COMPONENTS if (code := getattr(job, source + "ErrorCode"))]
    if job.transExitCode and job.transExitCode != "0":
        found.insert(0, Failure(EXIT_CODE, _number(job.transExitCode), job.transExitCode))
    return found


def cause_of(job: JobSpec) -> str:
    """By which error the attempt is counted, as source:code. The pilot's is the one that tells most."""
    failures = failures_of(job)
    worst = min(failures, key=lambda failure: failure.source != PILOT, default=Failure(PILOT, 0, ""))
    return f"{worst.source}:{worst.code}"


def _number(exit_code: str) -> int:
    """The code as a number; 0 for a word, which a rule can match by its text."""
    digits = exit_code.removeprefix("-")
    return int(digits) if digits.isdecimal() else 0
