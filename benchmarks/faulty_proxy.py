"""An earthwire whose calls end in every way that the wire knows, in turn: the subject of the soak.

python benchmarks/faulty_proxy.py PORT UPSTREAM RECORD
"""

import argparse
from pathlib import Path

from earthwire.fault_models import Abort, Body, Call, Drawn, Forward, Head, Plan, RelayBody, RelayHead, Wait
from earthwire.fault_models.damage import OPERATORS
from earthwire.fault_models.plan import RelayDamaged, Step
from earthwire.proxy import ServeConfig, run

DELAY_S = 0.005
OK_SHARE = 0.8
_ERROR = b'{"error": "the tool is overloaded"}'
_JSON = (("content-type", "application/json"),)


def plan(outcome: str, *steps: Step) -> Plan:
    return Plan(outcome, 0.0, 0.0, steps, "assumed")


GOOD = (
    plan("ok", Forward(), Wait(DELAY_S), RelayHead(), RelayBody(DELAY_S)),
    plan("ok", Forward(), RelayHead(), RelayBody()),
)
FAULTS = (
    plan("http_5xx:503", Head(503, _JSON, len(_ERROR)), Body(_ERROR)),
    plan("http_429", Forward(), Wait(DELAY_S), Head(429, (("retry-after", "1"),), 0)),
    plan("conn_error", Abort("rst")),
    plan("conn_error", Forward(), Wait(DELAY_S), Abort("fin")),
    plan("conn_error", Forward(), RelayHead(), Abort("rst")),
    plan("conn_error", Head(200, _JSON, 4 * len(_ERROR)), Body(_ERROR), Abort("fin")),
    plan("timeout", Forward(), Abort("hang")),
    plan("malformed", Forward(), RelayHead(), RelayBody(fraction=0.5), Abort("rst")),
    *(plan("malformed", Forward(), RelayDamaged(name, 0.5)) for name in sorted(OPERATORS)),
)


class EveryEnding:
    """Plans good calls, and between them every fault in turn."""

    seed = 0
    profile_hash = "benchmark"

    def __init__(self) -> None:
        self._count = 0

    def draw(self, call: Call) -> Drawn:
        """Return the plan of the next call."""
        index, self._count = self._count, self._count + 1
        period = round(1 / (1 - OK_SHARE))
        is_fault = index % period == 0
        chosen = FAULTS[index // period % len(FAULTS)] if is_fault else GOOD[index % len(GOOD)]
        return Drawn(index, chosen)

    def tool_of(self, method: str, path: str) -> str:
        """Return the tool of a request."""
        return "GET tool/x"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("port", type=int)
    parser.add_argument("upstream", help="URL of the tool")
    parser.add_argument("record", type=Path, help="file for the recording")
    given = parser.parse_args()
    run(
        ServeConfig(upstreams={"tool": given.upstream}, port=given.port, record_path=given.record),
        EveryEnding(),
    )


if __name__ == "__main__":
    main()
