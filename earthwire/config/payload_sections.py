"""The parts of a profile file that say what responses look like: recorded ones with their slots, shapes, damage."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from earthwire.config.located_yaml import Section
from earthwire.fault_models.damage import OPERATORS
from earthwire.fault_models.laws.payload import CUT_BINS, PayloadLaw, shape_of_counts
from earthwire.fault_models.laws.slots import Slot, is_mask
from earthwire.fault_models.profile import ErrorResponse

Responses = Annotated[int, Field(ge=0, le=2**63 - 1)]


class SlotSection(Section):
    """A part of a response that varies: by a `mask`, among `choices`, or as a time between `example` and `until`.

    `echo` says where the request has the value; `assumed` marks an echo that was not seen but is what such an id means.
    """

    example: str
    mask: str = ""
    choices: dict[str, Responses] = {}
    until: str = ""
    echo: Annotated[str, Field(pattern=r"^(path -[1-9][0-9]*|query .+)$")] | None = None
    assumed: bool = False

    @model_validator(mode="after")
    def _has_one_way(self) -> Self:
        if sum(map(bool, (self.mask, self.choices, self.until))) != 1:
            raise ValueError("exactly one of mask, choices and until is expected")
        if self.mask and (len(self.mask) != len(self.example) or not is_mask(self.mask)):
            raise ValueError(
                f"mask {self.mask!r} must be as long as the example {self.example!r} and consist of . d x X v a U A"
            )
        if self.choices and not sum(self.choices.values()):
            raise ValueError("choices must have a count above 0")
        return self


class ResponseSection(Section):
    """A recorded response, redacted, with the number of calls that it stands for."""

    count: Responses
    status: Annotated[int, Field(ge=100, le=599)]
    content_type: str | None = None
    headers: dict[str, str] = {}
    body: str = ""
    slots: dict[Annotated[str, Field(pattern=r"^[a-z]+[0-9]+$")], SlotSection] = {}


class PathSection(Section):
    """How often a JSON path was `present` where it could have been (`of`), and with which types."""

    of: Responses
    present: Responses
    types: dict[str, Responses]


class PayloadSection(Section):
    """What the bodies of a tool look like and how they break."""

    bodies: Responses | None = None
    paths: dict[str, PathSection] = {}
    all_paths: bool = True
    cuts: Annotated[list[Responses], Field(min_length=CUT_BINS, max_length=CUT_BINS)] | None = None
    damage: dict[str, dict[str, Responses]] = {}
    headers: dict[str, str] = {}
    header_count: Responses = 0

    @model_validator(mode="after")
    def _operators_exist(self) -> Self:
        for fault_class, counts in self.damage.items():
            for name in counts:
                if name not in OPERATORS or OPERATORS[name].fault_class != fault_class:
                    known = [one.name for one in OPERATORS.values() if one.fault_class == fault_class]
                    raise ValueError(
                        f"{fault_class} has no operator {name!r}; known: {', '.join(known) or 'none'}"
                    )
        if self.bodies is not None and "$" not in self.paths:
            raise ValueError("paths must hold the root, `$`")
        return self


def error_response(section: ResponseSection) -> ErrorResponse:
    """Return the response of a section."""
    values = section.model_dump(exclude={"slots"})
    slots = {name: Slot(**slot.model_dump()) for name, slot in section.slots.items()}
    return ErrorResponse(**values, slots=slots)


def response_section(response: ErrorResponse) -> dict[str, object]:
    """Return the section of a response; what is empty is left out."""
    section: dict[str, object] = {"count": response.count, "status": response.status}
    if response.content_type is not None:
        section["content_type"] = response.content_type
    if response.headers:
        section["headers"] = response.headers
    if response.body:
        section["body"] = response.body
    if response.slots:
        section["slots"] = {name: _slot_section(slot) for name, slot in response.slots.items()}
    return section


def payload_law(section: PayloadSection) -> PayloadLaw:
    """Return the law of a section."""
    shape = None
    if section.bodies is not None:
        paths = {path: (counts.of, counts.present, counts.types) for path, counts in section.paths.items()}
        shape = shape_of_counts(section.bodies, paths, section.all_paths)
    return PayloadLaw(
        shape=shape,
        cuts=tuple(section.cuts or ()),
        operators=section.damage,
        headers=section.headers,
        header_count=section.header_count,
    )


def payload_section(law: PayloadLaw) -> dict[str, object]:
    """Return the section of a law; what is empty is left out."""
    section: dict[str, object] = {}
    if law.shape is not None:
        section["bodies"] = law.shape.bodies
        section["paths"] = {
            path: {"of": counts.of, "present": counts.present, "types": counts.types}
            for path, counts in law.shape.paths.items()
        }
        if not law.shape.complete:
            section["all_paths"] = False
    if law.cuts:
        section["cuts"] = list(law.cuts)
    if law.operators:
        section["damage"] = law.operators
    if law.header_count:
        section["headers"] = law.headers
        section["header_count"] = law.header_count
    return section


def _slot_section(slot: Slot) -> dict[str, object]:
    values = {name: getattr(slot, name) for name in SlotSection.model_fields}
    return {name: value for name, value in values.items() if value}
