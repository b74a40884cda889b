"""Agents on the SDKs of model providers: ``python model_tool_clients.py NAME HOW URL`` asks until the model is done.

Runs in an environment of its own, without earthwire. HOW is ``whole`` or ``stream``. Prints a JSON object: the tools
that the model was seen to call, and what it said in the end. The only tool is ``get_weather``; a call of any other one
ends the agent with an error.
"""

import json
import sys

TIMEOUT_S = 10.0
TURNS_MAX = 8
QUESTION = "How is the weather in Rome?"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
ABOUT = {"name": "get_weather", "description": "Weather of a city."}


def weather(called: list[str], name: str, arguments: dict) -> str:
    """Do the work of the only tool there is."""
    called.append(name)
    if name != "get_weather":
        raise LookupError(f"there is no tool {name}")
    return f"22 C in {arguments['city']}"


def openai_chat(url: str, called: list[str], streams: bool) -> str:
    """OpenAI's chat completions."""
    import openai

    client = openai.OpenAI(base_url=f"{url}/v1", api_key="not-a-key", timeout=TIMEOUT_S, max_retries=0)
    tools = [{"type": "function", "function": {**ABOUT, "parameters": SCHEMA}}]
    turns = [{"role": "user", "content": QUESTION}]
    for _ in range(TURNS_MAX):
        if streams:
            with client.chat.completions.stream(model="m", messages=turns, tools=tools) as stream:
                answer = stream.get_final_completion()
        else:
            answer = client.chat.completions.create(model="m", messages=turns, tools=tools)
        message = answer.choices[0].message
        if not message.tool_calls:
            return message.content
        turns.append(message)
        for call in message.tool_calls:
            result = weather(called, call.function.name, json.loads(call.function.arguments))
            turns.append({"role": "tool", "tool_call_id": call.id, "content": result})
    raise RuntimeError("the model never ends")


def openai_responses(url: str, called: list[str], streams: bool, chains: bool = False) -> str:
    """OpenAI's responses."""
    import openai

    client = openai.OpenAI(base_url=f"{url}/v1", api_key="not-a-key", timeout=TIMEOUT_S, max_retries=0)
    tools = [{"type": "function", **ABOUT, "parameters": SCHEMA, "strict": False}]
    items = [{"role": "user", "content": QUESTION}]
    previous = {}
    for _ in range(TURNS_MAX):
        if streams:
            with client.responses.stream(model="m", input=items, tools=tools, **previous) as stream:
                answer = stream.get_final_response()
        else:
            answer = client.responses.create(model="m", input=items, tools=tools, **previous)
        calls = [item for item in answer.output if item.type == "function_call"]
        if not calls:
            return answer.output_text
        done = [
            {
                "type": "function_call_output",
                "call_id": call.call_id,
                "output": weather(called, call.name, json.loads(call.arguments)),
            }
            for call in calls
        ]
        if chains:
            items, previous = done, {"previous_response_id": answer.id}
        else:
            items = [*items, *(item.model_dump(exclude_none=True) for item in answer.output), *done]
    raise RuntimeError("the model never ends")


def openai_chained(url: str, called: list[str], streams: bool) -> str:
    """OpenAI's responses, with the conversation kept by the server."""
    return openai_responses(url, called, streams, chains=True)


def anthropic_messages(url: str, called: list[str], streams: bool) -> str:
    """Anthropic's messages."""
    import anthropic

    client = anthropic.Anthropic(base_url=url, api_key="not-a-key", timeout=TIMEOUT_S, max_retries=0)
    tools = [{**ABOUT, "input_schema": SCHEMA}]
    turns = [{"role": "user", "content": QUESTION}]
    for _ in range(TURNS_MAX):
        asked = {"model": "m", "max_tokens": 99, "messages": turns, "tools": tools}
        if streams:
            with client.messages.stream(**asked) as stream:
                answer = stream.get_final_message()
        else:
            answer = client.messages.create(**asked)
        calls = [block for block in answer.content if block.type == "tool_use"]
        if not calls:
            return answer.content[0].text
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": weather(called, call.name, call.input)}
            for call in calls
        ]
        turns += [{"role": "assistant", "content": answer.content}, {"role": "user", "content": results}]
    raise RuntimeError("the model never ends")


CLIENTS = {
    function.__name__: function
    for function in (openai_chat, openai_responses, openai_chained, anthropic_messages)
}


def main() -> None:
    """Run one agent."""
    name, how, url = sys.argv[1:]
    called: list[str] = []
    said = CLIENTS[name](url, called, how == "stream")
    print(json.dumps({"called": called, "said": said}))


if __name__ == "__main__":
    main()
