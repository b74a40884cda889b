import msgspec
import pytest

from earthwire.fault_models import (
    LatencyTable,
    OutcomeCounts,
    PayloadLaw,
    Profile,
    RateLimit,
    ToolLaws,
    profile_hash,
)

TABLE = LatencyTable(8, tuple(0.1 + 0.01 * i for i in range(63)))
LAWS = ToolLaws(10, 2, OutcomeCounts({"start": {"ok": 8, "http_5xx:503": 2}}), {"ok": TABLE})
PROFILE = Profile({"GET a.example/x": LAWS}, LAWS)


def test_the_hash_of_a_plain_profile_is_pinned():
    """Records name it: it changes only where laws that a profile holds change."""
    assert profile_hash(PROFILE) == "e69dc8eaee810748"


def test_a_field_that_nobody_had_thought_of_keeps_the_hash():
    """Field by field: what is at its default might as well not be there."""

    class Later(Profile, frozen=True):
        something_new: float | None = None

    Later.__name__ = "Profile"
    later = Later(**{name: getattr(PROFILE, name) for name in PROFILE.__struct_fields__})
    assert profile_hash(later) == profile_hash(PROFILE)
    assert profile_hash(msgspec.structs.replace(later, something_new=1.0)) != profile_hash(PROFILE)


@pytest.mark.parametrize(
    "changed",
    [
        {"rate_limit": RateLimit(10, 5)},
        {"resolution_s": 0.001},
        {"outcomes": OutcomeCounts({"start": {"ok": 9, "http_5xx:503": 1}})},
        {"latency": {"ok": msgspec.structs.replace(TABLE, support="server")}},
        {"payload": PayloadLaw(header_count=1)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_any_change_of_a_law_changes_the_hash(changed: dict[str, object]):
    other = msgspec.structs.replace(LAWS, **changed)
    assert profile_hash(Profile({"GET a.example/x": other}, LAWS)) != profile_hash(PROFILE)


def test_the_order_of_tools_does_not_matter():
    tools = {"GET a.example/x": LAWS, "GET a.example/y": LAWS}
    backwards = dict(reversed(tools.items()))
    assert profile_hash(Profile(tools, LAWS)) == profile_hash(Profile(backwards, LAWS))
