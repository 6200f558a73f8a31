"""From good inputs to bad ones. The same seed makes the same input, whatever was made before."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from api.test_channel import ODD, PLAIN
from api.test_hostile import HARMFUL, SMUGGLED

SAMPLES = Path(__file__).parent.parent / "api" / "samples"
MOST_BYTES = 300_000

BODIES: Sequence[bytes] = (
    *HARMFUL.values(),
    *(path.read_bytes().partition(b"\r\n\r\n")[2] for path in sorted(SAMPLES.glob("*.http"))),
    b"siteName=Q&mem=2000&node=a+b%20c&prodSourceLabel=user", b"ids=1&ids=2,3&ids=[4]",
    json.dumps({"job_id": "7", "job_status": "finished", "attempt_nr": 1, "start_time": "2026-11-23 12:00:00", "max_rss": 1.5,
                "job_output_report": json.dumps({"x": {"guid": "y", "fsize": 1}}), "meta_data": None}).encode(),
    json.dumps({"job_list": [{"jobId": 1, "state": "running"}, {"jobId": 2}], "harvester_id": "h"}).encode(),
    json.dumps({"jobs": [[1, "NULL", None, "x"] * 31 + [[["lfn", "type"] * 9]]], "request_id": "r"}).encode(),
    json.dumps({"job_ids": [1, 2, 2**63 - 1], "code": 2, "key": "k", "value": "v", "keys": ["a"], "mode": "on"}).encode(),
)
REQUESTS: Sequence[bytes] = (
    *PLAIN.values(), *ODD.values(), *SMUGGLED.values(), *(path.read_bytes() for path in sorted(SAMPLES.glob("*.http"))))
WORDS: Sequence[bytes] = (
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b"%00", b"%2f..%2f", b"..", b"/", b"{", b"[", b"}", b"]", b'"', b"\\",
    b"NaN",
    b"-Infinity", b"1e999", b"9" * 400, b"-1", b"0x10", b"null", b"NULL", b"None", b"true", b"\xff", b"\xed\xa0\x80", b"\\ud800",
    b"\\u0000", b"\xef\xbb\xbf", b"\x1f\x8b", b"&", b"=", b";", b",", b"+", b"%", b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", b"5\r\nhello\r\n", b"Expect: 100-continue\r\n", b"Connection: close\r\n",
    b"Range: bytes=0-1\r\n", b"HTTP/1.1", b"HTTP/1.0", b"GET ", b"POST ", b"2026-02-30", b"99999999999999999999-01-01", b"'",
    b'{"_datetime_object": 5}', b"$(id)", b"' OR 1=1 --", b"x-dn: forged\r\n", b"Authorization: Bearer x\r\n",
)


class Mutator:
    """Makes inputs of one kind."""

    def __init__(self, seeds: Sequence[bytes]) -> None:
        self._seeds = seeds
        self._ways: Sequence[Callable[[random.Random, bytes], bytes]] = (
            _flip, _flip, _cut, _cut_end, _insert, _insert, _insert, _repeat, self._splice, _number)

    def make(self, seed: int) -> bytes:
        """The input of that seed."""
        dice = random.Random(seed)
        data = dice.choice(self._seeds)
        for _ in range(dice.choice((0, 1, 1, 1, 2, 2, 3, 5, 8))):
            data = dice.choice(self._ways)(dice, data)[:MOST_BYTES]
        return data

    def _splice(self, dice: random.Random, data: bytes) -> bytes:
        return data[:_place(dice, data)] + (other := dice.choice(self._seeds))[_place(dice, other):]


def zipped(dice: random.Random, data: bytes) -> bytes:
    """Sometimes as pilots send it, sometimes not quite."""
    if dice.random() < 0.7:
        return data
    data = gzip.compress(data, 1, mtime=0)
    return _flip(dice, data) if dice.random() < 0.3 else data


def _place(dice: random.Random, data: bytes) -> int:
    return dice.randint(0, len(data))


def _flip(dice: random.Random, data: bytes) -> bytes:
    at = _place(dice, data)
    return data[:at] + bytes([dice.randrange(256)]) + data[at + 1:]


def _cut(dice: random.Random, data: bytes) -> bytes:
    at = _place(dice, data)
    return data[:at] + data[at + dice.choice((1, 2, 4, 16)):]


def _cut_end(dice: random.Random, data: bytes) -> bytes:
    return data[:_place(dice, data)]


def _insert(dice: random.Random, data: bytes) -> bytes:
    at = _place(dice, data)
    return data[:at] + dice.choice(WORDS) + data[at:]


def _repeat(dice: random.Random, data: bytes) -> bytes:
    at, length = _place(dice, data), dice.choice((1, 3, 10, 100))
    return data[:at] + data[at:at + length] * dice.choice((2, 3, 50, 500)) + data[at + length:]


def _number(dice: random.Random, data: bytes) -> bytes:
    """A number where digits were."""
    digits = [at for at, byte in enumerate(data[:4000]) if 48 <= byte <= 57]
    if not digits:
        return data
    at = dice.choice(digits)
    return data[:at] + str(dice.choice((-1, 0, 2**31, 2**63, 2**64, 10**30, 1.5, 1e308))).encode() + data[at + 1:]
