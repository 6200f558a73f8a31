"""What software and hardware a job names in its cmtConfig, and what a queue has of that hardware.

``PLATFORM@BASE#CPU&GPU``, all but the first part optional: ``x86_64-el9-gcc13-opt@el9#x86_64-*-avx2&nvidia-a100``. A CPU is
architecture, vendor and instruction set, a GPU vendor and model; ``*`` or nothing is any (PanDA: JSON software check of the
brokers; CRIC: ``architectures`` of a queue).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pandad.spec.errors import BadRequest

ANY = frozenset({"", "*", "any"})
CPU, GPU = "cpu", "gpu"
CPU_KEYS, GPU_KEYS = ("arch", "vendor", "instr"), ("vendor", "model")  # of CRIC, in the order of a job's words

_PARTS = re.compile(r"([^@#&]*)(?:@([^#&]*))?(?:#([^&]*))?(?:&(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Hardware:
    """One kind of processor: what it is called by each of its keys, lower case; a key without words is any."""

    kind: str
    words: Mapping[str, frozenset[str]]
    vram_mb: int = 0  # memory of a GPU, as far as CRIC says

    @property
    def is_gpu(self) -> bool:
        return self.kind == GPU

    def __str__(self) -> str:
        return " ".join([self.kind, *("/".join(sorted(words)) for words in self.words.values() if words)])

    def has(self, wanted: Sequence[str]) -> bool:
        """Whether this is what a job names; ``wanted``: in the order of the keys, the rest is any."""
        keys = CPU_KEYS if self.kind == CPU else GPU_KEYS
        return all(word in ANY or self._is(key, word) for key, word in zip(keys, wanted, strict=False))

    def _is(self, key: str, word: str) -> bool:
        words = self.words.get(key, frozenset())
        return not words or word in words or not words.isdisjoint(ANY)


@dataclass(frozen=True, slots=True)
class Platform:
    """The parts of a cmtConfig. ``cpu``, ``gpu``: None if the job does not care; a GPU that is there but empty is any GPU."""

    platform: str = ""
    base: str = ""
    cpu: str | None = None
    gpu: str | None = None

    @classmethod
    def of(cls, text: str | None) -> Platform:
        """Read a job's cmtConfig."""
        parts = _PARTS.fullmatch(text or "")
        assert parts is not None  # the pattern matches any text
        return cls(parts[1], parts[2] or "", parts[3] or None, parts[4])

    @property
    def needs(self) -> str:
        """The hardware in words; "" if any will do."""
        wanted = [f"CPU {self.cpu}" if self.cpu else "", "" if self.gpu is None else f"GPU {self.gpu or '*'}"]
        return " and ".join(filter(None, wanted))

    def runs_on(self, hardware: Sequence[Hardware]) -> bool:
        """Whether a queue with this hardware has what the job needs. One that names no CPU may have any; a GPU must be named."""
        cpus = [each for each in hardware if each.kind == CPU]
        gpus = [each for each in hardware if each.kind == GPU]
        return (self.cpu is None or not cpus or any(each.has(_split(self.cpu)) for each in cpus)) and (
            self.gpu is None or any(each.has(_split(self.gpu)) for each in gpus))


def hardware_of(architectures: object) -> tuple[Hardware, ...]:
    """CRIC's ``architectures``: [{"type": "cpu", "arch": ["x86_64"], "vendor": [...], "instr": [...]}, {"type": "gpu", ...}].

    :raise BadRequest: it is something else.
    """
    if not architectures:
        return ()
    if not isinstance(architectures, Sequence) or isinstance(architectures, str):
        raise BadRequest("architectures", 'is not a list of tables such as {"type": "gpu", "vendor": ["nvidia"]}')
    return tuple(_hardware(each) for each in architectures)


def _hardware(entry: Any) -> Hardware:
    kind = str(entry.get("type", CPU)).lower() if isinstance(entry, Mapping) else None
    if kind not in (CPU, GPU):
        raise BadRequest("architectures", f'has an entry that is neither a cpu nor a gpu: {entry!r}; write type = "cpu"')
    keys = CPU_KEYS if kind == CPU else GPU_KEYS
    return Hardware(kind, {key: _words(entry.get(key)) for key in keys}, _vram_mb(entry.get("vram")) if kind == GPU else 0)


def _vram_mb(value: object) -> int:
    """CRIC has GB, as a number or as a text; 0 where it does not say."""
    try:
        return int(float(str(value or 0)) * 1024)
    except (ValueError, OverflowError):
        raise BadRequest("architectures", f"vram is {value!r}; write the GB of memory of a GPU, such as 40") from None


def _words(value: object) -> frozenset[str]:
    values = value if isinstance(value, list | tuple) else [value] if value else []
    return frozenset(str(word).lower() for word in values)


def _split(wanted: str) -> list[str]:
    return wanted.lower().split("-")
