"""A user with a credential, who runs programs with the real panda-client."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pandad.embedded.sandbox import Sandbox

PROGRAM = Path(__file__).with_name("program.py")
LIMIT_S = 120


@dataclass(frozen=True)
class Answer:
    """What a call of the client returned, and what it printed."""

    status: int
    data: Any
    printed: str


@dataclass(frozen=True)
class User:
    """Somebody with an environment, who starts from an otherwise empty one."""

    environment: Mapping[str, str]

    def call(self, name: str, **arguments: Any) -> Answer:
        """One call of program.py, in a process of its own. Blocks."""
        outcome = subprocess.run(
            [sys.executable, str(PROGRAM), name], input=json.dumps(arguments, default=_marked), env=dict(self.environment),
            capture_output=True, text=True, timeout=LIMIT_S, check=False)
        assert outcome.returncode == 0, outcome.stderr
        *printed, last = outcome.stdout.splitlines()
        returned = json.loads(last, object_hook=_restored)
        return Answer(returned["status"], returned["data"], "\n".join(printed))

    def data(self, name: str, **arguments: Any) -> Any:
        """The data of a call that succeeds."""
        answer = self.call(name, **arguments)
        assert answer.status == 0, answer
        return answer.data


def user_of(sandbox: Sandbox, credential: Path, **besides: str) -> User:
    """Who has that credential, set up as `env.sh` of the sandbox says."""
    account = {"PATH": "/usr/bin:/bin", "HOME": str(sandbox.directory / "client")}
    return User({**account, **sandbox.environment(), "X509_USER_PROXY": str(credential), **besides})


def _marked(value: datetime) -> dict[str, str]:
    return {"datetime": value.isoformat()}


def _restored(mapping: dict[str, Any]) -> Any:
    return datetime.fromisoformat(mapping["datetime"]) if "datetime" in mapping else mapping
