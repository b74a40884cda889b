"""The observation channel: what happens to texts on their way to the agent."""

from earthwire.fault_models.observation.casing import (
    Casing,
    CasingKind,
    Whitespace,
)
from earthwire.fault_models.observation.channel import (
    NOTHING_REWRITTEN,
    ObservationChannel,
    Observed,
)
from earthwire.fault_models.observation.chat import (
    changed_user_turns,
    is_chat_request,
)
from earthwire.fault_models.observation.extent import (
    BUILT_IN_DISTRACTIONS,
    Distraction,
    Truncation,
)
from earthwire.fault_models.observation.field_paths import (
    FieldPattern,
    changed_fields,
)
from earthwire.fault_models.observation.json_text import (
    read_json,
    write_json,
)
from earthwire.fault_models.observation.rewrite import (
    RemoteStep,
    Rewrite,
    RewriteNeededError,
)
from earthwire.fault_models.observation.step import (
    TextStep,
)
from earthwire.fault_models.observation.typos import (
    TypoKind,
    Typos,
    slip,
)
from earthwire.fault_models.observation.wording import (
    CodeSwitch,
    Language,
    Paraphrase,
)
from earthwire.fault_models.observation.words import (
    changed_words,
)

__all__ = [
    "BUILT_IN_DISTRACTIONS",
    "NOTHING_REWRITTEN",
    "Casing",
    "CasingKind",
    "CodeSwitch",
    "Distraction",
    "FieldPattern",
    "Language",
    "ObservationChannel",
    "Observed",
    "Paraphrase",
    "RemoteStep",
    "Rewrite",
    "RewriteNeededError",
    "TextStep",
    "Truncation",
    "TypoKind",
    "Typos",
    "Whitespace",
    "changed_fields",
    "changed_user_turns",
    "changed_words",
    "is_chat_request",
    "read_json",
    "slip",
    "write_json",
]
