"""The sandbox's payload scripts, as a pilot runs them: programs in the job's folder, with the server's arguments."""

from __future__ import annotations

import io
import json
import shlex
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator, Mapping
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pandad.embedded import payload

ARCHIVE = "jobO.01234567-89ab-4def-8123-456789abcdef.tar.gz"
LIMIT_S = 60
# Without the filter of bug fix releases a worker node has to be as safe: the program then checks by itself.
WITHOUT_FILTER = """
import runpy, sys, tarfile
vars(tarfile).pop("data_filter", None)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class Silent(SimpleHTTPRequestHandler):
    """Without lines on the terminal."""

    def log_message(self, *args: Any) -> None:
        """None."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder of uploads, and the address that --sourceURL names."""
    top = tmp_path_factory.mktemp("served")
    (top / "cache").mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), lambda *a: Silent(*a, directory=str(top)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield top / "cache", f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Node:
    """A job's folder on a worker node."""

    def __init__(self, folder: Path, served: tuple[Path, str]) -> None:
        self.folder, (self._cache, self.url) = folder, served

    def uploaded(self, files: Mapping[str, str], name: str = ARCHIVE) -> str:
        """An archive of these files."""
        with tarfile.open(self._cache / name, "w:gz") as tar:
            for path, text in files.items():
                member = tarfile.TarInfo(path)
                member.size = len(text)
                tar.addfile(member, io.BytesIO(text.encode()))
        return name

    def run(self, name: str, arguments: str, *, bare: bool = False) -> subprocess.CompletedProcess[str]:
        """The script of that name, with a line of arguments as the pilot hands it to a shell."""
        script = self.folder / name
        script.write_bytes(Path(payload.__file__).read_bytes())
        around = [sys.executable, "-c", WITHOUT_FILTER] if bare else [sys.executable]
        return subprocess.run([*around, str(script), *shlex.split(arguments)], cwd=self.folder, capture_output=True, text=True,
                              timeout=LIMIT_S, check=False, env={"PATH": "/usr/bin:/bin"})

    def run_gen(self, arguments: str, **how: Any) -> subprocess.CompletedProcess[str]:
        """runGen, with what prun always says."""
        return self.run("runGen-00-00-02", f'-j "" --sourceURL {self.url} -r . {arguments}', **how)

    @property
    def report(self) -> dict[str, Any]:
        """What it says went wrong."""
        found: dict[str, Any] = json.loads((self.folder / "payload_error_report.json").read_text())
        return found


@pytest.fixture
def node(tmp_path: Path, served: tuple[Path, str]) -> Node:
    """An empty one."""
    return Node(tmp_path, served)


@pytest.mark.parametrize("bare", [False, True])
def test_run(node: Node, bare: bool) -> None:
    """The command runs in what was uploaded, its outputs get their names, and a pattern's files come in one; no more is left."""
    archive = node.uploaded({"deep/words.txt": "hello"})
    command = "tr%20a-z%20A-Z%20%3C%20deep/words.txt%20%3E%20out.txt%3B%20touch%20h1.txt%20h2.txt"
    outcome = node.run_gen(f"""-a {archive} -o "{{'out.txt': 'user.a.1.out.txt', 'h*.txt': 'user.a.1.hXYZ.txt.tgz'}}" """
                           f'-p "{command}"', bare=bare)
    assert outcome.returncode == 0, outcome.stderr
    assert (node.folder / "user.a.1.out.txt").read_text() == "HELLO"
    with tarfile.open(node.folder / "user.a.1.hXYZ.txt.tgz") as tar:
        assert tar.getnames() == ["h1.txt", "h2.txt"]
    assert not (node.folder / "workDir").exists()


def test_inputs(node: Node) -> None:
    """%IN in the command is the list of inputs, which lie where it runs; also in a folder of the archive, and in a text file."""
    for name in ("a.1", "a.2", "b.1"):
        (node.folder / name).write_text(name)
    outcome = node.run_gen(f"""-a {node.uploaded({"run/x": ""})} -r run -i "['a.1', 'a.2']" --writeInputToTxt IN:list.txt """
                           """-o "{'out': 'lfn'}" -p "cat%20%60echo%20%25IN%20%7C%20tr%20,%20'%20'%60%20list.txt%20%3E%20out" """)
    assert outcome.returncode == 0, outcome.stderr
    assert (node.folder / "lfn").read_text() == "a.1a.2a.1\na.2\n"
    (node.folder / "lfn").unlink()
    outcome = node.run_gen("""--inMap "{'IN': ['a.1'], 'IN2': ['b.1', 'a.2']}" -o "{'lfn': 'lfn'}" """
                           '-p "echo%20%25IN2%20%25IN%20%3E%20lfn" --execWithRealFileNames')
    assert outcome.returncode == 0 and (node.folder / "lfn").read_text() == "b.1,a.2 a.1\n", outcome.stderr


def test_in_steps(node: Node) -> None:
    """What comes before a container makes all ready, what is to run there runs where the pilot says, and then outputs get their
    names; also where the container has the folder under another name."""
    (node.folder / "a.1").write_text("in")
    arguments = (f"""-a {node.uploaded({"run/x": "up"})} -r run -i "['a.1']" -o "{{'out': 'lfn'}}" """
                 '-p "cat%20%25IN%20x%20%3E%20out"')
    assert node.run_gen(f"--preprocess {arguments}").returncode == 0
    moved = node.folder.rename(node.folder.with_name("srv"))
    subprocess.run(["/bin/sh", "__run_main_exec.sh"], cwd=moved, check=True, timeout=LIMIT_S)
    moved.rename(node.folder)
    outcome = node.run_gen(f"--postprocess {arguments}")
    assert outcome.returncode == 0 and (node.folder / "lfn").read_text() == "inup", outcome.stderr
    assert not (node.folder / "workDir").exists()


@pytest.mark.parametrize(("command", "code"), [("exit%203", 3), ("kill%20-9%20%24%24", 137), ("no-such-command", 127)])
def test_the_commands_own_failure(node: Node, command: str, code: int) -> None:
    """When the command fails its exit code is the job's, and there is no report of this program's."""
    assert node.run_gen(f"""-o "{{'out': 'lfn'}}" -p "{command}" """).returncode == code
    assert not (node.folder / "payload_error_report.json").exists()


@pytest.mark.parametrize(("arguments", "says"), [
    ("""-o "{'out': 'lfn'}" -p true""", "the command made no output out"),
    ("""-o "{'o*': 'lfn'}" -p true""", "the command made no output like o*"),
    (f"-a {ARCHIVE.replace('0', '9')} -p true", "HTTP Error 404"),
    ("-l lib.tgz -p true", "lib.tgz"),
    ("-a ../x.tar.gz -p true", "there is no ../x.tar.gz here"),
    ("-r ../.. -p true", "the folder ../.. is not in the archive"),
    ("-o \"__import__('os').system('id')\" -p true", "is no Python dict"),
    ("-i \"{'a'}\" -p true", "is no Python list"),
    ("--useAthenaPackages -p true", "unrecognized arguments: --useAthenaPackages")])
def test_its_own_failure(node: Node, arguments: str, says: str) -> None:
    """What this program cannot do it says, for people and in the report that the pilot looks for."""
    outcome = node.run_gen(arguments)
    assert outcome.returncode == 1 and says in outcome.stderr
    assert node.report["error_code"] == 5300 and says in node.report["error_diag"]


def _member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size = kind, link, 1 if kind == tarfile.REGTYPE else 0
    return member


HOSTILE = {
    "up": [_member("../up")], "absolute": [_member("/tmp/pandad-never")], "device": [_member("null", tarfile.CHRTYPE)],
    "pipe": [_member("fifo", tarfile.FIFOTYPE)], "link out": [_member("a", tarfile.SYMTYPE, "../../up")],
    "absolute link": [_member("a", tarfile.SYMTYPE, "/etc")], "hard link": [_member("a", tarfile.LNKTYPE, "../up")],
    "through a link": [_member("a", tarfile.SYMTYPE, "."), _member("a/b", tarfile.SYMTYPE, ".."), _member("b/up")],
    "by two links": [_member("d", tarfile.DIRTYPE), _member("d/l", tarfile.SYMTYPE, ".."),
                     _member("d/l/m", tarfile.SYMTYPE, ".."), _member("m/up")]}


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE)
def test_archives_stay_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, members: list[tarfile.TarInfo], bare: bool) -> None:
    """Nothing of an archive gets out of its folder, by name or by link, whatever Python the worker node has."""
    if bare:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    (top := tmp_path / "job").mkdir()
    with tarfile.open(tmp_path / ARCHIVE, "w:gz") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    with pytest.raises((payload.PayloadError, tarfile.TarError)):
        payload.unpacked(top, tmp_path / ARCHIVE)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([ARCHIVE, "job"])
    assert [path.name for path in top.iterdir()] == ["workDir"] and not Path("/tmp/pandad-never").exists()


@pytest.mark.parametrize("bare", [False, True])
def test_build_and_run(node: Node, bare: bool) -> None:
    """What a build makes of the sources is there when the jobs run, modes of files included."""
    sources = node.uploaded({"src/tool": "#!/bin/sh\necho built by $1\n"}, ARCHIVE.replace("jobO", "sources"))
    arguments = f"-i {sources} -o u.lib.tgz --sourceURL {node.url} -r src --bexec chmod%20%2Bx%20tool"
    outcome = node.run("buildGen-00-00-01", arguments)
    assert outcome.returncode == 0 and not (node.folder / "workDir").exists(), outcome.stderr
    outcome = node.run_gen("""-l u.lib.tgz -r src -o "{'o': 'lfn'}" -p "./tool%20me%20%3E%20o" """, bare=bare)
    assert outcome.returncode == 0 and (node.folder / "lfn").read_text() == "built by me\n", outcome.stderr


def test_a_build_that_fails(node: Node) -> None:
    """Its exit code is the job's, and there is no library; without a command, and with --noCompile, the sources are packed."""
    sources = node.uploaded({"x": "y"}, ARCHIVE.replace("jobO", "sources"))
    line = f"-i {sources} -o u.lib.tgz --sourceURL {node.url} -r ."
    assert node.run("buildGen-00-00-01", f"{line} --bexec exit%207").returncode == 7
    assert not (node.folder / "u.lib.tgz").exists()
    (node.folder / "workDir" / "x").unlink()
    (node.folder / "workDir").rmdir()
    assert node.run("buildGen-00-00-01", f"{line} --bexec exit%207 --noCompile").returncode == 0
    assert node.run("buildGen-00-00-01", "-i none -o lib").returncode == 1 and node.report["error_code"] == 5200
