"""Reports of small synthetic calls with hostile names, and a parser that holds a page to what pages promise."""

import base64
import hashlib
from html.parser import HTMLParser

from earthwire.grounding.gap.curves import Curves, draw_curves
from earthwire.grounding.gap.tool_comparison import ToolComparison, compare_tools
from earthwire.traces import TraceRecord
from earthwire.traces.columns.calls import Calls, calls_from_records

HOSTILE = '<script src="http://evil.example/x.js">alert(1)</script>'
BREAKOUT = '"></title></svg><img src=x onerror=alert(1)>'
TOOLS = ("search", HOSTILE, BREAKOUT, "日本語 & ünïcode")
CONFIDENCE = 0.99

_VOID = {"meta", "br", "hr", "img", "link", "input"}
_FRAME_TAGS = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "main",
    "header",
    "section",
    "details",
    "summary",
}
_TEXT_TAGS = {"h1", "h2", "p", "b", "span", "ul", "li", "div", "table", "thead", "tbody", "tr", "th", "td"}
_CHART_TAGS = {
    "figure",
    "figcaption",
    "svg",
    "desc",
    "g",
    "line",
    "text",
    "rect",
    "path",
    "circle",
    "polyline",
}
_ATTRIBUTES_OF_REQUESTS = {
    "src",
    "href",
    "srcset",
    "action",
    "formaction",
    "xlink:href",
    "data",
    "poster",
    "style",
}


class Page(HTMLParser):
    """Reads a page strictly: every tag is a known one and is closed in its turn.

    Attributes:
        texts: all text between tags, in order.
        tags: names of all elements, in order.
        charts: what each chart says of itself.
    """

    def __init__(self, document: str) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.charts: list[str] = []
        self.policy = ""
        self._open: list[str] = []
        self._style = ""
        self.feed(document)
        self.close()
        assert self._open == []
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        assert f"style-src 'sha256-{digest}'" in self.policy
        assert "url(" not in self._style
        assert "@import" not in self._style

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element, which must be of the kinds that pages are made of."""
        names = [name for name, _ in attrs]
        assert tag in _FRAME_TAGS | _TEXT_TAGS | _CHART_TAGS
        assert not [n for n in names if n in _ATTRIBUTES_OF_REQUESTS or n.startswith("on")]
        values = dict(attrs)
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"] or ""
        if values.get("class") == "chart":
            assert values["role"] == "img"
            self.charts.append(values["aria-label"] or "")
        self.tags.append(tag)
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the element that was opened last."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Take text."""
        if self._open and self._open[-1] == "style":
            self._style += data
        else:
            self.texts.append(data)


def check(document: str) -> Page:
    """Return a page that was read; raises AssertionError where it is not what it should be."""
    assert document.startswith("<!doctype html>")
    page = Page(document)
    assert page.policy.startswith("default-src 'none';")
    return page


def calls_of(tools: tuple[str, ...] = TOOLS, factor: float = 1.0, bad: int = 3) -> Calls:
    """Return eight sessions of 20 calls a tool, between 1 and 20 ms times `factor`; call number `bad` fails."""
    return calls_from_records(
        TraceRecord(
            tool=tool,
            session_id=f"s{session}",
            seq=20 * place + i,
            duration_ns=round((i + 1) * 1e6 * factor),
            outcome="timeout" if i == bad else "ok",
        )
        for session in range(8)
        for place, tool in enumerate(tools)
        for i in range(20)
    )


def curves_of(tools: tuple[str, ...] = TOOLS, factor: float = 1.1) -> tuple[Curves, list[ToolComparison]]:
    """Return curves and comparisons of two sides, the simulated one slower by `factor`."""
    real, simulated = calls_of(tools), calls_of(tools, factor, bad=4)
    return draw_curves(real, simulated, CONFIDENCE, real), compare_tools(real, simulated, CONFIDENCE)
