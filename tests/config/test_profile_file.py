from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earthwire.config.located_yaml import FileError
from earthwire.config.profile_file import profile_text, read_profile
from earthwire.fault_models.laws.dependence import Dependence, SessionLevels
from earthwire.fault_models.laws.failing_sessions import FailingSessions
from earthwire.fault_models.laws.latency import LEVELS, LatencyTable
from earthwire.fault_models.laws.outcome import OutcomeCounts
from earthwire.fault_models.laws.payload import CUT_BINS, PayloadLaw
from earthwire.fault_models.laws.sequence import SequenceLaw
from earthwire.fault_models.laws.slots import Slot
from earthwire.fault_models.profile import ErrorResponse, Profile, Provenance, Source, ToolLaws
from earthwire.traces.labels.json_shape import PathCounts, Shape

# 6 significant digits survive in milliseconds.
QUANTILES_S = tuple(float(f"{10 * 1.1**i:.6g}") / 1e3 for i in range(len(LEVELS)))
QUANTILES_TEXT = "[" + ", ".join(str(i + 1) for i in range(len(LEVELS))) + "]"
LATENCY = f"{{count: 1, support: tool, quantiles_ms: {QUANTILES_TEXT}}}"
LAWS = f"{{calls: 1, sessions: 1, outcomes_after: {{start: {{ok: 1}}}}, latency: {{ok: {LATENCY}}}}}"
SMALL = f"earthwire_profile: 1\noverall: {LAWS}\ntools:\n  a: {LAWS}\n"


def full_profile() -> Profile:
    """A profile in which every field holds something else than its default."""
    table = LatencyTable(12, QUANTILES_S, censored_count=2, support="server")
    slots = {
        "echo1": Slot("4711", "dddd", echo="path -1", assumed=True),
        "number2": Slot("1", choices={"1": 2, "30": 1}),
        "time3": Slot("2026-01-01T00:00:00Z", until="2026-01-02T00:00:00Z"),
    }
    response = ErrorResponse(3, 503, "application/json", '{"error": "ü\n\t\\"}', {"retry-after": "1"}, slots)
    payload = PayloadLaw(
        shape=Shape(
            7, {"$": PathCounts(7, 7, {"object": 7}), "$.id": PathCounts(7, 6, {"number": 6})}, False
        ),
        cuts=(0, 3, *[0] * (CUT_BINS - 2)),
        operators={"json_malformed": {"nan": 2}},
        headers={"date": "", "server": "x"},
        header_count=5,
    )
    laws = ToolLaws(
        calls=15,
        sessions=4,
        outcomes=OutcomeCounts({"start": {"ok": 4}, "ok": {"http_5xx:503": 3, "ok": 8}}),
        latency={"http_5xx:503": table, "ok": table},
        session_levels=SessionLevels(9, (-0.5, 0.0, 0.75), (0.5, 1.0, 0.25), (0.5, 1.0, 1.5)),
        sequence=SequenceLaw((0.5, -0.25), (1.0, 0.75), (0.25, 0.75), 0.375, 1.25, 0.125),
        failing_outcomes=OutcomeCounts({"start": {"ok": 1}, "ok": {"http_5xx:503": 3}}),
        resolution_s=0.001,
        responses={"http_5xx:503": (response, response)},
        payload=payload,
    )
    return Profile(
        tools={"GET a.example/v1/{id}": laws, "search: 1": laws},
        overall=laws,
        dependence=Dependence(0.125, 0.5, 0.75, 4, 11, 0.25),
        donor_levels=(-0.5, 0.25),
        donor_spreads=(0.5, 1.5),
        failing_sessions=FailingSessions(40, 10, (0.125, 0.375)),
        provenance=Provenance(
            sources=(Source("t.jsonl", "earthwire JSONL", "00ff", 15),),
            calls=15,
            sessions=4,
            window=("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
            split="first half",
            latency_measure="ttfb",
            cannot_tell=("Transport errors.",),
            licence="CC0-1.0",
        ),
    )


def read_text(folder: Path, text: str) -> Profile:
    path = folder / "p.yaml"
    path.write_text(text, "utf-8")
    return read_profile(path)


def problem(folder: Path, text: str) -> str:
    with pytest.raises(FileError) as caught:
        read_text(folder, text)
    return str(caught.value).removeprefix(f"{folder / 'p.yaml'}:")


def test_a_profile_comes_back_equal_from_its_text(tmp_path: Path) -> None:
    profile = full_profile()
    again = read_text(tmp_path, profile_text(profile))
    assert again == profile


def test_times_are_written_with_six_digits(tmp_path: Path) -> None:
    table = LatencyTable(1, tuple(0.1234567891 * 1.07**i for i in range(len(LEVELS))))
    laws = ToolLaws(1, 1, OutcomeCounts({"start": {"ok": 1}}), {"ok": table})
    again = read_text(tmp_path, profile_text(Profile(tools={"a": laws}, overall=laws)))
    assert again.overall.latency["ok"].quantiles_s == pytest.approx(table.quantiles_s, rel=5e-6)
    assert again.overall.latency["ok"].quantiles_s[0] == pytest.approx(0.123457, rel=1e-12)


def test_the_text_is_stable_and_has_neither_aliases_nor_tags(tmp_path: Path) -> None:
    text = profile_text(full_profile())
    assert profile_text(read_text(tmp_path, text)) == text
    assert not any(sign in text for sign in ("&id", "*id", "!!"))


def test_the_text_does_not_depend_on_any_order_of_insertion(tmp_path: Path) -> None:
    profile = full_profile()
    laws = profile.overall
    more = {**laws.responses, "http_4xx:404": (ErrorResponse(1, 404),)}
    one = msgspec.structs.replace(laws, responses=more)
    other = msgspec.structs.replace(
        laws,
        responses=dict(reversed(more.items())),
        latency=dict(reversed(laws.latency.items())),
        outcomes=OutcomeCounts(dict(reversed(laws.outcomes.after.items()))),
    )
    before = msgspec.structs.replace(profile, tools={"a": one, "b": laws})
    after = msgspec.structs.replace(profile, tools={"b": laws, "a": other})
    assert profile_text(after) == profile_text(before)


@settings(max_examples=60)
@given(name=st.text(max_size=200), body=st.text(max_size=200), kind=st.text(min_size=1, max_size=20))
def test_any_text_survives_as_tool_name_outcome_kind_and_body(
    tmp_path_factory: pytest.TempPathFactory, name: str, body: str, kind: str
) -> None:
    laws = ToolLaws(
        1, 1, OutcomeCounts({"start": {kind: 1}}), {}, responses={kind: (ErrorResponse(1, 500, None, body),)}
    )
    profile = Profile(tools={name: laws}, overall=laws)
    assert read_text(tmp_path_factory.mktemp("profile"), profile_text(profile)) == profile


def test_the_smallest_profile_needs_version_overall_and_tools(tmp_path: Path) -> None:
    profile = read_text(tmp_path, SMALL)
    assert profile.tools["a"].latency["ok"].quantiles_s[0] == 0.001
    assert problem(tmp_path, "earthwire_profile: 1\n") == (
        f"1:1: overall: this key is missing\n{tmp_path / 'p.yaml'}:1:1: tools: this key is missing"
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("earthwire_profile: 1", "earthwire_profile: 2"), "1:20: earthwire_profile: 2: input should be 1"),
        (("tools:", "tolls:"), "3:1: tolls: unknown key; did you mean `tools`?"),
        (("support: tool", "support: tol"), "input should be 'tool', 'server', 'global' or 'assumed'"),
        (("calls: 1", "calls: -1"), "overall.calls: -1: input should be greater than or equal to 0"),
        (("calls: 1", "calls: 1.5"), "overall.calls: 1.5: input should be a valid integer"),
        (("calls: 1", "calls: 1, kalls: 1"), "overall.kalls: unknown key; did you mean `calls`?"),
        (("calls: 1,", ""), "overall.calls: this key is missing"),
        (
            ("{ok: 1}", "{ok: many}"),
            "overall.outcomes_after.start.ok: 'many': input should be a valid integer",
        ),
        (("[1, 2,", "[1,"), "list should have at least 63 items after validation, not 62"),
        (("[1, 2,", "[1, 2, 2,"), "list should have at most 63 items after validation, not 64"),
        (("[1, 2,", "[0, 2,"), "quantiles_ms.0: 0: input should be greater than 0"),
        (("[1, 2,", "[-1, 2,"), "quantiles_ms.0: -1: input should be greater than 0"),
        (("[1, 2,", "[.nan, 2,"), "quantiles_ms.0: nan: input should be"),
        (("[1, 2,", "[.inf, 2,"), "quantiles_ms.0: inf: input should be less than or equal to 1000000000"),
        (("[1, 2,", "[1, two,"), "quantiles_ms.1: 'two': input should be a valid number"),
        (
            ("[1, 2,", "[3, 2,"),
            "overall.latency.ok: quantiles_ms must not fall, as they do from 3 at level 0.001 to 2 at level 0.00407",
        ),
        (("calls: 1", "calls: 1, resolution_ms: .inf"), "overall.resolution_ms: inf: input should be less"),
        (("calls: 1", f"calls: {10**30}"), "overall.calls: 1000000000000"),
        (
            ("tools:", "dependence: {tool_share: 0.6, level_share: 0.5}\ntools:"),
            "3:1: dependence: tool_share and level_share must not add up to more than 1; here it is 1.1",
        ),
        (
            ("tools:", "dependence: {level_memory: 1.0}\ntools:"),
            "dependence.level_memory: 1.0: input should be less than 1",
        ),
        (
            ("tools:", "dependence: {tool_share: -0.1}\ntools:"),
            "dependence.tool_share: -0.1: input should be greater",
        ),
        (("tools:", "dependence: {tool_share: .nan}\ntools:"), "dependence.tool_share: nan: input should be"),
        (
            ("tools:", "dependence: {jitter_contrast: 1.0}\ntools:"),
            "dependence.jitter_contrast: 1.0: input should be less than 1",
        ),
        (
            (
                "calls: 1",
                "calls: 1, session_levels: {session_count: 1, levels: [0], spreads: [1], jitters: [1, 2]}",
            ),
            "overall.session_levels: 1 levels but 2 jitters: there is one each, or none at all",
        ),
        (
            ("calls: 1", "calls: 1, sequence: {shifts: [0, 1], scales: [1], shares: [1]}"),
            "overall.sequence: 2 shifts, 1 scales and 1 shares: there is one each",
        ),
        (
            ("calls: 1", "calls: 1, sequence: {shifts: [0, 1], scales: [1, 1], shares: [0.5, 0.25]}"),
            "overall.sequence: shares sum to 0.75: they sum to 1",
        ),
        (
            ("calls: 1", "calls: 1, sequence: {shifts: [.nan], scales: [1], shares: [1]}"),
            "overall.sequence.shifts.0: nan: input should be",
        ),
        (
            ("tools:", "donor_levels: [0, 1]\ndonor_spreads: [1]\ntools:"),
            "2 donor_levels but 1 donor_spreads: there is one each, or none at all",
        ),
        (
            ("calls: 1", "calls: 1, failing_outcomes_after: {start: {ok: 2}}"),
            "overall: failing_outcomes_after has 2 'ok' after 'start', outcomes_after only 1",
        ),
        (
            ("calls: 1", "calls: 1, failing_outcomes_after: {start: {ok: 1}}"),
            "failing_sessions and failing_outcomes_after of overall come together",
        ),
        (
            ("tools:", "failing_sessions: {sessions: 2, failing: 3, by_level: [0.5]}\ntools:"),
            "failing_sessions: failing is 3 where there are only 2 sessions",
        ),
        (
            ("tools:", "failing_sessions: {sessions: 2, failing: 1, by_level: [1.0]}\ntools:"),
            "failing_sessions.by_level.0: 1.0: input should be less than 1",
        ),
    ],
)
def test_bad_values_are_one_line_in_their_place(
    tmp_path: Path, change: tuple[str, str], expected: str
) -> None:
    message = problem(tmp_path, SMALL.replace(*change, 1))
    assert expected in message
    line, column = message.split(":")[:2]
    assert int(line) >= 1
    assert int(column) >= 1


def test_the_profile_that_is_shipped_is_as_calibrate_would_write_it() -> None:
    path = Path(__file__).parents[2] / "earthwire" / "config" / "profiles" / "demo.yaml"
    assert profile_text(read_profile(path)) == path.read_text("utf-8")


@pytest.mark.parametrize(
    ("slot", "said"),
    [
        ("{example: ab}", "exactly one of mask, choices and until"),
        ("{example: ab, mask: x}", "must be as long as"),
        ("{example: ab, mask: zz}", "must be as long as"),
        ("{example: '1', choices: {'1': 0}}", "count above 0"),
        ("{example: ab, mask: xx, echo: body}", "echo"),
    ],
)
def test_a_slot_that_gives_no_value_is_refused(tmp_path: Path, slot: str, said: str) -> None:
    responses = f"responses: {{http_5xx:500: [{{count: 1, status: 500, slots: {{id1: {slot}}}}}]}}"
    assert said in problem(tmp_path, SMALL.replace(f"a: {LAWS}", f"a: {LAWS[:-1]}, {responses}}}"))


def test_an_unknown_operator_is_refused_with_those_there_are(tmp_path: Path) -> None:
    payload = "payload: {damage: {json_malformed: {comma: 1}}}"
    text = SMALL.replace(f"a: {LAWS}", f"a: {LAWS[:-1]}, {payload}}}")
    assert "trailing_comma" in problem(tmp_path, text)
