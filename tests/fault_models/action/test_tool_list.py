import pytest

from earthwire.fault_models.action.tool_list import ToolForm, listed_tool, renamed

SCHEMA = {"type": "object"}
ENTRIES: dict[ToolForm, dict[str, object]] = {
    "mcp": {"name": "a", "title": "A", "description": "d", "inputSchema": SCHEMA},
    "openai_chat": {"type": "function", "function": {"name": "a", "description": "d", "parameters": SCHEMA}},
    "openai_responses": {"type": "function", "name": "a", "description": "d", "parameters": SCHEMA},
    "anthropic": {"name": "a", "description": "d", "input_schema": SCHEMA},
}


@pytest.mark.parametrize("form", ENTRIES)
def test_each_form_is_read(form: ToolForm) -> None:
    tool = listed_tool(ENTRIES[form])
    assert tool is not None
    assert (tool.form, tool.name, tool.description, tool.schema) == (form, "a", "d", SCHEMA)
    assert not tool.is_read_only


@pytest.mark.parametrize("form", ENTRIES)
def test_a_renamed_entry_is_one_of_the_same_form(form: ToolForm) -> None:
    tool = listed_tool(ENTRIES[form])
    assert tool is not None
    other = listed_tool(renamed(tool, "b", "e"))
    assert other is not None
    assert (other.form, other.name, other.description, other.schema) == (form, "b", "e", SCHEMA)
    assert "title" not in other.entry
    assert listed_tool(ENTRIES[form]) == tool


def test_a_read_only_hint_is_understood() -> None:
    tool = listed_tool({"name": "a", "inputSchema": {}, "annotations": {"readOnlyHint": True}})
    assert tool is not None
    assert tool.is_read_only


@pytest.mark.parametrize(
    "entry", [None, 5, {}, {"type": "web_search"}, {"type": "function", "function": "x"}, {"inputSchema": {}}]
)
def test_what_is_no_function_is_none(entry: object) -> None:
    assert listed_tool(entry) is None
