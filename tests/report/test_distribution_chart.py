from xml.etree import ElementTree

from earthwire.report.distribution_chart import at_level, distribution_chart
from tests.report.pages import curves_of

CURVES = curves_of(factor=2.0)[0]


def lines(svg: ElementTree.Element) -> dict[str, list[tuple[float, float]]]:
    return {
        str(group.get("class")): [
            (float(x), float(y)) for x, y in (pair.split(",") for pair in str(line.get("points")).split())
        ]
        for group in svg.iter("g")
        for line in group.findall("polyline")
    }


def test_every_side_is_a_line_that_rises() -> None:
    assert CURVES.latency_s is not None
    drawn = lines(ElementTree.fromstring(str(distribution_chart("latency", CURVES.latency_s, CURVES.levels))))
    assert list(drawn) == ["floor", "real", "simulated"]
    for points in drawn.values():
        assert [x for x, _ in points] == sorted(x for x, _ in points)
        assert [y for _, y in points] == sorted((y for _, y in points), reverse=True)


def test_what_is_slower_lies_further_right() -> None:
    assert CURVES.latency_s is not None
    drawn = lines(ElementTree.fromstring(str(distribution_chart("latency", CURVES.latency_s, CURVES.levels))))
    assert all(slow > fast for (slow, _), (fast, _) in zip(drawn["simulated"], drawn["real"], strict=True))


def test_a_chart_says_in_words_what_it_shows() -> None:
    assert CURVES.latency_s is not None
    svg = ElementTree.fromstring(str(distribution_chart("latency", CURVES.latency_s, CURVES.levels)))
    told = svg.find("desc")
    assert told is not None
    assert "640 recorded and 640 simulated values: 50 % within 10 ms recorded and 21 ms simulated" in str(
        told.text
    )


def test_the_nearest_level_is_taken() -> None:
    assert at_level([1.0, 2.0, 3.0], [0.1, 0.5, 0.9], 0.6) == 2.0
