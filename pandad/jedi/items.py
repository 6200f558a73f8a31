"""The items of jobParameters, and the log: what each job is told, reads and writes. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pandad.jedi import inputs
from pandad.jedi.inputs import DATASET, INPUT, LONGEST, Inputs
from pandad.jedi.macros import INPUT_FORMS, JOB_ID, MACRO, SERIAL, SERIAL_FORMS, TASK_ID, macros_in
from pandad.jedi.parameters import ITEM_MEANT, WHERE, Reader
from pandad.spec.errors import BadRequest
from pandad.spec.task import Output, Piece

CONSTANT, TEMPLATE = "constant", "template"
OUTPUT, LOG, PSEUDO, NUMBER = "output", "log", "pseudo_input", "number"
MOST_ITEMS = 1000
SEQUENCE = "SEQNUMBER"

FIRST_EVENT = "FIRSTEVENT"

_ALWAYS = frozenset({SERIAL, SEQUENCE, "SURL", "MAXEVENTS", "SKIPEVENTS"})
FILE_NAME = re.compile(r"[A-Za-z0-9._@+=-]+")  # as a pilot and the data management take it


@dataclass(frozen=True, slots=True)
class Found:
    """``offset``: of SEQNUMBER. ``event_offset``: of FIRSTEVENT."""

    pieces: tuple[Piece, ...]
    inputs: Inputs
    outputs: tuple[Output, ...]
    offset: int
    event_offset: int


def read(task: Reader, *, has_lib: bool, is_counted: bool) -> Found:
    """All items.

    :param is_counted: somebody counts the events of the input.
    :raise BadRequest: names the item by its place, and the key.
    """
    found = task.objects("jobParameters")
    if not found or len(found) > MOST_ITEMS:
        raise task.wrong("jobParameters", f"has {len(found)} items; send 1 to {MOST_ITEMS}")
    for item in found:
        item.refuse_others(ITEM_MEANT)
        if item.needed("type") not in (CONSTANT, TEMPLATE):
            raise item.wrong("type", "is neither constant nor template")
    given = inputs.read(task, found)
    known = _ALWAYS | ({FIRST_EVENT} if is_counted or not given.first else set()) | ({"LIB"} if has_lib else set())
    offset = max((i.whole("offset") for i in found if i.text("param_type") == PSEUDO), default=0)
    event_offset = max((i.whole("offset") for i in found if FIRST_EVENT in i.text("value", LONGEST, free=True)), default=0)
    return Found(_pieces(found, known, given.streams), given, _outputs(task, found), offset, event_offset)


def refuse_macros(text: str, known: Collection[str], key: str, streams: Collection[str] = ()) -> None:
    """:param streams: macros that stand for files.
    :raise BadRequest: something in the text stands for nothing that the server could fill in.
    """
    for name, form in macros_in(text):
        forms = SERIAL_FORMS if name == SERIAL else INPUT_FORMS if name in streams else ("",)
        if name not in known and name not in streams or form not in forms:
            raise BadRequest(f"{WHERE}.{key}" if not key.startswith(WHERE) else key,
                             f"${{{name}{'/' + form if form else ''}}} stands for nothing here")


def _pieces(found: Sequence[Reader], known: Collection[str], streams: Collection[str]) -> tuple[Piece, ...]:
    """What jobs are told, item by item; hidden ones only say what is read and written."""
    pieces = []
    for place, item in enumerate(found):
        kind = item.text("param_type")
        if kind not in ("", INPUT, OUTPUT, LOG, PSEUDO, NUMBER):
            raise item.wrong("param_type", f"{kind!r} is none of input, output, log, pseudo_input, number")
        text = item.text("value", LONGEST, free=True)
        refuse_macros(text, known, f"{WHERE}.jobParameters[{place}].value", streams)
        if not item.flag("hidden"):
            pieces.append(Piece(text, not item.denies("padding")))
    return tuple(pieces)


def _outputs(task: Reader, found: Sequence[Reader]) -> tuple[Output, ...]:
    log = task.below("log")
    written = [(item, OUTPUT) for item in found if item.text("param_type") == OUTPUT]
    written += [(item, LOG) for item in found if item.text("param_type") == LOG]
    if log is not None:
        log.refuse_others(ITEM_MEANT)
        written.append((log, LOG))
    if sum(kind == LOG for _, kind in written) > 1:
        raise task.wrong("log", "is there twice; a job has one log")
    outputs = tuple(_output(item, kind) for item, kind in written)
    doubled = {o.template for o in outputs if [p.template for p in outputs].count(o.template) > 1}
    if doubled:
        raise task.wrong("jobParameters", f"the output {doubled.pop()} stands there twice")
    return outputs


def _output(item: Reader, kind: str) -> Output:
    """A file name with ${SN} or $PANDAID in it: without, each job would write over the last one's. What stands before it in the
    value, an option as `--out=`, is for the payload."""
    template = re.split(r"[\s=\"']", item.needed("value", 1000).strip("\"'"))[-1]
    refuse_macros(template, {SERIAL}, "log.value" if kind == LOG else "jobParameters")
    if SERIAL not in {name for name, _ in macros_in(template)} and JOB_ID not in template:
        raise item.wrong("value", f"{template!r} has neither ${{SN}} nor {JOB_ID}: all jobs would write one file")
    if not FILE_NAME.fullmatch(MACRO.sub("0", template).replace(TASK_ID, "0").replace(JOB_ID, "0")):
        raise item.wrong("value", f"{template!r} is no name of a file")
    dataset = item.text("container") or item.needed("dataset")
    if not DATASET.fullmatch(dataset):
        raise item.wrong("dataset", f"{dataset!r} is no name of a dataset")
    return Output(kind, dataset, template, item.text("destination") or None)
