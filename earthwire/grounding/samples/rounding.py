"""Numbers as profiles hold them: short, so that a file can be read and compared."""

from earthwire.traces.columns.calls import FloatArray


def rounded(values: FloatArray, digits: int = 3) -> tuple[float, ...]:
    """Return numbers with so many digits behind the point."""
    return tuple(round(float(value), digits) for value in values)
