"""Texts that an endpoint outside rewrites. Pure code cannot ask it: it says what it needs and is called again.

A step looks its text up in what was rewritten so far. What is not there yet is a `Rewrite`; whoever acts sends it to
its endpoint and applies the channel once more, with the answer.
"""

from collections.abc import Mapping

import msgspec

from earthwire.fault_models.uniforms import UniformStream


class Rewrite(msgspec.Struct, frozen=True):
    """One text to be rewritten.

    Attributes:
        url: endpoint; it takes this as JSON and returns ``{"text": ...}``.
        text: to rewrite.
        language: to translate into, or None for a paraphrase.
    """

    url: str
    text: str
    language: str | None = None


class RewriteNeededError(Exception):
    """A text that has to be rewritten first.

    Args:
        rewrite: what to ask for.
    """

    def __init__(self, rewrite: Rewrite) -> None:
        super().__init__(rewrite.url)
        self.rewrite = rewrite


class RemoteStep(msgspec.Struct, frozen=True):
    """A share of texts is rewritten by an endpoint.

    Attributes:
        name: key of the step in a recipe.
        rate: share of texts.
        url: endpoint.
        language: to translate into, or None for a paraphrase.
    """

    name: str
    rate: float
    url: str
    language: str | None = None

    def apply_known(
        self, text: str, uniforms: UniformStream, severity: float, answers: Mapping[Rewrite, str]
    ) -> str:
        """Return the text, perhaps rewritten.

        Args:
            text: to rewrite.
            uniforms: of this text and step.
            severity: multiplies the rate.
            answers: what was rewritten so far.

        Raises:
            RewriteNeededError: if its rewriting is not known yet.
        """
        if uniforms.at(0)[0] >= self.rate * severity:
            return text
        rewrite = Rewrite(self.url, text, self.language)
        answer = answers.get(rewrite)
        if answer is None:
            raise RewriteNeededError(rewrite)
        return answer
