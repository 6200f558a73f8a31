"""Rucio in memory: what its server does with a call, as far as pandad makes it. The HTTP around it is rucioweb.py.

It is held to the real one by the contract suites, which run on both (make test-rucio).
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from uuid import uuid4

Name = tuple[str, str]  # scope and name
Body = Any

SCOPE_LENGTH, NAME_LENGTH = 25, 250
ACTIVITIES = ("Production Input", "Production Output", "Analysis Input", "Analysis Output", "Express")
SQL = "(psycopg.errors.UniqueViolation) duplicate key [SQL: INSERT INTO rucio.rules (id) VALUES (%(id)s)]"


class Refusal(Exception):
    """An error as Rucio answers it."""

    def __init__(self, status: int, kind: str, text: str = "") -> None:
        super().__init__(text)
        self.status, self.kind, self.text = status, kind, text or kind


@dataclass
class Did:
    """A file, a dataset, or a container, whose ``files`` are datasets and containers."""

    type: str
    bytes: int = 0
    adler32: str | None = None
    guid: str | None = None
    open: bool = True
    meta: dict[str, Any] = field(default_factory=dict)
    files: list[Name] = field(default_factory=list)
    ends_s: float | None = None
    account: str = "panda"
    events: int | None = None


@dataclass
class Rse:
    """A storage endpoint. ``replicas``: states by name, A, U or C."""

    readable: bool = True
    writable: bool = True
    replicas: dict[Name, str] = field(default_factory=dict)
    usage: dict[str, tuple[int, int]] = field(default_factory=dict)  # total and free, by source


@dataclass
class Rule:
    """A replication rule."""

    id: str
    did: Name
    rse: str
    account: str
    ends_s: float | None
    wish: Mapping[str, Any]


class FakeRucio:
    """The catalogue."""

    def __init__(self, *rses: str) -> None:
        self.rses = {name: Rse() for name in rses}
        self.scopes = {"panda", "user.alice"}
        self.dids: dict[Name, Did] = {}
        self.rules: dict[str, Rule] = {}
        self.full: set[str] = set()  # endpoints at which the account has no quota left
        self.final = False  # nobody opens a dataset again

    # files and copies

    def put(self, rse: str, name: Name, size: int, adler32: str, guid: str | None = None) -> None:
        """A file is at an endpoint; what the catalogue says of it changes."""
        self.scopes.add(name[0])
        self.dids[name] = Did("FILE", size, adler32, guid)
        self.rses[rse].replicas[name] = "A"

    def list_replicas(self, body: Body) -> Iterator[dict[str, Any]]:
        names = [(did["scope"], did["name"]) for did in body["dids"]]
        for part in itertools.chain(*names):
            if not re.search(r"\w", part):
                raise Refusal(400, "InvalidObject", f"Problem validating r_dids: {part!r} does not match '\\\\w'")
        if any(len(scope) > SCOPE_LENGTH or len(name) > NAME_LENGTH or "\0" in scope + name for scope, name in names):
            raise Refusal(500, "DatabaseException", "An unknown Database Exception has occurred.")
        only = body.get("rse_expression")
        if only is not None and only not in self.rses:
            raise Refusal(500, "InvalidRSEExpression", "RSE Expression resulted in an empty set.")
        for name in dict.fromkeys(names):
            did = self.dids.get(name)
            if did is not None and did.type == "FILE":
                yield {"scope": name[0], "name": name[1], "bytes": did.bytes, "md5": None, "adler32": did.adler32, "pfns": {},
                       "rses": {}, "states": self._states(name, only, bool(body.get("ignore_availability")))}

    def _states(self, name: Name, only: str | None, closed_too: bool) -> dict[str, str]:
        return {key: "AVAILABLE" for key, rse in self.rses.items()
                if only in (None, key) and (rse.readable or closed_too) and rse.replicas.get(name) == "A"}

    def add_replicas(self, body: Body) -> None:
        rse = self._rse(body["rse"])
        for file in body["files"]:
            if not re.fullmatch(r"[0-9a-fA-F]{8}", file["adler32"]) or not isinstance(file["bytes"], int):
                raise Refusal(500, "InvalidObject", "Problem validating dids")
            if file["scope"] not in self.scopes:
                raise Refusal(404, "ScopeNotFound", f"Scope '{file['scope']}' not found")
        if not rse.writable:
            raise Refusal(503, "ResourceTemporaryUnavailable", f"{body['rse']} is temporary unavailable for writing")
        for file in body["files"]:
            name = (file["scope"], file["name"])
            meta = file.get("meta", {})
            self.dids.setdefault(name, Did("FILE", file["bytes"], file["adler32"], (meta.get("guid") or "").upper() or None))
            rse.replicas.setdefault(name, "A")

    def update_replicas(self, body: Body) -> None:
        for file in body["files"]:
            self._rse(body["rse"]).replicas[file["scope"], file["name"]] = file["state"]

    # endpoints

    def _rse(self, name: str) -> Rse:
        if name not in self.rses:
            raise Refusal(404, "RSENotFound", f"RSE '{name}' cannot be found in vo 'def'")
        return self.rses[name]

    def rse_names(self, expression: str) -> Iterator[dict[str, Any]]:
        if expression != "*" and expression not in self.rses:
            raise Refusal(400, "InvalidRSEExpression", "RSE Expression resulted in an empty set.")
        return ({"rse": name, "availability_read": rse.readable, "availability_write": rse.writable}
                for name, rse in self.rses.items() if expression in ("*", name))

    def rse(self, name: str) -> dict[str, Any]:
        rse = self._rse(name)
        lan = {"read": 1, "write": 1, "delete": 1}
        protocols = [
            {"hostname": "localhost", "scheme": "file", "port": 0, "prefix": f"/storage/{name}/",
             "domains": {"lan": lan, "wan": {**lan, "third_party_copy_read": 1, "third_party_copy_write": 1}}}]
        return {"rse": name, "rse_type": "DISK", "deterministic": True, "availability_read": rse.readable,
                "availability_write": rse.writable, "protocols": protocols}

    def usage(self, name: str, source: str) -> Iterator[dict[str, Any]]:
        usage = self._rse(name).usage
        return ({"rse": name, "source": key, "total": total, "free": free, "used": total - free, "updated_at": when(time.time())}
                for key, (total, free) in usage.items() if key == source)

    # datasets

    def did(self, name: Name) -> Did:
        if name not in self.dids:
            raise Refusal(404, "DataIdentifierNotFound", f"Data identifier '{name[0]}:{name[1]}' not found")
        return self.dids[name]

    def add_did(self, name: Name, body: Body) -> None:
        if name[0] not in self.scopes:
            raise Refusal(404, "ScopeNotFound", f"Scope '{name[0]}' not found")
        if name in self.dids:
            raise Refusal(409, "DataIdentifierAlreadyExists", SQL)
        lifetime = body.get("lifetime")
        self.dids[name] = Did(body["type"], meta=body.get("meta", {}), ends_s=time.time() + lifetime if lifetime else None)

    def metadata(self, body: Body) -> Iterator[dict[str, Any]]:
        for name in ((did["scope"], did["name"]) for did in body["dids"]):
            if name in self.dids:
                yield {"scope": name[0], "name": name[1], "did_type": self.dids[name].type, "bytes": self.dids[name].bytes}

    def attach(self, body: Body) -> None:
        for attachment in body["attachments"]:
            dataset = self.did((attachment["scope"], attachment["name"]))
            if not dataset.open:
                raise Refusal(409, "UnsupportedOperation", "Data identifier is closed")
            names = [(did["scope"], did["name"]) for did in attachment["dids"]]
            for name in names:
                if (self.did(name).type == "FILE") != (dataset.type == "DATASET"):
                    raise Refusal(409, "UnsupportedOperation", "Mixed collection is not allowed")
            dataset.files += [name for name in names if name not in dataset.files]

    def describe(self, name: Name) -> dict[str, Any]:
        """With the number of its files, as if that was asked for."""
        did = self.did(name)
        open_ = {} if did.type == "FILE" else {"open": did.open}
        return {"type": did.type, "account": did.account, "length": len(list(self.files(name))), **open_}

    def content(self, name: Name) -> Iterator[dict[str, Any]]:
        """One level of it."""
        return ({"scope": scope, "name": child, "type": self.did((scope, child)).type} for scope, child in self.did(name).files)

    def files(self, name: Name) -> Iterator[dict[str, Any]]:
        """However deep."""
        did = self.did(name)
        if did.type == "FILE":
            return iter([{"scope": name[0], "name": name[1], "bytes": did.bytes, "adler32": did.adler32, "guid": did.guid,
                          "events": did.events}])
        return (file for each in did.files for file in self.files(each))

    def bulk_files(self, body: Body) -> Iterator[dict[str, Any]]:
        """Of several; those that are not there are left out."""
        names = [(did["scope"], did["name"]) for did in body["dids"]]
        return ({**file, "parent_scope": name[0], "parent_name": name[1]}
                for name in names if name in self.dids for file in self.files(name))

    def search(self, scope: str, kind: str, pattern: str) -> Iterator[str]:
        """Names like a pattern."""
        like = re.compile(".*".join(map(re.escape, pattern.split("*"))))
        return (name for (where, name), did in self.dids.items()
                if where == scope and did.type == kind.upper() and like.fullmatch(name) and not did.meta.get("hidden"))

    def set_status(self, name: Name, body: Body) -> None:
        did = self.did(name)
        if did.open == body["open"]:
            raise Refusal(409, "UnsupportedOperation", "The status of the data identifier cannot be changed")
        if body["open"] and self.final:
            raise Refusal(401, "AccessDenied", "Account panda can not set status on data identifier")
        did.open = body["open"]

    # rules

    def add_rule(self, body: Body) -> list[str]:
        (did,), rse = body["dids"], body["rse_expression"]
        name = (did["scope"], did["name"])
        if body["activity"] not in ACTIVITIES:
            raise Refusal(409, "InvalidObject", f"Problem validating rule: {body['activity']!r} is not one of")
        if rse not in self.rses:
            raise Refusal(409, "InvalidRSEExpression", "RSE Expression resulted in an empty set.")
        if not self.rses[rse].writable:
            raise Refusal(500, "RSEWriteBlocked", "RSE excluded; not available for writing.")
        dataset = self.did(name)
        if any((rule.did, rule.rse, rule.account) == (name, rse, body["account"]) for rule in self.rules.values()):
            raise Refusal(409, "DuplicateRule", SQL)
        if rse in self.full:
            raise Refusal(409, "InsufficientAccountLimit", "There is insufficient quota on any of the target RSE's")
        rule = Rule(uuid4().hex, name, rse, body["account"], _end(body["lifetime"]), body)
        self.rules[rule.id] = rule
        for file in dataset.files:
            self.rses[rse].replicas.setdefault(file, "C")
        return [rule.id]

    def rule(self, rule_id: str) -> dict[str, Any]:
        rule = self._rule(rule_id)
        states = [self.rses[rule.rse].replicas.get(file) for file in self.did(rule.did).files]
        ok, stuck = states.count("A"), states.count("U")
        state = "STUCK" if stuck else "OK" if ok == len(states) else "REPLICATING"
        return {"id": rule.id, "scope": rule.did[0], "name": rule.did[1], "rse_expression": rule.rse, "account": rule.account,
                "copies": 1, "state": state, "locks_ok_cnt": ok, "locks_stuck_cnt": stuck,
                "locks_replicating_cnt": len(states) - ok - stuck, "error": "transfer failed" if stuck else None,
                "expires_at": None if rule.ends_s is None else when(rule.ends_s), "activity": rule.wish["activity"]}

    def rules_of(self, name: Name) -> Iterator[dict[str, Any]]:
        self.did(name)
        return (self.rule(rule.id) for rule in list(self.rules.values()) if rule.did == name)

    def update_rule(self, rule_id: str, body: Body) -> None:
        self._rule(rule_id).ends_s = _end(body["options"]["lifetime"])

    def delete_rule(self, rule_id: str) -> None:
        rule = self._rule(rule_id)
        soon_s = time.time() + 3600
        rule.ends_s = min(rule.ends_s or soon_s, soon_s)

    def _rule(self, rule_id: str) -> Rule:
        if rule_id not in self.rules:
            raise Refusal(404, "RuleNotFound", f"No rule with the id {rule_id} found")
        return self.rules[rule_id]


def _end(lifetime_s: float | None) -> float | None:
    return None if lifetime_s is None else time.time() + lifetime_s


def when(seconds: float) -> str:
    """A time as Rucio writes it."""
    return formatdate(seconds, usegmt=True).replace("GMT", "UTC")
