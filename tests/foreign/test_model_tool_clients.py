"""The SDKs of model providers, in an environment of their own, with decoys among the tools of their requests."""

import asyncio
import json
from functools import partial
from pathlib import Path

import pytest

from earthwire.config.channel_models import channels_of
from earthwire.config.recipe import RecipeFile
from earthwire.fault_models.channels import changes_in
from earthwire.fault_models.reward import decoy_rounds_of
from earthwire.proxy.calls.pass_through import PassThrough
from earthwire.proxy.limits import Limits
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


def met(
    name: str, how: str, python: Path, record: Path, limits: Limits
) -> tuple[bytes, bytes, ScriptedModel]:
    """Run an agent; return what it printed, what it complained of, and the model that it talked to."""

    async def run() -> tuple[bytes, bytes, ScriptedModel]:
        async with asyncio.timeout(60), ScriptedModel(SCRIPT) as model:
            read = RecipeFile.model_validate(
                {
                    "earthwire_recipe": 1,
                    "routes": {"model": {"upstream": model.url}},
                    "channels": {"action": {"decoys": {"count": 3}}},
                }
            )
            config = ServeConfig(
                upstreams={"model": model.url},
                port=0,
                record_path=record,
                channels=partial(channels_of, read),
                limits=limits,
            )
            async with running_proxy(config, PassThrough(), lambda _: None) as proxy:
                process = await asyncio.create_subprocess_exec(
                    *(str(python), str(CLIENT), name, how, f"http://127.0.0.1:{proxy.port}/e/a"),
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                )
                printed, complaint = await process.communicate()
            return printed, complaint, model

    return asyncio.run(run())


@pytest.mark.slow
@pytest.mark.parametrize("how", ["whole", "stream"])
@pytest.mark.parametrize("name", ["openai_chat", "openai_responses", "openai_chained", "anthropic_messages"])
def test_an_agent_sees_its_own_tools_called_and_no_other(
    name: str, how: str, python: Path, tmp_path: Path
) -> None:
    printed, complaint, model = met(name, how, python, tmp_path / "r.jsonl", Limits())
    assert printed, complaint.decode()
    assert json.loads(printed) == {"called": [OWN_TOOL] * 3, "said": TEXT}
    assert [len(made) for made in model.answered] == [1, 3, 2, 1, 0]
    records = list(read_traces(tmp_path / "r.jsonl"))
    assert [changes_in(record.attributes).get("decoys_called", 0) for record in records] == [2, 2, 0]
    assert [decoy_rounds_of(record.attributes).calls for record in records] == [1, 1, 0]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["openai_chat", "anthropic_messages"])
def test_an_agent_cannot_go_on_where_answers_are_too_long_to_be_looked_into(
    name: str, python: Path, tmp_path: Path
) -> None:
    """The negative control: the decoy reaches the agent, which has no such tool."""
    limits = Limits(damaged_body_bytes_max=10)
    printed, complaint, _ = met(name, "whole", python, tmp_path / "r.jsonl", limits)
    assert not printed
    assert b"LookupError: there is no tool" in complaint
