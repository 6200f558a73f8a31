"""The verdict of libvomsapi, which the grid's own services use, through its C interface.

It runs in a process of its own: over spoiled bytes it may crash, and that is a refusal. `python tests/tls/vomsapi.py VOMSDIR
CADIR` reads paths of proxy files and writes a JSON line for each.

It is no judge of attribute certificates signed by elliptic curve keys: version 2.1.0 takes those whatever their signature.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from ctypes.util import find_library
from pathlib import Path
from typing import Any

LIBRARY = "libvomsapi.so.1"
RECURSE_CHAIN = 0


class Voms(ctypes.Structure):
    """`struct voms` of voms_apic.h, as far as it is looked at."""

    _fields_ = [
        ("siglen", ctypes.c_int), ("signature", ctypes.c_char_p), ("user", ctypes.c_char_p), ("userca", ctypes.c_char_p),
        ("server", ctypes.c_char_p), ("serverca", ctypes.c_char_p), ("voname", ctypes.c_char_p), ("uri", ctypes.c_char_p),
        ("date1", ctypes.c_char_p), ("date2", ctypes.c_char_p), ("type", ctypes.c_int), ("std", ctypes.c_void_p),
        ("custom", ctypes.c_char_p), ("datalen", ctypes.c_int), ("version", ctypes.c_int),
        ("fqan", ctypes.POINTER(ctypes.c_char_p)),
    ]


class VomsData(ctypes.Structure):
    """`struct vomsdata`."""

    _fields_ = [("cdir", ctypes.c_char_p), ("vdir", ctypes.c_char_p), ("data", ctypes.POINTER(ctypes.POINTER(Voms)))]


def installed() -> bool:
    """Whether there is one."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return False
    return True


class Verdicts:
    """Asks the other process. What made it crash is refused, and it is started again."""

    def __init__(self, vomsdir: Path, ca_directory: Path) -> None:
        self._command = [sys.executable, __file__, str(vomsdir), str(ca_directory)]
        self._worker: subprocess.Popen[str] | None = None
        self.crashes = 0

    def of(self, proxy: Path) -> list[dict[str, Any]] | None:
        """What the attribute certificates say, each with ``vo`` and ``fqans``; None: refused."""
        worker = self._worker
        if worker is None:
            worker = self._worker = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(f"{proxy}\n")
        worker.stdin.flush()
        line = worker.stdout.readline()
        if not line:
            self.crashes += 1
            self.close()
            return None
        answer: list[dict[str, Any]] | None = json.loads(line)
        return answer

    def close(self) -> None:
        """End the other process."""
        if self._worker is not None:
            self._worker.communicate()
            self._worker = None


def _answer(library: Any, libc: Any, folders: tuple[bytes, bytes], proxy: str) -> list[dict[str, Any]] | None:
    handle = library.VOMS_Init(*folders)
    file = libc.fopen(proxy.encode(), b"r")
    error = ctypes.c_int()
    good = library.VOMS_RetrieveFromFile(file, RECURSE_CHAIN, handle, ctypes.byref(error))
    said = list(_said(handle.contents)) if good else None
    libc.fclose(file)
    library.VOMS_Destroy(handle)
    return said


def _said(data: VomsData) -> Any:
    number = 0
    while data.data and data.data[number]:
        one = data.data[number].contents
        fqans, n = [], 0
        while one.fqan and one.fqan[n]:
            fqans.append(one.fqan[n].decode("utf-8", "replace"))
            n += 1
        yield {"vo": one.voname.decode("utf-8", "replace"), "fqans": fqans}
        number += 1


def _main(vomsdir: str, ca_directory: str) -> None:
    library, libc = ctypes.CDLL(LIBRARY), ctypes.CDLL(find_library("c"))
    library.VOMS_Init.restype = ctypes.POINTER(VomsData)
    library.VOMS_Init.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
    library.VOMS_RetrieveFromFile.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(VomsData), ctypes.c_void_p]
    library.VOMS_Destroy.argtypes = [ctypes.POINTER(VomsData)]
    libc.fopen.restype, libc.fopen.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_char_p]
    libc.fclose.argtypes = [ctypes.c_void_p]
    folders = vomsdir.encode(), ca_directory.encode()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(library, libc, folders, line.strip())) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main(*sys.argv[1:])
