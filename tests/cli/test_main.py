"""The command as a whole: verbs, exit codes and the one line of an error."""

from __future__ import annotations

import json
import subprocess
import sys
from types import ModuleType

import pytest

from pandad.cli import main as cli
from pandad.cli.exitcodes import INTERRUPTED
from pandad.cli.main import VERBS, main
from pandad.spec.errors import NotFound


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A verb of the test's own; its `run` is to be set."""
    module = ModuleType("a_verb")
    module.add_arguments = lambda parser: parser.add_argument("--json", action="store_true")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "a_verb", module)
    monkeypatch.setattr(cli, "VERBS", {**VERBS, "do": ("a_verb", "do something")})
    return module


def raiser(error: BaseException) -> object:
    def run(args: object) -> int:
        raise error

    return run


def test_help_lists_every_verb_and_loads_none() -> None:
    """Help is there at once: no verb's module, and nothing of Twisted, is imported for it."""
    script = (
        "import sys; from pandad.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as e: assert e.code == 0\n"
        "loaded = {m for m in sys.modules if m.startswith(('pandad.cli.', 'twisted', 'psycopg2'))}\n"
        "assert loaded == {'pandad.cli.main'}, loaded"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert all(name in shown for name in VERBS)


HEAVY = ("twisted", "OpenSSL", "cryptography", "psycopg2", "txpostgres", "klein", "treq", "jwt", "orjson", "pandad.taskbuffer",
         "pandad.api", "pandad.config", "pandad.userinterface", "pandad.embedded", "shtab")
CLIENTS = [
    "job ls", "job show 1", "job wait 1", "job kill 1", "job files 1", "job log 1", "job why 1", "job timeline 1", "job debug 1",
    "job submit none.toml", "job where none.toml", "queue why Q", "queue load", "secret ls", "whoami", "link"]
def heavy_after(*lines: list[str]) -> set[str]:
    """What a process has imported of HEAVY when these command lines have run in it."""
    script = (
        "import json, os, sys; from pandad.cli.main import main\n"
        "os.environ.pop('PANDA_URL_SSL', None)\n"
        "for line in json.loads(sys.argv[1]):\n"
        "    try: code = main(line)\n"
        "    except SystemExit as end: code = end.code\n"
        "    assert code == (0 if '--help' in line else 2), (line, code)\n"
        "print('\\n' + ' '.join(sys.modules))")
    run = subprocess.run([sys.executable, "-c", script, json.dumps(lines)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    modules = run.stdout.splitlines()[-1].split()
    return {heavy for heavy in HEAVY if any(name == heavy or name.startswith(f"{heavy}.") for name in modules)}


def test_help_needs_nothing_heavy() -> None:
    """What a verb works with is imported when it works: not for its help, nor for that of its commands."""
    assert heavy_after(*([verb, "--help"] for verb in VERBS)) == set()


def test_clients_need_nothing_heavy() -> None:
    """Verbs that only ask the server come without Twisted, OpenSSL's bindings and a database, also when they work."""
    assert heavy_after(*(words.split() for words in CLIENTS)) == set()


def test_the_verb_decides_the_exit_code(verb: ModuleType) -> None:
    """0 is success only because the verb says so."""
    verb.run = lambda args: 3 if args.json else 0  # type: ignore[attr-defined]
    assert (main(["do"]), main(["do", "--json"])) == (0, 3)


@pytest.mark.parametrize("words", [[], ["bogus"], ["do", "--bogus"]])
def test_wrong_usage_is_exit_code_2(verb: ModuleType, words: list[str]) -> None:
    """As for every command of the system."""
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2


def test_a_refusal_is_one_line(verb: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """A deliberate error is its own sentence on stderr, nothing on stdout, and exit code 1."""
    verb.run = raiser(NotFound("queue", "Q"))  # type: ignore[attr-defined]
    assert main(["do"]) == 1
    assert capsys.readouterr() == ("", "pandad: there is no queue Q\n")


def test_an_unexpected_error_is_an_incident(verb: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """A fault of pandad's own is one line that says how to see more; the traceback comes with --debug only."""
    verb.run = raiser(KeyError("x\ny"))  # type: ignore[attr-defined]
    assert main(["do", "--json"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert err.startswith("pandad: incident ") and err.endswith("run: pandad --debug do --json\n")
    assert main(["--debug", "do"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_is_not_a_failure(verb: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C ends the command as a shell expects it."""
    verb.run = raiser(KeyboardInterrupt())  # type: ignore[attr-defined]
    assert main(["do"]) == INTERRUPTED
    assert capsys.readouterr().err == "pandad: interrupted\n"


@pytest.mark.parametrize(("words", "codes"), [(["access"], {1}), (["job", "--help"], {0, 1})])
def test_a_closed_pipe_is_quiet(words: list[str], codes: set[int]) -> None:
    """`pandad ... | head` ends without a complaint. argparse takes lightly what becomes of a long help."""
    script = f"from pandad.cli.main import main; import sys; sys.exit(main({words}))"
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout and child.stderr
    child.stdout.close()
    assert child.stderr.read() == b""
    child.stderr.close()
    assert child.wait() in codes
