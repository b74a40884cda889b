"""Does a call through the proxy take as long as recorded, although the upstream has a latency of its own?

A tool's recorded law is log-normal (mean 200 ms). The upstream behind the proxy answers after a log-normal time of 30 %
of that mean. Over real HTTP, the Wasserstein-1 distance of achieved latencies from the recorded law, in parts of its
mean, is held against the provable bound (what the upstream is too slow for) and against two other ways: to wait for the
recorded latency whatever the upstream takes (`max`), and to wait for it after the upstream's answer (`sum`).

    python benchmarks/grounding.py [--calls 4000] [--share 0.3] [--json]
"""

import argparse
import asyncio
import json
import math
import time

import aiohttp
import numpy as np
from aiohttp import web

from earthwire.fault_models import (
    LEVELS,
    START,
    GroundedSimulation,
    LatencyTable,
    OutcomeCounts,
    Profile,
    Simulation,
    ToolLaws,
    normal_quantile,
)
from earthwire.proxy.local_server import LocalServer
from earthwire.proxy.server import ServeConfig, running_proxy

TOOL = "GET api.example.com/t0"
MEAN_S = 0.2
SIGMA = 0.6
UPSTREAM_SIGMA = 0.8
CONNECTIONS = 32
LEARNING_CALLS = 200


def recorded_law() -> LatencyTable:
    return LatencyTable(
        5_000, tuple(MEAN_S * math.exp(SIGMA * normal_quantile(p) - SIGMA**2 / 2) for p in LEVELS)
    )


def profile() -> Profile:
    laws = ToolLaws(
        5_000, 100, OutcomeCounts({START: {"ok": 1}, "ok": {"ok": 4_999}}), {"ok": recorded_law()}
    )
    return Profile({TOOL: laws}, laws)


def slow_upstream(mean_s: float) -> LocalServer:
    rng = np.random.default_rng(5)

    async def answer(_: web.Request) -> web.Response:
        await asyncio.sleep(mean_s * math.exp(rng.normal(-(UPSTREAM_SIGMA**2) / 2, UPSTREAM_SIGMA)))
        return web.json_response({"state": "ready"})

    application = web.Application()
    application.router.add_get("/{name}", answer)
    return LocalServer(application)


async def achieved_s(
    planner: Simulation | GroundedSimulation, upstream_mean_s: float, calls: int
) -> tuple[np.ndarray, dict[str, float]]:
    """Return the latencies seen by the client after `LEARNING_CALLS`, and the shares that are infeasible."""
    seen: list[float] = []
    left = iter(range(calls))
    async with (
        slow_upstream(upstream_mean_s) as upstream,
        running_proxy(ServeConfig(upstreams={"tool": upstream.url}, port=0), planner) as proxy,
    ):

        async def worker() -> None:
            async with aiohttp.ClientSession(
                f"http://127.0.0.1:{proxy.port}", connector=aiohttp.TCPConnector(limit=1)
            ) as client:
                for i in left:
                    begin_s = time.perf_counter()
                    async with client.get(f"/e/run-{i}/t0") as response:
                        await response.read()
                    if i >= LEARNING_CALLS:
                        seen.append(time.perf_counter() - begin_s)

        await asyncio.gather(*(worker() for _ in range(CONNECTIONS)))
    infeasible = planner.infeasible_shares() if isinstance(planner, GroundedSimulation) else {}
    return np.array(seen), infeasible


def distance(seen_s: np.ndarray) -> float:
    """Return the Wasserstein-1 distance from the recorded law in parts of its mean."""
    law = recorded_law()
    ranks = (np.arange(len(seen_s)) + 0.5) / len(seen_s)
    target = np.array([law.quantile_s(rank) for rank in ranks])
    return float(np.abs(np.sort(seen_s) - target).mean() / target.mean())


def study(calls: int, share: float) -> dict[str, float]:
    grounded, infeasible = asyncio.run(
        achieved_s(GroundedSimulation(Simulation(profile(), 1)), share * MEAN_S, calls)
    )
    latest, _ = asyncio.run(achieved_s(Simulation(profile(), 1), share * MEAN_S, calls))
    rng = np.random.default_rng(0)
    law = recorded_law()
    target = np.array([law.quantile_s(u) for u in rng.random(len(latest))])
    added = share * MEAN_S * np.exp(rng.normal(-(UPSTREAM_SIGMA**2) / 2, UPSTREAM_SIGMA, len(latest)))
    return {
        "calls": float(calls),
        "upstream_share": share,
        "bound": next(iter(infeasible.values()), 0.0),
        "grounded": distance(grounded),
        "max": distance(latest),
        "sum": distance(target + added),
        "sampling": distance(target),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=4_000)
    parser.add_argument("--share", type=float, default=0.3, help="mean of the upstream over the recorded one")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    result = study(arguments.calls, arguments.share)
    if arguments.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:16}{value:10.4f}")


if __name__ == "__main__":
    main()
