"""cmtConfig and the hardware behind it."""

from __future__ import annotations

from typing import Any

import pytest

from pandad.spec.errors import BadRequest
from pandad.spec.platform import Platform, hardware_of

CPU = {"type": "cpu", "arch": ["x86_64"], "vendor": ["intel", "amd"], "instr": ["avx2", "avx512"]}
GPU = {"type": "gpu", "vendor": ["nvidia"], "model": ["a100", "h100"]}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (None, ("", "", None, None)),
        ("el9", ("el9", "", None, None)),
        ("x86_64-el9-gcc13-opt@el9", ("x86_64-el9-gcc13-opt", "el9", None, None)),
        ("el9#aarch64", ("el9", "", "aarch64", None)),
        ("el9@centos7#x86_64-*-avx2&nvidia-a100", ("el9", "centos7", "x86_64-*-avx2", "nvidia-a100")),
        ("&nvidia", ("", "", None, "nvidia")),
        ("el9&", ("el9", "", None, "")),
        ("el9#&amd", ("el9", "", None, "amd")),
    ],
)
def test_parts(text: str | None, parts: tuple[Any, ...]) -> None:
    """Platform, base, CPU and GPU, each optional."""
    read = Platform.of(text)
    assert (read.platform, read.base, read.cpu, read.gpu) == parts


@pytest.mark.parametrize(
    ("text", "hardware", "runs"),
    [
        ("el9", [], True),
        ("el9", [CPU, GPU], True),
        ("el9#x86_64", [CPU], True),
        ("el9#x86_64", [], True),
        ("el9#x86_64", [GPU], True),
        ("el9#aarch64", [CPU], False),
        ("el9#aarch64", [CPU, {"arch": "aarch64"}], True),
        ("el9#x86_64-*-avx2", [CPU], True),
        ("el9#X86_64-AMD-AVX2", [CPU], True),
        ("el9#x86_64-*-sse9", [CPU], False),
        ("el9#x86_64-arm-avx2", [CPU], False),
        ("el9#x86_64-via", [{"arch": ["x86_64"]}], True),
        ("el9#x86_64-via", [{"arch": ["x86_64"], "vendor": ["any"]}], True),
        ("el9&nvidia", [], False),
        ("el9&", [CPU], False),
        ("el9&", [GPU], True),
        ("el9&nvidia", [CPU, GPU], True),
        ("el9&nvidia-h100", [GPU], True),
        ("el9&*-h100", [GPU], True),
        ("el9&nvidia-v100", [GPU], False),
        ("el9&amd", [GPU], False),
        ("el9#aarch64&nvidia", [CPU, GPU], False),
    ],
)
def test_what_runs_where(text: str, hardware: list[Any], runs: bool) -> None:
    """A queue that names no CPU may have any; a GPU is there only if it is named. * is any, and so is what is not said."""
    assert Platform.of(text).runs_on(hardware_of(hardware)) == runs


@pytest.mark.parametrize("wrong", ["x86_64", 7, ["x86_64"], [{"type": "fpga"}], {"type": "cpu"}])
def test_other_things_are_refused(wrong: object) -> None:
    """The key is named, and what it should be."""
    with pytest.raises(BadRequest, match="architectures"):
        hardware_of(wrong)
