from xml.etree import ElementTree

from earthwire.pages.scale import linear_scale
from earthwire.report.row_charts import ROW_LEFT, ROW_RIGHT, Mark, Row, bar_rows, point_rows

SCALE = linear_scale(0.0, 1.0, ROW_LEFT, ROW_RIGHT, str)
ROWS = [
    Row("<first>", (Mark("real", 0.25, "25 %", 0.0, 0.5), Mark("simulated", 0.5, "50 %"))),
    Row("x" * 200, (Mark("real", 0.0, "0 %"),)),
]


def test_bars_are_as_long_as_their_values() -> None:
    svg = ElementTree.fromstring(str(bar_rows("bars", ROWS, SCALE)))
    widths = [float(str(bar.get("width"))) for bar in svg.iter("rect")]
    full = ROW_RIGHT - ROW_LEFT
    assert widths == [full / 4, full / 2, 0.0]


def test_a_whisker_reaches_from_end_to_end_of_its_interval() -> None:
    svg = ElementTree.fromstring(str(point_rows("points", ROWS, SCALE)))
    whiskers = [line for line in svg.iter("line") if line.get("class") == "whisker"]
    assert [(float(str(w.get("x1"))), float(str(w.get("x2")))) for w in whiskers] == [
        (ROW_LEFT, (ROW_LEFT + ROW_RIGHT) / 2)
    ]


def test_a_band_lies_between_its_values() -> None:
    svg = ElementTree.fromstring(str(point_rows("points", ROWS, SCALE, band=(0.25, 0.75))))
    band = next(svg.iter("rect"))
    assert float(str(band.get("x"))) == ROW_LEFT + (ROW_RIGHT - ROW_LEFT) / 4
    assert float(str(band.get("width"))) == (ROW_RIGHT - ROW_LEFT) / 2


def test_long_names_are_cut_where_they_are_drawn_and_whole_where_they_are_told() -> None:
    text = str(bar_rows("bars", ROWS, SCALE))
    svg = ElementTree.fromstring(text)
    assert max(len(str(name.text)) for name in svg.iter("text")) <= 52
    assert "x" * 200 in [title.text for title in svg.iter("title")]
    assert "<first>" in [name.text for name in svg.iter("text")]
