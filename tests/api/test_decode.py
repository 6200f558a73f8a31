"""From bytes to request dataclasses."""

from __future__ import annotations

import gzip
import json
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandad.api.decode import Decoder, camel_case, decoder_for, parameters
from pandad.jobdispatcher.requests import AcquireJobs, JobUpdate, WorkerStatus
from pandad.spec.errors import BadRequest

LIMIT = 1 << 20
SAID = {"siteName": "Q", "mem": "2000"}


def read(body: bytes = b"", query: dict[bytes, list[bytes]] | None = None, limit: int = LIMIT) -> dict[str, Any]:
    return parameters(body, query or {}, limit)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(SAID).encode(),
        b"\r\n " + json.dumps(SAID).encode(),
        urlencode(SAID).encode(),
        gzip.compress(json.dumps(SAID).encode(), mtime=0),
        gzip.compress(urlencode(SAID).encode(), mtime=0),
    ],
)
def test_encodings(body: bytes) -> None:
    """JSON or form, compressed or not: the same parameters, and no header is asked."""
    assert read(body) == SAID


def test_query() -> None:
    """A query holds repeated keys as a list and the word None for nothing; the body has the last word."""
    query = {b"job_ids": [b"1", b"2"], b"dn": [b"None"], b"siteName": [b"other"]}
    assert read(b'{"siteName": "Q"}', query) == {"job_ids": ["1", "2"], "siteName": "Q"}


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": ',
        b"[1, 2]",
        b"{" * 10_000,
        b"\x1f\x8bnot gzip",
        gzip.compress(b"{}" * 1000, mtime=0)[:-9],
        b"&".join([b"a=b"] * 2000),
        gzip.compress(b" " * (LIMIT + 1), mtime=0),
    ],
)
def test_bad_bodies(body: bytes) -> None:
    """A body that is not what it begins like is refused, naming the body."""
    with pytest.raises(BadRequest, match="^body: "):
        read(body)


@given(st.text(alphabet="ab=&+%2f;é \0\ud800", max_size=30))
def test_forms(text: str) -> None:
    """A form is read as the standard library reads it."""
    body = text.encode("utf-8", "surrogatepass")
    expected: dict[str, list[str]] = {}
    for key, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True):
        expected.setdefault(key, []).append(value)
    if body.lstrip()[:1] not in (b"{", b"["):
        assert read(body) == {key: values[0] if len(values) == 1 else values for key, values in expected.items()}


def test_gzip_bomb() -> None:
    """A body that inflates a hundredfold is refused, however large a body may be."""
    bomb = gzip.compress(b" " * (50 << 20))
    with pytest.raises(BadRequest, match="inflates to more than"):
        read(bomb, limit=1 << 30)


def test_bytes_that_are_not_utf8() -> None:
    """A form may hold any bytes: what is not UTF-8 is marked, not fatal."""
    assert read(b"stdout=%ff%41&x=\xff")["stdout"] == "\ufffdA"


@dataclass(frozen=True, kw_only=True)
class Thing:
    """All kinds of fields."""

    job_id: int = field(metadata={"legacy": "jobId"})
    name: str
    ids: list[int] = field(default_factory=list)
    when: datetime | None = None
    share: float | None = None
    soft: bool = False
    attempt_nr: int | None = None
    report: str = ""
    diag: str | None = field(default=None, metadata={"attribute": "exeErrorDiag"})


STRICT, FORGIVING = Decoder(Thing), Decoder(Thing, forgiving=True)
GOOD: dict[str, Any] = {"job_id": 5, "name": "a"}


@pytest.mark.parametrize("key", ["job_id", "jobId"])
def test_spellings(key: str) -> None:
    """Both spellings of a name are understood in both dialects."""
    assert STRICT({key: "5", "name": "a"}) == Thing(job_id=5, name="a")


def test_unknown_keys() -> None:
    """Parameters that nobody knows are ignored."""
    assert STRICT({**GOOD, "token": "x", "timeout": 60}) == Thing(**GOOD)


@pytest.mark.parametrize("nothing", [None, "", "NULL"])
def test_nothing(nothing: object) -> None:
    """PanDA's words for nothing leave an optional field at its default, and a mandatory one missing."""
    assert STRICT({**GOOD, "share": nothing, "report": nothing, "ids": nothing}) == Thing(**GOOD)
    with pytest.raises(BadRequest, match="name: is missing"):
        STRICT({**GOOD, "name": nothing})


def test_missing_is_named_as_the_caller_would() -> None:
    """A missing key is named in the spelling of the caller's dialect."""
    with pytest.raises(BadRequest, match="^job_id: is missing"):
        STRICT({})
    with pytest.raises(BadRequest, match="^jobId: is missing"):
        Decoder(Thing, legacy=True)({})


def test_unfit_is_named_as_the_caller_did() -> None:
    """A value that does not fit is refused under the caller's own key."""
    with pytest.raises(BadRequest, match="^jobId: 'x' is not a number"):
        STRICT({"jobId": "x", "name": "a"})
    with pytest.raises(BadRequest, match="^share: "):
        STRICT({**GOOD, "share": "much"})


def test_forgiving() -> None:
    """From pilots: an optional value that makes no sense is dropped, a fraction cut off, free text cleaned."""
    thing = FORGIVING({**GOOD, "when": "soon", "share": "much", "report": "a\0b", "diag": "\ud800"})
    assert thing == Thing(**GOOD, report="ab", diag="?")


@pytest.mark.parametrize("bad", [{"job_id": "x"}, {"name": "a\0"}, {"attempt_nr": "x"}])
def test_never_forgiven(bad: dict[str, str]) -> None:
    """What decides is refused if it makes no sense: mandatory values, and the attempt that fences a stale pilot off."""
    with pytest.raises(BadRequest):
        FORGIVING({**GOOD, **bad})


def test_repeated_keys() -> None:
    """Of a value that was repeated and is no list, the last counts."""
    assert STRICT({**GOOD, "name": ["a", "b"], "ids": ["1", "2"]}) == Thing(job_id=5, name="b", ids=[1, 2])


def test_text_is_cut() -> None:
    """A reported text is cut to the length that its attribute may have."""
    assert len(FORGIVING({**GOOD, "diag": "x" * 1000}).diag or "") == 500


def test_one_decoder_per_kind() -> None:
    """Decoders are built once."""
    assert decoder_for(JobUpdate, forgiving=True) is decoder_for(JobUpdate, forgiving=True)


@pytest.mark.parametrize(("takes", "least"), [
    (AcquireJobs, {"site_name": "Q"}), (JobUpdate, {"job_id": 1, "job_status": "running"}),
    (WorkerStatus, {"worker_id": 1, "harvester_id": "h", "status": "started"})])
def test_as_its_constructor_would(takes: Any, least: dict[str, Any]) -> None:
    """What is decoded equals what the dataclass makes of the same values, defaults included, and is as little to be changed."""
    made, decoded = takes(**least), Decoder(takes)(least)
    assert decoded == made
    assert asdict(decoded) == asdict(made)
    assert (hash(decoded), repr(decoded)) == (hash(made), repr(made))
    assert replace(decoded, **least) == made
    with pytest.raises(FrozenInstanceError):
        setattr(decoded, fields(takes)[0].name, 5)


@dataclass(frozen=True, kw_only=True)
class Ranged:
    """Checks itself."""

    low: int
    high: int = 9

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise BadRequest("low", "is above high")


@dataclass(frozen=True, kw_only=True)
class Listed:
    """Has a default of its own each time."""

    names: list[str] = field(default_factory=list)


def test_constructors_that_do_more() -> None:
    """Where a constructor does more than to set fields, it is used."""
    with pytest.raises(BadRequest, match="above"):
        Decoder(Ranged)({"low": "10"})
    first, second = Decoder(Listed)({}), Decoder(Listed)({})
    assert first.names == []
    assert first.names is not second.names


def test_camel_case() -> None:
    """The legacy spelling."""
    assert camel_case("prod_source_label") == "prodSourceLabel"


def test_harvester_row() -> None:
    """Harvester's rows: values as text from the pilot's files, times without a zone, keys of API v1."""
    update = decoder_for(JobUpdate, forgiving=True)(
        {
            "job_id": "7",
            "job_status": "failed",
            "trans_exit_code": 1,
            "pilot_error_code": "1305",
            "max_rss": "1000.0",
            "token": "x",
            "start_time": "2026-11-23 12:00:00",
            "core_count": "8",
            "attempt_nr": "2",
        }
    )
    assert (update.trans_exit_code, update.pilot_error_code, update.max_rss, update.core_count, update.attempt_nr) == (
        "1",
        1305,
        1000,
        8,
        2,
    )
    assert update.start_time is not None
    assert update.start_time.isoformat() == "2026-11-23T12:00:00+00:00"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.sampled_from(
    ["jobId", "job_id", "state", "startTime", "coreCount", "xml", "siteName", "mem", "workerID", "status", "harvesterID"]
)


@given(
    st.binary(max_size=200) | st.dictionaries(KEYS, VALUES).map(json.dumps).map(str.encode),
    st.dictionaries(KEYS.map(str.encode), st.lists(st.binary(max_size=9), min_size=1, max_size=2), max_size=3),
    st.booleans(),
)
def test_a_dataclass_or_a_bad_request(body: bytes, query: dict[bytes, list[bytes]], zipped: bool) -> None:
    """Whatever bytes come, there is a request dataclass or a BadRequest."""
    for takes in (AcquireJobs, JobUpdate, WorkerStatus):
        try:
            given = parameters(gzip.compress(body) if zipped else body, query, LIMIT)
            asked = decoder_for(takes, forgiving=True, legacy=True)(given)
        except BadRequest as refused:
            str(refused).encode()
        else:
            assert isinstance(asked, takes)
