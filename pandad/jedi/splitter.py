"""Files into jobs. Pure: the same files in the same order give the same chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from pandad.spec.task import Chunk, Splitting, TaskFile


def split(files: Sequence[TaskFile], rule: Splitting, *, more: bool = False) -> list[Chunk]:
    """Chunks of these files: each is in one, unless it waits for the next portion.

    Those that went into a job together do so again: what was told to the payload the first time, a seed for one, stays right.

    :param files: in their order. :param more: others follow: the last chunk is left for the next portion, for it may grow. A
        chunk that was made before is whole in what is given.
    """
    again = sorted((f for f in files if f.chunk is not None), key=lambda f: (f.chunk or 0, f.id))
    chunks = [Chunk(list(some), number) for number, some in groupby(again, key=lambda f: f.chunk)]
    new = [Chunk(some) for some in _cut((f for f in files if f.chunk is None), rule)]
    if more and new and not _is_full(new[-1].files, rule):
        new.pop()
    return chunks + new


def _cut(files: Iterable[TaskFile], rule: Splitting) -> Iterator[list[TaskFile]]:
    chunk: list[TaskFile] = []
    for file in files:
        if chunk and not _fits(chunk, file, rule):
            yield chunk
            chunk = []
        chunk.append(file)
    if chunk:
        yield chunk


def _fits(chunk: Sequence[TaskFile], file: TaskFile, rule: Splitting) -> bool:
    """The rest of a file begins a job: its events follow on those of another only from the first one on."""
    together = [*chunk, file]
    if _is_full(chunk, rule) or file.start or rule.apart and file.dataset != chunk[-1].dataset:
        return False
    return not (rule.most_bytes and sum(f.size or 0 for f in together) > rule.most_bytes
                or rule.events and sum(f.events or 0 for f in together) > rule.events)


def _is_full(chunk: Sequence[TaskFile], rule: Splitting) -> bool:
    limits = [limit for limit in (rule.files, rule.most_files) if limit]
    enough = rule.events and sum(f.events or 0 for f in chunk) >= rule.events
    return bool(enough) or bool(limits) and len(chunk) >= min(limits)
