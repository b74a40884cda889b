"""The channels of a recipe: what is done to texts that reach the agent, to its list of tools, and to its calls."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from earthwire.config.located_yaml import Section

CHANNEL_SEVERITY_MAX = 8.0
"""Bound on the severity of a channel: the same as that of the profile's laws."""

TypoKind = Literal["neighbour", "drop", "swap", "double", "ocr"]
CasingKind = Literal["lower", "upper", "title", "mixed"]
Language = Literal["de", "es", "fr"]
DecoyKind = Literal["suffix", "synonym", "overlap", "redundant"]
DecoyAnswer = Literal["refuse", "unknown", "forward"]
ShieldMode = Literal["block", "shadow"]

ALL_TYPOS: list[TypoKind] = ["neighbour", "drop", "swap", "double", "ocr"]
ALL_DECOYS: list[DecoyKind] = ["suffix", "synonym", "overlap", "redundant"]

Rate = Annotated[float, Field(ge=0.0, le=1.0)]
ChannelSeverity = Annotated[
    float,
    Field(
        ge=0.0,
        le=CHANNEL_SEVERITY_MAX,
        description="Multiplies every rate of the channel; 0 switches it off.",
    ),
]
EndpointUrl = Annotated[
    Annotated[str, Field(pattern=r"^https?://[^/?#]")] | None,
    Field(
        examples=["http://127.0.0.1:9000/rewrite"],
        description="Endpoint that takes {text, language} as JSON and returns {text}; without one the built-in way.",
    ),
]
FieldPattern = Annotated[
    str,
    Field(
        pattern=r"^(\$|\*\*|\*|[A-Za-z0-9_-]+)(\[\])*(\.(\*\*|\*|[A-Za-z0-9_-]+)(\[\])*)*$", max_length=200
    ),
]
ToolPattern = Annotated[str, Field(min_length=1, max_length=200)]


class TyposSection(Section):
    """Words that are mistyped or misread."""

    rate: Annotated[Rate, Field(description="Share of words that get one slip.")]
    kinds: Annotated[
        list[TypoKind],
        Field(
            min_length=1, description="Slips to choose from: neighbouring key, letter dropped, two swapped, …"
        ),
    ] = ALL_TYPOS


class CasingSection(Section):
    """Words in another case."""

    rate: Annotated[Rate, Field(description="Share of words whose case changes.")]
    kinds: Annotated[list[CasingKind], Field(min_length=1, description="Cases to choose from.")] = [
        "lower",
        "upper",
    ]


class WhitespaceSection(Section):
    """White space that is lost, doubled or another."""

    rate: Annotated[Rate, Field(description="Share of gaps between words that change.")]


class ParaphraseSection(Section):
    """The same said in other words."""

    rate: Annotated[
        Rate,
        Field(description="Share of words replaced by a synonym; with `url`, share of texts sent there."),
    ]
    url: EndpointUrl = None


class LanguageSection(Section):
    """Another language than the one that was asked for."""

    rate: Annotated[
        Rate, Field(description="Share of known words that switch; with `url`, share of texts sent there.")
    ]
    to: Annotated[Language, Field(description="Language to switch to.")] = "de"
    url: EndpointUrl = None


class TruncationSection(Section):
    """Texts that end early."""

    rate: Annotated[Rate, Field(description="Share of texts that are cut.")]
    keep_min: Annotated[Rate, Field(description="Least part that is kept.")] = 0.2
    keep_max: Annotated[Rate, Field(description="Largest part that is kept.")] = 0.9
    marker: Annotated[str, Field(max_length=100, description="Put at the end of what was cut.")] = ""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.keep_min > self.keep_max:
            raise ValueError(f"keep_min {self.keep_min:g} is above keep_max {self.keep_max:g}")
        return self


class DistractionSection(Section):
    """Irrelevant sentences around a text."""

    rate: Annotated[Rate, Field(description="Share of texts that get one.")]
    texts: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=2000)]],
        Field(description="Sentences to choose from; none: built-in ones."),
    ] = []


class ObservationSection(Section):
    """What happens to texts on their way to the agent, in the order of the keys. Numbers and ids stay as they are."""

    severity: ChannelSeverity = 1.0
    fields: Annotated[
        list[FieldPattern],
        Field(
            examples=["items[].title"],
            description="Text fields of JSON tool results, such as `items[].title`; `*` is any member, `**` any depth.",
        ),
    ] = ["result.content[].text"]
    user_turns: Annotated[
        bool, Field(description="Change the user's turns in OpenAI and Anthropic requests as well.")
    ] = False
    numbers: Annotated[
        bool, Field(description="Words with digits, links and identifiers may change, too.")
    ] = False
    paraphrase: ParaphraseSection | None = None
    language: LanguageSection | None = None
    typos: TyposSection | None = None
    casing: CasingSection | None = None
    whitespace: WhitespaceSection | None = None
    truncation: TruncationSection | None = None
    distraction: DistractionSection | None = None


class DecoysSection(Section):
    """Tools that are on the list and should not be called."""

    count: Annotated[
        int, Field(ge=0, le=1000, description="Decoys added to each list of tools, at most.")
    ] = 4
    kinds: Annotated[list[DecoyKind], Field(min_length=1, description="Kinds of decoys, in turn.")] = (
        ALL_DECOYS
    )
    misleading: Annotated[Rate, Field(description="Share of decoys whose description recommends them.")] = 0.0
    answer: Annotated[
        DecoyAnswer,
        Field(
            description="A call to a decoy: refused by the tool, unknown to the server, or sent to the real tool."
        ),
    ] = "refuse"


class ActionSection(Section):
    """What the agent finds on its list of tools."""

    severity: ChannelSeverity = 1.0
    decoys: DecoysSection = DecoysSection()


class ShieldSection(Section):
    """Checks that stand between the agent's calls and the tools."""

    mode: Annotated[
        ShieldMode,
        Field(
            description="`block` answers as a real server would; `shadow` records the verdict and lets pass."
        ),
    ] = "block"
    validate_arguments: Annotated[
        bool, Field(description="Check arguments against the tool's declared JSON Schema.")
    ] = True
    allow: Annotated[
        list[ToolPattern], Field(description="Tools that may be called, as name patterns; none: all.")
    ] = []
    deny: Annotated[
        list[ToolPattern], Field(description="Tools that may not be called; wins over `allow`.")
    ] = []
    read_only: Annotated[
        bool, Field(description="Only calls that change nothing: GET and the like, tools with readOnlyHint.")
    ] = False
    calls_per_minute_max: Annotated[
        int | None, Field(ge=1, le=1_000_000, description="Most calls of one tool in any 60 s of an episode.")
    ] = None
    calls_max: Annotated[
        int | None, Field(ge=1, le=1_000_000_000, description="Most calls of one tool in an episode.")
    ] = None


class ChannelsSection(Section):
    """The channels beside transition, each off unless it is named here."""

    observation: ObservationSection | None = None
    action: ActionSection | None = None
    shield: ShieldSection | None = None
