"""FileSpec against the wire."""

from __future__ import annotations

from pandad.spec.file import FILE_ATTRIBUTES, FileSpec

# What panda-client sends (it calls the first rowID), then what servers add; a figure is the length limit of a text.
SENT = """
row_ID PandaID GUID:64 lfn:4000 type:20 dataset:255 status:64 prodDBlock:255 prodDBlockToken:250 dispatchDBlock:255
dispatchDBlockToken:250 destinationDBlock:255 destinationDBlockToken:250 destinationSE:250 fsize md5sum:36 checksum:36
scope:30""".split()  # noqa: SIM905 - a table
ADDED = ["jediTaskID", "datasetID", "fileID", "attemptNr"]
WIRE = [(name, int(limit) if limit else None) for name, _, limit in (word.partition(":") for word in SENT + ADDED)]


def test_names_order_kinds_and_lengths() -> None:
    """22 attributes in wire order, texts with PanDA's lengths, the others whole numbers: clients send the first 18 by place."""
    assert [(a.name, a.limit) for a in FILE_ATTRIBUTES] == WIRE
    assert all(a.kind is (str if a.limit else int) for a in FILE_ATTRIBUTES)
    assert (len(SENT), len(WIRE)) == (18, 22)


def test_a_new_file_says_nothing() -> None:
    """Every attribute starts as NULL."""
    fresh = FileSpec()
    assert all(getattr(fresh, a.name) is None for a in FILE_ATTRIBUTES)
