"""Every bound of the data plane, in one place."""

import msgspec

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on sizes, counts and times. Each has a name, and each has a clear error or a clear effect."""

    head_bytes_max: int = 64 * KIB
    """Request head (431 above it) and response head (502 above it)."""
    target_bytes_max: int = 16 * KIB
    """Request target (414 above it)."""
    request_body_bytes_max: int = GIB
    """Request body, declared or counted (413 above it)."""
    buffer_bytes_max: int = 256 * KIB
    """Body bytes held per message and direction before reading from that side pauses."""
    cut_body_bytes_max: int = 8 * MIB
    """Bytes held back while a body of unknown length is cut at a fraction; beyond, the cut is made at once."""
    damaged_body_bytes_max: int = MIB
    """Body that is read whole so that it can be damaged; a longer one ends there instead."""
    whole_body_bytes_max: int = 16 * MIB
    """Request body that must be read whole, to look up a recorded response (413 above it)."""
    kept_body_bytes_max: int = MIB
    """Bytes of a body that go into a trace record; the rest is dropped and the record says so."""
    discarded_body_bytes_max: int = 8 * MIB
    """Bytes of an unwanted request body that are read so that the connection can serve the next request."""
    client_connections_max: int = 20_000
    """Client connections at once (503 above it)."""
    idle_upstream_connections_max: int = 1024
    """Idle connections kept per upstream."""
    interim_responses_max: int = 16
    """1xx responses skipped before one final response."""
    episode_characters_max: int = 128
    """Length of an episode id."""
    episodes_max: int = 100_000
    """Episodes whose calls are counted at once; beyond, the oldest one starts again at 0."""
    declared_episodes_max: int = 10_000
    """Episodes that are declared at once (429 above it)."""
    records_queued_max: int = 100_000
    """Trace records waiting for the disk; beyond, no further request is read until there is room."""

    client_head_s_max: float = 30.0
    """From the first byte of a request head to its end (408 above it)."""
    client_idle_s_max: float = 600.0
    """Silence of a client between requests, or while a request body or a response is under way."""
    upstream_connect_s_max: float = 10.0
    """Opening a connection to the upstream, TLS included (504 above it)."""
    upstream_silence_s_max: float = 600.0
    """Silence of the upstream while a response is due (504 above it)."""
    abandoned_s_max: float = 60.0
    """Time that the upstream has to end a response nobody waits for; beyond, its connection is closed."""
    upstream_idle_s_max: float = 4.0
    """Age at which an idle upstream connection is not used again. Many servers close theirs after 5 s: a request that
    meets the close on its way is lost, and unless it is idempotent nobody may send it again."""
    hang_s_max: float = 3600.0
    """Silence of a planned hang; beyond, the connection is closed."""
    linger_s_max: float = 2.0
    """Time that a refused client has to read the refusal before its connection is closed."""
    drain_s_max: float = 10.0
    """Time that calls in flight have to end when the proxy is stopped."""
