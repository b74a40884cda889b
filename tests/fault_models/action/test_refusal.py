from typing import get_args

import msgspec
import pytest

from earthwire.fault_models.action.decoys import Decoy
from earthwire.fault_models.action.refusal import decoy_over_mcp, refused_over_http, refused_over_mcp
from earthwire.fault_models.action.shield import ShieldRule, Verdict

DECOY = Decoy("get_v2", "suffix", "get", False)


@pytest.mark.parametrize("rule", get_args(ShieldRule))
def test_every_rule_has_an_answer_that_gives_nobody_away(rule: ShieldRule) -> None:
    refusal = refused_over_http(Verdict(rule, "No."))
    assert 400 <= refusal.status < 500
    assert msgspec.json.decode(refusal.body)["error"]["message"] == "No."
    assert refusal.headers == ()
    assert b"earthwire" not in refusal.body
    assert refused_over_mcp(Verdict(rule, "No."))["result"] == {
        "content": [{"type": "text", "text": "No."}],
        "isError": True,
    }


def test_a_rate_limit_says_when_to_come_again_in_whole_seconds() -> None:
    refusal = refused_over_http(Verdict("rate", "Slow.", 0.2))
    assert (refusal.status, refusal.headers) == (429, (("retry-after", "1"),))


def test_a_decoy_is_refused_unknown_or_led_to_the_real_tool() -> None:
    refused, unknown = decoy_over_mcp(DECOY, "refuse"), decoy_over_mcp(DECOY, "unknown")
    assert refused is not None
    assert "get_v2 is not enabled" in str(refused["result"])
    assert unknown == {"error": {"code": -32602, "message": "Unknown tool: get_v2"}}
    assert decoy_over_mcp(DECOY, "forward") is None
