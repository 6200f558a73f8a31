"""Finding copies, and telling whether they are what they should be."""

from __future__ import annotations

import pytest
from factories import a_file
from fakes.ddm import FakeDDM
from pytest_twisted import ensureDeferred

from pandad.dataservice.copies import differs, locate, name_of
from pandad.dataservice.ddm import DDMUnavailable, FileName, Replica, UnknownEndpoint

COPY = Replica(FileName("user.alice", "out.root"), "DISK", 100, "0a1b2c3d")


@pytest.mark.parametrize(
    ("fsize", "checksum", "problem"),
    [
        (None, None, None),
        (100, None, None),
        (100, "ad:0a1b2c3d", None),
        (100, "ad:0A1B2C3D", None),
        (100, "ad:a1b2c3d", None),
        (100, "md:d41d8cd98f00b204e9800998ecf8427e", None),
        (100, "", None),
        (99, "ad:0a1b2c3d", "out.root at DISK has 100 bytes, expected 99"),
        (0, None, "out.root at DISK has 100 bytes, expected 0"),
        (100, "ad:0a1b2c3e", "out.root at DISK has adler32 0a1b2c3d, expected 0a1b2c3e"),
    ],
)
def test_differences(fsize: int | None, checksum: str | None, problem: str | None) -> None:
    """What is known is compared, size first; what is not known, or in another kind of checksum, is no difference. Leading zeros
    and case of the hex digits do not count."""
    assert differs(a_file(fsize=fsize, checksum=checksum), COPY) == problem


def test_names() -> None:
    """A file's name is its scope and its logical name; what is missing is empty, and finds nothing."""
    assert str(name_of(a_file())) == "user.alice:out.root"
    assert name_of(a_file(scope=None, lfn=None)) == FileName("", "")


@ensureDeferred
async def test_one_question_per_endpoint() -> None:
    """However many files are wanted at an endpoint, it is asked once, for each name once; no endpoint is no question."""
    ddm, file, other = FakeDDM("A", "B"), a_file(), a_file(lfn="other.root")
    ddm.put("A", name_of(file), b"x")
    found = await locate(ddm, [("A", file), ("A", other), ("A", file), ("B", file), (None, other), ("", other)])
    assert ddm.asked == 2
    assert {endpoint: set(copies) for endpoint, copies in found.items() if not isinstance(copies, Exception)} == {
        "A": {name_of(file)},
        "B": set(),
    }


@ensureDeferred
async def test_troubles_stay_with_their_endpoint() -> None:
    """An endpoint that does not answer or does not exist is told as such, and the others are told all the same."""
    ddm, file = FakeDDM("A", "B"), a_file()
    ddm.put("A", name_of(file), b"x")
    ddm.out.add("B")
    found = await locate(ddm, [("A", file), ("B", file), ("C", file)])
    assert set(found) == {"A", "B", "C"}
    assert isinstance(found["B"], DDMUnavailable)
    assert isinstance(found["C"], UnknownEndpoint)
