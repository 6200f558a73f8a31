"""A form with one file in it (RFC 7578), read piece by piece. Pure.

What programs send is one part called `file`; anything else that a form may be is refused.
"""

from __future__ import annotations

import re

from pandad.spec.errors import BadRequest

HEAD_LIMIT_BYTES = 4096  # of the part
LAST = b"--\r\n"  # behind a boundary, says that no other part follows; some leave out the line end

# RFC 2046, 5.1.1, without the blank.
_TYPE = re.compile(rb"""multipart/form-data\s*;\s*boundary=(?:"([0-9A-Za-z'()+_,./:=?-]{1,70})"|([0-9A-Za-z'+_.-]{1,70}))\s*""",
                   re.IGNORECASE)
_DISPOSITION = re.compile(
    rb"content-disposition:[ \t]*form-data[ \t]*;[ \t]*name=\"file\"[ \t]*;"
    rb"[ \t]*filename=\"([^\"\\\x00-\x1f\x7f]{1,1024})\"[ \t]*", re.IGNORECASE)
_TYPE_OF_PART = re.compile(rb"content-type:[ \t]*[!-~ \t]{1,200}", re.IGNORECASE)


class OneFile:
    """Such a form, as it comes.

    ``filename``: as the client says it; None until that is known.

    :param content_type: of the request.
    :raise BadRequest: it says that this is something else.
    """

    def __init__(self, content_type: bytes | None) -> None:
        found = _TYPE.fullmatch(content_type or b"")
        if found is None:
            raise BadRequest("Content-Type", "must be multipart/form-data with a boundary")
        self._delimiter = b"\r\n--" + (found[1] or found[2])
        self._rest, self._data_ended = b"", False
        self._behind = b""  # the delimiter that ends the file
        self.filename: str | None = None

    def feed(self, piece: bytes) -> bytes:
        """What of the next piece of the body, and of what was kept of the last one, belongs to the file.

        :raise BadRequest: this is no form with one file.
        """
        if self._data_ended:
            self._end(piece)
            return b""
        self._rest += piece
        if self.filename is None and not self._read_head():
            return b""
        return self._data()

    def finish(self) -> str:
        """The body is over: the file's name.

        :raise BadRequest: it was cut off.
        """
        if self.filename is None or not self._data_ended or not self._behind.startswith(b"--"):
            raise BadRequest("body", "ends before its form does; send all of it")
        return self.filename

    def _read_head(self) -> bool:
        opening = self._delimiter[2:] + b"\r\n"
        if not opening.startswith(self._rest[:len(opening)]):
            raise BadRequest("body", "must begin with the boundary that Content-Type names")
        end = self._rest.find(b"\r\n\r\n", len(opening) - 2)
        if end < 0:
            if len(self._rest) > HEAD_LIMIT_BYTES:
                raise BadRequest("body", f"has a part whose head is longer than {HEAD_LIMIT_BYTES} bytes")
            return False
        lines = self._rest[len(opening):end].split(b"\r\n")
        self.filename, self._rest = _filename(lines), self._rest[end + 4:]
        return True

    def _data(self) -> bytes:
        """All that is surely not the delimiter."""
        end = self._rest.find(self._delimiter)
        if end < 0:
            sure = max(len(self._rest) - len(self._delimiter) + 1, 0)
            data, self._rest = self._rest[:sure], self._rest[sure:]
        else:
            data, behind = self._rest[:end], self._rest[end + len(self._delimiter):]
            self._rest, self._data_ended = b"", True
            self._end(behind)
        return data

    def _end(self, piece: bytes) -> None:
        self._behind += piece[:len(LAST) + 1]
        if not LAST.startswith(self._behind):
            raise BadRequest("body", "has more than one part, or something behind it; send one file at a time")


def _filename(lines: list[bytes]) -> str:
    found = None
    for line in lines:
        disposition = _DISPOSITION.fullmatch(line)
        if disposition is not None and found is None:
            found = disposition[1]
        elif not _TYPE_OF_PART.fullmatch(line):
            raise BadRequest(
                "body", 'must be one part, headed Content-Disposition: form-data; name="file"; filename="NAME"')
    if found is None:
        raise BadRequest("file", "is missing: the form must have it as a file")
    return found.decode("utf-8", "replace")
