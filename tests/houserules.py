"""The house rules. A rule is a function from a parsed module to complaints, so that each can be shown to fail.

An exception stands in a list with its reason.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from pandad.spec.jobstatus import JobStatus

HOUSE = Path(__file__).parent.parent / "pandad"

# Modules that any room above may use.
FLOOR = frozenset({
    "config", "brokerageconfig", "cacheconfig", "consoleconfig", "dataserviceconfig", "jediconfig", "limitsconfig", "logconfig",
    "monitorconfig", "queuesconfig", "retryconfig", "tlsconfig", "tokenconfig", "configchecks", "settings", "tomlmistakes",
    "tomlsource", "metrics", "log", "tracing", "tables", "reasons", "download", "pace"})
SIBLINGS = frozenset({"userinterface", "jobdispatcher", "brokerage", "dataservice", "jedi"})
LOW = FLOOR | {"spec", "taskbuffer"}

# Which parts of the house a part may import beside itself.
MAY_IMPORT: Mapping[str, Collection[str]] = {
    **dict.fromkeys(FLOOR, FLOOR),
    "configchecks": FLOOR | {"spec"},  # who is named in the configuration is a matter of words
    "spec": (),
    "taskbuffer": FLOOR | {"spec"},
    **dict.fromkeys(SIBLINGS, LOW),
    "daemons": LOW,
    "api": LOW | SIBLINGS,
    "console": LOW | SIBLINGS | {"daemons"},
    "monitor": LOW | SIBLINGS | {"api"},
    "systemd": (),
    "operation": LOW | {"api", "daemons", "systemd"},  # service manager
    "livesettings": LOW | {"api"},
    "admission": LOW | {"api", "daemons", "livesettings"},
    "service": LOW | SIBLINGS | {"admission", "api", "daemons", "console", "monitor", "operation", "systemd"},
    "doctor": LOW | SIBLINGS | {"api", "daemons"},  # it looks at the whole house
    "embedded": LOW,  # it fills the database of a sandbox
    "cli": LOW | SIBLINGS | {"api", "console", "daemons", "doctor", "monitor", "service", "embedded"},
}

# Libraries, and the only files that may import them: a file, or a folder with a slash at its end.
ONLY_IN: Mapping[str, Collection[str]] = {
    "txpostgres": {"taskbuffer/pool.py"},
    "psycopg2": {"taskbuffer/pool.py", "taskbuffer/dsn.py"},
    "klein": {"api/"},
    "twisted.internet.reactor": {
        "service.py",  # the one file that joins the rooms
        "cli/foreground.py",  # commands that need one are processes of their own
    },
    "pickle": (),
    "marshal": (),
    "shelve": (),  # never on anything that came from outside
    "unittest.mock": (),
}

# The spec is words and tables: it neither waits, nor stores, nor asks what time it is.
IMPURE = frozenset(
    {"twisted", "klein", "treq", "txpostgres", "psycopg2", "time", "os", "socket", "random", "threading", "asyncio"}
)

# Where a job state may stand as a plain text, because there it is another vocabulary's word.
STATE_WORDS: Mapping[str, str] = {
    "jobdispatcher/guards.py": "words that pilots send",
    "dataservice/adder.py": "status words of files",
    "userinterface/jobs.py": "status words of files",
    "taskbuffer/fsck_rows.py": "status words of files",
    "cli/loop.py": "the heading of a column of times",
    "reasons.py": "headings of columns of counts",
    "taskbuffer/workers.py": "words of Harvester for its workers",
    "userinterface/demand.py": "figures are called by the states that they count",
    "taskbuffer/tasklist.py": "figures of files",
    "monitor/overall.py": "figures are called by the states that they count",
    "monitor/users.py": "figures are called by the states that they count",
    "api/v1/statistics.py": "figures are called by the states that they count",
}

BROAD_EXCEPT: Mapping[str, str] = {
    "daemons/loop.py": "a loop never dies",
    "daemons/lease.py": "notes the error of a round and raises it again",
    "taskbuffer/batch.py": "every question of a round hears of its error",
    "dataservice/outbox.py": "an errand that cannot be settled stops no other",
    "jobdispatcher/watcher.py": "a job that cannot be ended stops no other",
    "embedded/rucio/chores.py": "a round of Rucio's daemons that fails is followed by another, as theirs are",
    "api/errors.py": "the border to the client: a 500 with an incident number",
    "cli/main.py": "the border of the process",
}

WALL_CLOCK: Mapping[str, str] = {
    "api/x509/tls.py": "certificates are valid by the wall clock",
    "service.py": "chooses the clocks: one that nobody sets for delays, the wall's for certificates",
    "embedded/pki.py": "so are those that the sandbox makes",
    "embedded/sandbox.py": "and its attribute certificates and tokens",
    "cli/check.py": "so are those that it looks at",
    "cli/doctor.py": "and it says how long it took",
    "embedded/rucio/agent.py": "a process of its own",
    "embedded/rucio/chores.py": "a process of its own",
    "embedded/payload.py": "likewise, on a worker node",
    "cli/job.py": "a person waits at a terminal",
    "cli/jobsubmit.py": "a person waits at a terminal",
    "cli/sandbox.py": "a person waits at a terminal",
    "cli/upgrade.py": "likewise",
}
CLOCKS = frozenset(
    {
        "time.time",
        "time.time_ns",
        "time.monotonic",
        "time.sleep",
        "datetime.now",
        "datetime.utcnow",
        "datetime.today",
        "date.today",
    }
)
LOOPERS = frozenset({"LoopingCall", "TimerService"})

LARGE: Mapping[str, str] = {
}

DRAWERS = frozenset({"util", "utils", "common", "helpers", "helper", "misc", "core", "base", "tools", "stuff"})

FILE_LINES, MEDIAN_FILE_LINES = 400, 130
FUNCTION_LINES, MEDIAN_FUNCTION_LINES = 50, 8
PARAMETERS, PUBLIC_METHODS = 8, 14

T = TypeVar("T", bound=ast.AST)
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One source file; ``path`` is relative to pandad/."""

    path: str
    source: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    @property
    def part(self) -> str:
        """The room, or the module at the top."""
        return self.path.split("/")[0].removesuffix(".py")

    def nodes(self, *kinds: type[T]) -> Iterator[T]:
        return (node for node in ast.walk(self.tree) if isinstance(node, kinds))

    @cached_property
    def imports(self) -> list[str]:
        """Everything imported, anywhere in the file, by dotted name."""
        found = [alias.name for node in self.nodes(ast.Import) for alias in node.names]
        for node in self.nodes(ast.ImportFrom):
            package = ["pandad", *self.path.split("/")[:-1]]
            origin = (
                ".".join([*package[: len(package) - node.level + 1], *([node.module] if node.module else [])])
                if node.level
                else node.module
            )
            found += [f"{origin}.{alias.name}" for alias in node.names]
        return found

    @cached_property
    def texts(self) -> list[tuple[int, str]]:
        """(line, text) of every string constant that is no docstring."""
        docstrings = {id(node.value) for node in self.nodes(ast.Expr) if isinstance(node.value, ast.Constant)}
        return [
            (node.lineno, node.value)
            for node in self.nodes(ast.Constant)
            if isinstance(node.value, str) and id(node) not in docstrings
        ]

    @cached_property
    def functions(self) -> list[FunctionNode]:
        return list(self.nodes(ast.FunctionDef, ast.AsyncFunctionDef))


def is_in(name: str, place: str) -> bool:
    """Whether a dotted name is that module or something in it."""
    return name == place or name.startswith(place + ".")


def imports_upwards(module: Module) -> Iterator[str]:
    """Rooms import downwards, and siblings never each other."""
    allowed = {module.part, *MAY_IMPORT.get(module.part, ())}
    for name in module.imports:
        part = name.split(".")[1] if name.startswith("pandad.") else None
        if part is not None and part not in allowed and part != "__version__":
            yield f"{module.part} imports {name}"


def uses_reserved_libraries(module: Module) -> Iterator[str]:
    """Each of these libraries has its place."""
    for library, places in ONLY_IN.items():
        if not any(module.path == p or (p.endswith("/") and module.path.startswith(p)) for p in places):
            yield from (f"imports {name}" for name in module.imports if is_in(name, library))


def is_impure(module: Module) -> Iterator[str]:
    """The spec is pure."""
    if module.part == "spec":
        yield from (f"imports {name}" for name in module.imports if name.split(".")[0] in IMPURE)


SQL = re.compile(
    r"\s*(?:(?:SELECT|WITH|VALUES|CREATE|ALTER|DROP|TRUNCATE|LISTEN|NOTIFY|GRANT|COPY|SET|BEGIN|COMMIT|ROLLBACK)\s+\S|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM)"
)


def speaks_sql(module: Module) -> Iterator[str]:
    """SQL stands in the task buffer only."""
    if module.part != "taskbuffer":
        yield from (f"line {line} has SQL: {text.strip()[:40]!r}" for line, text in module.texts if SQL.match(text))


STATES = frozenset(JobStatus)


def spells_states(module: Module) -> Iterator[str]:
    """A job state is named by the table of states, not spelled."""
    if module.part != "spec" and module.path not in STATE_WORDS:
        yield from (f"line {line} spells the state {text!r}" for line, text in module.texts if text in STATES)


def catches_everything(module: Module) -> Iterator[str]:
    """Who catches everything handles nothing."""
    for handler in module.nodes(ast.ExceptHandler):
        caught = {n.id for n in ast.walk(handler.type) if isinstance(n, ast.Name)} if handler.type else {"everything"}
        undone = any(isinstance(n, ast.Raise) and n.exc is None for n in handler.body)
        if module.path not in BROAD_EXCEPT and (
            "Exception" in caught or ({"BaseException", "everything"} & caught and not undone)
        ):
            yield f"line {handler.lineno} catches {' '.join(sorted(caught))}"


def dotted(node: ast.AST) -> str:
    """A name with its dots, as far as it is one."""
    return (
        f"{dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    )


def asks_the_time(module: Module) -> Iterator[str]:
    """Clocks are arguments; stored times are the database's; one class makes loops."""
    imported_clocks = {name for name in module.imports if name in CLOCKS}
    named = {dotted(node) for node in module.nodes(ast.Attribute)}
    if module.path not in WALL_CLOCK:
        yield from sorted(
            f"uses {name}" for name in imported_clocks | {n for n in named if ".".join(n.split(".")[-2:]) in CLOCKS}
        )
    yield from sorted(f"uses {name}" for name in module.imports if name.split(".")[-1] in LOOPERS)


def evaluates_text(module: Module) -> Iterator[str]:
    """Nothing that came from outside can become code, or a shell's line."""
    for call in module.nodes(ast.Call):
        if dotted(call.func) in {"eval", "exec", "compile", "__import__", "os.system", "os.popen"}:
            yield f"line {call.lineno} calls {dotted(call.func)}"
        if any(k.arg == "shell" and not (isinstance(k.value, ast.Constant) and not k.value.value) for k in call.keywords):
            yield f"line {call.lineno} asks for a shell"


def is_a_drawer(module: Module) -> Iterator[str]:
    """A name says what is inside."""
    yield from (f"{word} is a drawer" for word in module.path.removesuffix(".py").split("/") if word in DRAWERS)


def lines_of(function: FunctionNode) -> int:
    """Its length without decorators and docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None and len(function.body) > 1 else function.body
    return (function.end_lineno or 0) - function.lineno + 1 - (body[0].lineno - function.body[0].lineno)


def parameters_of(function: FunctionNode) -> int:
    """How many there are, self and cls not counted."""
    named = [a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    return len([name for name in named if name not in ("self", "cls")])


def is_too_big(module: Module) -> Iterator[str]:
    """What does not fit a screen or a mind is two things."""
    return (complaint for complaint in sizes(module) if f"{module.path}: {complaint}" not in LARGE)


def sizes(module: Module) -> Iterator[str]:
    """Everything that is too big, the exceptions too."""
    if module.source.count("\n") > FILE_LINES:
        yield f"has more than {FILE_LINES} lines"
    for function in module.functions:
        if lines_of(function) > FUNCTION_LINES:
            yield f"{function.name} has {lines_of(function)} lines"
        if parameters_of(function) > PARAMETERS:
            yield f"{function.name} has {parameters_of(function)} parameters"
    for cls in module.nodes(ast.ClassDef):
        methods = [n.name for n in cls.body if isinstance(n, FunctionNode) and not n.name.startswith("_")]
        if len(methods) > PUBLIC_METHODS:
            yield f"{cls.name} has {len(methods)} public methods"


SELF_EVIDENT_LINES = 4  # of a method: its name and type say it, as those of a property or a callback that Twisted names


def public_things(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, ast.ClassDef | FunctionNode]]:
    """(name, node) of the classes, functions and methods that others may use."""
    for node in body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and not node.name.startswith("_"):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public_things(node.body, f"{node.name}.")


def says_nothing(module: Module) -> Iterator[str]:
    """Everything that others may use says what it is."""
    if ast.get_docstring(module.tree) is None:
        yield "the module has no docstring"
    for name, node in public_things(module.tree.body):
        is_evident = "." in name and isinstance(node, FunctionNode) and lines_of(node) <= SELF_EVIDENT_LINES
        if ast.get_docstring(node) is None and not is_evident:
            yield f"{name} has no docstring"


Rule = Callable[[Module], Iterator[str]]
RULES: list[Rule] = [
    imports_upwards,
    uses_reserved_libraries,
    is_impure,
    speaks_sql,
    spells_states,
    catches_everything,
    asks_the_time,
    evaluates_text,
    is_a_drawer,
    is_too_big,
    says_nothing,
]
