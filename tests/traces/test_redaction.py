import json
import time

import pytest

from earthwire.traces._secrets import CREDENTIAL_SHAPES, is_secret_name, redact_text
from earthwire.traces.redaction import (
    BODY_CHARACTERS_MAX,
    redact_body,
    redact_headers,
    redact_url,
)

JSON = "application/json"
# Put together at run time, so that no scanner takes the examples for leaked credentials.
SECRETS = {
    "jwt": "eyJ" + "hbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    "bearer": "Bearer " + "abcdef0123456789",
    "aws": "AKIA" + "IOSFODNN7EXAMPLE",
    "github": "ghp_" + "a1B2" * 9,
    "github fine": "github_pat_" + "a1B2" * 8,
    "openai": "sk-proj-" + "a1B2" * 8,
    "anthropic": "sk-ant-api03-" + "a1B2" * 8,
    "stripe": "sk_live_" + "a1B2" * 6,
    "slack": "xoxb-" + "123456789012-abcdefABCDEF",
    "google": "AIza" + "a1B2" * 9,
    "key": "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
    "email": "jane.doe+x@mail.example.org",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
def test_credentials_vanish_wherever_they_stand(secret: str) -> None:
    core = secret.removeprefix("Bearer ")
    assert core not in redact_text(f"before {secret} after")
    if core == secret:
        assert core not in redact_url(f"https://a.example/{secret}?q={core}")
    assert core not in redact_body(f"note: {secret}.", "text/plain")
    body = redact_body(json.dumps({"note": f"x\n{secret} y"}), JSON)
    assert core not in body
    assert "MIIE" not in body
    assert set(json.loads(body)) == {"note"}


@pytest.mark.parametrize(
    "text",
    [
        "the quick brown fox",
        "sk-some-kebab-case-words-here",
        "2026-07-03T13:56:49.327238Z",
        "a@b",
        "task-a1b2c3d4e5f6a7b8c9d0",
        "iframe-resizer@3.5.5",
        "basic plan",
    ],
)
def test_plain_text_survives(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize(
    "name",
    ["password", "userPassword", "client_secret", "X-Api-Key", "access_token", "refreshToken", "private_key",
     "token", "Authorization", "X-Amz-Signature", "sig", "Set-Cookie"[4:]],
)  # fmt: skip
def test_secret_names(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "next_page_token",
        "max_tokens",
        "token_type",
        "secrets",
        "secret_id",
        "key",
        "author",
        "passport",
        "signal",
    ],
)
def test_harmless_names(name: str) -> None:
    assert not is_secret_name(name)


def test_headers_are_kept_by_an_allow_list() -> None:
    headers = {
        "Content-Type": ["application/json"],
        "Set-Cookie": ["sid=1"],
        "X-Brand-New-Secret": ["s"],
        "X-RateLimit-Remaining": ["3"],
        "Location": ["https://bob:pw@a.example/?token=1"],
        "WWW-Authenticate": ['Bearer resource_metadata="https://a.example/x"'],
    }
    assert redact_headers(headers) == {
        "content-type": ["application/json"],
        "x-ratelimit-remaining": ["3"],
        "location": ["https://a.example/?token=REDACTED"],
        "www-authenticate": ['Bearer resource_metadata="https://a.example/x"'],
    }


def test_urls_lose_user_secret_parameters_and_fragment() -> None:
    url = "https://bob:hunter2@a.example/v1?api_key=abc&page=2&flag&mail=jane%40mail.example#access_token=1"
    assert redact_url(url) == (
        "https://a.example/v1?api_key=REDACTED&page=2&flag&mail=redacted%40example.com"
    )


def test_json_loses_secret_values_and_nothing_else() -> None:
    text = '{ "password" : "p", "n":1.50, "big": 12345678901234567890, "pin_token": 7, "a": [true, null, 1e400] }'
    redacted = redact_body(text, JSON)
    assert redacted == text.replace('"p"', '"REDACTED"')


def test_json_secret_keys_cover_numbers_arrays_and_escaped_names() -> None:
    text = r'{"token": 123, "api_key": ["a", "b"], "after": "kept", "pass\u0077ord": "x", "auth": {"type": "kept"}}'
    redacted = json.loads(redact_body(text, JSON))
    assert redacted == {
        "token": 0,
        "api_key": ["REDACTED", "REDACTED"],
        "after": "kept",
        "password": "REDACTED",
        "auth": {"type": "kept"},
    }


def test_json_without_escapes_or_secret_keys_loses_credentials_and_nothing_else() -> None:
    assert redact_body('["plain", 7, "jane@mail.example", "ü"]', JSON) == (
        '["plain", 7, "redacted@example.com", "ü"]'
    )
    assert redact_body('{"note": "ü jane@mail.example"}', JSON) == '{"note": "ü redacted@example.com"}'


def test_line_breaks_within_a_string_hide_no_secret() -> None:
    """Some servers write them unescaped; what is strict takes such a string for none, and leaves its escapes be."""
    assert "\\u0040" not in redact_body('{"note": "first\njane\\u0040mail.example"}', JSON)


def test_json_with_escapes_stays_json() -> None:
    text = r'{"a": "tab\tjane@mail.example", "b": "\ud83d\ude00 \"quoted\"", "c": "\\"}'
    redacted = json.loads(redact_body(text, JSON))
    assert redacted == {"a": "tab\tredacted@example.com", "b": '😀 "quoted"', "c": "\\"}


def test_what_starts_like_json_is_taken_for_it_whatever_its_type() -> None:
    for content_type in (None, "text/plain"):
        assert redact_body(' {"otp": 123456, "n": 1}', content_type) == ' {"otp": 0, "n": 1}'


def test_empty_secrets_stay_empty() -> None:
    assert redact_body('{"password":""}', JSON) == '{"password":""}'


def test_forms_and_loose_text_lose_assignments() -> None:
    assert redact_body("user=a&password=b", "application/x-www-form-urlencoded") == "user=a&password=REDACTED"
    assert redact_body("api_key: abcdef, next", "text/plain") == "api_key: REDACTED, next"
    assert "hunter22" not in redact_body('{"password": "hunter22', "application/json-seq")


def test_bodies_over_the_bound_are_cut() -> None:
    assert len(redact_body("x" * (BODY_CHARACTERS_MAX + 5), "text/plain")) == BODY_CHARACTERS_MAX


@pytest.mark.parametrize(
    "unit", ['"', "a", "a.", "@", "eyJ", '{"a":', "\\", "sk-", "://a:", "token", "-----BEGIN ", "basic "]
)
def test_hostile_text_takes_linear_time(unit: str) -> None:
    """Twice the text takes about twice the time; a quadratic pattern would take four times it, for seconds."""
    text = unit * (BODY_CHARACTERS_MAX // len(unit))
    started_s = time.process_time()
    redact_body(text, JSON)
    redact_body(text, "text/plain")
    assert time.process_time() - started_s < 10


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
def test_every_shape_that_matches_is_triggered(secret: str) -> None:
    matching = [shape for shape in CREDENTIAL_SHAPES if shape.pattern.search(f"x {secret} y")]
    assert matching
    assert all(shape.trigger.search(secret) for shape in matching)


def test_secrets_hidden_by_escapes_are_found() -> None:
    body = r'{"a": "jane\u0040mail.example", "\u0074oken": "hidden"}'
    redacted = json.loads(redact_body(body, JSON))
    assert redacted["a"] == "redacted@example.com"
    assert redacted["token"] == "REDACTED"


def test_a_body_without_secrets_comes_back_as_it_is() -> None:
    body = '{"id": 1, "items": [{"name": "plain", "tokens": 5}]}'
    assert redact_body(body, JSON) is body
