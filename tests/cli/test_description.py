"""Job descriptions and the jobs they mean."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandad.cli.description import MOST_JOBS, DescriptionError, jobs_of
from pandad.spec.job import JobSpec
from pandad.tomlsource import Source, SourceError

HELLO = '''
transformation = "https://example.org/trf/hello.sh"
arguments = "in.txt out.{n}.txt"
count = 3
memory_mb = 500
walltime_s = 600
queue = "Q1"

[[inputs]]
lfn = "in.txt"
scope = "data"
size_bytes = 12
checksum = "ad:0011AAff"

[[outputs]]
lfn = "out.{n}.txt"
'''


def jobs(text: str, name: str = "j.toml") -> list[JobSpec]:
    return jobs_of(Source(text, name), scope="user.alice", run="r1")


def refusal(text: str, name: str = "j.toml") -> str:
    with pytest.raises(DescriptionError) as caught:
        jobs(text, name)
    return str(caught.value)


def test_count_makes_jobs_that_differ_by_their_number() -> None:
    """{n} counts from 1 in arguments and file names, and in the names of the jobs."""
    made = jobs(HELLO)
    assert [job.jobName for job in made] == ["hello.1", "hello.2", "hello.3"]
    assert [job.jobParameters for job in made] == [f"in.txt out.{n}.txt" for n in (1, 2, 3)]
    assert [[f.lfn for f in job.Files] for job in made] == [
        ["in.txt", f"out.{n}.txt", f"hello.{n}.r1.log.tgz"] for n in (1, 2, 3)
    ]
    assert len({f.GUID for job in made for f in job.outputs}) == 6


def test_keys_become_attributes() -> None:
    """Each key lands in PanDA's attribute, sizes in MB and times in s, a queue as a pin."""
    job = jobs(HELLO)[0]
    assert (job.transformation, job.minRamCount, job.minRamUnit) == ("https://example.org/trf/hello.sh", 500, "MB")
    assert (job.maxWalltime, job.computingSite, job.relocationFlag, job.prodSourceLabel) == (600, "Q1", 1, "user")
    assert job.assignedPriority == job.currentPriority == 1000
    given_input, output, log = job.Files
    assert (given_input.scope, given_input.fsize, given_input.checksum) == ("data", 12, "ad:0011aaff")
    assert (output.type, output.scope, output.dataset) == ("output", "user.alice", "user.alice.hello")
    assert (log.type, log.scope, log.destinationDBlock) == ("log", "user.alice", "user.alice.hello")


def test_the_shortest_description() -> None:
    """A transformation is enough; the log is kept unless it is declined."""
    [job] = jobs('transformation = "sleep"')
    assert (job.jobName, [f.lfn for f in job.Files]) == ("sleep", ["sleep.r1.log.tgz"])
    assert (job.computingSite, job.relocationFlag, job.coreCount) == (None, 0, 1)
    [job] = jobs('transformation = "sleep"\nlog = false')
    assert job.Files == []


def test_two_submissions_of_one_description_have_logs_of_their_own() -> None:
    """The token of the submission is in the name of the log, and anywhere else that {run} is written."""
    source = Source('transformation = "x"\noutputs = [{lfn = "o.{run}"}]', "j.toml")
    names = {f.lfn for run in ("a", "b") for job in jobs_of(source, scope="s", run=run) for f in job.outputs}
    assert names == {"o.a", "o.b", "x.a.log.tgz", "x.b.log.tgz"}


SEVERAL = '''
transformation = "x"
endpoint = "DISK"
outputs = [{lfn = "shared.{n}"}]
[[jobs]]
cores = 8
[[jobs]]
transformation = "y"
endpoint = "TAPE"
count = 2
[[jobs.outputs]]
lfn = "own.{n}"
endpoint = "CLOUD"
[[jobs]]
outputs = []
'''


def test_several_jobs_share_what_stands_at_the_top() -> None:
    """A job's own key wins, its own lists replace the shared ones, and {n} runs through the whole text."""
    made = jobs(SEVERAL)
    assert [(job.transformation, job.coreCount, job.destinationSE) for job in made] == [
        ("x", 8, "DISK"), ("y", 1, "TAPE"), ("y", 1, "TAPE"), ("x", 1, "DISK"),
    ]
    assert [[(f.lfn, f.destinationSE) for f in job.outputs if f.type == "output"] for job in made] == [
        [("shared.1", "DISK")], [("own.2", "CLOUD")], [("own.3", "CLOUD")], [],
    ]


def test_json_says_the_same() -> None:
    """A description may be JSON with the same keys."""
    text = json.dumps({"transformation": "x", "count": 2, "outputs": [{"lfn": "o.{n}"}]}, indent=1)
    assert jobs(text, "j.json") == jobs('transformation = "x"\ncount = 2\noutputs = [{lfn = "o.{n}"}]')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('arguments = "x"', 'j.toml:1: transformation: is missing; write transformation = "hello.sh", or a URL'),
        ('transformation = "x"\nmemory = 5', "j.toml:2: memory: is not a known key; did you mean memory_mb?"),
        ('transformation = "x"\n[[job]]', "j.toml:2: job: is not a known key; did you mean jobs?"),
        ('transformation = "x"\njobs = 3', "j.toml:2: jobs: is not a list of jobs; begin each job with [[jobs]]"),
        ('transformation = "x"\njobs = [3]', "j.toml:2: jobs[1]: is 3; write a table of key = value"),
        ('transformation = "a b"', "j.toml:1: transformation: is 'a b'; write the name of a transformation, or a URL"),
        ('transformation = "file:///x"', "j.toml:1: transformation: is 'file:///x'; write the name"),
        ('transformation = "x"\n[[inputs]]\nlfn = "a,b"', "j.toml:3: inputs[1].lfn: is 'a,b'; write letters, digits"),
        ('transformation = "x"\n[[inputs]]\nlfn = "../a"', "j.toml:3: inputs[1].lfn: is '../a'; write letters"),
        ('transformation = "x"\n[[inputs]]\nscope = "s"', 'j.toml:2: inputs[1].lfn: is missing; write lfn = "input.txt"'),
        (
            'transformation = "x"\n[[inputs]]\nlfn = "a"\nchecksum = "0011aabb"',
            "j.toml:4: inputs[1].checksum: is '0011aabb'; write \"ad:\" and 8 hex digits (adler32), or \"md:\" and 32",
        ),
        ('transformation = "x"\n[[outputs]]\nlfn = "a"\nsize = 3', "j.toml:4: outputs[1].size: is not a known key"),
        ('transformation = "x"\nlabel = "' + "l" * 21 + '"', "j.toml:2: label: has 21 characters; write at most 20"),
        ('transformation = "x"\ncount = 0', f"j.toml:2: count: is 0; write a number 1 to {MOST_JOBS}"),
        ('transformation = "x"\nlog = True', "j.toml:2: log: invalid value; small letters: log = true"),
        (
            'transformation = "x"\ncount = 2\n[[outputs]]\nlfn = "o"',
            "j.toml:4: outputs[1].lfn: o would be made twice; give it another name, or write {n} in it",
        ),
    ],
)
def test_mistakes_point_at_their_line(text: str, expected: str) -> None:
    """A wrong description is refused with file, line, key, what is wrong and what to write instead."""
    with pytest.raises(SourceError) as caught:
        jobs(text)
    assert str(caught.value).startswith(expected)


def test_a_clash_is_told_where_the_second_file_stands() -> None:
    """Of two jobs of one text that would make the same file, the line of the later one is named."""
    text = 'transformation = "x"\n[[jobs]]\noutputs=[{lfn="o"}]\n[[jobs]]\noutputs=[{lfn="p"},\n{lfn="o"}]'
    assert refusal(text).startswith("j.toml:6: jobs[2].outputs[2].lfn: o would be made twice")


def test_all_mistakes_are_told_in_the_order_of_lines() -> None:
    """Mistakes at the top and in several jobs are told together."""
    text = 'arguments = 3\nmemory = 5\n[[jobs]]\ntransformation = "a b"\n[[jobs]]\ncores = 0'
    assert [line.split(":")[1] for line in refusal(text).splitlines()] == ["1", "2", "4", "5", "6"]


def test_a_submission_has_a_limit() -> None:
    """More jobs than anybody means are refused before anything is sent."""
    text = f'transformation = "x"\ncount = {MOST_JOBS}\n[[jobs]]\n[[jobs]]'
    assert refusal(text).startswith(f"j.toml:2: count: makes {2 * MOST_JOBS} jobs in all; write at most {MOST_JOBS}")


KEYS = st.sampled_from(
    ["transformation", "arguments", "name", "count", "queue", "cores", "inputs", "outputs", "jobs", "log", "lfn", "x"]
)
VALUES = st.recursive(
    st.sampled_from(["x", "", "a b", "o.{n}", 0, 1, 2, -1, 1.5, True, None]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_text_is_jobs_or_mistakes(tree: dict[str, object]) -> None:
    """However wrong a description is, it is refused as one; what is accepted has no file twice among its outputs."""
    try:
        made = jobs(json.dumps(tree), "j.json")
    except SourceError:
        return
    outputs = [(f.scope, f.lfn) for job in made for f in job.outputs]
    assert len(outputs) == len(set(outputs))
