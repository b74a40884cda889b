"""The page of the dashboard: headings, empty tables and drawings, and the script that fills them in."""

from importlib.resources import files

import htpy

from earthwire.pages import figure, legend, live_page, section
from earthwire.pages.drawing import WIDTH
from earthwire.proxy.admin.live_history import WINDOW_S
from earthwire.proxy.admin.live_models import EPISODES_SHOWN_MAX, MOMENTS_MAX, TOOLS_SHOWN_MAX

SCRIPT = files("earthwire.proxy.admin").joinpath("dashboard.js").read_text("utf-8")

_CHART_HEIGHT = 150
_FIGURES = (
    ("rate", "calls a second"),
    ("fault-share", "of the calls failed"),
    ("inflight", "calls under way"),
    ("lag", "loop lag"),
    ("error", "delay error, p50 / p99"),
    ("calls", "calls since the start"),
)
_KIND_HEAD = ("kind", "layer", "calls", "of all calls", "")
_TOOL_HEAD = ("tool", "calls", "failed", "p50", "p99", "time to the last byte")
_EPISODE_HEAD = ("episode", "worker", "since", "seed", "clock", "calls", "faults", "latency", "cost")


def dashboard_page(nonce: str) -> str:
    """Return the page as one HTML document.

    Args:
        nonce: of the policy that it is sent with.
    """
    return live_page(
        "earthwire: dashboard",
        [_header(), _token_form(), htpy.div(id="figures", hidden=True)[_charts(), _tables()]],
        SCRIPT,
        nonce,
    )


def _header() -> htpy.Element:
    return htpy.header[
        htpy.h1["What the proxy does now"],
        htpy.p(id="status", class_="quiet", role="status")["Asking…"],
        htpy.noscript[
            htpy.p["This page needs JavaScript. The same figures are at /metrics, for Prometheus."]
        ],
        htpy.ul(class_="figures")[
            [htpy.li[htpy.b(id=name)["–"], htpy.span[meaning]] for name, meaning in _FIGURES]
        ],
    ]


def _token_form() -> htpy.Element:
    return htpy.form(id="ask", hidden=True)[
        htpy.p[
            "Open the address that earthwire serve prints when it starts, or give the admin token; it is kept nowhere."
        ],
        htpy.input(
            id="token", type="password", aria_label="Admin token", autocomplete="off", spellcheck="false"
        ),
        " ",
        htpy.button["Show"],
    ]


def _charts() -> htpy.Node:
    calls = legend((("real", "calls"), ("simulated", "faults")))
    times = legend((("real", "achieved"), ("simulated", "planned")))
    minutes = f"The last {MOMENTS_MAX} seconds, one point a second."
    return htpy.fragment[
        section(
            "Calls",
            calls,
            htpy.div(class_="charts")[
                figure("Calls and faults a second", _chart("rate-chart"), minutes),
                figure("Calls under way", _chart("inflight-chart"), minutes),
                figure("Loop lag", _chart("lag-chart"), minutes),
            ],
        ),
        section(
            "Latency, planned and achieved",
            times,
            htpy.div(class_="charts wide")[
                figure(
                    "Share of the calls that take at most so long",
                    _chart("latency-chart"),
                    f"Calls of the last {WINDOW_S} seconds, each on its episode's clock.",
                ),
                figure("The same in figures", _table("latency", ("", "calls", "p50", "p99"))),
            ],
        ),
    ]


def _tables() -> htpy.Node:
    return htpy.fragment[
        section(
            "Faults since the start", htpy.p(id="faults-note", class_="quiet"), _table("kinds", _KIND_HEAD)
        ),
        section(
            "Tools since the start",
            htpy.p(id="tools-note", class_="quiet")[f"The {TOOLS_SHOWN_MAX} busiest ones."],
            _table("tools", _TOOL_HEAD),
        ),
        section(
            "Declared episodes",
            htpy.p(id="episodes-note", class_="quiet")[f"The {EPISODES_SHOWN_MAX} newest ones."],
            _table("episodes", _EPISODE_HEAD),
        ),
    ]


def _chart(name: str) -> htpy.Element:
    return htpy.svg(id=name, class_="chart", viewBox=f"0 0 {WIDTH} {_CHART_HEIGHT}", role="img")


def _table(name: str, head: tuple[str, ...]) -> htpy.Element:
    """Return a table without rows; the script adds them."""
    return htpy.div(class_="scroll", tabindex="0", role="region", aria_label=name)[
        htpy.table[
            htpy.thead[htpy.tr[[htpy.th(scope="col")[column] for column in head]]],
            htpy.tbody(id=name),
        ]
    ]
