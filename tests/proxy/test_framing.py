"""Requests that can be read in two ways: none reaches the tool as a whole, however it is cut into pieces."""

import asyncio
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.framing_witness import PATIENCE_S, attempt, listening_witness, read_corpus

ATTACKS = read_corpus("attacks")
CONTROLS = read_corpus("controls")
MUTATION_SILENCE_S = 0.02

UNFINISHED = {"chunk size of 64 bits all set"}
"""Attacks that are well-formed as far as they go, and whose end never comes."""

# RFC 9112 allows tabs around these values; the parser does not, nor does nginx.
TABS_NOT_SERVED = {"length with blanks around it", "chunked with blanks around it"}


def whole(data):
    return [data]


def byte_by_byte(data):
    return [data[at : at + 1] for at in range(len(data))]


def test_corpus_holds_a_hundred_attacks_and_more():
    assert len(ATTACKS) >= 100
    assert len({case.data for case in ATTACKS}) == len(ATTACKS)


@pytest.mark.parametrize("pieces_of", [whole, byte_by_byte])
def test_no_attack_is_forwarded_and_no_answer_reaches_somebody_else(harness, play, pieces_of):
    async def scenario():
        fates = {}
        async with listening_witness() as witness, harness.proxy(witness.port) as running:
            for case in ATTACKS:
                trial = await attempt(witness, running.port, pieces_of(case.data))
                assert trial.fence == b"/fence", case.name
                assert b" 200 " not in trial.received, case.name
                fates[case.name] = trial.fate
        return fates

    fates = play(scenario())
    assert [name for name, fate in fates.items() if fate == "forwarded"] == []
    if pieces_of is whole:
        # What came in one piece and is malformed is not even begun; what is not malformed yet was waited for.
        assert {name for name, fate in fates.items() if fate == "cut"} == UNFINISHED


def test_a_tool_without_a_proxy_gets_most_attacks(harness, play):
    """The negative control: the same attempts, made on the witness itself, are seen to arrive."""

    async def scenario():
        async with listening_witness() as witness:
            return [(await attempt(witness, witness.port, [case.data], 0.02)).fate for case in ATTACKS[::4]]

    assert play(scenario()).count("forwarded") > len(ATTACKS[::4]) / 2


@pytest.mark.parametrize("pieces_of", [whole, byte_by_byte])
def test_unusual_requests_are_served(harness, play, pieces_of):
    async def scenario():
        fates = {}
        async with listening_witness() as witness, harness.proxy(witness.port) as running:
            for case in CONTROLS:
                trial = await attempt(witness, running.port, pieces_of(case.data), PATIENCE_S, answers=1)
                fates[case.name] = trial.fate
        return fates

    assert {name for name, fate in play(scenario()).items() if fate != "forwarded"} == TABS_NOT_SERVED


# A slow and obvious reader of RFC 9112, which gives up at the first byte that it does not expect.

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_LINE = re.compile(rb"([A-Z-]+) ([\x21\x22\x24-\x7e]+) HTTP/1\.([01])\r\n")
_FIELD = re.compile(rb"(" + _TOKEN + rb"):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)\r\n")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?\r\n")
_AUTHORITY = re.compile(rb"^https?://[^/?]+(?=[/?]|$)", re.IGNORECASE)


def strictly_read(data):
    """Return the requests, as (method, target, body), up to the first that is incomplete or malformed."""
    requests, at = [], 0
    while True:
        while data.startswith(b"\r\n", at):
            at += 2
        line = _LINE.match(data, at)
        if line is None:
            return requests
        fields, at = _read_fields(data, line.end())
        found = None if fields is None else _read_body(data, at, fields, line[3])
        if found is None:
            return requests
        body, at = found
        target = _AUTHORITY.sub(b"", line[2])
        requests.append((line[1], target if target[:1] in b"/*" and target else b"/" + target, body))


def _read_fields(data, at):
    fields = []
    while (field := _FIELD.match(data, at)) is not None:
        fields.append((field[1].lower(), field[2].strip(b" \t")))
        at = field.end()
    return (fields, at + 2) if data.startswith(b"\r\n", at) else (None, at)


def _read_body(data, at, fields, minor_version):
    lengths = [value for name, value in fields if name == b"content-length"]
    encodings = [value.lower() for name, value in fields if name == b"transfer-encoding"]
    hosts = [value for name, value in fields if name == b"host"]
    if len(lengths) + len(encodings) > 1 or len(hosts) > 1 or (not hosts and minor_version == b"1"):
        return None
    if encodings:
        return _read_chunks(data, at) if encodings == [b"chunked"] and minor_version == b"1" else None
    if lengths and not re.fullmatch(rb"[0-9]+", lengths[0]):
        return None
    end = at + int(lengths[0] if lengths else 0)
    return (data[at:end], end) if end <= len(data) else None


def _read_chunks(data, at):
    body = b""
    while (chunk := _CHUNK.match(data, at)) is not None:
        size, at = int(chunk[1], 16), chunk.end()
        if not size:
            trailers, end = _read_fields(data, at)
            return None if trailers is None else (body, end)
        body += data[at : at + size]
        at += size
        if not data.startswith(b"\r\n", at):
            return None
        at += 2
    return None


SPLICES = [
    *(b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b"\x0b", b":", b";a", b"0", b"0\r\n\r\n", b"\r\n\r\n"),
    *(
        b"3\r\nabc\r\n",
        b"Content-Length: 3\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Host: b\r\n",
        b" HTTP/1.1",
    ),
    b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
]


@st.composite
def mutants(draw):
    """A case of the corpus with a few bytes removed, inserted, replaced or repeated."""
    data = draw(st.sampled_from(ATTACKS + CONTROLS)).data
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 8)))
        match draw(st.sampled_from(["remove", "insert", "byte", "repeat"])):
            case "remove":
                data = data[:start] + data[end:]
            case "insert":
                data = data[:start] + draw(st.sampled_from(SPLICES)) + data[start:]
            case "byte":
                data = data[:start] + draw(st.binary(min_size=1, max_size=1)) + data[start + 1 :]
            case _:
                data = data[:end] + data[start:]
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=4)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]


def test_the_slow_reader_agrees_about_the_corpus():
    """The reader that mutations are held against refuses attacks and reads controls by itself."""
    read = {case.name for case in ATTACKS if strictly_read(case.data)}
    # Well-formed as far as framing goes, but not to be served here: no reader of framing can tell.
    assert read <= {
        name for name in read if re.search("Host|method|target|expectation|CONNECT|RTSP|ICE", name)
    }
    assert all(strictly_read(case.data) for case in CONTROLS)


def test_whatever_reaches_the_tool_is_what_a_strict_reader_reads(harness):
    """Mutants of the corpus: the tool sees no request but those that a strict reader finds, in their order."""

    with asyncio.Runner() as runner:
        witness_context = listening_witness()
        witness = runner.run(witness_context.__aenter__())
        proxy_context = harness.proxy(witness.port, record_path=None)
        running = runner.run(proxy_context.__aenter__())

        @settings(max_examples=800, deadline=None, suppress_health_check=list(HealthCheck))
        @given(mutants())
        def check(pieces):
            trial = runner.run(attempt(witness, running.port, pieces, MUTATION_SILENCE_S))
            expected = strictly_read(b"".join(pieces))
            seen = strictly_read(b"".join(trial.requests))
            assert len(seen) == len(trial.requests), "the tool was sent something malformed"
            assert seen == expected[: len(seen)]
            assert trial.fence == b"/fence"
            host = b"\r\nHost: 127.0.0.1:%d\r\n" % witness.port
            assert all(request.count(host) == 1 for request in trial.requests)

        try:
            check()
        finally:
            runner.run(proxy_context.__aexit__(None, None, None))
            runner.run(witness_context.__aexit__(None, None, None))
