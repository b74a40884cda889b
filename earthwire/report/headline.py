"""The top of a page: what was found, how sure that is, and what would improve it."""

from collections.abc import Sequence

import htpy

from earthwire.grounding.gap.verdict import Verdict
from earthwire.pages.document import key_figures

_LOOK = {"pass": "good", "fail": "bad", "INVALID": "bad", "insufficient data": "unsure"}


def headline(
    title: str,
    subtitle: str,
    verdict: Verdict,
    figures: Sequence[tuple[str, str]],
    sentences: Sequence[str],
    reasons: Sequence[str],
) -> htpy.Element:
    """Return title, verdict and key figures.

    Args:
        title: the question that the page answers.
        subtitle: of what.
        verdict: the answer.
        figures: values with their meaning.
        sentences: how sure it is, and what to do next.
        reasons: what the verdict rests on.
    """
    return htpy.header[
        htpy.h1[title],
        htpy.p(class_="quiet")[subtitle],
        htpy.p[htpy.span(class_=f"verdict {_LOOK[verdict]}")[f"Verdict: {verdict}"]],
        key_figures(figures) if figures else None,
        [htpy.p[sentence] for sentence in sentences],
        htpy.ul[[htpy.li[reason] for reason in reasons]],
    ]
