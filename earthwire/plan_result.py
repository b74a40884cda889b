"""What a plan makes of the result of a Python callable: the same steps that the proxy performs on bytes."""

import json
from typing import Any

from earthwire.fault_models.damage import Payload, damaged
from earthwire.fault_models.plan import Abort, Body, Forward, Head, Plan, RelayBody, RelayDamaged, RelayHead
from earthwire.tool_errors import ToolConnectionError, ToolHTTPError

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
    """

    def __init__(self, plan: Plan, tool: str) -> None:
        self.tool = tool
        self.is_forwarded = bool(plan.steps) and isinstance(plan.steps[0], Forward)
        self._plan = plan
        self._answer: Any = None

    def answer(self, value: Any) -> None:
        """Take what the tool itself returned."""
        self._answer = value

    def result(self) -> Any:
        """Return what the caller gets.

        Raises:
            ToolConnectionError: if the plan ends the connection before the whole answer was there.
            ToolHTTPError: if the plan answers with an error status.
        """
        value, head, body, partial = self._answer, None, b"", None
        for step in self._plan.steps:
            if isinstance(step, Head):
                head = step
            elif isinstance(step, Body):
                body += step.data
            elif isinstance(step, RelayHead):
                partial = b""
            elif isinstance(step, RelayBody):
                partial = self._part(step.fraction)
            elif isinstance(step, RelayDamaged):
                value = self._damaged(step)
            elif isinstance(step, Abort):
                seen = partial if head is None else body
                raise ToolConnectionError(self.tool, step.how == "rst", seen)
        return value if head is None else self._own(head, body)

    def _part(self, fraction: float) -> bytes:
        whole = _bytes_of(self._answer)
        return b"" if whole is None else whole[: int(len(whole) * fraction)]

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
