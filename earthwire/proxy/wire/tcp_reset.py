"""The end of a TCP connection that its peer sees as a reset."""

import socket
import struct

_LINGER_RESET = struct.pack("ii", 1, 0)


def reset_on_close(raw: socket.socket) -> None:
    """Have a connection end with a reset when its socket is closed.

    Raises:
        OSError: if the socket is closed already.
    """
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
