"""The description of the API."""

from __future__ import annotations

import re
from typing import Any

from pandad.api.openapi import OpenApi
from pandad.api.route import declared


def test_all_calls_are_in_it(api: Any) -> None:
    """Every route with every method, with the parameters of its dataclass under their names on the wire, and itself."""
    described = api.passive.get("/api/v1/openapi.json").json
    assert described["openapi"].startswith("3.1")
    routes = [route for route, _ in declared(api.handlers)]
    paths = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route.path): {method.lower() for method in route.methods} for route in routes}
    assert {path: set(place) for path, place in described["paths"].items()} == paths
    update = described["paths"]["/server/panda/updateJob"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert update["required"] == ["jobId", "state"]
    assert update["properties"]["startTime"]["format"] == "date-time"
    status = described["paths"]["/api/v1/job/get_status"]["get"]["parameters"]
    assert [(each["name"], each["in"], each["required"]) for each in status] == [("job_ids", "query", True)]
    file = described["paths"]["/cache/{name}"]["get"]["parameters"]
    assert [(each["name"], each["in"]) for each in file] == [("name", "path")]


def test_what_it_says_of_each_call(api: Any) -> None:
    """What it does, whom it is for, and an id of its own."""
    described = OpenApi(api.handlers)._description
    operations = [each for place in described["paths"].values() for each in place.values()]
    assert all(each["summary"] and each["description"].startswith("For ") for each in operations)
    assert len({each["operationId"] for each in operations}) == len(operations)
