"""The recorder's contract: answers held against its OpenAPI document."""

from typing import Any

import jsonschema

from safe_community_recorder.api.server import openapi_document
from tests.world import Answer


def validate(value: Any, schema: str) -> None:
    """Holds an answer against the OpenAPI document's schema."""
    document = openapi_document()
    jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{schema}", **document}).validate(value)


def refused(answer: Answer, status: int, code: str) -> str:
    """Checks a refusal and returns its text for people."""
    assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (status, "application/problem+json")
    validate(answer.json, "Problem")
    assert (answer.json["status"], answer.json["code"]) == (status, code)
    detail: str = answer.json["detail"]
    return detail
