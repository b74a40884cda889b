"""What a simulated tool raises in process, where a real one would have failed its caller over the wire.

Each is also the built-in exception that callers of real tools catch.
"""

from collections.abc import Mapping


class ToolTimeoutError(TimeoutError):
    """The tool did not answer within the client's patience.

    Args:
        tool: key of the tool.
        waited_s: how long the client waited, in seconds, on the episode's clock.
    """

    def __init__(self, tool: str, waited_s: float) -> None:
        super().__init__(f"{tool}: no answer within {waited_s:g} s")
        self.tool = tool
        self.waited_s = waited_s


class ToolConnectionError(ConnectionError):
    """The connection ended before the whole answer was there.

    Args:
        tool: key of the tool.
        is_reset: it was reset; else it ended in order.
        partial: what had come of the body, or None if not even a head had.
    """

    def __init__(self, tool: str, is_reset: bool, partial: bytes | None = None) -> None:
        how = "was reset" if is_reset else "ended"
        when = "before an answer" if partial is None else f"after {len(partial)} bytes of the answer"
        super().__init__(f"{tool}: the connection {how} {when}")
        self.tool = tool
        self.is_reset = is_reset
        self.partial = partial


class ToolContentError(ValueError):
    """The answer cannot be read: it is not in the content coding that its head states.

    Args:
        tool: key of the tool.
    """

    def __init__(self, tool: str) -> None:
        super().__init__(f"{tool}: the answer is not in the content coding that its head states")
        self.tool = tool


class ToolHTTPError(Exception):
    """The tool answered with an error status.

    Args:
        tool: key of the tool.
        status: HTTP status code, 400 or above.
        headers: of the answer, names in lower case.
        body: of the answer.
    """

    def __init__(self, tool: str, status: int, headers: Mapping[str, str], body: str) -> None:
        super().__init__(f"{tool}: HTTP status {status}")
        self.tool = tool
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def retry_after_s(self) -> float | None:
        """Seconds that the tool asks to be left alone; None if it does not say, or not in seconds."""
        value = self.headers.get("retry-after", "")
        return float(value) if value.isdigit() else None
