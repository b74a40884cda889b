"""What a plan makes of the result of a Python callable: the same steps that the proxy performs on bytes."""

import json
from typing import Any

from earthwire.fault_models.damage import Payload, damaged
from earthwire.fault_models.plan import (
    Abort,
    Body,
    Forward,
    Head,
    Plan,
    Raw,
    RelayBody,
    RelayDamaged,
    RelayFalseHead,
    RelayHead,
    RelayPart,
    steps_on,
)
from earthwire.tool_errors import ToolConnectionError, ToolContentError, ToolHTTPError

_JSON = "application/json"
_ERROR_STATUS_MIN = 400


class PlannedCall:
    """One call of a callable under a plan.

    Attributes:
        tool: key of the tool.
        is_forwarded: the plan asks the tool itself, whether or not its answer arrives.

    Args:
        plan: what is to happen.
        tool: key of the tool.
        reused: the tool was called before; its calls share one connection, as those of most clients do.
    """

    def __init__(self, plan: Plan, tool: str, *, reused: bool = False) -> None:
        self.tool = tool
        self._steps = steps_on(plan, reused=reused)
        self.is_forwarded = bool(self._steps) and isinstance(self._steps[0], Forward)
        self._answer: Any = None

    def answer(self, value: Any) -> None:
        """Take what the tool itself returned."""
        self._answer = value

    def result(self) -> Any:
        """Return what the caller gets.

        Raises:
            ToolConnectionError: if the plan ends the connection before the whole answer was there.
            ToolHTTPError: if the plan answers with an error status.
            ToolContentError: if the answer is not in the coding that its head states.
        """
        value, head, body, partial = self._answer, None, b"", None
        for step in self._steps:
            if isinstance(step, Head):
                head = step
            elif isinstance(step, Body):
                body += step.data
            elif isinstance(step, RelayHead):
                partial = b""
            elif isinstance(step, RelayBody):
                partial = self._part(step.fraction)
            elif isinstance(step, RelayPart):
                partial = (partial or b"") + self._next_part(step.byte_count, partial)
            elif isinstance(step, RelayFalseHead):
                value, partial = self._under_false_head(step), b""
            elif isinstance(step, RelayDamaged):
                value = self._damaged(step)
            elif isinstance(step, Abort | Raw):
                seen = partial if head is None else body
                raise ToolConnectionError(self.tool, isinstance(step, Abort) and step.how == "rst", seen)
        return value if head is None else self._own(head, body)

    def _part(self, fraction: float) -> bytes:
        whole = _bytes_of(self._answer)
        return b"" if whole is None else whole[: int(len(whole) * fraction)]

    def _next_part(self, byte_count: int | None, before: bytes | None) -> bytes:
        left = (_bytes_of(self._answer) or b"")[len(before or b"") :]
        return left if byte_count is None else left[:byte_count]

    def _under_false_head(self, step: RelayFalseHead) -> Any:
        """Return what a client makes of an answer whose head says what is not true."""
        whole = _bytes_of(self._answer)
        if whole is None:
            return self._answer
        if any(name.lower() == "content-encoding" for name, _ in step.headers):
            raise ToolContentError(self.tool)
        if step.length_offset_bytes > 0:
            raise ToolConnectionError(self.tool, is_reset=False, partial=whole)
        stated_bytes = max(0, len(whole) + step.length_offset_bytes)
        return self._answer if stated_bytes == len(whole) else _like(self._answer, whole[:stated_bytes])

    def _damaged(self, step: RelayDamaged) -> Any:
        whole = _bytes_of(self._answer)
        if not whole:
            return self._answer
        content_type = (
            "text/plain" if isinstance(self._answer, str | bytes) and not _is_json(whole) else _JSON
        )
        result = damaged(Payload(whole, content_type), step.operator, step.u, step.aim)
        if result is None:
            return self._answer
        if result.missing_bytes:
            raise ToolConnectionError(self.tool, is_reset=False, partial=result.body)
        return _like(self._answer, result.body)

    def _own(self, head: Head, body: bytes) -> Any:
        text = body.decode("utf-8", "replace")
        if head.status >= _ERROR_STATUS_MIN:
            headers = {name.lower(): value for name, value in head.headers}
            raise ToolHTTPError(self.tool, head.status, headers, text)
        return _like({}, body)


def _bytes_of(value: Any) -> bytes | None:
    """Return a result as a tool would send it; None where it is nothing that could be sent."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except (TypeError, ValueError):
        return None


def _like(value: Any, body: bytes) -> Any:
    """Return a body in the form that the tool's own results have; text where JSON cannot be read any more."""
    if isinstance(value, bytes):
        return body
    text = body.decode("utf-8", "replace")
    if isinstance(value, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True
