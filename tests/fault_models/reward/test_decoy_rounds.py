from earthwire.fault_models.reward import DecoyRounds, FactsOfEpisode, Price, decoy_rounds_of, usage_charges
from earthwire.traces.record import TraceRecord

ATTRIBUTES = (
    '{"earthwire.decoy_rounds":{"calls":2,"input_tokens":7,"output_tokens":3,"body_bytes":100},"x":1}'
)


def test_rounds_add_up() -> None:
    answer = b'{"usage": {"prompt_tokens": 9, "completion_tokens": 2}}'
    rounds = DecoyRounds().with_answer(answer, 40).with_request(60).with_answer(answer, 40)
    assert rounds == DecoyRounds(2, 18, 4, 140)


def test_attributes_tell_of_rounds_or_of_none() -> None:
    assert decoy_rounds_of(ATTRIBUTES) == DecoyRounds(2, 7, 3, 100)
    for attributes in (None, "{}", '{"earthwire.decoy_rounds": 5}', "earthwire.decoy_rounds"):
        assert decoy_rounds_of(attributes) == DecoyRounds()


def test_each_round_costs_as_a_call_and_its_tokens_count() -> None:
    record = TraceRecord(
        tool="t",
        outcome="ok",
        http_response_body_size=50,
        gen_ai_usage_input_tokens=1,
        gen_ai_usage_output_tokens=1,
        attributes=ATTRIBUTES,
    )
    facts = FactsOfEpisode().of(record)
    charges = usage_charges(
        Price(per_call=1.0, per_kb=1.0, per_input_token=1.0, per_output_token=10.0), facts
    )
    assert charges == {"calls": 3.0, "bytes": 0.15, "seconds": 0.0, "tokens": 48.0}
