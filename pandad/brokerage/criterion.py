"""What a rule is: PanDA's name for a reason, what it compares, and the pure function that says no by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, ParamSpec

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class No:
    """Why a queue cannot take a job.

    :param passed: how many rules it passes before, so how near it comes.
    :param only_if_others: it counts only while another queue can take the job: better a doubtful queue than none.
    :param unless_alone: it does not count for a job that no other queue could ever take.
    """

    criterion: str
    have: object
    need: object
    text: str
    passed: int = 0
    only_if_others: bool = False
    unless_alone: bool = False

    def after(self, passed: int) -> No:
        """The same of a queue that passes so many rules before. (`dataclasses.replace` takes ten times as long.)"""
        return No(self.criterion, self.have, self.need, self.text, passed, self.only_if_others, self.unless_alone)

    @property
    def stored(self) -> dict[str, object]:
        """As it is stored and shown."""
        return {"criterion": self.criterion, "have": self.have, "need": self.need, "text": self.text}


@dataclass(frozen=True, slots=True)
class Rule(Generic[P]):
    """A criterion. ``have`` and ``need`` say what its two figures are, the docstring of ``check`` when it says no."""

    criterion: str
    have: str
    need: str
    check: Callable[P, No | None]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> No | None:
        """Why not, None if it may be."""
        return self.check(*args, **kwargs)

    @property
    def what(self) -> str:
        """The rule in a sentence."""
        return " ".join((self.check.__doc__ or "").split("\n\n")[0].split())


def criterion(name: str, have: str, need: str) -> Callable[[Callable[P, No | None]], Rule[P]]:
    """Make a rule of a function."""
    return lambda check: Rule(name, have, need, check)
