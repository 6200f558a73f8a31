"""Moves files as Rucio's rules demand, in the place of its daemons and of FTS: real bytes between folders, checksums compared.

    python -m pandad.embedded.rucio.agent URL ACCOUNT USER PASSWORD_FILE [--once] [--fail REGEX] [--delay S] [--retry-stuck]
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import time
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from pandad.embedded.rucio.admin import Admin, RestError, chunks

READ_BYTES = 1 << 20
IDLE_S = 0.5
AVAILABLE, UNAVAILABLE = "A", "U"


class TransferFailed(Exception):
    """A file could not be moved; str() says why."""


@dataclass(frozen=True, slots=True)
class Options:
    """How the agent behaves.

    :param fail: a file whose name matches does not arrive. :param delay_s: how long a chunk takes beyond the copying.
    :param retry_stuck: try those again that failed.
    """

    fail: str | None = None
    delay_s: float = 0.0
    retry_stuck: bool = False


@dataclass(frozen=True, slots=True)
class Transfer:
    """One file that has to get to an endpoint. ``source``: the only one that it may come from, if its rule names one."""

    scope: str
    name: str
    endpoint: str
    source: str | None = None


def work(admin: Admin, options: Options) -> dict[str, int]:
    """One round: move what is wanted now, and tell Rucio. How many files arrived (A) and how many did not (U)."""
    done = {AVAILABLE: 0, UNAVAILABLE: 0}
    by_endpoint: dict[str, list[Transfer]] = defaultdict(list)
    for transfer in sorted(set(wanted(admin, options)), key=str):
        by_endpoint[transfer.endpoint].append(transfer)
    for endpoint, transfers in by_endpoint.items():
        for some in chunks(transfers):
            time.sleep(options.delay_s)
            told = [{"scope": t.scope, "name": t.name, "state": state} for t, state in _moved(admin, some, options)]
            admin.call("PUT", "/replicas", {"rse": endpoint, "files": told})
            for entry in told:
                done[entry["state"]] += 1
    return done


def wanted(admin: Admin, options: Options) -> Iterator[Transfer]:
    """What rules wait for."""
    for state in "RS" if options.retry_stuck else "R":
        for rule in admin.lines("GET", f"/rules/?state={state}"):
            for lock in admin.lines("GET", f"/rules/{rule['id']}/locks"):
                if lock["state"] != "OK" and (lock["state"] != "STUCK" or options.retry_stuck):
                    yield Transfer(lock["scope"], lock["name"], lock["rse"], rule["source_replica_expression"])


def _moved(admin: Admin, transfers: Sequence[Transfer], options: Options) -> Iterator[tuple[Transfer, str]]:
    asked = {"dids": [{"scope": t.scope, "name": t.name} for t in transfers], "schemes": ["file"],
             "sort": "random"}  # to sort by distance it would want to know where on Earth they are
    sources = {(f["scope"], f["name"]): f for f in admin.lines("POST", "/replicas/list", asked)}
    for transfer in transfers:
        try:
            if options.fail and re.search(options.fail, transfer.name):
                raise TransferFailed("as it was told to")
            copy(_source(sources.get((transfer.scope, transfer.name)), transfer), path_of(admin, transfer))
        except (TransferFailed, OSError) as error:
            print(f"{transfer.scope}:{transfer.name} did not get to {transfer.endpoint}: {error}", flush=True)  # noqa: T201
            yield transfer, UNAVAILABLE
        else:
            yield transfer, AVAILABLE


def _source(file: Mapping[str, Any] | None, transfer: Transfer) -> Mapping[str, Any] | None:
    """The file with those copies only that it may come from."""
    if file is None or transfer.source is None:
        return file
    return {**file, "pfns": {pfn: copy for pfn, copy in file["pfns"].items() if copy["rse"] == transfer.source}}


def path_of(admin: Admin, transfer: Transfer) -> Path:
    """Where the file has to lie."""
    lfn = f"{transfer.scope}:{transfer.name}"
    paths = admin.call("GET", f"/rses/{transfer.endpoint}/lfns2pfns?lfn={quote(lfn)}&scheme=file&operation=write")
    return _local(paths[lfn])


def copy(source: Mapping[str, Any] | None, target: Path) -> None:
    """Copy the bytes and compare them with what is known of the file; a file that is not right is not left behind.

    :raise TransferFailed: there is no source, or its bytes are not the file's.
    """
    if source is None or not source["pfns"]:
        raise TransferFailed("it is nowhere")
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}.part")
    shutil.copyfile(_local(next(iter(source["pfns"]))), draft)
    found = adler32(draft)
    if source["adler32"] and found != source["adler32"]:
        draft.unlink()
        raise TransferFailed(f"its adler32 is {found} and should be {source['adler32']}")
    draft.rename(target)


def adler32(path: Path) -> str:
    """The checksum of a file, 8 lower-case hex digits."""
    checksum = 1
    with path.open("rb") as stream:
        while block := stream.read(READ_BYTES):
            checksum = zlib.adler32(block, checksum)
    return f"{checksum:08x}"


def _local(pfn: str) -> Path:
    return Path(unquote(urlsplit(pfn).path))


def main(arguments: Sequence[str] | None = None) -> None:
    """Work until stopped, or one round."""
    parser = argparse.ArgumentParser(description="Moves files as Rucio's rules demand.")
    parser.add_argument("url")
    parser.add_argument("account")
    parser.add_argument("user")
    parser.add_argument("password_file", type=Path)
    parser.add_argument("--once", action="store_true", help="one round")
    parser.add_argument("--fail", metavar="REGEX", help="files whose names match do not arrive")
    parser.add_argument("--delay", metavar="S", type=float, default=0.0, help="how long a round takes beyond the copying")
    parser.add_argument("--retry-stuck", action="store_true", help="try failed ones again")
    args = parser.parse_args(arguments)
    def login() -> Admin:
        return Admin(args.url, args.account, args.user, args.password_file.read_text("utf-8").strip())

    os.umask(0o022)  # pilots, which may be another account, are to read it
    options = Options(args.fail, args.delay, args.retry_stuck)
    if args.once:
        work(login(), options)
        return
    while True:
        try:
            admin = login()  # whose token ends
            while any(work(admin, options).values()):
                pass
        except (RestError, OSError) as error:
            print(f"not now: {error}", flush=True)  # noqa: T201
        time.sleep(IDLE_S)


if __name__ == "__main__":
    main()
