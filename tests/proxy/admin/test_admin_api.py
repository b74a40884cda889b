"""The admin side over real sockets: who may use it, what it takes, and what it tells."""

import asyncio
import json
import stat
from functools import partial

import pytest

from earthwire.config import read_profile, shipped_profile_path
from earthwire.fault_models import Simulation
from earthwire.fault_models.reward import Budget, Ledger, Potential, Price, PriceTable
from earthwire.proxy.admin_config import AdminConfig
from earthwire.proxy.admin_token import check_token, new_token, read_token, write_token
from earthwire.proxy.calls.pass_through import PassThrough
from earthwire.proxy.calls.spending import Spending
from earthwire.proxy.limits import Limits
from earthwire.proxy.mcp.server import McpConfig
from earthwire.proxy.server import ServeConfig, ServeError, running_proxy
from earthwire.traces import read_jsonl

TOKEN = "a-token-of-the-tests-alone"
EPISODES = "/_earthwire/episodes"
LAWS = Simulation(read_profile(shipped_profile_path("demo")), 1)


class Answer:
    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])
        }

    @property
    def json(self):
        return json.loads(self.body)


class Admin:
    """Talks to the admin side in raw HTTP, so that every header can be wrong."""

    def __init__(self, harness, proxy) -> None:
        self._harness = harness
        self.proxy = proxy
        self.host, self.port = proxy.admin.address

    async def ask(self, method: str, path: str, body: object = None, **headers: str | None) -> Answer:
        fields = {
            "Host": f"{self.host}:{self.port}",
            "Authorization": f"Bearer {TOKEN}",
            "Connection": "close",
        }
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        if body is not None:
            fields |= {"Content-Type": "application/json", "Content-Length": str(len(data))}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
        return Answer(
            await self._harness.talk(self.port, f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + data)
        )


def with_admin(harness, scenario, planner=LAWS, **options):
    async def run():
        async with harness.upstream(harness.response()) as upstream:
            config = ServeConfig(
                upstreams={"tool": f"http://127.0.0.1:{upstream.port}"},
                port=0,
                admin=AdminConfig(TOKEN),
                record_path=harness.folder / "records.jsonl",
                **options,
            )
            async with running_proxy(config, planner) as proxy:
                return await scenario(Admin(harness, proxy))

    return asyncio.run(_closing(harness, run()))


async def _closing(harness, scenario):
    async with asyncio.timeout(30):
        try:
            return await scenario
        finally:
            await harness.close_connections()


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Authorization": None}, 401, "token_needed"),
        ({"Authorization": "Bearer wrong"}, 401, "token_needed"),
        ({"Authorization": f"Basic {TOKEN}"}, 401, "token_needed"),
        ({"Authorization": f"Bearer {TOKEN}x"}, 401, "token_needed"),
        ({"Authorization": "Bearer \xff"}, 401, "token_needed"),
        ({"Host": "evil.example"}, 421, "wrong_host"),
        ({"Host": "127.0.0.1:1"}, 421, "wrong_host"),
        ({"Host": "evil.example:80"}, 421, "wrong_host"),
        ({"Origin": "http://evil.example"}, 403, "wrong_origin"),
        ({"Origin": "null"}, 403, "wrong_origin"),
    ],
)
@pytest.mark.parametrize("path", [EPISODES, "/metrics", "/_earthwire/openapi.json", "/unknown"])
def test_who_may_not_use_it_gets_nothing_but_the_reason(harness, path, headers, status, code) -> None:
    async def scenario(admin):
        return await admin.ask("GET", path, **headers)

    answer = with_admin(harness, scenario)
    assert (answer.status, answer.json["error"]["code"]) == (status, code)
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_its_own_page_may_use_it_but_no_preflight_is_answered(harness) -> None:
    async def scenario(admin):
        own = f"http://{admin.host}:{admin.port}"
        preflight = {"Origin": own, "Access-Control-Request-Method": "POST"}
        return await admin.ask("GET", EPISODES, Origin=own), await admin.ask("OPTIONS", EPISODES, **preflight)

    allowed, preflight = with_admin(harness, scenario)
    assert allowed.status == 200
    assert preflight.status == 405
    assert not [name for name in preflight.headers if name.startswith("access-control-")]


def test_health_is_told_to_whoever_asks_this_listener(harness) -> None:
    async def scenario(admin):
        return [
            await admin.ask("GET", "/healthz", Authorization=None),
            await admin.ask("GET", "/readyz", Authorization=None),
            await admin.ask("GET", "/healthz", Authorization=None, Host="evil.example"),
        ]

    healthy, ready, foreign = with_admin(harness, scenario)
    assert (healthy.status, healthy.json["status"]) == (200, "ok")
    assert ready.status == 200
    assert foreign.status == 421


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"seed": "7"}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"sed": 7}, "sed"),
        ({"clock": "slow"}, "clock"),
        ({"speed": 0}, "speed"),
        ({"client_timeout_s": -1}, "client_timeout_s"),
        ({"budget": {"calls": 3}}, "budget.calls"),
        ({"budget": {"calls_max": -1}}, "budget.calls_max"),
        ({"id": "a/b"}, "id"),
        ({"id": "x" * 129}, "id"),
        ({"profile": "/etc/passwd"}, "profile"),
        ([], "body"),
        (b"{", "body"),
        (b"\xff", "body"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(harness, body, place) -> None:
    async def scenario(admin):
        return await admin.ask("POST", EPISODES, body)

    answer = with_admin(harness, scenario)
    assert answer.status == 400
    assert answer.json["error"]["message"].startswith(f"{place}: ")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"sead": 1}, "sead: unknown key; did you mean `seed`?"),
        ({"budget": {"call_max": 1}}, "budget.call_max: unknown key; did you mean `calls_max`?"),
        ({"calls_max": 1}, "calls_max: unknown key; it belongs in `budget`"),
        (
            {"clock": "virtul"},
            "clock: 'virtul': input should be 'real', 'scaled' or 'virtual'; did you mean `virtual`?",
        ),
        ({"speed": 0}, "speed: 0: input should be greater than 0; allowed: 0.0 to 1000000.0"),
    ],
)
def test_a_misspelt_key_or_value_is_answered_with_the_nearest_one(harness, body, message) -> None:
    async def scenario(admin):
        return await admin.ask("POST", EPISODES, body)

    assert with_admin(harness, scenario).json["error"]["problems"] == [message]


def test_a_misspelt_key_of_a_query_is_answered_with_the_nearest_one(harness) -> None:
    async def scenario(admin):
        return await admin.ask("GET", EPISODES + "?limt=3")

    assert with_admin(harness, scenario).json["error"]["problems"] == [
        "limt: unknown key; did you mean `limit`?"
    ]


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("POST", EPISODES, b"seed=7", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ("POST", EPISODES, b" " * 70_000, {}, 413),
        ("GET", EPISODES + "?limit=0", None, {}, 400),
        ("GET", EPISODES + "?limit=1&limit=2", None, {}, 400),
        ("GET", EPISODES + "?sort=x", None, {}, 400),
        ("GET", EPISODES + "/none", None, {}, 404),
        ("DELETE", EPISODES + "/none", None, {}, 404),
        ("PUT", EPISODES, {}, {}, 405),
        ("GET", "/", None, {}, 404),
    ],
)
def test_other_mistakes_have_their_status(harness, method, path, body, headers, status) -> None:
    async def scenario(admin):
        return await admin.ask(method, path, body, **headers)

    answer = with_admin(harness, scenario)
    assert answer.status == status
    assert answer.json["error"]["from"] == "earthwire proxy"


def test_an_episode_is_declared_read_and_ended(harness) -> None:
    async def scenario(admin):
        wanted = {"id": "run-1", "seed": 7, "clock": "virtual", "client_timeout_s": 0.06}
        created = (await admin.ask("POST", EPISODES, wanted)).json
        target = created["base_urls"]["tool"].split(str(admin.proxy.port))[1] + "/search"
        for _ in range(60):
            await harness.talk(admin.proxy.port, harness.get(target))
        twice = await admin.ask("POST", EPISODES, wanted)
        listed = await admin.ask("GET", EPISODES)
        read = await admin.ask("GET", f"{EPISODES}/run-1")
        ended = await admin.ask("DELETE", f"{EPISODES}/run-1")
        gone = await admin.ask("GET", f"{EPISODES}/run-1")
        return created, twice, listed, read, ended, gone

    created, twice, listed, read, ended, gone = with_admin(harness, scenario)
    assert created["draws_as"] == "run-1"
    assert created["headers"] == {"x-earthwire-episode": "run-1"}
    assert (twice.status, gone.status) == (409, 404)
    assert listed.json == {"total": 1, "episodes": [read.json]}
    assert ended.json == read.json
    report = read.json
    assert report["calls"] == sum(report["outcomes"].values()) == 60
    assert report["faults"]["by_kind"].keys() <= report["outcomes"].keys()
    assert report["faults"]["count"] == sum(report["faults"]["by_layer"].values()) > 0
    latency = report["latency"]
    # Virtual time is what the agent's patience leaves of what was drawn, and nobody waited for it.
    assert latency["achieved_s"] < latency["virtual_s"] < latency["intended_s"]


def test_retries_are_recognised_from_the_calls_alone(harness) -> None:
    plan = harness.plan(*_refusal(), outcome="http_5xx:503")

    class Failing:
        seed, profile_hash = 0, "test"

        def draw(self, call):
            from earthwire.fault_models.call import Drawn

            return Drawn(0, plan)

        def tool_of(self, method, path, at=None):
            return f"{method} tool{path}"

    async def scenario(admin):
        created = (await admin.ask("POST", EPISODES, {})).json
        target = created["base_url"].split(str(admin.proxy.port))[1]
        body = b"Content-Length: 2\r\n\r\n"
        for data in (b"aa", b"aa", b"bb"):
            head = f"POST {target}/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n".encode() + body
            await harness.talk(admin.proxy.port, head + data)
        return (await admin.ask("GET", f"{EPISODES}/{created['id']}")).json["attempts"]

    attempts = with_admin(harness, scenario, Failing())
    assert (attempts["attempts"], attempts["retries"], attempts["logical_calls"]) == (3, 1, 2)
    assert attempts["gave_up"] == 2
    assert attempts["duplicate_effects"] == attempts["possible_duplicate_effects"] == 0


def _refusal():
    from earthwire.fault_models.plan import Head

    return (Head(503),)


def test_a_spent_budget_refuses_tools_of_mcp_and_never_the_session(harness) -> None:
    async def scenario(admin):
        wanted = {"budget": {"calls_max": 0}}
        created = (await admin.ask("POST", EPISODES, wanted)).json
        target = created["mcp_urls"]["files"].split(str(admin.proxy.port))[1]
        found = []
        for method in ("initialize", "tools/list", "tools/call"):
            message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"name": "get"}}
            body = json.dumps(message).encode()
            head = f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            found.append(await harness.talk(admin.proxy.port, head.encode() + body))
        return found

    async def run():
        async with harness.upstream(harness.response()) as upstream:
            config = ServeConfig(
                upstreams={},
                mcp={"files": McpConfig(url=f"http://127.0.0.1:{upstream.port}/mcp")},
                port=0,
                admin=AdminConfig(TOKEN),
            )
            async with running_proxy(config, PassThrough()) as proxy:
                return await scenario(Admin(harness, proxy))

    initialized, listed, called = asyncio.run(_closing(harness, run()))
    assert b"status code 429" not in initialized + listed
    assert b"status code 429" in called


def test_without_files_there_is_nothing_to_read_anew(harness) -> None:
    async def scenario(admin):
        return await admin.ask("POST", "/_earthwire/reload")

    answer = with_admin(harness, scenario)
    assert (answer.status, answer.json["error"]["code"]) == (409, "nothing_to_read")


def test_there_is_a_bound_on_episodes(harness) -> None:
    async def scenario(admin):
        return [(await admin.ask("POST", EPISODES, {})).status for _ in range(3)]

    assert with_admin(harness, scenario, limits=Limits(declared_episodes_max=2)) == [201, 201, 429]


def test_metrics_count_calls_and_name_no_episode(harness) -> None:
    async def scenario(admin):
        await admin.ask("POST", EPISODES, {"id": "secret-name"})
        await harness.talk(admin.proxy.port, harness.get("/e/secret-name/search"))
        await harness.talk(admin.proxy.port, harness.get("/search"))
        return await admin.ask("GET", "/metrics")

    answer = with_admin(harness, scenario, tool_keys=("GET api.example/users",))
    text = answer.body.decode()
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    calls = {
        name: float(value) for name, value in samples.items() if name.startswith("earthwire_calls_total")
    }
    assert sum(calls.values()) == 2
    assert float(samples["earthwire_achieved_seconds_count"]) == 2
    assert float(samples["earthwire_episodes"]) == 1
    assert 'earthwire_intended_seconds_bucket{le="300.0"}' in samples
    assert "earthwire_event_loop_lag_seconds" in samples
    assert float(samples["earthwire_unknown_tools"]) == 1
    assert "secret-name" not in text


def test_a_port_that_is_taken_is_a_clear_error(harness) -> None:
    async def scenario(admin):
        config = ServeConfig(
            upstreams={"tool": "http://127.0.0.1:9"}, port=0, admin=AdminConfig(TOKEN, port=admin.port)
        )
        with pytest.raises(ServeError, match=f"the admin side: port {admin.port}"):
            async with running_proxy(config, LAWS, lambda _: None):
                pass

    with_admin(harness, scenario)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_no_call_of_an_agent_leads_to_the_admin_side(harness, host) -> None:
    async def scenario(admin):
        # The port is free again by the time that it is asked for once more.
        return admin.port

    port = with_admin(harness, scenario)
    config = ServeConfig(
        upstreams={"own": f"http://{host}:{port}"}, port=0, admin=AdminConfig(TOKEN, port=port)
    )

    async def start():
        async with running_proxy(config, LAWS, lambda _: None):
            pass

    with pytest.raises(ServeError, match="upstream 'own' is the admin side"):
        asyncio.run(start())


def test_a_token_file_is_its_owners_alone(tmp_path) -> None:
    path = tmp_path / "token"
    path.write_text("old")
    path.chmod(0o644)
    token = new_token()
    write_token(path, token)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_token(path) == token
    assert [file.name for file in tmp_path.iterdir()] == ["token"]


@pytest.mark.parametrize(
    "token", ["short", "with a space in the middle", "ünïcödé-ünïcödé-ünïcödé", "a\n" * 20]
)
def test_a_token_of_the_users_own_must_be_fit_for_use(token: str) -> None:
    with pytest.raises(ValueError, match="the admin token"):
        check_token(token)


def test_tokens_differ() -> None:
    assert new_token() != new_token()
    assert check_token(new_token())


def test_costs_and_what_they_make_of_the_reward_are_read_back(harness) -> None:
    def spending():
        potential = Potential(1.0, {"*": 4.0})
        ledger = partial(
            Ledger, PriceTable(Price(per_call=0.5), {}), budget=Budget(calls_max=3), potential=potential
        )
        return Spending(ledger, 429)

    async def scenario(admin):
        created = (await admin.ask("POST", EPISODES, {"id": "run-1"})).json
        before = (await admin.ask("GET", f"{EPISODES}/run-1")).json
        target = created["base_urls"]["tool"].split(str(admin.proxy.port))[1] + "/search"
        for _ in range(5):
            await harness.talk(admin.proxy.port, harness.get(target))
        return before, (await admin.ask("DELETE", f"{EPISODES}/run-1")).json

    before, ended = with_admin(harness, scenario, PassThrough(), spending=spending)
    assert before["costs"] is None
    assert ended["costs"] == {
        "total": 1.5,
        "charges": {"calls": 1.5, "bytes": 0.0, "seconds": 0.0, "tokens": 0.0},
        "refused": 2,
        "budget_spent": "calls",
        "shaping": 4.0,
        "reward_terms": 2.5,
    }


@pytest.mark.parametrize("clock", ["real", "virtual"])
def test_an_episode_can_have_a_budget_of_its_own(harness, clock) -> None:
    async def scenario(admin):
        budget = {"calls_max": 2, "refusal_status": 402}
        wanted = {"clock": clock, "client_timeout_s": 5.0}
        paths = []
        for name, settings in (("poor", {**wanted, "budget": budget}), ("free", wanted)):
            made = (await admin.ask("POST", EPISODES, {"id": name, **settings})).json
            paths.append(made["base_urls"]["tool"].split(str(admin.proxy.port))[1] + "/search")
        answers = [
            await harness.talk(admin.proxy.port, harness.get(path)) for path in paths for _ in range(4)
        ]
        reports = [(await admin.ask("DELETE", f"{EPISODES}/{name}")).json for name in ("poor", "free")]
        return answers, reports

    answers, (poor, free) = with_admin(harness, scenario, PassThrough())
    assert [answer.split(b" ")[1] for answer in answers] == [b"200"] * 2 + [b"402"] * 2 + [b"200"] * 4
    assert (poor["costs"]["refused"], poor["costs"]["budget_spent"]) == (2, "calls")
    assert poor["client_timeout_s"] == 5.0
    assert free["costs"] is None or free["costs"]["refused"] == 0


PRICED = {
    "profile": "cloud-api",
    "seed": 5,
    "clock": {"mode": "virtual"},
    "client_timeout_s": 7.0,
    "costs": {"per_call": 2.0},
    "budget": {"calls_max": 3},
}


def test_an_episode_can_have_a_recipe_of_its_own(harness) -> None:
    async def scenario(admin):
        reports = []
        for name, more in (("a", {}), ("b", {"seed": 6, "clock": "scaled", "speed": 1e6})):
            created = await admin.ask("POST", EPISODES, {"id": name, "recipe": PRICED, **more})
            assert created.status == 201, created.body
            for _ in range(5):
                await harness.talk(admin.proxy.port, harness.get(f"/e/{name}/x"))
            reports.append((await admin.ask("GET", f"{EPISODES}/{name}")).json)
        return reports

    first, second = with_admin(harness, scenario, PassThrough())
    assert (first["clock"], first["seed"], first["client_timeout_s"]) == ("virtual", 5, 7.0)
    # Three calls at 2, then the budget is spent.
    assert (first["costs"]["total"], first["costs"]["refused"]) == (6.0, 2)
    assert first["latency"]["virtual_s"] > 0.0
    assert (second["clock"], second["seed"], second["speed"]) == ("scaled", 6, 1e6)
    laws = Simulation(read_profile(shipped_profile_path("cloud-api")), 0)
    drawn = {record.profile_hash for record in read_jsonl(harness.folder / "records.jsonl")}
    assert drawn == {laws.profile_hash}


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [
        ("no-such-recipe", "no-such-recipe"),
        ("/etc/passwd", "paths are not taken"),
        ("../six-faults.yaml", "paths are not taken"),
        (
            {"channels": {"observation": {"paraphrase": {"rate": 1, "url": "http://127.0.0.1:1"}}}},
            "paraphrase.url",
        ),
        (
            {"channels": {"observation": {"feilds": []}}},
            "recipe.channels.observation.feilds: unknown key; did you mean `fields`?",
        ),
        ({"routes": {"a": {"upstream": "http://127.0.0.1:1"}}, "listen": {}}, "`routes`, `listen`"),
        ({"profile": "./a.yaml"}, "recipe.profile"),
        ({"severity": -1}, "recipe.severity"),
        ({"sead": 1}, "recipe.sead: unknown key; did you mean `seed`?"),
    ],
)
def test_a_recipe_that_no_episode_can_have_is_refused_with_its_reason(harness, recipe, reason) -> None:
    async def scenario(admin):
        refused = await admin.ask("POST", EPISODES, {"id": "a", "recipe": recipe})
        return refused, await admin.ask("GET", EPISODES)

    refused, listed = with_admin(harness, scenario)
    assert (refused.status, refused.json["error"]["code"]) == (409, "recipe_refused")
    assert reason in refused.json["error"]["message"]
    assert listed.json["total"] == 0


def test_a_shipped_recipe_comes_by_its_name(harness) -> None:
    async def scenario(admin):
        created = await admin.ask("POST", EPISODES, {"id": "a", "recipe": "six-faults"})
        await harness.talk(admin.proxy.port, harness.get("/e/a/x"))
        return created.status

    assert with_admin(harness, scenario) == 201
