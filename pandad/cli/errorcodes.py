"""``pandad errorcodes``: what the error codes on jobs mean, and what to do."""

from __future__ import annotations

import argparse

from pandad.cli.options import add_json, number
from pandad.cli.output import show, table
from pandad.spec.erroradvice import ADVICE, ELSEWHERE, SOURCES, codes
from pandad.spec.errors import NotFound
from pandad.spec.failure import PILOT
from pandad.spec.piloterrors import PILOT_ERRORS

OF_PILOTS = "read pilotErrorDiag (pandad job show ID) and the job's log (pandad job log ID)"
KEYS = ("source", "code", "name", "meaning", "remedy")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("source", nargs="?", choices=[*SOURCES, *ELSEWHERE], metavar="SOURCE",
                        help=f"the component: {', '.join([*SOURCES, *ELSEWHERE])}; else all")
    parser.add_argument("code", nargs="?", type=number, metavar="CODE", help="the number; else all of that component")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print them; one that is unknown is refused.

    :raise NotFound: says whose list has it.
    """
    found = [row for row in rows() if args.source in (None, row[0]) and args.code in (None, row[1])]
    if not found:
        raise NotFound("error code of pandad's", f"{args.source} {args.code or ''}".strip() + f": {_elsewhere(args.source)}")
    show(args, [dict(zip(KEYS, row, strict=True)) for row in found], table(KEYS, found))
    return 0


def _elsewhere(source: str) -> str:
    return ELSEWHERE.get(source, f"pandad errorcodes {source} lists them")


def rows() -> list[tuple[str, int, str, str, str]]:
    """Each code, under KEYS; those of pilots that have words here have no name."""
    known = ((code, ADVICE[code.source, code.number]) for code in codes())
    of_pilots = [(PILOT, number, "", meaning, OF_PILOTS) for number, meaning in sorted(PILOT_ERRORS.items()) if number]
    return [*((code.source, code.number, code.name, advice.meaning, advice.remedy) for code, advice in known), *of_pilots]
