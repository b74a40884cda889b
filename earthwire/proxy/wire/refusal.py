"""Answers of our own: requests that we refuse and upstreams that fail, as honest JSON errors."""

from http import HTTPStatus

import msgspec


class RequestRefusedError(Exception):
    """A request that is not forwarded, by the client's fault.

    Args:
        status: HTTP status of the answer.
        code: short stable name of the reason.
        text: what is wrong and what to do about it.
    """

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.text = text


class UpstreamError(Exception):
    """An upstream that did not answer, by its own fault.

    Args:
        code: kind of the failure: ``name_not_resolved``, ``connect_failed``, ``connect_timeout``, ``tls_failed``,
            ``no_response``, ``response_timeout``, ``bad_response`` or ``body_cut``.
        text: what happened.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text

    @property
    def status(self) -> int:
        """HTTP status that tells this failure to the client."""
        return 504 if self.code.endswith("_timeout") else 502


def error_body(code: str, text: str, **details: object) -> bytes:
    """Return the JSON body of an answer of our own."""
    return msgspec.json.encode(
        {"error": {"code": code, "message": text, "from": "earthwire proxy", **details}}
    )


def error_response(status: int, body: bytes, *, close: bool, with_body: bool = True) -> bytes:
    """Return a whole JSON response.

    Args:
        status: HTTP status code.
        body: JSON.
        close: announce that the connection ends.
        with_body: False for the answer to a HEAD request.
    """
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        f"{'connection: close' + chr(13) + chr(10) if close else ''}\r\n"
    )
    return head.encode("ascii") + (body if with_body else b"")
