"""What a session between a host and a stdio server does where processes and pipes would leave it to chance."""

import asyncio

from earthwire.fault_models.call import Drawn
from earthwire.fault_models.plan import Abort, Forward, Plan, RelayBody, RelayHead
from earthwire.proxy.mcp.stdio_session import StdioSession, StdioSettings

BOUND_S = 10
REQUEST = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get"}}\n'
REPLY = b'{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"done"}]}}\n'
CUT = Plan(
    "malformed:truncated", 0.0, 0.0, (Forward(), RelayHead(), RelayBody(0.0, 0.5), Abort("fin")), "tool"
)


class OnePlan:
    seed = 0
    profile_hash = "test"

    def draw(self, call):
        return Drawn(0, CUT)


def test_a_tool_that_the_profile_does_not_have_is_said_once():
    async def scenario():
        warnings = []

        async def nowhere(data):
            pass

        settings = StdioSettings(server="s", tool_keys=("s/put",))
        session = StdioSession(settings, OnePlan(), nowhere, nowhere, lambda record: None, warnings.append)
        for number, line in enumerate((REQUEST, REQUEST, REQUEST.replace(b"get", b"put"))):
            await session.from_host(line.replace(b'"id":1', b'"id":%d' % number))
        await session.from_host(b'{"jsonrpc":"2.0","id":9,"method":"initialize","params":{}}\n')
        await session.settle(0.0)
        return warnings

    warnings = asyncio.run(asyncio.wait_for(scenario(), BOUND_S))
    assert [text.partition(":")[0] for text in warnings] == ["s/get"]


def test_the_end_waits_for_an_answer_that_is_being_written_and_knows_that_it_ends_the_server():
    async def scenario():
        written, records, host_reads = [], [], asyncio.Event()

        async def to_host(data):
            await host_reads.wait()
            written.append(data)

        async def to_server(data):
            pass

        settings = StdioSettings(server="s", layers=("transport",))
        session = StdioSession(settings, OnePlan(), to_host, to_server, records.append, print)
        await session.from_host(REQUEST)
        await session.from_server(REPLY)
        while not records:
            await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.05, host_reads.set)
        await session.settle(BOUND_S)
        return b"".join(written), session.broken.is_set(), len(records)

    written, is_broken, record_count = asyncio.run(asyncio.wait_for(scenario(), BOUND_S))
    assert written == REPLY[: len(written)] != REPLY
    assert (len(written) > 0, is_broken, record_count) == (True, True, 1)
