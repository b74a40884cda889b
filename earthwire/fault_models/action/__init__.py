"""The action channel: decoys on the list of tools, and the shield that stands before the tools."""

from earthwire.fault_models.action.decoys import (
    Decoy,
    DecoyAnswer,
    DecoyKind,
    DecoyList,
    DecoySettings,
    with_decoys,
)
from earthwire.fault_models.action.documents import (
    CrowdedDocument,
    called_in_last_turn,
    crowded_chat_request,
    crowded_mcp_result,
    redirected,
    tools_of_mcp_result,
)
from earthwire.fault_models.action.model_answer import (
    ModelCall,
    ModelForm,
    model_calls,
    model_form,
    with_names,
    without_calls,
)
from earthwire.fault_models.action.model_dialogue import (
    CarriedOn,
    Listing,
    Passed,
    after_answer,
)
from earthwire.fault_models.action.model_stream import (
    StreamEvent,
    assembled,
    stream_bytes,
    stream_events,
)
from earthwire.fault_models.action.model_stream_edit import (
    stream_with_names,
    stream_without,
)
from earthwire.fault_models.action.model_turns import (
    HiddenTurns,
    carried_on,
    decoy_result,
    restored,
    turns_of,
)
from earthwire.fault_models.action.refusal import (
    HttpRefusal,
    decoy_over_mcp,
    refused_over_http,
    refused_over_mcp,
    refused_text,
    unknown_text,
)
from earthwire.fault_models.action.shield import (
    Shield,
    ShieldedCall,
    ShieldMode,
    ShieldPolicy,
    ShieldRule,
    Verdict,
)
from earthwire.fault_models.action.tool_list import (
    ListedTool,
    ToolForm,
    listed_tool,
    renamed,
)

__all__ = [
    "CarriedOn",
    "CrowdedDocument",
    "Decoy",
    "DecoyAnswer",
    "DecoyKind",
    "DecoyList",
    "DecoySettings",
    "HiddenTurns",
    "HttpRefusal",
    "ListedTool",
    "Listing",
    "ModelCall",
    "ModelForm",
    "Passed",
    "Shield",
    "ShieldMode",
    "ShieldPolicy",
    "ShieldRule",
    "ShieldedCall",
    "StreamEvent",
    "ToolForm",
    "Verdict",
    "after_answer",
    "assembled",
    "called_in_last_turn",
    "carried_on",
    "crowded_chat_request",
    "crowded_mcp_result",
    "decoy_over_mcp",
    "decoy_result",
    "listed_tool",
    "model_calls",
    "model_form",
    "redirected",
    "refused_over_http",
    "refused_over_mcp",
    "refused_text",
    "renamed",
    "restored",
    "stream_bytes",
    "stream_events",
    "stream_with_names",
    "stream_without",
    "tools_of_mcp_result",
    "turns_of",
    "unknown_text",
    "with_decoys",
    "with_names",
    "without_calls",
]
