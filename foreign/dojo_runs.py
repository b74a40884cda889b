"""The tasks of `agentdojo` through the proxy: does every channel move a scripted agent's score, and no other one?

    python -m foreign.dojo_runs --seeds 10

The tools of the package are an MCP server behind the proxy, its ground truth is the agent, and it judges what became of
its world: 97 tasks a run.
"""

import argparse
import contextlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from foreign.environments import python_environment

HERE = Path(__file__).parent
EARTHWIRE = (sys.executable, "-c", "from earthwire.cli.main import main; main()")
PACKAGE = "agentdojo==0.1.35"
RUN_TIMEOUT_S = 3600.0

RECIPE = """\
earthwire_recipe: 1
name: dojo
profile: mcp-live
clock: {{mode: virtual}}
mcp:
  dojo: {{url: "{url}/mcp"}}
channels:
  observation:
    typos: {{rate: 0.1}}
  action:
    decoys: {{count: 8}}
costs: {{per_call: 0.01}}
budget: {{calls_max: 5}}
"""
"""All four channels. Each task is an episode: five calls, the list of tools among them."""


@contextlib.contextmanager
def dojo_server() -> Iterator[str]:
    """Run the server for the length of a block; yield its URL.

    Raises:
        EnvironmentUnavailableError: if the package cannot be installed.
    """
    python = python_environment("dojo", PACKAGE)
    process = subprocess.Popen(
        [str(python), str(HERE / "dojo_server.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


def stress(folder: Path, url: str, *options: str, tasks: int | None = None) -> tuple[int, str]:
    """Run the stress test; return its exit code and what it printed.

    Args:
        folder: for the recipe and the result file ``stress.json``.
        url: of the server.
        options: further ones of ``earthwire stress``.
        tasks: how many, from the first one on; None for all.
    """
    recipe = folder / "dojo.yaml"
    recipe.write_text(RECIPE.format(url=url), "utf-8")
    client = [sys.executable, str(HERE / "dojo_client.py"), "{url}", *([] if tasks is None else [str(tasks)])]
    result = subprocess.run(
        [
            *EARTHWIRE,
            "stress",
            f"--agent={shlex.join(client)}",
            f"--recipe={recipe}",
            f"--output={folder / 'stress.json'}",
            *options,
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "DOJO_URL": url},
        timeout=RUN_TIMEOUT_S,
        check=False,
    )
    return result.returncode, result.stdout


def report_of(folder: Path) -> dict[str, Any]:
    """Return the result file of a stress test that was run."""
    report: dict[str, Any] = json.loads((folder / "stress.json").read_text("utf-8"))
    return report


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, dojo_server() as url:
        _, printed = stress(Path(folder), url, f"--seeds={arguments.seeds}", "--jobs=2")
        print(printed)


if __name__ == "__main__":
    main()
