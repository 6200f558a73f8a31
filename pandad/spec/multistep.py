"""A payload in steps: what runs before it, it itself in a container, what runs after it.

On a job that stands behind its parameters, and its pilot gets it apart from them. (PanDA: JobSpec.addMultiStepExec.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

STEPS = frozenset({"preprocess", "postprocess", "coprocess", "containerOptions"})
"""What pilots know."""

_BEGIN, _END = "<MULTI_STEP_EXEC>", "</MULTI_STEP_EXEC>"


def joined(parameters: str, steps: Mapping[str, Any]) -> str:
    """The parameters of a job, with the steps behind them if there are any."""
    return f"{parameters}{_BEGIN}{orjson.dumps(steps).decode()}{_END}" if steps else parameters


def parted(parameters: str) -> tuple[str, dict[str, Any]]:
    """Both again; no steps where what stands there is none."""
    before, begin, rest = parameters.partition(_BEGIN)
    text, end, _ = rest.partition(_END)
    if not begin or not end:
        return parameters, {}
    try:
        steps = orjson.loads(text)
    except orjson.JSONDecodeError:
        return parameters, {}
    return (before, steps) if isinstance(steps, dict) and steps.keys() <= STEPS else (parameters, {})
