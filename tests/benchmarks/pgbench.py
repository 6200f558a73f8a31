"""pgbench: what PostgreSQL reaches when nothing but the statements is in the way."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pandad.config import DatabaseConfig
from pandad.embedded.postgres import pg_bin_dir
from pandad.taskbuffer.pool import session_options

WORDS = {"transactions": r"number of transactions actually processed: (\d+)", "failed": r"number of failed transactions: (\d+)",
         "per_s": r"^tps = ([\d.]+)", "mean_ms": r"^latency average = ([\d.]+) ms"}


class PgbenchFailed(Exception):
    """It ended badly; the text is its own."""


@dataclass(frozen=True, slots=True)
class Result:
    """``statement_mean_ms``: of each statement of the script, in order; 0 for one that ran once per client."""

    transactions: int
    per_s: float
    mean_ms: float
    statement_mean_ms: tuple[float, ...]


def run(script: Path, dsn: str, clients: int, seconds: int) -> Result:
    """Run the script in simple protocol, as psycopg2 speaks it, in sessions set up as the daemon's: the same plans.

    :raise PgbenchFailed: a client was aborted, for example because no job was left.
    """
    threads = min(clients, os.cpu_count() or 1)
    options = ["--no-vacuum", "--report-per-command", "--protocol=simple", "--define=n=0", f"--file={script}",
               f"--client={clients}", f"--jobs={threads}", f"--time={seconds}"]
    done = subprocess.run([str(pg_bin_dir() / "pgbench"), *options, dsn], capture_output=True, text=True, check=False,
                          env={**os.environ, "PGOPTIONS": session_options(DatabaseConfig(dsn=dsn))})
    if done.returncode != 0:
        raise PgbenchFailed(done.stderr[-2000:])
    return parsed(done.stdout)


def parsed(text: str) -> Result:
    """What pgbench printed (PostgreSQL 15 and later)."""
    found = {name: re.search(pattern, text, re.MULTILINE) for name, pattern in WORDS.items()}
    figures = {name: float(match[1]) for name, match in found.items() if match is not None}
    statements = re.findall(r"^ +([\d.]+) +\d+ +(?!\\)\S", text, re.MULTILINE)
    return Result(int(figures["transactions"]), figures["per_s"], figures["mean_ms"], tuple(float(ms) for ms in statements))
