"""HTTP clients as people write them: ``python http_clients.py NAME URL`` asks once, and says on stderr what went wrong.

Runs in an environment of its own, without earthwire. Exit code 0: it got what it wanted.
"""

import asyncio
import sys

TIMEOUT_S = 3.0
TRIES = 4
PROMPT = [{"role": "user", "content": "Is all well?"}]


def checked(answer: object) -> None:
    """Fail where an answer is not the list that was asked for."""
    items = answer["items"]  # type: ignore[index]
    if not items or "price" not in items[0]:
        raise ValueError("the answer has no items with a price")


def requests_plain(url: str) -> None:
    """requests as it comes."""
    import requests

    response = requests.get(f"{url}/items", timeout=TIMEOUT_S)
    response.raise_for_status()
    checked(response.json())


def requests_retry(url: str) -> None:
    """requests with urllib3's Retry."""
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    session = requests.Session()
    retry = Retry(TRIES, backoff_factor=0.2, status_forcelist=(429, 500, 502, 503, 504))
    session.mount("http://", HTTPAdapter(max_retries=retry))
    response = session.get(f"{url}/items", timeout=TIMEOUT_S)
    response.raise_for_status()
    checked(response.json())


def httpx_plain(url: str) -> None:
    """httpx as it comes."""
    import httpx

    response = httpx.get(f"{url}/items", timeout=TIMEOUT_S)
    response.raise_for_status()
    checked(response.json())


def httpx_tenacity(url: str) -> None:
    """httpx with tenacity around it."""
    import httpx
    import tenacity

    def is_worth_it(error: BaseException) -> bool:
        if isinstance(error, httpx.HTTPStatusError):
            return error.response.status_code in (429, 500, 502, 503, 504)
        return True

    @tenacity.retry(
        stop=tenacity.stop_after_attempt(TRIES),
        wait=tenacity.wait_exponential(multiplier=0.2, max=2.0),
        retry=tenacity.retry_if_exception(is_worth_it),
        reraise=True,
    )
    def ask() -> None:
        response = httpx.get(f"{url}/items", timeout=TIMEOUT_S)
        response.raise_for_status()
        checked(response.json())

    ask()


def aiohttp_plain(url: str) -> None:
    """aiohttp as it comes."""
    import aiohttp

    async def ask() -> None:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with (
            aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as session,
            session.get(f"{url}/items") as response,
        ):
            checked(await response.json())

    asyncio.run(ask())


def openai_chat(url: str) -> None:
    """OpenAI's SDK, a whole answer."""
    import openai

    client = openai.OpenAI(base_url=f"{url}/v1", api_key="not-a-key", timeout=TIMEOUT_S)
    answer = client.chat.completions.create(model="built-in", messages=PROMPT)
    _checked_text(answer.choices[0].message.content)


def openai_stream(url: str) -> None:
    """OpenAI's SDK, a stream."""
    import openai

    client = openai.OpenAI(base_url=f"{url}/v1", api_key="not-a-key", timeout=TIMEOUT_S)
    events = client.chat.completions.create(model="built-in", messages=PROMPT, stream=True)
    _checked_text("".join(event.choices[0].delta.content or "" for event in events))


def anthropic_message(url: str) -> None:
    """Anthropic's SDK, a whole answer."""
    import anthropic

    client = anthropic.Anthropic(base_url=url, api_key="not-a-key", timeout=TIMEOUT_S)
    answer = client.messages.create(model="built-in", max_tokens=9, messages=PROMPT)
    _checked_text(answer.content[0].text)


def anthropic_stream(url: str) -> None:
    """Anthropic's SDK, a stream."""
    import anthropic

    client = anthropic.Anthropic(base_url=url, api_key="not-a-key", timeout=TIMEOUT_S)
    with client.messages.stream(model="built-in", max_tokens=9, messages=PROMPT) as stream:
        _checked_text("".join(stream.text_stream))


def _checked_text(text: object) -> None:
    if text != "All is well.":
        raise ValueError(f"the model said {text!r}")


CLIENTS = {
    function.__name__: function
    for function in (
        requests_plain,
        requests_retry,
        httpx_plain,
        httpx_tenacity,
        aiohttp_plain,
        openai_chat,
        openai_stream,
        anthropic_message,
        anthropic_stream,
    )
}


def main() -> None:
    """Run one client; name on stderr what it could not get over."""
    name, url = sys.argv[1:]
    try:
        CLIENTS[name](url)
    except Exception as error:
        print(f"{type(error).__name__}: {error}"[:300], file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
