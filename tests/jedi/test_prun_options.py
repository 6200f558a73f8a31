"""Every option of the real prun: it works, or is refused by name with what to do; docs/reference/tasks.md says which."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pandaclient import PrunArgs
from realprun import NOWHERE

from pandad.config import JediConfig
from pandad.jedi.drafts import Drafts
from pandad.spec.errors import BadRequest

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "tasks.md").read_text("utf-8")
PROGRAM = Path(__file__).with_name("manyprun.py")
DRAFTS = Drafts(JediConfig())

READ = ("--inDS", "user.ann.in")
WRITE = ("--outputs", "o.txt")
SECOND = (*READ, "--secondaryDSs", "IN2:1:user.ann.second")
IMAGE = ("--containerImage", "docker://alpine")
OLD = (*IMAGE, "--oldContMode")
DBR = ("--dbRelease", "ddo.x:y.tar.gz")
GRL = ("--goodRunListXML", "names.txt")
EVENTS = ("--eventPickEvtList", "names.txt", "--eventPickDataType", "AOD", "--noSubmit")

# What goes with an option, for it to mean something, and its value.
WITH: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("--match", "--antiMatch"), (*READ, "*x*")), "--inputFileList": (*READ, "names.txt"),
    **dict.fromkeys(("--useLogAsInput", "--notSkipLog", "--notExpandInDS", "--skipEmptyInput", "--forceStaged", "--respectLB"),
                    READ),
    **dict.fromkeys(("--nSkipFiles", "--nFiles", "--nFilesPerJob", "--nGBPerJob", "--nJobs", "--maxNFilesPerJob", "--nEvents",
                     "--nEventsPerJob", "--nEventsPerFile"), (*READ, "7")),
    **dict.fromkeys(("--reusableSecondary",), (*SECOND, "IN2")), "--secondaryDSs": (*READ, "IN2:1:user.ann.second"),
    **dict.fromkeys(("--useNumFilesInSecDSsAsRatio", "--notExpandSecDSs"), SECOND),
    **dict.fromkeys(("--alrb", "--wrapExecInContainer", "--oldContMode", "--useSandbox"), IMAGE),
    "--alrbArgs": (*IMAGE, "nohome"),
    **dict.fromkeys(("--ctrCvmfs", "--ctrNoX509", "--ctrDebug", "--useCentralRegistry", "--notUseCentralRegistry"), OLD),
    **dict.fromkeys(("--ctrDatadir", "--ctrWorkdir"), (*OLD, "/x")),
    **dict.fromkeys(("--mergeLog", "--mergeSingleFile"), ("--mergeOutput",)),
    "--mergeTransPath": ("--mergeOutput", "http://x/y"), "--nGBPerMergeJob": ("--mergeOutput", "5"),
    "--notExpandDBR": DBR, "--dbRelease": DBR[1:], "--goodRunListXML": GRL[1:], "--eventPickEvtList": (*EVENTS[2:], "names.txt"),
    **dict.fromkeys(("--goodRunListDataType", "--goodRunListProdStep", "--goodRunListDS"), (*GRL, "x")),
    **dict.fromkeys(("--eventPickStreamName", "--eventPickDS", "--eventPickAmiTag", "--ei_api"), (*EVENTS, "x")),
    "--eventPickDataType": (*EVENTS[:2], "--noSubmit", "AOD"), "--eventPickWithGUID": EVENTS,
    **dict.fromkeys(("--addNthFieldOfInDSToLFN", "--addNthFieldOfInFileToLFN"), (*READ, *WRITE, "2")),
    "--allowNoOutput": (*WRITE, "o.txt"), "--spaceToken": (*WRITE, "x"), "--destSE": (*WRITE, "x"),
    "--skipFilesUsedBy": (*READ, "10000001"), "--pfnList": ("--site", "A", "names.txt"), "--tarBallViaDDM": ("x:y",),
    "--transPath": ("http://x/y",), "--writeInputToTxt": (*READ, "IN:x"), "--inDsTxt": ("names.txt",), "--nCore": ("8",),
    "--maxAttempt": ("5",), "--priority": ("950",), "--parentTaskID": (*READ, "10000001"), "--containerImage": ("docker://x",),
    "--transferType": (*READ, "direct"),
}
UNTRIED = frozenset({"--athenaTag", "--useAthenaPackages"})  # prun itself ends where there is no ATLAS release
MORE: Mapping[str, tuple[tuple[str, ...], bool]] = {
    "regex": (("--outputs", "regex|.*txt"), False), "several": (("--outputs", "a.txt,b*.txt,x:c.txt"), True),
    "AUTO": (("--site", "A,AUTO"), False), "sites": (("--site", "A,B*"), True), "MAX": ((*READ, "--nGBPerJob", "MAX"), True),
    "root": ((*READ, "--transferType", "root"), False), "file": ((*READ, "--transferType", "file"), True),
    "child": (("--parentTaskID", "10000001"), True), "no input": (("--nJobs", "5"), True)}


def rows() -> dict[str, str]:
    """Of the table: each option, and what stands beside it."""
    table = PAGE.partition("## Options of prun\n")[2].partition("\n## ")[0]
    cells = [re.split(r"(?<!\\)\|", line)[1:3] for line in table.splitlines() if line.startswith("| `")]
    found = [(option, said.strip()) for options, said in cells for option in re.findall(r"`(-[^`]+)`", options)]
    assert len(dict(found)) == len(found), "an option stands there twice"
    return dict(found)


ROWS = rows()


def options() -> dict[str, Any]:
    """Of prun, by the name that its help gives first."""
    return {action.option_strings[-1] if action.dest == "help" else action.option_strings[0]: action
            for action in PrunArgs.build_parser()._actions if action.option_strings}


def typed(option: str, action: Any) -> list[str]:
    """A command line with it."""
    if action.nargs == 0:
        return [*WITH.get(option, ()), option]
    *before, value = WITH.get(option, ("5" if action.type is int else "x",))
    return [*before, option, value]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What prun makes of each: task_parameters, or what it said."""
    lines = {option: typed(option, action) for option, action in options().items() if is_tried(option)}
    lines.update({name: list(given) for name, (given, _) in MORE.items()})
    whole = [["--exec", "./run.sh", "--outDS", "user.ann.real", *([] if name == "--vo" else ["--vo", "wlcg"]), *line]
             for name, line in lines.items()]
    place = tmp_path_factory.mktemp("prun")
    (place / "names.txt").write_text("a.root\n")
    own = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PANDA_SYS": sys.prefix, "PANDA_AUTH": "x509_no_grid",
           "PANDA_NICKNAME": "ann", "PANDA_URL": NOWHERE, "PANDA_URL_SSL": NOWHERE, "PANDACACHE_URL": NOWHERE}
    done = subprocess.run([sys.executable, str(PROGRAM)], input=json.dumps(whole), cwd=place, env=own, capture_output=True,
                          text=True, timeout=300, check=True)
    return dict(zip(lines, json.loads(done.stdout), strict=True))


def is_tried(option: str) -> bool:
    """Whether a task can come of it here."""
    return option not in UNTRIED and not ROWS.get(option, "").startswith("prun")


def outcome(parameters: Any) -> str | None:
    """Why the task would be refused; None: it would not."""
    assert isinstance(parameters, dict), parameters
    try:
        DRAFTS.sample(DRAFTS.refine(parameters))
    except BadRequest as refused:
        return str(refused)
    return None


def test_each_has_a_row() -> None:
    """Those that prun has, and no others."""
    assert set(ROWS) == set(options())


def test_as_the_page_says(answers: Mapping[str, Any]) -> None:
    """What is said to work is taken; what is refused is so in words that name it, or what is to be done."""
    for option, said in ROWS.items():
        why = outcome(answers[option]) if is_tried(option) else None
        assert (why is not None) is said.startswith("refused"), f"{option}: {said}, but {why}"
        assert why is None or "submit without it" not in why, f"{option}: {why}"


@pytest.mark.parametrize("name", sorted(MORE))
def test_values(answers: Mapping[str, Any], name: str) -> None:
    """Some are taken with one value and not with another."""
    assert (outcome(answers[name]) is None) is MORE[name][1]
