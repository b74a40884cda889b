import pytest

from earthwire.fault_models.action.shield import Shield, ShieldedCall, ShieldPolicy

SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "maximum": 5}},
    "required": ["city"],
    "additionalProperties": False,
}


def call(
    tool: str = "get", at_s: float = 0.0, arguments: object = None, episode: str = "e", read: bool = True
) -> ShieldedCall:
    return ShieldedCall(episode, tool, at_s, read, {"city": "Rome"} if arguments is None else arguments)


def rule(policy: ShieldPolicy, one: ShieldedCall) -> str | None:
    shield = Shield(policy)
    shield.learn("get", SCHEMA)
    verdict = shield.judge(one)
    return None if verdict is None else verdict.rule


@pytest.mark.parametrize(
    ("policy", "one", "expected"),
    [
        (ShieldPolicy(), call(), None),
        (ShieldPolicy(deny=("g*",)), call(), "denied"),
        (ShieldPolicy(deny=("g*",), allow=("get",)), call(), "denied"),
        (ShieldPolicy(allow=("put",)), call(), "not_allowed"),
        (ShieldPolicy(allow=("put", "g?t")), call(), None),
        (ShieldPolicy(read_only=True), call(read=False), "read_only"),
        (ShieldPolicy(read_only=True), call(), None),
        (ShieldPolicy(), call(arguments={}), "arguments"),
        (ShieldPolicy(), call(arguments={"city": 5}), "arguments"),
        (ShieldPolicy(), call(arguments={"city": "Rome", "days": 6}), "arguments"),
        (ShieldPolicy(), call(arguments={"city": "Rome", "town": "x"}), "arguments"),
        (ShieldPolicy(), call(arguments=[]), "arguments"),
        (ShieldPolicy(validate_arguments=False), call(arguments={}), None),
        (ShieldPolicy(), call("unknown", arguments={}), None),
    ],
)
def test_the_first_rule_that_objects_decides(
    policy: ShieldPolicy, one: ShieldedCall, expected: str | None
) -> None:
    assert rule(policy, one) == expected


def test_a_message_names_the_place_and_is_bounded() -> None:
    shield = Shield(ShieldPolicy())
    shield.learn("get", SCHEMA)
    verdict = shield.judge(call(arguments={"city": ["x" * 10_000]}))
    assert verdict is not None
    assert verdict.message.startswith("Invalid arguments at city: ")
    assert len(verdict.message) < 400


@pytest.mark.parametrize(
    "schema", [{"type": "nonsense"}, {"$ref": "http://127.0.0.1:1/elsewhere.json"}, {"properties": 5}]
)
def test_a_schema_that_cannot_be_used_lets_calls_pass_and_fetches_nothing(schema: dict[str, object]) -> None:
    shield = Shield(ShieldPolicy())
    shield.learn("get", schema)
    assert shield.judge(call()) is None


def test_calls_of_an_episode_are_counted_tool_by_tool() -> None:
    shield = Shield(ShieldPolicy(calls_max=2))
    found = [shield.judge(one) for one in (call(), call(), call(), call("other"), call(episode="f"))]
    assert [verdict and verdict.rule for verdict in found] == [None, None, "calls", None, None]


def test_a_window_of_a_minute_slides_and_says_when_it_has_room() -> None:
    shield = Shield(ShieldPolicy(calls_per_minute_max=2))
    assert shield.judge(call(at_s=0.0)) is None
    assert shield.judge(call(at_s=30.0)) is None
    refused = shield.judge(call(at_s=45.0))
    assert refused is not None
    assert (refused.rule, refused.retry_after_s) == ("rate", 15.0)
    assert shield.judge(call(at_s=60.0)) is None
    assert shield.judge(call(at_s=61.0)) is not None


def test_refused_calls_use_nothing_up_but_in_shadow_they_pass() -> None:
    blocking = Shield(ShieldPolicy(deny=("bad",), calls_max=1))
    assert blocking.judge(call("bad")) is not None
    assert blocking.judge(call("get")) is None
    shadow = Shield(ShieldPolicy("shadow", calls_max=1))
    found = [shadow.judge(call()) for _ in range(3)]
    assert [verdict is None for verdict in found] == [True, False, False]
