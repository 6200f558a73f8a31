#!/usr/bin/env python3
"""What a worker node runs around the command of a user of prun: both scripts of the sandbox, by the name that this is called by.

    runGen-00-00-02 ...    fetch and unpack what was uploaded, run the command, give its outputs their names
    buildGen-00-00-01 ...  fetch and unpack the sources, build, pack the result for the jobs that run it

It stands alone: a pilot downloads this one file. The arguments are those that panda-client and the server write (PanDA:
panda-wnscript); one that means something else than is done here is refused. The exit code is that of the user's command; when
this program itself fails, payload_error_report.json says why.
"""

from __future__ import annotations

import argparse
import ast
import glob
import json
import os
import shlex
import shutil
import ssl
import subprocess
import sys
import tarfile
import time
import urllib.request
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote

WORK = "workDir"
MAIN = "__run_main_exec.sh"  # what the server tells pilots to run in a container
REPORT = "payload_error_report.json"
TRIES, PAUSE_S, TIMEOUT_S = 3, 10, 300
ERROR_EXIT = 1
RUN_ERROR, BUILD_ERROR = 5300, 5200  # PanDA's ranges of error codes for the two


class PayloadError(Exception):
    """Something that is not the fault of the user's command."""


def main(program: str, arguments: list[str]) -> int:
    """Do what the name says; the exit code."""
    build = os.path.basename(program).startswith("build")
    top = Path.cwd()
    try:
        return build_library(top, _build_options(arguments)) if build else run_command(top, _run_options(arguments))
    except (PayloadError, OSError, tarfile.TarError) as error:
        (top / REPORT).write_text(json.dumps({"error_code": BUILD_ERROR if build else RUN_ERROR, "error_diag": str(error)}))
        sys.stderr.write(f"{os.path.basename(program)}: {error}\n")
        return ERROR_EXIT


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise PayloadError(message)


def _run_options(arguments: list[str]) -> argparse.Namespace:
    parser = _Parser(allow_abbrev=False)
    parser.add_argument("-j", dest="script", default="", help="nothing, or a command in the place of -p")
    parser.add_argument("--sourceURL", default="", help="where what was uploaded lies, below /cache/")
    parser.add_argument("-r", dest="folder", default=".", help="where the command runs, in what was unpacked")
    parser.add_argument("-a", dest="archive", default="", help="what was uploaded")
    parser.add_argument("-l", dest="library", default="", help="what was built; an input file of the job")
    parser.add_argument("-i", dest="inputs", type=_literal(list), default=[], help="Python list of input files")
    parser.add_argument("--inMap", dest="streams", type=_literal(dict), default={}, help="the same by stream: {'IN': [...], ...}")
    parser.add_argument("-o", dest="outputs", type=_literal(dict), default={}, help="Python dict {name in the command: LFN}")
    parser.add_argument("-p", dest="command", type=unquote, default="", help="the command, urlencoded")
    parser.add_argument("--writeInputToTxt", dest="lists", default="", help="STREAM:FILE,...: write the inputs to text files")
    steps = parser.add_mutually_exclusive_group()
    steps.add_argument("--preprocess", action="store_true", help="only get all ready, and write what is to be run in a container")
    steps.add_argument("--postprocess", action="store_true", help="only give the outputs their names, after that")
    parser.add_argument("--execWithRealFileNames", dest="real_names", action="store_true",
                        help="the command has the LFNs of its outputs")
    return parser.parse_args(arguments)


def _build_options(arguments: list[str]) -> argparse.Namespace:
    parser = _Parser(allow_abbrev=False)
    parser.add_argument("-i", dest="archive", required=True, help="the sources that were uploaded")
    parser.add_argument("-o", dest="library", required=True, help="what to make of them")
    parser.add_argument("--sourceURL", default="", help="where what was uploaded lies, below /cache/")
    parser.add_argument("-r", dest="folder", default=".", help="where the build runs, in what was unpacked")
    parser.add_argument("--bexec", dest="command", type=unquote, default="", help="the command, urlencoded")
    parser.add_argument("--noCompile", action="store_true", help="only pack the sources")
    return parser.parse_args(arguments)


def _literal(kind: type) -> Any:
    """A reader of values that the server writes as Python does. It reads constants; nothing is run."""

    def read(text: str) -> Any:
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            value = None
        if not isinstance(value, kind):
            raise argparse.ArgumentTypeError(f"{text!r} is no Python {kind.__name__}")
        return value

    return read


def run_command(top: Path, options: argparse.Namespace) -> int:
    """runGen, or one of its steps. The job's inputs lie in `top`, its outputs will."""
    if options.postprocess:
        return give_names(top, options)
    folder = made_ready(top, options)
    command = _with_inputs(options.command or options.script, _streams(options))
    if options.preprocess:  # a container may have the job's folder under another name
        (top / MAIN).write_text(f"cd {shlex.quote(os.path.relpath(folder, top))} || exit\n{command}\n")
        return 0
    return shell(command, folder) or give_names(top, options)


def made_ready(top: Path, options: argparse.Namespace) -> Path:
    """The folder in which the command runs, with all that it reads."""
    if options.library:
        work = unpacked(top, top / options.library)
    elif options.archive:
        work = unpacked(top, fetched(top, options.sourceURL, options.archive))
    else:
        work = unpacked(top, None)
    folder = _inside(work, options.folder)
    streams = _streams(options)
    for name in {name for names in streams.values() for name in names}:
        (folder / name).symlink_to(os.path.relpath(top / name, folder))
    for stream, file in (each.split(":", 1) for each in options.lists.split(",") if each):
        (folder / file).write_text("".join(f"{name}\n" for name in streams.get(stream, [])))
    return folder


def give_names(top: Path, options: argparse.Namespace) -> int:
    """What the command has made becomes the job's outputs."""
    folder = _inside(top / WORK, options.folder)
    for name, lfn in options.outputs.items():
        collect(folder, lfn if options.real_names else name, top / lfn)
    shutil.rmtree(top / WORK)
    return 0


def _streams(options: argparse.Namespace) -> dict[str, list[str]]:
    return options.streams or {"IN": options.inputs}


def build_library(top: Path, options: argparse.Namespace) -> int:
    """buildGen."""
    work = unpacked(top, fetched(top, options.sourceURL, options.archive))
    code = shell(options.command, _inside(work, options.folder)) if options.command and not options.noCompile else 0
    if code == 0:
        with tarfile.open(top / options.library, "w:gz") as tar:
            tar.add(work, ".")
        shutil.rmtree(work)
    return code


def _with_inputs(command: str, streams: dict[str, list[str]]) -> str:
    """The longest names first: %IN is the beginning of %IN2."""
    for stream in sorted(streams, key=len, reverse=True):
        command = command.replace(f"%{stream}", ",".join(streams[stream]))
    return command


def shell(command: str, folder: Path) -> int:
    """Run a user's command; its exit code, or 128 and the number of the signal that ended it."""
    sys.stdout.write(f"=== in {folder}: {command}\n")
    sys.stdout.flush()
    code = subprocess.run(["/bin/sh", "-c", command], cwd=str(folder), check=False).returncode
    sys.stdout.write(f"=== exit code {code}\n")
    return code if code >= 0 else 128 - code


def collect(folder: Path, name: str, target: Path) -> None:
    """Give an output its place. What a pattern matches goes into one tar file."""
    if not any(mark in name for mark in "*?["):
        if not (folder / name).is_file():
            raise PayloadError(f"the command made no output {name}")
        shutil.move(str(folder / name), str(target))
        return
    found = sorted(glob.glob(str(folder / name)))
    if not found:
        raise PayloadError(f"the command made no output like {name}")
    with tarfile.open(target, "w:gz") as tar:
        for path in found:
            tar.add(path, os.path.relpath(path, folder))


def fetched(top: Path, source_url: str, name: str) -> Path:
    """What was uploaded under that name, into `top`; or what lies there already."""
    path = top / name
    if path.exists():
        return path
    if not source_url or "/" in name:
        raise PayloadError(f"there is no {name} here, and no --sourceURL to fetch it from")
    url = f"{source_url}/cache/{name}"
    for tries_left in reversed(range(TRIES)):
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_S, context=_tls()) as response, open(path, "wb") as file:
                shutil.copyfileobj(response, file)
            return path
        except OSError as error:  # all that urllib raises is one
            path.unlink(missing_ok=True)
            gone = getattr(error, "code", None) == 404
            if gone or not tries_left:
                raise PayloadError(f"{url} cannot be fetched: {error}") from None
            time.sleep(PAUSE_S)
    raise AssertionError("unreachable")


def _tls() -> ssl.SSLContext:
    """The authorities of the grid count, where there are any, beside those of the system."""
    context = ssl.create_default_context()
    folder = os.environ.get("X509_CERT_DIR", "/etc/grid-security/certificates")
    if os.path.isdir(folder):
        context.load_verify_locations(capath=folder)
    return context


def unpacked(top: Path, archive: Path | None) -> Path:
    """A new folder, with what is in the archive. Nothing in it gets out of the folder.

    :raise PayloadError: the archive would.
    """
    work = top / WORK
    work.mkdir()
    if archive is not None:
        with tarfile.open(archive) as tar:
            for member in tar:
                _check(member, work)
                if hasattr(tarfile, "data_filter"):
                    tar.extract(member, work, filter="data")
                else:
                    member.mode &= 0o755
                    tar.extract(member, work, set_attrs=member.isfile())
    return work


def _check(member: tarfile.TarInfo, work: Path) -> None:
    """What Python's data filter refuses; it came with bug fix releases, which a worker node may lack."""
    if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
        raise PayloadError(f"{member.name} in the archive is neither file nor folder nor link")
    top = os.path.realpath(work)
    place = os.path.join(top, member.name)
    ends = [place]
    if member.issym():
        ends.append(os.path.join(os.path.realpath(os.path.dirname(place)), member.linkname))
    elif member.islnk():
        ends.append(os.path.join(top, member.linkname))
    for end in ends:
        if os.path.commonpath([top, os.path.realpath(end)]) != top:
            raise PayloadError(f"{member.name} in the archive leads out of it")


def _inside(work: Path, name: str) -> Path:
    """A folder below, made if it is not there."""
    folder = (work / name).resolve()
    if folder != work.resolve() and work.resolve() not in folder.parents:
        raise PayloadError(f"the folder {name} is not in the archive")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    sys.exit(main(sys.argv[0], sys.argv[1:]))
