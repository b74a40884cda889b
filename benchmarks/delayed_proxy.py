"""An earthwire that holds every call for a fixed time: the subject of other benchmarks.

python benchmarks/delayed_proxy.py PORT UPSTREAM DELAY_S [RECORD]
"""

import argparse
from pathlib import Path

from earthwire.fault_models import Call, Drawn, Forward, Plan, RelayBody, RelayHead, Wait
from earthwire.proxy import ServeConfig, run


class DelayPlanner:
    """Plans the same delay for every call, until the first and the last byte."""

    seed = 0
    profile_hash = "benchmark"

    def __init__(self, delay_s: float) -> None:
        steps = (Forward(), Wait(delay_s), RelayHead(), RelayBody(delay_s))
        self._drawn = Drawn(0, Plan("ok", delay_s, delay_s, steps, "assumed"))

    def draw(self, call: Call) -> Drawn:
        """Return the plan."""
        return self._drawn

    def tool_of(self, method: str, path: str) -> str:
        """Return the tool of a request."""
        return "GET tool/x"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("port", type=int)
    parser.add_argument("upstream", help="URL of the tool")
    parser.add_argument("delay_s", type=float, help="of every call")
    parser.add_argument("record", type=Path, nargs="?", help="file for the recording")
    given = parser.parse_args()
    config = ServeConfig(upstreams={"tool": given.upstream}, port=given.port, record_path=given.record)
    run(config, DelayPlanner(given.delay_s))


if __name__ == "__main__":
    main()
