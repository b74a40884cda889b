"""Texts that end early, and texts that say more than was asked for."""

from typing import Final

import msgspec

from earthwire.fault_models.uniforms import UniformStream

BUILT_IN_DISTRACTIONS: Final = (
    "Note: the office will be closed on the first Monday of next month.",
    "This page was last reviewed by the documentation team and found to be complete.",
    "Did you know? The service also offers a monthly summary by e-mail.",
    "Our spring survey is open; it takes about three minutes.",
    "Other users also looked at the archive and at the release notes.",
    "Weather in the region stays mild, with light wind from the west.",
    "The cafeteria menu for this week has been published on the intranet.",
    "Reminder: older versions of the mobile app are no longer supported.",
)
"""Sentences that have nothing to do with anything that was asked."""


class Truncation(msgspec.Struct, frozen=True):
    """Texts that end early.

    Attributes:
        rate: share of texts that are cut.
        keep_min, keep_max: range of the part that is kept.
        marker: put at the end of what was cut.
    """

    rate: float
    keep_min: float
    keep_max: float
    marker: str = ""
    name = "truncation"

    def apply(self, text: str, uniforms: UniformStream, severity: float) -> str:
        """Return the text, perhaps cut; a higher severity cuts more texts, none of them shorter."""
        u = uniforms.at(0)
        if u[0] >= self.rate * severity:
            return text
        kept = int((self.keep_min + u[1] * (self.keep_max - self.keep_min)) * len(text))
        return text if kept >= len(text) else text[:kept] + self.marker


class Distraction(msgspec.Struct, frozen=True):
    """Irrelevant sentences before or after a text.

    Attributes:
        rate: share of texts that get one.
        texts: sentences to choose from.
    """

    rate: float
    texts: tuple[str, ...] = BUILT_IN_DISTRACTIONS
    name = "distraction"

    def apply(self, text: str, uniforms: UniformStream, severity: float) -> str:
        """Return the text, perhaps with a sentence more."""
        u = uniforms.at(0)
        if u[0] >= self.rate * severity:
            return text
        sentence = self.texts[int(u[1] * len(self.texts))]
        return f"{sentence} {text}" if u[2] < 0.5 else f"{text} {sentence}"
