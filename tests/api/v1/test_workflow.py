"""API v1, module workflow."""

from __future__ import annotations

from typing import Any


def test_workflows_are_declined_in_an_envelope(api: Any, alice: str) -> None:
    """A client that asks for a workflow learns that there are none, not that the method is forbidden."""
    got = api.active.get("/api/v1/workflow/get_workflow_details?workflow_id=1", dn=alice)
    assert (got.status, got.json["success"], got.json["message"]) == (200, False, "this server keeps no workflows")
