"""Writing records as OTLP JSON: one export request a line, as the collector's file exporter does."""

from collections.abc import Iterable
from importlib.metadata import version
from itertools import islice
from pathlib import Path

from earthwire.traces.errors import TraceFileError
from earthwire.traces.files.otlp_record import export_line, span_of
from earthwire.traces.files.whole_file import whole_file
from earthwire.traces.record import TraceRecord

SPANS_PER_REQUEST = 512
"""As many as SDKs send at once."""


def write_otlp(records: Iterable[TraceRecord], path: Path) -> int:
    """Write records as spans; the file appears whole or not at all. `read_otlp` gives the same records back.

    Args:
        records: of calls.
        path: file to write.

    Returns:
        The number of records written.

    Raises:
        TraceFileError: if the file cannot be written.
    """
    release = version("earthwire")
    count = 0
    left = iter(records)
    try:
        with whole_file(path) as partial, partial.open("wb") as file:
            while spans := [
                span_of(record, count + i) for i, record in enumerate(islice(left, SPANS_PER_REQUEST))
            ]:
                file.write(export_line(spans, release))
                count += len(spans)
    except OSError as error:
        raise TraceFileError(path, f"cannot be written: {error.strerror or error}") from error
    return count
