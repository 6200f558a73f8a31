"""``pandad job`` against a server with canned answers."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from pandad.cli import job, jobsubmit, jobwait
from pandad.cli.client import Client, ClientError, Unreachable
from pandad.cli.main import main
from pandad.spec.job import JOB_ATTRIBUTES, JobSpec

from .conftest import Panda


def described(panda_id: int, status: str, **attributes: Any) -> dict[str, Any]:
    """A job as job/get_description gives it."""
    return {**{a.name: None for a in JOB_ATTRIBUTES}, "PandaID": panda_id, "jobStatus": status, "Files": [], **attributes}


def numbered(asked: dict[str, Any]) -> list[list[Any]]:
    return [[i, 1, {"jobsetID": 1}] for i, _ in enumerate(json.loads(asked["jobs"]), 11)]


@pytest.fixture
def hello(tmp_path: Path) -> str:
    """A description of two jobs."""
    file = tmp_path / "hello.toml"
    file.write_text('transformation = "hello.sh"\ncount = 2\n')
    return str(file)


def test_submit_sends_the_jobs_and_prints_their_ids(panda: Panda, hello: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What the description means is sent in wire form; the PandaIDs come back."""
    panda.answers["job/submit"] = numbered
    assert main(["job", "submit", hello]) == 0
    assert capsys.readouterr().out.split() == ["PandaID", "name", "11", "hello.1", "12", "hello.2"]
    [(_, _, body)] = panda.asked
    names = [a.name for a in JOB_ATTRIBUTES]
    state = dict(zip(names, json.loads(body["jobs"])[0], strict=False))
    assert state["transformation"] == "hello.sh" and state["creationHost"] != "NULL"
    assert json.loads(body["jobs"])[0][-1][0][17] == "user.alice"
    assert main(["job", "submit", hello, "--json"]) == 0
    assert [row["PandaID"] for row in json.loads(capsys.readouterr().out)] == [11, 12]


def test_many_jobs_go_in_several_calls(panda: Panda, hello: str, monkeypatch: pytest.MonkeyPatch,
                                       capsys: pytest.CaptureFixture[str]) -> None:
    """No call has more jobs than a PanDA server takes; when one fails, it is said which jobs are in and which are not."""
    monkeypatch.setattr(jobsubmit, "JOBS_PER_CALL", 2)
    Path(hello).write_text('transformation = "hello.sh"\ncount = 5\n')
    panda.answers["job/submit"] = numbered
    assert main(["job", "submit", hello, "--json"]) == 0
    assert [len(json.loads(body["jobs"])) for _, _, body in panda.asked] == [2, 2, 1]
    assert len(json.loads(capsys.readouterr().out)) == 5
    panda.answers["job/submit"] = lambda asked: numbered(asked) if len(panda.asked) < 6 else (503, b"away")
    assert main(["job", "submit", hello]) == 1
    assert "4 of 5 jobs were submitted, PandaID 11 to 12, and the rest was not: HTTP 503" in capsys.readouterr().err


def test_submit_fails_when_a_job_was_not_taken(panda: Panda, hello: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A job without a PandaID makes the exit code 1."""
    panda.answers["job/submit"] = lambda asked: [[11, 1, {}], [None, None, None]]
    assert main(["job", "submit", hello]) == 1
    assert "hello.2" in capsys.readouterr().out


def test_a_wrong_description_is_never_sent(panda: Panda, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistake is told with its line, and no call is made."""
    (tmp_path / "x.toml").write_text("count = 2\n")
    assert main(["job", "submit", str(tmp_path / "x.toml")]) == 2
    assert f"{tmp_path}/x.toml:1: transformation: is missing" in capsys.readouterr().err
    assert panda.asked == []


@pytest.mark.parametrize(("last", "code"), [("finished", 0), ("failed", 1), ("cancelled", 1)])
def test_wait_succeeds_only_if_all_finished(
    panda: Panda, hello: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], last: str, code: int
) -> None:
    """Waiting ends when every job has ended, asks no more about those that have, and tells each change once."""
    monkeypatch.setattr(jobwait, "POLL_S", 0)
    rounds = iter([("defined", "running"), ("running", "finished"), (last,)])

    def describe(asked: dict[str, Any]) -> list[Any]:
        return [described(i, status) for i, status in zip(asked["job_ids"], next(rounds), strict=True)]

    panda.answers = {"job/submit": numbered, "job/get_description": describe}
    assert main(["job", "submit", hello, "--wait", "--json"]) == code
    out, err = capsys.readouterr()
    assert [row["jobStatus"] for row in json.loads(out)] == [last, "finished"]
    assert err.splitlines() == [
        "job 11: defined", "job 12: running", "job 11: running", "job 12: finished", f"job 11: {last}",
    ]


class Broken(Client):
    """Out of reach for the first `misses` calls."""

    def __init__(self, misses: int) -> None:
        self.misses = misses

    def post(self, method: str, **body: object) -> Any:
        self.misses -= 1
        if self.misses >= 0:
            raise Unreachable("no answer")
        return [described(5, "finished")]


def test_waiting_outlives_a_server_that_restarts(capsys: pytest.CaptureFixture[str]) -> None:
    """Calls without an answer are repeated, which is told once; only a long silence is an error."""
    pauses: list[float] = []
    assert jobwait.wait(Broken(3), [5], pauses.append)[0] == described(5, "finished")
    assert len(pauses) == 4
    assert capsys.readouterr().err.splitlines() == ["pandad: no answer; trying on", "job 5: finished"]
    with pytest.raises(Unreachable):
        jobwait.wait(Broken(jobwait.PATIENCE_POLLS), [5], pauses.append)


class Deaf(Client):
    """Takes submissions, and loses the answers to the first few."""

    def __init__(self, losses: int) -> None:
        self.losses = losses
        self.asked: list[dict[str, Any]] = []

    def posted(self, method: str, **body: Any) -> dict[str, Any]:
        self.asked.append(body)
        if len(self.asked) <= self.losses:
            raise Unreachable("no answer")
        return {"data": numbered(body)}


def test_a_lost_answer_is_asked_for_again(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A submission without an answer is sent again as it was, under the same id, a few times; another call has another id."""
    monkeypatch.setattr(jobsubmit, "POLL_S", 0)
    monkeypatch.setattr(jobsubmit, "JOBS_PER_CALL", 1)
    client = Deaf(jobsubmit.RESENDS)
    assert [row["PandaID"] for row in jobsubmit.sent(client, [JobSpec(), JobSpec()])] == [11, 11]
    first, *again, other = client.asked
    assert again == [first] * jobsubmit.RESENDS and other["request_id"] != first["request_id"]
    assert capsys.readouterr().err == "pandad: no answer; sending again\n" * jobsubmit.RESENDS
    with pytest.raises(Unreachable):
        jobsubmit.sent(Deaf(jobsubmit.RESENDS + 1), [JobSpec()])


def test_show_one_job_with_its_files(panda: Panda, capsys: pytest.CaptureFixture[str]) -> None:
    """One job is shown in full, with what went wrong and its files."""
    files = [{"type": "output", "lfn": "o.1", "status": "ready", "fsize": 12, "checksum": "ad:00", "destinationSE": "D"}]
    failed = described(5, "failed", pilotErrorCode=1305, pilotErrorDiag="bad", transExitCode="3", Files=files)
    panda.answers["job/get_description"] = lambda asked: [failed]
    assert main(["job", "show", "5"]) == 0
    out = capsys.readouterr().out
    assert "payload exit code 3; pilot 1305: bad" in out
    assert out.splitlines()[-1].split() == ["output", "o.1", "ready", "12", "ad:00", "D"]


def test_show_tells_which_jobs_are_not_there(panda: Panda, capsys: pytest.CaptureFixture[str]) -> None:
    """Jobs that exist are shown; one that does not is told and makes the exit code 1."""
    panda.answers["job/get_description"] = lambda asked: [described(5, "running"), None]
    assert main(["job", "show", "5", "6"]) == 1
    out, err = capsys.readouterr()
    assert "running" in out and err == "pandad: there is no job 6\n"


def test_kill_fails_if_one_was_refused(panda: Panda, capsys: pytest.CaptureFixture[str]) -> None:
    """Each job's outcome is printed."""
    reasons = {5: (True, "is cancelled now"), 6: (False, "has ended: failed")}
    panda.answers["job/kill"] = lambda asked: [
        {"PandaID": i, "killed": reasons[i][0], "reason": reasons[i][1]} for i in asked["job_ids"]
    ]
    assert main(["job", "kill", "5", "6"]) == 1
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == [["5", "taken", "is", "cancelled", "now"], ["6", "refused", "has", "ended:", "failed"]]
    for words, code in ((["5"], None), (["--force", "5"], 9), (["5", "--code", "91"], 91)):
        assert main(["job", "kill", *words]) == 0
        assert panda.asked[-1][2] == {"job_ids": [5], "code": code, "with_reasons": True}


@pytest.mark.parametrize(
    ("words", "method", "sent"),
    [
        (["5", "on"], "job/set_debug_mode", {"job_id": 5, "mode": True}),
        (["5", "off"], "job/set_debug_mode", {"job_id": 5, "mode": False}),
        (["5", "ps"], "job/set_command", {"job_id": 5, "command": "ps"}),
        (["5", "ls", "-ltr", "x"], "job/set_command", {"job_id": 5, "command": "ls -ltr x"}),
    ],
)
def test_debug_asks(panda: Panda, capsys: pytest.CaptureFixture[str], words: list[str], method: str, sent: object) -> None:
    """Options behind the command are the command's; the answer says when the pilot hears of it, and how to read what it says."""
    panda.answers[method] = lambda asked: "ps -ef"
    assert main(["job", "debug", *words]) == 0
    assert panda.asked == [("POST", method, sent)]
    assert "at its next heartbeat" in capsys.readouterr().out


def test_debug_shows(panda: Panda, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command with its output or where it is, and the tail that came last."""
    at = {"__datetime__": "2025-01-02T03:04:05+00:00"}
    panda.answers["job/get_debug_output"] = lambda asked: {
        "PandaID": 5,
        "debug": True,
        "stdout": "last\n",
        "commands": [
            {"command": "ps -ef", "told": at, "at": at, "output": "1 root\n"},
            {"command": "ls -la", "told": at, "at": None, "output": None},
            {"command": "du -sk .", "told": None, "at": None, "output": None},
        ],
    }
    assert main(["job", "debug", "5"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "debug mode is on",
        "--- ps -ef  (2025-01-02 03:04:05)",
        "1 root",
        "--- ls -la  (no answer yet)",
        "--- du -sk .  (not told yet)",
        "--- what came last",
        "last",
    ]
    assert main(["job", "debug", "--json", "5"]) == 0
    assert json.loads(capsys.readouterr().out)["debug"] is True


AT = {"__datetime__": "2025-01-02T03:04:05+00:00"}
WHY = {
    "PandaID": 5, "jobStatus": "defined", "reason": "no-queue-ever", "since": AT, "summary": "no queue has 9000 MB",
    "next_step": "ask for at most 4000 MB",
    "queues": [{"queue": "Q1", "verdict": "no", "criterion": "lowmemory", "have": 4000, "need": 9000, "text": "too small"},
               {"queue": "Q2", "verdict": "ok", "weight": 0.5, "text": "can take the job"}],
    "nearest": [{"queue": "Q1", "verdict": "no", "criterion": "lowmemory", "have": 4000, "need": 9000, "text": "too small"}],
    "funnel": {"queues": 2, "able": 1, "criteria": [{"text": "1 of 2 queues: lowmemory 4000 < 9000"}]},
    "order": {"before_in_line": 3, "at_least_in_line": False, "before": 12, "at_least": True,
              "share": [{"of": "no group", "cores": 7, "weight": 1.0}]},
    "pilots": [{"at": AT, "asked": {"memory_mb": 2000}, "jobs": 0, "fits": False, "text": "memory: too little"}],
    "limits": [{"setting": "defined_s", "then": "closed", "at": AT}],
}


def test_why_gives_the_sentence_and_each_queue(panda: Panda, capsys: pytest.CaptureFixture[str]) -> None:
    """The summary comes first and what to do, then what each queue lacks, its place, and what pilots asked for."""
    panda.answers["job/why"] = lambda asked: WHY
    assert main(["job", "why", "5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["no queue has 9000 MB", "next step: ask for at most 4000 MB"]
    assert "before it           at least 12 jobs, 3 of them alike it; no group has 7 cores" in lines
    assert "if nothing happens  closed at 2025-01-02 03:04:05 (defined_s)" in lines
    place = lines.index("1 of 2 queues can take it")
    assert lines[place + 1] == "  1 of 2 queues: lowmemory 4000 < 9000"
    assert [line.split()[0] for line in lines[place + 3 : place + 5]] == ["Q2", "Q1"]
    assert lines[-1].split() == ["2025-01-02", "03:04:05", "memory_mb=2000", "0", "memory:", "too", "little"]


def test_why_as_pandas_log(panda: Panda, capsys: pytest.CaptureFixture[str]) -> None:
    """With --log each verdict stands as in the logs of PanDA's brokerage; --now asks for those of this moment."""
    panda.answers["job/why"] = lambda asked: WHY
    assert main(["job", "why", "5", "--now", "--log"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "  skip site=Q1 due to too small criteria=-lowmemory", "  use site=Q2 with weight=0.5 criteria=+use"]
    assert panda.asked == [("GET", "job/why", "job_id=5&now=true")]


def test_where_submits_nothing(panda: Panda, hello: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Both spellings ask where each job would go, and fail if one goes nowhere."""
    queue: list[str | None] = ["Q2", "Q2"]
    panda.answers["job/try_brokerage"] = lambda asked: [
        {**WHY, "jobName": f"n{n}", "summary": "goes", "queue": queue[n]} for n, _ in enumerate(json.loads(asked["jobs"]))]
    for words in (["where", hello], ["submit", "--dry-run", hello]):
        assert main(["job", *words]) == 0
        out = capsys.readouterr().out.splitlines()
        assert out[0] == "n0: goes" and "n1: goes" in out
    queue[1] = None
    assert main(["job", "where", "--json", hello]) == 1
    assert [each["queue"] for each in json.loads(capsys.readouterr().out)] == ["Q2", None]
    assert {method for _, method, _ in panda.asked} == {"job/try_brokerage"}


def test_a_warning_is_shown(panda: Panda, hello: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What the server says beside its answer is told on stderr; the jobs are submitted."""
    envelope = {"success": True, "message": "will wait in vain", "data": [[11, 1, {}], [12, 1, {}]], "warnings": []}
    panda.answers["job/submit"] = lambda asked: (200, json.dumps(envelope).encode())
    assert main(["job", "submit", hello]) == 0
    assert capsys.readouterr().err == "pandad: will wait in vain\n"


def test_timeline_is_one_line_for_each_event(panda: Panda, capsys: pytest.CaptureFixture[str]) -> None:
    """Events are shown in the order in which the server gives them, and as they are with --json."""
    events = [{"at": {"__datetime__": "2025-01-02T03:04:05+00:00"}, "event": e} for e in ("submitted", "brokered")]
    panda.answers["job/get_timeline"] = lambda asked: events
    assert main(["job", "timeline", "5"]) == 0
    assert [line.split()[2] for line in capsys.readouterr().out.splitlines()[1:]] == ["submitted", "brokered"]
    assert main(["job", "timeline", "5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["at"] == "2025-01-02T03:04:05+00:00"


def test_the_servers_refusal_is_the_error(panda: Panda, capsys: pytest.CaptureFixture[str]) -> None:
    """success=false prints the server's message and nothing else."""
    panda.answers["job/why"] = lambda asked: (200, b'{"success": false, "message": "there is no job 5"}')
    assert main(["job", "why", "5"]) == 1
    assert capsys.readouterr() == ("", "pandad: there is no job 5\n")


@pytest.mark.parametrize("word", ["0", "-1", "x", "1.5", "\u0665"])
def test_a_panda_id_is_a_whole_number_from_1(word: str) -> None:
    """Anything else is wrong usage."""
    with pytest.raises(SystemExit):
        main(["job", "show", word])


@pytest.mark.parametrize("answer", [None, {}, [], [[1, 1], [2, 2]], [[]]])
def test_an_answer_that_does_not_fit_is_an_error(answer: object) -> None:
    """Nothing is guessed about which job got which id."""
    with pytest.raises(ClientError):
        jobsubmit.accepted([JobSpec()], answer)


def listing(asked: dict[str, Any]) -> dict[str, Any]:
    """Ten jobs, 10 to 1, of which a page has the most that is asked for."""
    before = asked.get("before", 11)
    ids = list(range(before - 1, max(before - 1 - asked["most"], 0), -1))
    jobs = [{"PandaID": i, "jobName": f"n{i}", "jobStatus": "running", "computingSite": "Q", "attemptNr": 1,
             "stateChangeTime": AT, "jediTaskID": None, "currentPriority": 1000} for i in ids]
    return {"jobs": jobs, "next": ids[-1] if ids and ids[-1] > 1 else None}


def test_ls(panda: Panda, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As many as are asked for, in as many calls as it takes; what is asked for goes along; --ids is for other commands."""
    panda.answers["job/list"] = listing
    assert main(["job", "ls", "--status", "running", "failed", "--queue", "Q", "--task", "5", "--most", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["PandaID", "name", "state", "queue", "attempt", "changed", "task"] and len(lines) == 3
    assert panda.asked == [("POST", "job/list", {"most": 2, "states": ["running", "failed"], "queue": "Q", "task": 5})]
    monkeypatch.setattr(job, "IDS_PER_CALL", 4)
    assert main(["job", "ls", "--ids", "--most", "9"]) == 0
    assert capsys.readouterr().out.split() == [str(i) for i in range(10, 1, -1)]
    assert [(body["most"], body.get("before")) for _, _, body in panda.asked[1:]] == [(4, None), (4, 7), (1, 3)]
    assert main(["job", "ls", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 10


def test_ids_from_another_command(panda: Panda, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`pandad job ls --ids | pandad job kill -`: each once, and no call has more than its share of them."""
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(map(str, range(1, 2502)))))
    panda.answers["job/kill"] = lambda asked: [{"PandaID": i, "killed": True, "reason": ""} for i in asked["job_ids"]]
    assert main(["job", "kill", "2", "-", "--json"]) == 0
    assert [row["PandaID"] for row in json.loads(capsys.readouterr().out)] == [2, 1, *range(3, 2502)]
    assert [len(body["job_ids"]) for _, _, body in panda.asked] == [1000, 1000, 501]


def test_kill_can_be_tried(panda: Panda, capsys: pytest.CaptureFixture[str]) -> None:
    """--dry-run ends nothing and says what there is to end."""
    states = {5: "running", 6: "finished"}
    panda.answers["job/get_description"] = lambda asked: [
        described(i, states[i]) if i in states else None for i in asked["job_ids"]]
    assert main(["job", "kill", "5", "6", "7", "--dry-run", "--json"]) == 1
    assert [(row["PandaID"], row["live"]) for row in json.loads(capsys.readouterr().out)] == [(5, True), (6, False), (7, False)]
    assert main(["job", "kill", "5", "--dry-run"]) == 0
    assert {method for _, method, _ in panda.asked} == {"job/get_description"}


FILES = [{"type": "input", "lfn": "in", "status": "ready", "fsize": 3, "checksum": None, "destinationSE": None},
         {"type": "log", "lfn": "log.tgz", "status": "ready", "fsize": 5, "checksum": None, "destinationSE": "DISK"}]


def test_files_and_log(panda: Panda, capsys: pytest.CaptureFixture[str]) -> None:
    """Which files there are; where the log is, and how to look into a job that still runs. A job that is not there is told."""
    panda.answers["job/get_description"] = lambda asked: [
        described(i, "running", Files=FILES) if i < 9 else None for i in asked["job_ids"]]
    assert main(["job", "files", "5"]) == 0
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [
        ["file", "lfn"], ["input", "in"], ["log", "log.tgz"]]
    assert main(["job", "files", "5", "6", "--json"]) == 0
    assert [(row["PandaID"], row["lfn"]) for row in json.loads(capsys.readouterr().out)] == [
        (5, "in"), (5, "log.tgz"), (6, "in"), (6, "log.tgz")]
    assert main(["job", "log", "5", "9", "--json"]) == 1
    out, err = capsys.readouterr()
    (row,) = json.loads(out)
    assert (row["lfn"], row["endpoint"], row["live"]) == ("log.tgz", "DISK", "pandad job debug 5 on")
    assert err == "pandad: there is no job 9\n"


def test_wait_for_jobs_that_are_there(panda: Panda, capsys: pytest.CaptureFixture[str]) -> None:
    """Success is that all finished."""
    panda.answers["job/get_description"] = lambda asked: [
        described(i, "finished" if i < 6 else "failed") for i in asked["job_ids"]]
    assert main(["job", "wait", "5"]) == 0
    assert main(["job", "wait", "5", "6"]) == 1
    assert capsys.readouterr().err.splitlines() == ["job 5: finished", "job 5: finished", "job 6: failed"]
