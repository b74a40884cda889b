"""Whether a proxy serves, in one word."""

from earthwire.proxy.admin.models import HealthWord
from earthwire.proxy.admin.subject import Status

LAG_S_MAX = 1.0
"""A loop that was this late last is not ready for more calls."""


def health_word(status: Status) -> HealthWord:
    """Return how a proxy is that says this of itself."""
    if status.is_stopping:
        return "stopping"
    if not status.is_ready:
        return "starting"
    return "lagging" if status.lag_s > LAG_S_MAX else "ok"
