"""What Rucio's errors mean, by their class name: whether to come again, and in our words. Its own texts may hold its SQL."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from pandad.dataservice.ddm import (
    DDMRefused,
    DDMUnavailable,
    FileDiffers,
    NoQuota,
    NotAllowed,
    NotNow,
    UnknownData,
    UnknownEndpoint,
)
from pandad.dataservice.rucio.wire import Answer

TOKEN_REFUSED = "CannotAuthenticate"

TEMPORARY: Mapping[str, str] = {
    "DatabaseException": "its database has a problem",
    "ServiceUnavailable": "it is not available",
    "ResourceTemporaryUnavailable": "the endpoint takes no files now",
    "RSEWriteBlocked": "the endpoint takes no files now",
    "ReplicationRuleCreationTemporaryFailed": "the rule cannot be made now",
    "ServerConnectionException": "it lost a connection",
    "Duplicate": "another call did the same",
}

FATAL: Mapping[str, tuple[type[DDMRefused], str]] = {
    "AccessDenied": (NotAllowed, "the account may not do this"),
    "CannotAuthorize": (NotAllowed, "the account may not do this"),
    "RSEAccessDenied": (NotAllowed, "the account may not use this endpoint"),
    "ScopeAccessDenied": (NotAllowed, "the account may not use this scope"),
    "ManualRuleApprovalBlocked": (NotAllowed, "the endpoint takes no rules that a person has to approve"),
    "RSENotFound": (UnknownEndpoint, "there is no such storage endpoint"),
    "DataIdentifierNotFound": (UnknownData, "there is no such file or dataset"),
    "ScopeNotFound": (UnknownData, "there is no such scope"),
    "ReplicaNotFound": (UnknownData, "there is no such copy"),
    "RuleNotFound": (UnknownData, "there is no such rule"),
    "FileConsistencyMismatch": (FileDiffers, "the file is known with another size or checksum"),
    "UnsupportedOperation": (DDMRefused, "its state does not allow this"),
    "UnsupportedStatus": (DDMRefused, "its state does not allow this"),
    "InvalidRSEExpression": (DDMRefused, "no endpoint fits the expression"),
    "InsufficientTargetRSEs": (DDMRefused, "no endpoint can take it"),
    "InvalidReplicationRule": (DDMRefused, "such a rule cannot be made"),
    "StagingAreaRuleRequiresLifetime": (DDMRefused, "a rule for this endpoint needs a lifetime"),
    "ScratchDiskLifetimeConflict": (DDMRefused, "the lifetime is longer than this endpoint allows"),
    "InvalidObject": (DDMRefused, "a name or a value is not allowed by its schema"),
    "InvalidPath": (DDMRefused, "the file would lie at another path"),
    "InputValidationError": (DDMRefused, "a value is not allowed"),
    "InvalidMetadata": (DDMRefused, "a value is not allowed"),
    "InvalidValueForKey": (DDMRefused, "a value is not allowed"),
}

# What passes too, but not while a call is tried again.
NO_ROOM: Mapping[str, str] = {
    "InsufficientAccountLimit": "the quota of the account at the endpoint is used up",
    "RSEOverQuota": "the endpoint is full",
    "FullStorage": "the endpoint is full",
}

COME_AGAIN = frozenset({408, 425, 429, 502, 503, 504})


class Refused(Exception):
    """Rucio answered, and not with what was asked for.

    :param kind: its ExceptionClass, "" if it does not speak like a Rucio.
    :param wait_s: until it wants to be asked again.
    """

    def __init__(self, code: int, kind: str, wait_s: float = 0.0) -> None:
        super().__init__(f"HTTP status {code} {kind}".rstrip())
        self.code, self.kind, self.wait_s = code, kind, wait_s

    @property
    def temporary(self) -> bool:
        """Whether asking again soon may help. Who does not speak like a Rucio is a proxy in front of it, or a wrong address."""
        if self.kind in FATAL or self.kind in NO_ROOM:
            return False
        return self.kind in TEMPORARY or self.code in COME_AGAIN or self.code >= 500 or not self.kind

    @property
    def alive(self) -> bool:
        """Whether it was Rucio that answered."""
        return bool(self.kind) or (self.code not in COME_AGAIN and self.code >= 500)

    def error(self, subject: str) -> DDMUnavailable | DDMRefused:
        """For the rooms. ``subject``: what was asked for."""
        if self.kind in NO_ROOM:
            return NoQuota(f"{subject}: Rucio refuses for now: {NO_ROOM[self.kind]}")
        if self.temporary:
            kind = NotNow if self.kind else DDMUnavailable
            return kind(f"{subject}: Rucio cannot do it now: {TEMPORARY.get(self.kind) or self}")
        refused, words = FATAL.get(self.kind, (DDMRefused, f"it answers with {self}"))
        return refused(f"{subject}: Rucio refuses: {words}")


def refusal(answer: Answer) -> Refused:
    """What an answer other than a good one says."""
    kind = answer.header("ExceptionClass")
    if not kind:
        try:
            said = orjson.loads(answer.body)
        except ValueError:
            said = None
        kind = str(said.get("ExceptionClass", "")) if isinstance(said, dict) else ""
    wait = answer.header("Retry-After")
    return Refused(answer.code, kind if kind.isidentifier() and len(kind) < 64 else "", float(wait) if wait.isdecimal() else 0.0)
