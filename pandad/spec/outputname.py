"""Names of outputs in another attempt: what the last one has stored under the old name must not be taken for it. Pure.

(PanDA: retryJob gives outputs and log a new suffix, and the log a new GUID.)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from pandad.spec.file import FileSpec


def renamed(files: Sequence[FileSpec], parameters: str | None, attempt_nr: int) -> tuple[list[FileSpec], str | None]:
    """The outputs and the log of a job as that attempt writes them, and the parameters that tell the payload of it.

    A log is made by the pilot, which takes the name it is told, and gets a GUID too. An output that the parameters do not name
    keeps its name: only the payload knows it, and will use it again.

    :param files: of the job; inputs are passed over.
    """
    outputs, taken = [], {file.lfn for file in files}
    for file in (f for f in files if f.type in ("output", "log")):
        new = _next(file, attempt_nr)
        told = _told(parameters, file.lfn, new)
        if new not in taken and (file.type == "log" or told != parameters):
            file = replace(file, lfn=new, GUID=str(uuid4()) if file.type == "log" else file.GUID, attemptNr=attempt_nr)
            parameters = told
        outputs.append(file)
    return outputs, parameters


def kept(files: Sequence[FileSpec], parameters: str | None, attempt_nr: int) -> list[str]:
    """The outputs that have the same name in that attempt."""
    before = {file.lfn for file in files}
    return [file.lfn or "" for file in renamed(files, parameters, attempt_nr)[0] if file.lfn in before]


def _next(file: FileSpec, attempt_nr: int) -> str:
    """`out.root.3` after `out.root.2`, and both after `out.root`; a number that the owner gave stays."""
    name = file.lfn or ""
    return f"{name.removesuffix(f'.{file.attemptNr}') if file.attemptNr else name}.{attempt_nr}"


def _told(parameters: str | None, old: str | None, new: str) -> str | None:
    """With the new name where the old one is no part of a longer one. Parameters may be quoted as in URLs: `%27out.root%27`."""
    if not parameters or not old:
        return parameters
    return re.sub(rf"(?:(?<![\w.-])|(?<=%[0-9A-Fa-f]{{2}})){re.escape(old)}(?![\w.-])", lambda _: new, parameters)
