"""What every change of a text has in common: settings, and a pure function from text and uniforms to text."""

from typing import Protocol

from earthwire.fault_models.uniforms import UniformStream


class TextStep(Protocol):
    """Changes a text. The same text and uniforms give the same result; a higher severity never changes fewer words."""

    @property
    def name(self) -> str:
        """Key of the step in a recipe; what its changes are counted under."""

    def apply(self, text: str, uniforms: UniformStream, severity: float) -> str:
        """Return the text with the step's changes.

        Args:
            text: to change.
            uniforms: of this text and step; position i belongs to word, gap or text i.
            severity: multiplies the step's rate.
        """
