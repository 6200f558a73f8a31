"""docs/reference/console.md, from what the verbs say of themselves."""

from __future__ import annotations

from pandad.console import looking, python, steering
from pandad.console.policy import HIGHEST, Policy, Rank, Way
from pandad.console.verb import VERBS, Verb

SHOWN = (looking, steering, python)  # importing them declares the verbs

HEAD = """# The console

Made by `pandad console --markdown`. For the people who run a daemon: it shows what one process does, and steers it.

    pandad console                          # lines, with history and completion; Ctrl-C interrupts a verb, Ctrl-D ends it
    pandad console why 1234                 # one line; exit code 0 only if it was done
    pandad console --json loops
    ssh -p PORT HOST drain SITE 'reason="disk full"'

A line is a verb, its words, and `key=value`; quotes as in a shell, and nothing in it is evaluated. Each line has
`[console] deadline_s`; what takes longer is abandoned, and what it had begun in the database ends there. While a verb works the
daemon goes on: none can hold it up.

## Who

| over | who | is |
| --- | --- | --- |
| a unix socket (`[console] socket`, mode 0600) | root, and the account of the daemon; the kernel says who it is | {socket} |
| SSH (`ssh_port`; off by default) | who has a key in `ssh_operators` or `ssh_readers`, whatever login name | {ssh} |
| telnet (`telnet_port`; off by default) | root, and the account of the daemon, on a loopback address | {telnet} |

Over SSH there is a host key of its own (made at the first start, mode 0600), no passwords, no forwarding; the files of keys are
read at each login, one `TYPE KEY COMMENT` a line, and count for nothing if others can change them. Telnet is for a host
without `pandad` on the path; a program of the account could be talked into connecting there, so it only looks. `pandad check`
and the start refuse telnet on any other address.

Every line is in the [audit](rights.md#the-audit) before anything is done about it, refused ones too, with the login name or the
fingerprint of the key; so is who was not let in. While the database is away lines go to the log, and to the audit when it is
back, unless the process ends before.

`[console] python = true` gives operators, over the socket and SSH, a Python prompt inside the daemon (verb `python`). It is off,
and should be: who has it can read every secret and change anything without a word in the audit but the line itself, and one
slow line stops the daemon. It is for developers who look for a fault.

## Verbs

"""


def page() -> str:
    """The whole page."""
    ways = {way.value: f"up to {rank.single}" for way, rank in HIGHEST.items()}
    head = "| verb | for | over |\n| --- | --- | --- |\n"
    lines = "".join(f"| `{verb.usage}` | {verb.policy.rank.plural} | {_ways(verb.policy)} |\n" for verb in _sorted())
    return HEAD.format(**ways) + head + lines + "".join(_entry(verb) for verb in _sorted())


def _sorted() -> list[Verb]:
    return sorted(VERBS.values(), key=lambda verb: (verb.policy.rank, verb.name))


def _ways(policy: Policy) -> str:
    """Over which somebody of that rank can come."""
    return ", ".join(sorted(way for way in Way if way in policy.ways and HIGHEST[way] >= Rank(policy.rank)))


def _entry(verb: Verb) -> str:
    args = "".join(f"* `{arg.shown}`: {arg.doc}\n" for arg in verb.args)
    return f"\n### {verb.name}\n\n{verb.doc}\n" + (f"\n{args}" if args else "")
