"""What a reader keeps of its source."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Choices for reading foreign formats. The defaults keep nothing that could hold a secret.

    Files in a format of our own hold what was chosen when they were written; they are read as they are.

    Attributes:
        keep_bodies: keep response bodies, response headers and request bodies, redacted.
        keep_urls: keep full URLs, redacted.
        templates: path templates such as ``/users/{id}`` that win over the heuristic.
        in_band_errors: a success whose body is nothing but an error report is ``semantic_error``, not ``ok``.
    """

    keep_bodies: bool = False
    keep_urls: bool = False
    templates: tuple[str, ...] = ()
    in_band_errors: bool = True
