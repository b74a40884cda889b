"""An earthwire that holds every call for a fixed time: the subject of other benchmarks.

python benchmarks/delayed_proxy.py PORT UPSTREAM DELAY_S [RECORD]
"""

import sys
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
    port, upstream, delay_s, *record = sys.argv[1:]
    record_path = Path(record[0]) if record else None
    config = ServeConfig(upstreams={"tool": upstream}, port=int(port), record_path=record_path)
    run(config, DelayPlanner(float(delay_s)))


if __name__ == "__main__":
    main()
