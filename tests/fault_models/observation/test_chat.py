from earthwire.fault_models.observation.chat import changed_user_turns, is_chat_request

OPENAI = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "sys"},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "tool", "content": "result", "tool_call_id": "1"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "second"}, {"type": "image_url", "image_url": {"url": "u"}}],
        },
    ],
}
ANTHROPIC = {
    "model": "m",
    "system": "sys",
    "messages": [
        {"role": "user", "content": "first"},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "1", "name": "x", "input": {"text": "t"}}],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "1", "content": "result"},
                {"type": "text", "text": "second"},
            ],
        },
    ],
}
RESPONSES = {
    "model": "m",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "first"}]},
        {"type": "function_call", "name": "x", "arguments": "{}"},
    ],
}


def upper(value: object) -> object:
    return changed_user_turns(value, str.upper)


def test_the_users_own_words_change_in_openai_requests() -> None:
    after = upper(OPENAI)
    assert isinstance(after, dict)
    assert [turn["content"] for turn in after["messages"][:4]] == ["sys", "FIRST", None, "result"]
    assert after["messages"][4]["content"][0] == {"type": "text", "text": "SECOND"}
    assert after["messages"][4]["content"][1] == OPENAI["messages"][4]["content"][1]


def test_tool_results_in_anthropic_user_turns_stay() -> None:
    after = upper(ANTHROPIC)
    assert isinstance(after, dict)
    assert after["system"] == "sys"
    assert after["messages"][1:] == [
        ANTHROPIC["messages"][1],
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "1", "content": "result"},
                {"type": "text", "text": "SECOND"},
            ],
        },
    ]


def test_responses_requests_have_turns_or_a_text_as_input() -> None:
    after = upper(RESPONSES)
    assert isinstance(after, dict)
    assert after["input"][0]["content"][0]["text"] == "FIRST"
    assert after["input"][1] == RESPONSES["input"][1]
    assert upper({"model": "m", "input": "hello"}) == {"model": "m", "input": "HELLO"}


def test_what_is_no_chat_request_is_not_taken_for_one() -> None:
    assert is_chat_request(OPENAI)
    assert is_chat_request(RESPONSES)
    assert not is_chat_request({"messages": []})
    assert not is_chat_request({"model": "T", "name": "car"})
    assert not is_chat_request([1])
    assert upper([1]) == [1]
