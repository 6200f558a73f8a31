"""Forms with one file."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandad.api.multipart import OneFile
from pandad.spec.errors import BadRequest

BOUNDARY = b"5f2c"
TYPE = b"multipart/form-data; boundary=" + BOUNDARY
HEAD = b'Content-Disposition: form-data; name="file"; filename="a.tar.gz"'


def form(content: bytes, head: bytes = HEAD, last: bytes = b"--\r\n") -> bytes:
    """As httpx and curl send it."""
    return b"--" + BOUNDARY + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n--" + BOUNDARY + last


def read(body: bytes, cuts: list[int] = [], content_type: bytes | None = TYPE) -> tuple[bytes, str]:  # noqa: B006 - read only
    """The file and its name, when the body comes in pieces that end there."""
    reader, places = OneFile(content_type), sorted({0, *(min(cut, len(body)) for cut in cuts), len(body)})
    content = b"".join(reader.feed(body[start:end]) for start, end in pairwise(places))
    return content, reader.finish()


@given(st.binary(max_size=200), st.lists(st.integers(0, 400), max_size=12))
def test_any_content_in_any_pieces(content: bytes, cuts: list[int]) -> None:
    """The file is what lies between head and boundary, however the body is cut."""
    assert read(form(content), cuts) == (content, "a.tar.gz")


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"-", b"--", b"\r\n--", b"5f2", b"5f2c", b"x"]), max_size=12),
       st.lists(st.integers(0, 400), max_size=30))
def test_what_looks_like_a_boundary(pieces: list[bytes], cuts: list[int]) -> None:
    """Only a whole boundary on a line of its own ends the file; one byte at a time or all at once is the same."""
    content = b"".join(pieces)
    if b"\r\n--" + BOUNDARY in b"\r\n" + content:
        content = b"harmless"
    assert read(form(content), cuts) == read(form(content), list(range(400))) == (content, "a.tar.gz")


@pytest.mark.parametrize("content_type", [
    b'multipart/form-data; boundary="5f2c"', b"Multipart/Form-Data;boundary=5f2c", b"multipart/form-data ; boundary=5f2c "])
def test_ways_to_name_the_boundary(content_type: bytes) -> None:
    """All that clients write."""
    assert read(form(b"x"), content_type=content_type)[0] == b"x"


@pytest.mark.parametrize("content_type", [
    None, b"", b"application/json", b"multipart/form-data", b"multipart/form-data; boundary=", b"multipart/mixed; boundary=5f2c",
    b"multipart/form-data; boundary=" + b"x" * 71, b"multipart/form-data; boundary=a b", b'multipart/form-data; boundary="5f2c',
    b"multipart/form-data; boundary=5f2c; boundary=6", b"multipart/form-data; boundary=\xff",
    b"multipart/form-data; boundary=a\r\nb"])
def test_no_form(content_type: bytes | None) -> None:
    """What is no such form is refused before its first byte."""
    with pytest.raises(BadRequest, match="^Content-Type: "):
        OneFile(content_type)


@pytest.mark.parametrize("head", [
    b"", HEAD.replace(b'"file"', b'"other"'), HEAD.replace(b'; filename="a.tar.gz"', b""), HEAD.replace(b"a.tar.gz", b""),
    HEAD + b"\r\n" + HEAD, HEAD + b"\r\nContent-Transfer-Encoding: base64", HEAD + b'; filename*=UTF-8\'\'b',
    HEAD + b"\r\n folded",
    HEAD.replace(b"a.tar", b'a"b'), HEAD.replace(b"a.tar", b"a\\b"), HEAD.replace(b"a.tar", b"a\0b"),
    HEAD.replace(b"a.tar", b"a\nb"),
    b"Content-Disposition: attachment; filename=a", b"x" * 5000])
def test_other_parts(head: bytes) -> None:
    """A part that is not a file called `file`, or whose head could be read in two ways, is refused."""
    with pytest.raises(BadRequest, match="^(body|file): "):
        read(form(b"x", head), list(range(0, 6000, 7)))


@pytest.mark.parametrize("body", [
    b"", b"-", b"--5f2c", b"preamble\r\n" + form(b"x"), b"\r\n" + form(b"x"), form(b"x")[:-10], form(b"x")[:-4],
    form(b"x", last=b"\r\n"),
    form(b"x", last=b"\r\n" + HEAD + b"\r\n\r\ny\r\n--5f2c--"), form(b"x", last=b"--\r\nepilogue"), form(b"x", last=b"x"),
    form(b"x\r\n--5f2cmore"), form(b"x").replace(b"\r\n", b"\n"), b"--5f2d" + form(b"x")[6:]])
@pytest.mark.parametrize("step", [1, 1000])
def test_no_whole_form(body: bytes, step: int) -> None:
    """A body that is cut off, has another part, or something before or behind its one, is refused."""
    with pytest.raises(BadRequest, match="^body: "):
        read(body, list(range(0, len(body), step)))


def test_nothing_is_kept() -> None:
    """Of a file nothing stays in memory but what may be the beginning of its end; of a head that never ends, some kB."""
    reader = OneFile(TYPE)
    reader.feed(form(b"")[:-11])
    for _ in range(100):
        reader.feed(b"x" * 65536)
        assert len(reader._rest) <= len(BOUNDARY) + 4
    reader = OneFile(TYPE)
    with pytest.raises(BadRequest, match="longer than"):
        for _ in range(100):
            reader.feed(b"--5f2c\r\n" + b"x" * 100)
