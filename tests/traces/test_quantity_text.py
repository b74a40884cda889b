import pytest

from earthwire.traces.quantity_text import milliseconds, percent


@pytest.mark.parametrize(
    ("value_s", "text"),
    [
        (0.00084, "0.84 ms"),
        (0.0831, "83 ms"),
        (0.0994, "99 ms"),
        (0.0997, "100 ms"),
        (0.469, "469 ms"),
        (1.25, "1.25 s"),
        (99.96, "100 s"),
        (250.4, "250 s"),
    ],
)
def test_latencies_are_printed_as_people_read_them(value_s: float, text: str) -> None:
    assert milliseconds(value_s) == text


def test_small_shares_stay_visible() -> None:
    assert [percent(share) for share in (0.0, 0.0001, 0.001, 0.066, 1.0)] == [
        "0 %",
        "<0.1 %",
        "0.1 %",
        "6.6 %",
        "100.0 %",
    ]
