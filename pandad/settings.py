"""Frozen dataclasses read from tables of a text. Defaults, bounds and prose stand on the fields only.

The configuration and the job descriptions are both made of these, so mistakes in either are reported in the
same way: all at once, each with file, line, key, what is wrong and what to write instead.
"""

from __future__ import annotations

import difflib
import json
import types
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pandad.tomlmistakes import plain_number, truth
from pandad.tomlsource import Problem, Source, Where, spell

T = TypeVar("T")
Check = Callable[[Any], str | None]  # a value -> None, or "what is wrong; what to write instead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a field may hold. Units stand in the names of the fields; bounds are inclusive."""

    doc: str
    low: float | None = None
    high: float | None = None
    longest: int | None = None  # characters
    choices: tuple[str, ...] = ()
    check: Check | None = None
    on_disk: Check | None = None  # looked at only when the text is to be used on this host
    example: str = ""  # for a field that has no default
    attribute: str | None = None  # the spec attribute that the value becomes

    @property
    def bounds(self) -> str:
        """The bounds or choices in words, "" when there are none."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.low is None:
            return ""
        return f"from {self.low:g}" if self.high is None else f"{self.low:g} to {self.high:.15g}"

    def refusal(self, value: Any) -> str | None:
        """What is wrong with a value of the right type; what to write instead."""
        if self.choices and value not in self.choices:
            return f"is {value!r}; {nearest(value, self.choices)}"
        if not self._within(value):
            return f"is {value!r}; write a number {self.bounds}"
        if self.longest is not None and len(value) > self.longest:
            return f"has {len(value)} characters; write at most {self.longest}"
        return self.check(value) if self.check else None

    def _within(self, value: Any) -> bool:
        above = self.low is None or value >= self.low
        return above and (self.high is None or value <= self.high)


def setting(doc: str, default: Any = MISSING, **rule: Any) -> Any:
    """A dataclass field with its `Rule`. Without a default the key is mandatory."""
    metadata = {"rule": Rule(doc=doc, **rule)}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


def nearest(word: str, known: Iterable[str]) -> str:
    """The advice for a word that is not among the known ones."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    close += [k for k in known if len(word) > 2 and k.startswith(word)]
    return f"did you mean {close[0]}?" if close else f"write one of {', '.join(known)}"


class Reader:
    """Turns the tables of one source into dataclasses and gathers every problem on the way.

    :param folder: what relative paths are relative to.
    :param on_this_host: also check that files and folders are there.
    :param in_part: the source is what is left of a text with mistakes: what is missing may have been in the rest, and nothing can
        be made of it.
    """

    def __init__(self, source: Source, folder: Path = Path("/"), on_this_host: bool = False, in_part: bool = False) -> None:
        self.problems: list[Problem] = []
        self._sections: Mapping[str, Collection[str]] = {}  # their keys, by name
        self._source, self._folder, self._on_this_host, self._in_part = source, folder, on_this_host, in_part

    def complain(self, path: Where, text: str) -> None:
        """Add a problem: what is wrong; what to write instead."""
        self.problems.append(self._source.problem(path, text))

    def table(self, spec: type[T], raw: object, path: Where) -> T | None:
        """A dataclass from its table; None when there was a problem with it."""
        before = len(self.problems)
        values = self.given(spec, raw, path)
        if self._in_part:
            return None
        if len(self.problems) == before:
            self._demand(spec, values, path)
        return spec(**values) if len(self.problems) == before else None

    def given(
        self, spec: type[Any], raw: object, path: Where, besides: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """Those values of a table that are there and right; keys in `besides` are somebody else's."""
        if not isinstance(raw, dict):
            self.complain(path, f"is {_named(raw)}; write a table of key = value")
            return {}
        hints = get_type_hints(spec)
        if not path:
            self._sections = {name: get_type_hints(hint) for name, hint in hints.items() if is_dataclass(hint)}
        misspelt = set()  # sections that stand there under another name
        for key in raw:
            if key not in hints and key not in besides:
                misspelt |= {*difflib.get_close_matches(key, hints, n=1)}
                self.complain((*path, key), f"is not a known key{self._elsewhere(spec, key, path, (*hints, *besides))}")
        values = {}
        for name, hint in hints.items():
            if name in raw or (is_dataclass(hint) and name not in misspelt):
                before = len(self.problems)
                value = self._value(hint, rule_of(spec, name), raw.get(name, {}), (*path, name))
                if len(self.problems) == before:
                    values[name] = value
        return values

    def _elsewhere(self, spec: type[Any], key: str, path: Where, known: tuple[str, ...]) -> str:
        """The section that has a key of that name, or the nearest name in this one."""
        homes = [name for name, section in self._sections.items() if key in section and (name,) != path]
        if len(homes) == 1 and not difflib.get_close_matches(key, known, n=1, cutoff=0.8):
            return f" of [{spell(path)}]; it belongs to [{homes[0]}]" if path else f" of the top; it belongs to [{homes[0]}]"
        return f"; {nearest(key, known)}"

    def _demand(self, spec: type[Any], values: Mapping[str, Any], path: Where) -> None:
        for f in fields(spec):
            if f.name not in values and f.default is MISSING and f.default_factory is MISSING:
                self.complain((*path, f.name), f"is missing; write {f.name} = {f.metadata['rule'].example}")

    def _value(self, hint: Any, rule: Rule, raw: Any, path: Where) -> Any:
        """The value in the type of its field; meaningless when a problem was added."""
        origin = get_origin(hint)
        if is_dataclass(hint) and isinstance(hint, type):
            return self.table(hint, raw, path)
        if origin in (Union, types.UnionType):
            inner = next(h for h in get_args(hint) if h is not type(None))
            return None if raw == "" else self._value(inner, rule, raw, path)
        if origin is tuple:
            return self._items(get_args(hint)[0], rule, raw, path)
        if origin is not None:
            return self._entries(get_args(hint)[1], rule, raw, path)
        return self._scalar(hint, rule, raw, path)

    def _items(self, hint: Any, rule: Rule, raw: Any, path: Where) -> tuple[Any, ...]:
        if not isinstance(raw, list):
            self.complain(path, f"is {_named(raw)}; write a list: [{json.dumps(raw, default=str, ensure_ascii=False)}]"
                          if isinstance(raw, str | int | float) else f"is {_named(raw)}; write a list: [...]")
            return ()
        return tuple(self._value(hint, rule, item, (*path, i)) for i, item in enumerate(raw))

    def _entries(self, hint: Any, rule: Rule, raw: Any, path: Where) -> Mapping[str, Any]:
        if not isinstance(raw, dict):
            self.complain(path, f"is {_named(raw)}; write a table of name = value")
            return {}
        return types.MappingProxyType({k: self._value(hint, rule, v, (*path, k)) for k, v in raw.items()})

    def _scalar(self, hint: type, rule: Rule, raw: Any, path: Where) -> Any:
        if not _fits(hint, raw):
            self.complain(path, f"is {_named(raw)}; {_advice(hint, raw, path)}")
            return None
        value = self._folder / raw if hint is Path else hint(raw)
        refusal = rule.refusal(value)
        if refusal is None and self._on_this_host and rule.on_disk:
            refusal = rule.on_disk(value)
        if refusal is not None:
            self.complain(path, refusal)
        return value


def rule_of(spec: type[Any], name: str) -> Rule:
    """The rule of a field. Sections (nested dataclasses) have none of their own."""
    rule: Rule = spec.__dataclass_fields__[name].metadata.get("rule", Rule(doc=""))
    return rule


def _fits(hint: type, raw: object) -> bool:
    if hint in (str, Path):
        return isinstance(raw, str) and "\0" not in raw and (hint is str or raw != "")
    if hint is bool or isinstance(raw, bool):
        return hint is bool and isinstance(raw, bool)
    return isinstance(raw, int | float) if hint is float else isinstance(raw, hint)


_WRITE = {
    str: "write a text in quotes",
    Path: "write a path in quotes",
    bool: "write true or false",
    int: "write a whole number",
    float: "write a number",
}


def _advice(hint: type, raw: object, path: Where) -> str:
    key = next((step for step in reversed(path) if isinstance(step, str)), "")
    if hint in (int, float) and isinstance(raw, str):
        if raw.strip().replace(".", "", 1).isdigit():
            return f"{_WRITE[hint]}, without quotes"
        if (number := plain_number(key, raw)) is not None:
            return f"{_WRITE[hint]}, without a unit: {number}" + (" (seconds)" if key.endswith("_s") else "")
    if hint is bool and (word := truth({1: "true", 0: "false"}.get(raw, "") if isinstance(raw, int) else str(raw))):
        return f"write {word}, without quotes" if isinstance(raw, str) else f"write {word}"
    return _WRITE[hint]


def _named(raw: object) -> str:
    """A value of a text, as a person would call it."""
    if isinstance(raw, dict):
        return "a table"
    if isinstance(raw, list):
        return "a list"
    written = json.dumps(raw, default=str, ensure_ascii=False)
    return f"the text {written}" if isinstance(raw, str) else written


def render(settings: Any, path: tuple[str, ...] = ()) -> str:
    """The TOML text that reads back as `settings`, every key with its prose."""
    scalars, sections = [], []
    for f in fields(settings):
        value = getattr(settings, f.name)
        inner = (*path, f.name)
        if is_dataclass(value):
            prose = (type(value).__doc__ or "").split("\n\n")[0]
            sections.append(f"\n# {prose}\n[{'.'.join(inner)}]\n{render(value, inner)}")
        elif isinstance(value, Mapping):
            tables = {k: v for k, v in value.items() if is_dataclass(v)}
            entries = "".join(f"{_quoted(k)} = {_written(v)}\n" for k, v in value.items() if k not in tables)
            sections.append(f"\n# {f.metadata['rule'].doc}\n[{'.'.join(inner)}]\n{entries}")
            sections += [f"\n[{'.'.join((*inner, _quoted(k)))}]\n{render(v, (*inner, _quoted(k)))}" for k, v in tables.items()]
        else:
            scalars.append(f"# {_prose(f)}\n{f.name} = {_written(value)}\n")
    return "".join(scalars + sections)


def _prose(f: Any) -> str:
    rule: Rule = f.metadata["rule"]
    return f"{rule.doc} ({rule.bounds})" if rule.bounds else rule.doc


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + "".join(f"\n    {_written(item)}," for item in value) + ("\n]" if value else "]")
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, int | float) else _quoted("" if value is None else str(value))


def _quoted(text: str) -> str:
    """A TOML basic string; JSON's escapes are a part of TOML's, which also wants DEL escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
