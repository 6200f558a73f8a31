"""Which files of second inputs go into a job.

They are given out by place: the same chunk has the same ones whenever it is tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pandad.spec.task import Chunk, Secondary, TaskFile, TaskSpec
from pandad.taskbuffer import taskfiles
from pandad.taskbuffer.store import Transaction


def places(secondary: Secondary, number: int, first: int, count: int, there: int) -> list[int]:
    """Where in the second input the files of a job stand, from 0. Pure; no file is twice in a job.

    :param number: of the chunk, from 1. :param first: the place of its first file among all that the task processes, from 0.
    :param count: of its files. :param there: files of the second input.
    """
    wanted = secondary.per_job or secondary.ratio * count
    begin = (number - 1) * secondary.per_job if secondary.per_job else first * secondary.ratio
    return [(begin + step) % there for step in range(min(wanted, there))]


async def add(txn: Transaction, task_id: int, spec: TaskSpec, chunks: Sequence[Chunk]) -> list[Chunk]:
    """The same chunks, with what they read beside.

    :param chunks: numbered.
    """
    if not spec.secondaries or not chunks:
        return list(chunks)
    firsts = await _firsts(txn, task_id, spec, chunks)
    beside: list[dict[str, Sequence[TaskFile]]] = [{} for _ in chunks]
    for secondary in spec.secondaries:
        containers = secondary.input.containers
        there = await taskfiles.held(txn, task_id, containers)
        wanted = [places(secondary, chunk.number or 1, first, len(chunk.files), there)
                  for chunk, first in zip(chunks, firsts, strict=True)]
        files = await taskfiles.at(txn, task_id, containers, sorted({place for some in wanted for place in some}))
        for mine, some in zip(beside, wanted, strict=True):
            mine[secondary.input.stream] = [files[place] for place in some]
    return [replace(chunk, beside=mine) for chunk, mine in zip(chunks, beside, strict=True)]


async def _firsts(txn: Transaction, task_id: int, spec: TaskSpec, chunks: Sequence[Chunk]) -> list[int]:
    """The place of each chunk's first file; 0 where nothing depends on it."""
    if all(secondary.per_job for secondary in spec.secondaries):
        return [0 for _ in chunks]
    found = await taskfiles.places(txn, task_id, [chunk.files[0].id for chunk in chunks])
    return [found[chunk.files[0].id] for chunk in chunks]
