"""New names for a new attempt: every output apart from the last one's, and the payload told of it."""

from __future__ import annotations

import pytest
from factories import a_file
from hypothesis import given
from hypothesis import strategies as st

from pandad.spec.file import FileSpec
from pandad.spec.outputname import renamed

OUT, LOG, IN = a_file(lfn="out.root"), a_file(lfn="job.log.tgz", type="log", GUID="g"), a_file(lfn="in.root", type="input")


def names(files: list[FileSpec]) -> list[str | None]:
    return [file.lfn for file in files]


def test_output_and_log() -> None:
    """An output that the parameters name gets a suffix there and here, a log a suffix and a GUID; inputs stay."""
    (out, log), parameters = renamed([OUT, LOG, IN], "-i in.root -o out.root", 2)
    assert (out.lfn, out.GUID, out.attemptNr, parameters) == ("out.root.2", OUT.GUID, 2, "-i in.root -o out.root.2")
    assert log.lfn == "job.log.tgz.2" and log.GUID not in (None, "g")


def test_the_suffix_is_replaced() -> None:
    """In the third attempt it is .3, not .2.3; a number that the owner gave stays."""
    numbered = a_file(lfn="out.7")
    for attempt in (2, 3, 5):
        (numbered,), parameters = renamed([numbered], f"-o {numbered.lfn}", attempt)
        assert (numbered.lfn, parameters) == (f"out.7.{attempt}", f"-o out.7.{attempt}")


@pytest.mark.parametrize("parameters", [None, "", "-o myout.root", "out.root.more", "out.root-2", "x_out.root", "out_root"])
def test_a_name_that_only_the_payload_knows(parameters: str | None) -> None:
    """It stays, and the parameters too."""
    assert renamed([OUT], parameters, 2) == ([OUT], parameters)


@pytest.mark.parametrize(("before", "after"), [("", ""), ("'", "'"), ("%27", "%27"), ("a:", ","), ('{"x": "', '"}'), ("/", ";")])
def test_quoted(before: str, after: str) -> None:
    """The name is found wherever clients put it."""
    assert renamed([OUT], f"{before}out.root{after}", 2)[1] == f"{before}out.root.2{after}"


@pytest.mark.parametrize("lfn", ["out\\root", "out\\1", "\\g<0>", "(out", ""])
def test_odd_names(lfn: str) -> None:
    """A name that means something in a pattern is a name like others, and none at all is no part of the parameters."""
    _, parameters = renamed([a_file(lfn=lfn)], f"-o {lfn}", 2)
    assert parameters == (f"-o {lfn}.2" if lfn else "-o ")


def test_names_within_names() -> None:
    """An output whose name is a part of another's changes only itself."""
    files = [a_file(lfn=name) for name in ("out", "out.root", "my-out")]
    changed, parameters = renamed(files, "out out.root my-out", 2)
    assert names(changed) == ["out.2", "out.root.2", "my-out.2"] and parameters == "out.2 out.root.2 my-out.2"


@given(st.lists(st.text("ab.12-", min_size=1, max_size=4), min_size=1, max_size=4, unique=True))
def test_no_two_become_one(lfns: list[str]) -> None:
    """Different outputs stay different, whatever they are called, and the parameters name all of them, in their order."""
    files = [a_file(lfn=lfn, fileID=n) for n, lfn in enumerate(lfns)]
    changed, parameters = renamed(files, " ".join(lfns), 2)
    assert [f.fileID for f in changed] == list(range(len(lfns))) and len(set(names(changed))) == len(lfns)
    assert parameters == " ".join(name or "" for name in names(changed))
