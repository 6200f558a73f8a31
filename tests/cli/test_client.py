"""The blocking client of API v1."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pandad.api.jobstates import job_specs
from pandad.cli.client import NotSetUp, Refused, Unreachable, connect, credential, unwrap
from pandad.cli.description import jobs_of
from pandad.cli.submission import submission
from pandad.embedded.pki import SandboxPki
from pandad.spec.file import FileSpec
from pandad.spec.job import JOB_ATTRIBUTES, JobSpec
from pandad.tomlsource import Source

from .conftest import Panda

SERVER = {"PANDA_URL_SSL": "https://localhost:1"}


def test_a_call_carries_json_there_and_back(panda: Panda) -> None:
    """A call with a proxy reaches its method with its parameters and gets the data, times as aware datetimes."""
    panda.answers["job/kill"] = lambda asked: [True, {"__datetime__": "2025-01-02T03:04:05+00:00"}]
    assert connect().post("job/kill", job_ids=[1, 2]) == [True, datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)]
    panda.answers["job/why"] = lambda asked: {"PandaID": 7}
    assert connect().get("job/why", job_id=7) == {"PandaID": 7}
    assert panda.asked == [("POST", "job/kill", {"job_ids": [1, 2]}), ("GET", "job/why", "job_id=7")]


def test_a_plain_credential_works_too(panda: Panda, pki: SandboxPki) -> None:
    """A certificate with its key in one file is as good as a proxy."""
    panda.answers["system/is_alive"] = lambda asked: "yes"
    assert connect({**os.environ, "X509_USER_PROXY": str(pki.credential("bob"))}).get("system/is_alive") == "yes"


def test_a_server_of_an_unknown_ca_is_not_trusted(panda: Panda, tmp_path: Path) -> None:
    """The server is verified against X509_CERT_DIR, and nothing is sent to one that fails."""
    with pytest.raises(NotSetUp, match="is X509_CERT_DIR right"):
        connect({**os.environ, "X509_CERT_DIR": str(tmp_path)}).get("system/is_alive")
    assert panda.asked == []


def test_nothing_listens(panda: Panda) -> None:
    """A refused connection names the address and the variable."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"https://localhost:{taken.getsockname()[1]}"
        with pytest.raises(Unreachable, match=f"nothing listens at {url}; is pandad running"):
            connect({**os.environ, "PANDA_URL_SSL": url}).get("system/is_alive")


@pytest.mark.parametrize(
    ("environ", "text"),
    [
        ({}, "PANDA_URL_SSL is not set; .* source DIR/env.sh"),
        ({"PANDA_URL_SSL": "http://localhost:25080"}, "write https://HOST:25443"),
        ({**SERVER, "X509_CERT_DIR": "/nowhere"}, "no folder /nowhere of trusted CAs; set X509_CERT_DIR"),
        ({**SERVER, "X509_CERT_DIR": "/", "X509_USER_PROXY": "/nowhere"}, "X509_USER_PROXY names /nowhere, which does not"),
        ({**SERVER, "X509_CERT_DIR": "/", "X509_USER_PROXY": __file__}, "cannot be used as a credential"),
    ],
)
def test_an_incomplete_environment_says_what_to_set(environ: dict[str, str], text: str) -> None:
    """Before any call, what is missing is named."""
    with pytest.raises(NotSetUp, match=text):
        connect(environ)


def test_where_a_credential_is_looked_for(tmp_path: Path) -> None:
    """The variable wins, then the usual proxy, then the certificate of ~/.globus; else all three are named."""
    with pytest.raises(NotSetUp, match="neither X509_USER_PROXY, .*x509up_u"):
        credential({}, tmp_path, tmp_path)
    pair = tmp_path / ".globus" / "usercert.pem", tmp_path / ".globus" / "userkey.pem"
    pair[0].parent.mkdir()
    for file in pair:
        file.touch()
    assert credential({}, tmp_path, tmp_path) == pair
    proxy = tmp_path / f"x509up_u{os.getuid()}"
    proxy.touch()
    assert credential({}, tmp_path, tmp_path) == (proxy, proxy)
    assert credential({"X509_USER_PROXY": str(pair[0])}, tmp_path, tmp_path) == (pair[0], pair[0])


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (200, b'{"success": false, "message": "no job 5"}', "^no job 5$"),
        (503, b'{"success": false, "message": "busy"}', "^busy$"),
        (500, b'{"success": false}', "HTTP 500 without a reason"),
        (404, b"<html>\n not found", "HTTP 404, and not the answer of a PanDA server: <html> not found"),
        (200, b"", "HTTP 200, .*: empty"),
        (200, b"[1]", "not the answer of a PanDA server"),
    ],
)
def test_a_refusal_carries_its_reason(status: int, body: bytes, text: str) -> None:
    """Whatever is not a success is an error with the server's own words, or the beginning of what came."""
    with pytest.raises(Refused, match=text) as caught:
        unwrap(status, body)
    assert caught.value.status == status


def test_a_submission_is_in_wire_order() -> None:
    """A job is its values in attribute order and the list of its files; a file 18 values and a null; None is "NULL"."""
    when = datetime(2025, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    job = JobSpec(jobName="x", creationTime=when, Files=[FileSpec(lfn="f", fsize=3)])
    [state] = json.loads(submission([job, replace(job)][:1]))
    assert len(state) == 127
    values = dict(zip((a.name for a in JOB_ATTRIBUTES), state, strict=False))
    assert (values["jobName"], values["PandaID"], values["jobStatus"], values["attemptNr"]) == ("x", "NULL", "defined", 0)
    assert values["creationTime"] == {"_datetime_object": "2025-01-02 03:04:05.000006"}
    [file] = state[-1]
    assert len(file) == 19
    assert (file[0], file[3], file[14], file[18]) == ("NULL", "f", 3, None)


def test_the_server_reads_what_is_submitted() -> None:
    """A description's jobs arrive at the server as the same jobs."""
    text = 'transformation = "x"\narguments = "a"\nqueue = "Q"\ninputs = [{lfn = "i", size_bytes = 1}]\ncount = 2'
    jobs = jobs_of(Source(text, "j.toml"), scope="user.alice", run="r")
    assert job_specs(submission(jobs)) == jobs


def test_times_on_the_wire_are_utc() -> None:
    """The wire has UTC without saying so; a client must not take it for its own zone."""
    body = b'{"success": true, "message": "", "data": [{"__datetime__": "2025-01-02T03:04:05"}]}'
    assert unwrap(200, body) == [datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)]
