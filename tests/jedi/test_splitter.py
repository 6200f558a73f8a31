"""Files into jobs."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pandad.jedi.splitter import split
from pandad.spec.task import Splitting, TaskFile

RULES = st.builds(Splitting, files=st.integers(0, 7), most_files=st.integers(1, 9), most_bytes=st.integers(0, 3000))
SIZES = st.lists(st.one_of(st.none(), st.integers(0, 2000)), max_size=60)


def a_file(number: int, size: int | None = 1000, chunk: int | None = None, dataset: int = 1) -> TaskFile:
    """One of the input."""
    return TaskFile(id=number, dataset=dataset, name="x", container="x", scope="s", lfn=f"f{number}", size=size, chunk=chunk)


@given(SIZES, RULES)
def test_no_file_is_lost_or_doubled(sizes: list[int | None], rule: Splitting) -> None:
    """Each file is in one job, in its order; no job has too many, or too much unless one file alone is."""
    files = [a_file(number, size) for number, size in enumerate(sizes)]
    chunks = split(files, rule)
    assert [file for chunk in chunks for file in chunk.files] == files
    for chunk in chunks:
        assert 0 < len(chunk.files) <= min(limit for limit in (rule.files, rule.most_files) if limit)
        total = sum(file.size or 0 for file in chunk.files)
        assert not rule.most_bytes or total <= rule.most_bytes or len(chunk.files) == 1


@given(SIZES, RULES, st.integers(0, 60))
def test_portions_make_the_same_jobs(sizes: list[int | None], rule: Splitting, border: int) -> None:
    """Where the files come in two portions the jobs are those of all files at once: a chunk that may grow waits."""
    files = [a_file(number, size) for number, size in enumerate(sizes)]
    first = split(files[:border], rule, more=border < len(files))
    done = sum(len(chunk.files) for chunk in first)
    assert first + split(files[done:], rule) == split(files, rule)


@given(st.lists(st.integers(0, 9), max_size=40), RULES)
def test_a_chunk_stays_together(numbers: list[int], rule: Splitting) -> None:
    """What went into a job together goes again so, under its number, whatever the rule says now."""
    files = [a_file(place, chunk=number) for place, number in enumerate(numbers)]
    chunks = split(files, rule)
    assert {chunk.number: {file.id for file in chunk.files} for chunk in chunks} == {
        number: {place for place, other in enumerate(numbers) if other == number} for number in set(numbers)}


def test_exactly_so_many() -> None:
    """nFilesPerJob: so many in each but the last."""
    chunks = split([a_file(n) for n in range(25)], Splitting(files=10))
    assert [len(chunk.files) for chunk in chunks] == [10, 10, 5]


@given(st.lists(st.integers(1, 3), max_size=40), RULES)
def test_datasets_apart(datasets: list[int], rule: Splitting) -> None:
    """If that is asked for no job reads two datasets; still each file is in one job."""
    files = [a_file(number, dataset=dataset) for number, dataset in enumerate(datasets)]
    chunks = split(files, replace(rule, apart=True))
    assert [file for chunk in chunks for file in chunk.files] == files
    assert all(len({file.dataset for file in chunk.files}) == 1 for chunk in chunks)
