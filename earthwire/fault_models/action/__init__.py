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
from earthwire.fault_models.action.refusal import (
    HttpRefusal,
    decoy_over_mcp,
    refused_over_http,
    refused_over_mcp,
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
    "CrowdedDocument",
    "Decoy",
    "DecoyAnswer",
    "DecoyKind",
    "DecoyList",
    "DecoySettings",
    "HttpRefusal",
    "ListedTool",
    "Shield",
    "ShieldMode",
    "ShieldPolicy",
    "ShieldRule",
    "ShieldedCall",
    "ToolForm",
    "Verdict",
    "called_in_last_turn",
    "crowded_chat_request",
    "crowded_mcp_result",
    "decoy_over_mcp",
    "listed_tool",
    "redirected",
    "refused_over_http",
    "refused_over_mcp",
    "renamed",
    "tools_of_mcp_result",
    "with_decoys",
]
