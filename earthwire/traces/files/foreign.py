"""Common formats that hold calls and are not read: what a file is, and what to do with it, by its first bytes."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ForeignFormat:
    """One format that is not read.

    Attributes:
        name: what users call it.
        pattern: is found in the first bytes of such a file.
        way_out: how its calls can be had in a known format.
    """

    name: str
    pattern: re.Pattern[bytes]
    way_out: str


_NO_TIMES = "it holds no durations, so there is nothing to calibrate; record the calls as HAR, or with earthwire record"

FOREIGN_FORMATS: tuple[ForeignFormat, ...] = (
    ForeignFormat(
        "a ZIP archive",
        re.compile(rb"\APK\x03\x04"),
        "unpack it; Playwright and Fiddler pack their HAR or sessions so",
    ),
    ForeignFormat(
        "a mitmproxy flow dump",
        re.compile(rb"\A\d{2,9}:\d{1,2}:[a-z_]{1,30}[;,]"),
        "write it as HAR: mitmdump -nr FILE --set hardump=calls.har",
    ),
    ForeignFormat(
        "a VCR.py cassette",
        re.compile(rb"\A(---\s*)?interactions:\s*\n\s*- request:|\A\s*\{\s*\"interactions\"\s*:"),
        _NO_TIMES,
    ),
    ForeignFormat(
        "a Ruby VCR cassette", re.compile(rb"\A(---\s*|\s*\{\s*\")http_interactions\"?:"), _NO_TIMES
    ),
    ForeignFormat(
        "Jaeger JSON",
        re.compile(rb"\A(?=.*\"operationName\"\s*:)(?=.*\"spanID\"\s*:)", re.DOTALL),
        "export the traces as OTLP JSON: /api/v3/traces of Jaeger, or the file exporter of the OpenTelemetry collector",
    ),
    ForeignFormat(
        "Zipkin JSON",
        re.compile(rb"\A\s*\[.*\"(localEndpoint|remoteEndpoint)\"\s*:", re.DOTALL),
        "send it through the OpenTelemetry collector: receiver zipkin, file exporter",
    ),
    ForeignFormat(
        "a Postman collection",
        re.compile(rb"\"_postman_id\"|schema\.getpostman\.com"),
        "it holds requests, not calls; run it through mitmproxy or earthwire record",
    ),
    ForeignFormat(
        "a Pact contract",
        re.compile(rb"\A\s*\{(?=.*\"consumer\"\s*:)(?=.*\"interactions\"\s*:)", re.DOTALL),
        "it holds examples, not recorded calls; record the calls as HAR, or with earthwire record",
    ),
    ForeignFormat(
        "a WireMock mapping",
        re.compile(
            rb"\A\s*\{(?=.*\"request\"\s*:)(?=.*\"(urlPath|urlPattern|urlPathPattern|mappings)\"\s*:)",
            re.DOTALL,
        ),
        "it holds stubs, not recorded calls; record the calls as HAR, or with earthwire record",
    ),
    ForeignFormat(
        "an earthwire profile",
        re.compile(rb"^earthwire_profile:", re.MULTILINE),
        "it was learned from traces, and this command asks for the traces; earthwire show prints it",
    ),
    ForeignFormat(
        "an earthwire recipe",
        re.compile(rb"^earthwire_recipe:", re.MULTILINE),
        "it says what is served, and this command asks for traces, such as those of its record.path",
    ),
    ForeignFormat(
        "an access log",
        re.compile(rb"\A\S+ \S+ \S+ \[\d{2}/\w{3}/\d{4}:[^\]]+\] \""),
        "write its calls, with their durations, as earthwire JSONL",
    ),
)
"""In the order they are tried: the more telling marks first."""


def foreign_format(head: bytes) -> ForeignFormat | None:
    """Return the format of a file that is not read, by its first bytes; None if that is not known either."""
    return next((known for known in FOREIGN_FORMATS if known.pattern.search(head)), None)
