"""Lists of tools in the forms in which agents get them: MCP, OpenAI (chat completions and responses), Anthropic.

The forms differ in where name, description and schema of arguments stand; nothing else is looked at.
"""

from typing import Literal

import msgspec

ToolForm = Literal["mcp", "openai_chat", "openai_responses", "anthropic"]

_SCHEMA_KEYS: dict[ToolForm, str] = {
    "mcp": "inputSchema",
    "openai_chat": "parameters",
    "openai_responses": "parameters",
    "anthropic": "input_schema",
}


class ListedTool(msgspec.Struct, frozen=True):
    """One entry of a list of tools.

    Attributes:
        form: in which it is written.
        name: of the tool.
        description: of the tool, perhaps empty.
        schema: JSON Schema of its arguments, or None.
        is_read_only: it is declared to change nothing.
        entry: as it is written.
    """

    form: ToolForm
    name: str
    description: str
    schema: dict[str, object] | None
    is_read_only: bool
    entry: dict[str, object]


def listed_tool(entry: object) -> ListedTool | None:
    """Return what a list says about one tool; None for entries that are no functions, such as built-in tools."""
    if not isinstance(entry, dict):
        return None
    form = _form_of(entry)
    inner = entry.get("function") if form == "openai_chat" else entry
    if form is None or not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
        return None
    description, schema, annotations = (
        inner.get(key) for key in ("description", _SCHEMA_KEYS[form], "annotations")
    )
    return ListedTool(
        form,
        inner["name"],
        description if isinstance(description, str) else "",
        schema if isinstance(schema, dict) else None,
        isinstance(annotations, dict) and annotations.get("readOnlyHint") is True,
        entry,
    )


def renamed(tool: ListedTool, name: str, description: str) -> dict[str, object]:
    """Return an entry like that of a tool, under another name; a title would give the imitation away."""
    if tool.form == "openai_chat":
        inner = tool.entry["function"]
        assert isinstance(inner, dict), "a tool of this form was read from one"
        return {**tool.entry, "function": {**inner, "name": name, "description": description}}
    kept = {key: value for key, value in tool.entry.items() if key != "title"}
    return {**kept, "name": name, "description": description}


def _form_of(entry: dict[str, object]) -> ToolForm | None:
    if "inputSchema" in entry:
        return "mcp"
    if "input_schema" in entry:
        return "anthropic"
    if entry.get("type") == "function":
        return "openai_chat" if "function" in entry else "openai_responses"
    return None
