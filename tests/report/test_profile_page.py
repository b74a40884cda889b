from xml.etree import ElementTree

import msgspec
import pytest

from earthwire.config.profile_file import read_profile
from earthwire.config.shipped import shipped_profiles
from earthwire.report import TOOLS_PICTURED_MAX, profile_page
from earthwire.report.distribution_chart import law_chart
from tests.report.pages import HOSTILE, check

DEMO = read_profile(shipped_profiles()["demo"])


@pytest.mark.parametrize("name", shipped_profiles())
def test_every_shipped_profile_has_a_page(name: str) -> None:
    """Also those that hold no law of any tool, or no latency."""
    profile = read_profile(shipped_profiles()[name])
    page = check(profile_page(name, profile, list(profile.tools)))
    assert set(profile.tools) <= set(page.texts)


def test_the_tools_that_were_asked_for_are_pictured_up_to_a_bound() -> None:
    assert len(DEMO.tools) > TOOLS_PICTURED_MAX
    charts = check(profile_page("demo", DEMO, list(DEMO.tools))).charts
    assert len([chart for chart in charts if chart.startswith("Latency of ")]) == TOOLS_PICTURED_MAX
    one = next(iter(DEMO.tools))
    charts = check(profile_page("demo", DEMO, [one])).charts
    pictured = [chart for chart in charts if chart.startswith("Latency of ")]
    assert len(pictured) == 1
    assert pictured[0].startswith(f"Latency of {one}.")


def test_names_from_profiles_stay_text() -> None:
    laws = next(iter(DEMO.tools.values()))
    profile = msgspec.structs.replace(DEMO, tools={HOSTILE: laws})
    assert HOSTILE in check(profile_page(HOSTILE, profile, [HOSTILE])).texts


def test_a_law_is_drawn_inside_its_axes() -> None:
    law = DEMO.overall.main_latency
    assert law is not None
    svg = ElementTree.fromstring(str(law_chart("law", law)))
    points = str(next(svg.iter("polyline")).get("points")).split()
    heights = [float(point.split(",")[1]) for point in points]
    assert heights == sorted(heights, reverse=True)
    assert len(set(heights)) == len(heights)
