"""earthwire: simulated tools that are as slow and as faulty as the recorded ones."""

from earthwire.entry import simulate
from earthwire.tool_errors import ToolConnectionError, ToolContentError, ToolHTTPError, ToolTimeoutError

__all__ = ["ToolConnectionError", "ToolContentError", "ToolHTTPError", "ToolTimeoutError", "simulate"]

__version__ = "0.1.0"
