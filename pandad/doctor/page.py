"""The page docs/reference/checks.md, from the looks and the faults."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pandad.doctor.configuration import LOOKS
from pandad.doctor.examination import EVERYTHING
from pandad.doctor.finding import FAULTS, Fault, Level

INTRODUCTION = """# What `pandad check` and `pandad doctor` look at

<!-- made by `pandad doctor --list --markdown > docs/reference/checks.md` -->

`pandad check` looks at the configuration and at the files that it names, and asks nobody. `pandad doctor` looks at all that, at
this host, and asks the database, the token issuers, Rucio and the pandad that runs here. Both change nothing, may be run at any
time, by the account of the daemon or by root (who becomes that account first, if systemd's unit names it), and tell everything at
once, errors first: where, what is wrong, what to do, and where to read on. Each look of the doctor has {deadline:g} s; what hangs
is told as such.

Exit code 0: no error (there may be warnings; with `--strict` there are none). 1: at least one. 2: wrong usage. `--json` gives
`{{"clean", "errors", "warnings", "findings": [{{"level", "fault", "text", "remedy", "page", "place", "key"}}]}}`; `place` is
`FILE:LINE` in the configuration.

An **error** means that pandad does not start, that somebody is refused, or that something stands still; a **warning**, that it
works, and not for long or not as it was meant.

"""


def page(deadline_s: float) -> str:
    """All of it."""
    return INTRODUCTION.format(deadline=deadline_s) + "\n".join([*_looks(), "", *_faults(), ""])


def _looks() -> Iterator[str]:
    yield "| look | at | by |"
    yield "|---|---|---|"
    for look in EVERYTHING:
        yield f"| {look.name} | {look.at} | {'check, doctor' if look in LOOKS else 'doctor'} |"


def _faults() -> Iterator[str]:
    yield "| fault | level | what is so | what to do | more |"
    yield "|---|---|---|---|---|"
    for level in Level:
        yield from (_row(fault) for fault in sorted(FAULTS.values(), key=lambda fault: fault.name) if fault.level is level)


def _row(fault: Fault) -> str:
    remedy = re.sub(r"\{(\w+)\}", lambda word: "as the finding says" if word[1] == "do" else word[1].upper(), fault.remedy)
    name, _, anchor = fault.page.rpartition("/")[2].partition("#")
    link = f"[{anchor or name.removesuffix('.md')}](../{fault.page})".replace("](../reference/", "](")
    return f"| `{fault.name}` | {fault.level} | {fault.says} | {remedy.replace('|', chr(92) + '|')} | {link} |"
