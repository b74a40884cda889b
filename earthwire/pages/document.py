"""The frame of every page: one file that asks nobody for anything. Reports run nothing, live pages one script."""

import base64
import hashlib
from collections.abc import Sequence

import htpy
from markupsafe import Markup

from earthwire.pages.style import STYLE

_LARGE_CHARTS_MAX = 2


def page(title: str, parts: Sequence[htpy.Node]) -> str:
    """Return a whole HTML document.

    The policy in its head lets browsers apply the one style sheet that stands in the page and refuse all else: no
    script runs and nothing is fetched, whatever the names in the traces are. They are escaped besides.

    Args:
        title: of the window.
        parts: of the body, from top to bottom.
    """
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = [htpy.meta(http_equiv="Content-Security-Policy", content=policy), htpy.style[Markup(STYLE)]]
    return _document(title, head, htpy.main[list(parts)])


def live_page(title: str, parts: Sequence[htpy.Node], script: str, nonce: str) -> str:
    """Return a whole HTML document that one script keeps up to date.

    Args:
        title: of the window.
        parts: of the body, from top to bottom.
        script: of ours; it stands in the page as it is.
        nonce: of the policy that the page is sent with, fresh each time: only what carries it runs or is applied.
    """
    head = [htpy.style(nonce=nonce)[Markup(STYLE)]]
    return _document(title, head, htpy.main[list(parts)], htpy.script(nonce=nonce)[Markup(script)])


def _document(title: str, head: Sequence[htpy.Node], *body: htpy.Node) -> str:
    return str(
        htpy.html(lang="en")[
            htpy.head[
                htpy.meta(charset="utf-8"),
                htpy.meta(name="viewport", content="width=device-width, initial-scale=1"),
                htpy.meta(name="referrer", content="no-referrer"),
                htpy.title[title],
                list(head),
            ],
            htpy.body[list(body)],
        ]
    )


def section(title: str, *parts: htpy.Node) -> htpy.Element:
    """Return a part of the page under a heading."""
    return htpy.section[htpy.h2[title], list(parts)]


def figure(caption: str, chart: htpy.Element, note: str = "") -> htpy.Element:
    """Return a chart with its caption, and a sentence on how to read it."""
    return htpy.figure[htpy.figcaption[caption], chart, htpy.p[note] if note else None]


def chart_grid(charts: Sequence[htpy.Element]) -> htpy.Element | None:
    """Return charts beside each other, up to two of them larger; None where there are none."""
    if not charts:
        return None
    return htpy.div(class_="charts" if len(charts) > _LARGE_CHARTS_MAX else "charts wide")[list(charts)]


def key_figures(figures: Sequence[tuple[str, str]]) -> htpy.Element:
    """Return the few figures that matter most, each with what it means."""
    return htpy.ul(class_="figures")[
        [htpy.li[htpy.b[value], htpy.span[meaning]] for value, meaning in figures]
    ]


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], caption: str, ours: str | None = None
) -> htpy.Element:
    """Return a table that scrolls on its own where it is too wide.

    Args:
        head: names of columns.
        rows: cells, the first of each naming it.
        caption: what it shows, for screen readers.
        ours: first cell of the row to stress.
    """
    return htpy.div(class_="scroll", tabindex="0", role="region", aria_label=caption)[
        htpy.table[
            htpy.thead[htpy.tr[[htpy.th(scope="col")[name] for name in head]]],
            htpy.tbody[
                [
                    htpy.tr(class_="ours" if row[0] == ours else None)[
                        htpy.th(scope="row")[row[0]],
                        [htpy.td[cell] for cell in row[1:]],
                    ]
                    for row in rows
                ]
            ],
        ]
    ]
