"""The admin API under schemathesis: thousands of requests made from its own OpenAPI document, valid and not."""

import asyncio
import re
from pathlib import Path

import pytest

from earthwire.config import read_profile, shipped_profile_path
from earthwire.fault_models import Simulation
from earthwire.proxy.admin_config import AdminConfig
from earthwire.proxy.limits import Limits
from earthwire.proxy.server import ServeConfig, running_proxy
from foreign.environments import EnvironmentUnavailableError, python_environment

TOKEN = "a-token-of-the-tests-alone"
FUZZ_TIMEOUT_S = 120.0
REQUESTS_MIN = 300
OPERATION_COUNT = 11


async def fuzz(schemathesis: Path, folder: Path) -> tuple[int, str]:
    config = ServeConfig(
        upstreams={"tool": "http://127.0.0.1:9"},
        port=0,
        admin=AdminConfig(TOKEN),
        limits=Limits(declared_episodes_max=50),
    )
    laws = Simulation(read_profile(shipped_profile_path("demo")), 1)
    async with running_proxy(config, laws, lambda _: None) as proxy:
        host, port = proxy.admin.address
        process = await asyncio.create_subprocess_exec(
            schemathesis,
            "run",
            f"http://{host}:{port}/_earthwire/openapi.json",
            "--header",
            f"Authorization: Bearer {TOKEN}",
            "--max-examples=20",
            "--seed=1",
            "--no-color",
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(FUZZ_TIMEOUT_S):
            output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


@pytest.mark.slow
def test_no_request_breaks_the_admin_api_or_its_own_document(tmp_path: Path) -> None:
    try:
        python = python_environment("schemathesis", "schemathesis==4.32.5")
    except EnvironmentUnavailableError as error:
        pytest.skip(str(error))
    status, output = asyncio.run(fuzz(python.with_name("st"), tmp_path))
    assert status == 0, output
    tested = re.search(r"Tested: (\d+)", output)
    generated = re.search(r"(\d+) generated", output)
    assert tested is not None
    assert int(tested[1]) == OPERATION_COUNT
    assert generated is not None
    assert int(generated[1]) >= REQUESTS_MIN, output
