"""Nothing in an injected response says that it was injected."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from earthwire.fault_models import Body, Call, Head, OutcomeCounts, Profile, Simulation, ToolLaws
from earthwire.fault_models.damage import OPERATORS, Payload, damaged
from earthwire.fault_models.laws.payload import CLASS_OF_KIND
from earthwire.fault_models.plan import RelayDamaged
from earthwire.fault_models.siblings.family import filled
from earthwire.fault_models.steps.delivery import deliver
from earthwire.fault_models.uniforms import UniformStream
from earthwire.grounding.fits.payloads import gather
from earthwire.traces import TraceRecord, read_parquet

DATA = Path(__file__).parents[2].parent / "shared" / "data"
CALLS_MIN = 500
AUC_RANGE = (0.4, 0.6)
GIVEAWAY = re.compile(r"earthwire|mock|inject|fault(?!y)|simulat|chaos", re.IGNORECASE)
KINDS = [
    *(f"http_5xx:{status}" for status in (500, 502, 503, 504)),
    *(f"http_4xx:{status}" for status in (400, 401, 403, 404, 409, 429)),
    "http_error",
    "tool_error",
    "semantic_error",
    "malformed:html",
    "malformed:xml",
    "malformed:empty",
    *CLASS_OF_KIND,
]


def features(body: str, content_type: str | None) -> list[float]:
    """What a detector can see of a body without knowing the words."""
    counts = [sum(map(test, body)) for test in (str.isdigit, str.isupper, str.islower, str.isspace)]
    shapes = [
        len(re.findall(pattern, body)) for pattern in ('"', "<", "[0-9a-f]{8}", r"\d{4}-\d\d", "[{]", r"\\")
    ]
    digits = [body.count(digit) for digit in "0123456789abcdef"]
    repeated = len(body) - len(set(re.findall(r"\w+", body)))
    return [len(body), repeated, len(content_type or ""), *counts, *shapes, *digits]


def recorded_errors() -> list[TraceRecord]:
    path = DATA / "dev_scaleway" / "records.parquet"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    return [r for r in read_parquet(path) if r.outcome == "http_error" and r.response_body]


def half_of(record: TraceRecord) -> int:
    return hashlib.sha256(str(record.session_id).encode()).digest()[0] % 2


def test_injected_errors_cannot_be_told_from_recorded_ones_of_other_sessions() -> None:
    records = recorded_errors()
    bank = gather(r for r in records if half_of(r) == 0)
    responses = {tool: bank.responses(tool) for tool in {r.tool for r in records}}
    numbers = UniformStream(7, "no tells")
    rows, labels, groups = [], [], []
    for index, record in enumerate(r for r in records if half_of(r) == 1):
        known = responses[record.tool].get(
            f"http_{record.http_response_status_code // 100}xx:{record.http_response_status_code}"
        )
        if known is None:
            continue
        u = numbers.at(index)
        weights = np.cumsum([one.count for one in known])
        chosen = known[int(np.searchsorted(weights, u[0] * weights[-1], side="right"))]
        injected = filled(chosen, u[1], "/")
        for is_injected, body, content_type in (
            (1, injected.body, injected.content_type),
            (0, record.response_body, record.content_type),
        ):
            rows.append(features(body, content_type))
            labels.append(is_injected)
            groups.append(hashlib.sha256(body.encode()).hexdigest())
    assert len(rows) >= CALLS_MIN
    found = auc(np.array(rows, dtype=float), np.array(labels), np.array(groups))
    assert AUC_RANGE[0] <= found <= AUC_RANGE[1], f"AUC {found:.3f} over {len(rows)} responses"


def auc(rows: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> float:
    """Return the area under the curve of a classifier that never saw the bodies it judges."""
    scores = np.zeros(len(labels))
    for train, test in GroupKFold(5).split(rows, labels, groups):
        model = HistGradientBoostingClassifier(max_iter=50, random_state=0).fit(rows[train], labels[train])
        scores[test] = model.predict_proba(rows[test])[:, 1]
    return float(roc_auc_score(labels, scores))


def test_the_detector_finds_what_can_be_found() -> None:
    """The negative control: errors that a mock would send instead."""
    records = recorded_errors()[:600]
    rows, labels, groups = [], [], []
    for index, record in enumerate(records):
        body = record.response_body if index % 2 else f'{{"error":{{"code":404,"id":"{index:08d}"}}}}'
        rows.append(features(body or "", record.content_type))
        labels.append(index % 2)
        groups.append(hashlib.sha256((body or "").encode()).hexdigest())
    assert auc(np.array(rows, dtype=float), np.array(labels), np.array(groups)) > 0.8


@pytest.mark.parametrize("kind", KINDS)
def test_no_header_and_no_body_names_its_maker(kind: str) -> None:
    good = Payload(b'{"id": 1, "items": [{"a": "x"}, {"a": "y\xc3\xa9"}]}', "application/json")
    for i in range(20):
        u = (i + 0.5) / 20
        for step in deliver(kind, 0.0, 0.0, None, u):
            if isinstance(step, Head):
                assert not GIVEAWAY.search(str(step.headers))
            elif isinstance(step, Body):
                assert not GIVEAWAY.search(step.data.decode("utf-8"))
            elif isinstance(step, RelayDamaged):
                result = damaged(good, step.operator, step.u)
                assert result is None or not GIVEAWAY.search(result.body.decode("utf-8", "replace"))


@pytest.mark.parametrize("name", OPERATORS)
def test_no_operator_leaves_its_name(name: str) -> None:
    good = Payload(b'{"id": 1, "items": [{"a": "x"}, {"a": "y\xc3\xa9"}]}', "application/json")
    for i in range(20):
        result = damaged(good, name, (i + 0.5) / 20)
        assert result is None or not GIVEAWAY.search(result.body.decode("utf-8", "replace"))


def test_plans_do_not_depend_on_the_order_of_calls() -> None:
    record = recorded_errors()[0]
    tool = record.tool
    bank = gather(r for r in recorded_errors() if r.tool == tool)
    kinds = dict.fromkeys(bank.responses(tool), 5)
    laws = ToolLaws(
        10, 1, OutcomeCounts({"start": kinds}), {}, responses=bank.responses(tool), payload=bank.law(tool)
    )
    profile = Profile({tool: laws}, laws)
    calls = [Call(episode, tool, "GET", f"/x/{episode}") for episode in ("a", "b")] * 5
    forth, back = Simulation(profile, 3), Simulation(profile, 3)
    one = {(call.episode, drawn.call_index): drawn.plan for call in calls for drawn in [forth.draw(call)]}
    other = {
        (call.episode, drawn.call_index): drawn.plan for call in calls[::-1] for drawn in [back.draw(call)]
    }
    assert one == other
