"""Whether structured content is as the server promised, without trusting its schemas."""

import pytest

from earthwire.proxy.mcp.message import ClientMessage
from earthwire.proxy.mcp.reply import Reply
from earthwire.proxy.mcp.schemas import OutputSchemas

SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}


def learned(schema):
    schemas = OutputSchemas()
    message = ClientMessage("request", 1, "tools/list")
    schemas.judge(
        message, Reply(1, result={"tools": [{"name": "get", "outputSchema": schema}, {"name": 5}, None]})
    )
    return schemas


def verdict(schemas, **result):
    return schemas.judge(ClientMessage("request", 2, "tools/call", "get"), Reply(2, result=result))


def test_content_is_held_against_the_schema_of_its_tool():
    schemas = learned(SCHEMA)
    assert verdict(schemas, structuredContent={"id": 1}) is True
    assert verdict(schemas, structuredContent={"id": "1"}) is False
    assert verdict(schemas, content=[]) is False


def test_nothing_is_said_where_nothing_was_promised():
    assert verdict(learned(None), structuredContent={"id": 1}) is None
    assert verdict(learned(SCHEMA), isError=True, content=[]) is None


@pytest.mark.parametrize(
    "schema",
    [
        {"type": 5},
        {"$ref": "http://127.0.0.1:1/schema.json"},
        {"properties": {str(number): {} for number in range(3000)}},
    ],
)
def test_schemas_that_are_wrong_or_foreign_or_huge_are_never_fetched_and_say_nothing(schema):
    assert verdict(learned(schema), structuredContent={"id": 1}) is None
