"""The SDKs of model providers, in an environment of their own, with decoys among the tools of their requests."""

import asyncio
import json
from functools import partial
from pathlib import Path

import pytest

from earthwire.config.channel_models import channels_of
from earthwire.config.recipe import RecipeFile
from earthwire.fault_models.channels import CHANNELS_ATTRIBUTE
from earthwire.fault_models.reward import decoy_rounds_of
from earthwire.proxy.pass_through import PassThrough
from earthwire.proxy.server import ServeConfig, running_proxy
from earthwire.traces import read_traces
from foreign.environments import ROOT, EnvironmentUnavailableError, python_environment
from foreign.http_runs import PACKAGES
from tests.model_server import DECOY, OWN, OWN_TOOL, TEXT, ScriptedModel

CLIENT = ROOT / "foreign" / "model_tool_clients.py"
SCRIPT = [[DECOY], [DECOY, OWN, OWN], [DECOY, DECOY], [OWN]]
"""A decoy; a decoy beside two own calls; two decoys; an own call; text."""


@pytest.fixture(scope="module")
def python() -> Path:
    try:
        return python_environment("http-clients", *PACKAGES)
    except EnvironmentUnavailableError as error:
        pytest.skip(f"the SDKs cannot be installed here: {error}")


@pytest.mark.slow
@pytest.mark.parametrize("how", ["whole", "stream"])
@pytest.mark.parametrize("name", ["openai_chat", "openai_responses", "openai_chained", "anthropic_messages"])
def test_an_agent_sees_its_own_tools_called_and_no_other(
    name: str, how: str, python: Path, tmp_path: Path
) -> None:
    channels = {"action": {"decoys": {"count": 3}}}

    async def run() -> tuple[bytes, bytes, ScriptedModel]:
        async with asyncio.timeout(60), ScriptedModel(SCRIPT) as model:
            read = RecipeFile.model_validate(
                {"earthwire_recipe": 1, "routes": {"model": {"upstream": model.url}}, "channels": channels}
            )
            config = ServeConfig(
                upstreams={"model": model.url},
                port=0,
                record_path=tmp_path / "r.jsonl",
                channels=partial(channels_of, read),
            )
            async with running_proxy(config, PassThrough(), lambda _: None) as proxy:
                url = f"http://127.0.0.1:{proxy.port}/e/a"
                process = await asyncio.create_subprocess_exec(
                    str(python),
                    str(CLIENT),
                    name,
                    how,
                    url,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                )
                printed, said = await process.communicate()
            return printed, said, model

    printed, said, model = asyncio.run(run())
    assert printed, said.decode()
    assert json.loads(printed) == {"called": [OWN_TOOL] * 3, "said": TEXT}
    assert [len(made) for made in model.answered] == [1, 3, 2, 1, 0]
    records = list(read_traces(tmp_path / "r.jsonl"))
    called = [
        json.loads(record.attributes or "{}")[CHANNELS_ATTRIBUTE].get("decoys_called", 0)
        for record in records
    ]
    assert called == [2, 2, 0]
    assert [decoy_rounds_of(record.attributes).calls for record in records] == [1, 1, 0]
