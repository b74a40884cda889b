import re
from typing import get_args

import pytest

from earthwire.fault_models.action.decoys import (
    NAME_CHARACTERS_MAX,
    DecoyKind,
    DecoyList,
    DecoySettings,
    with_decoys,
)
from earthwire.fault_models.action.tool_list import listed_tool

TOOLS: list[object] = [
    {"name": "get_weather", "description": "Weather of a city.", "inputSchema": {"type": "object"}},
    {"name": "book_flight", "description": "Books a flight.", "inputSchema": {"type": "object"}},
]
KINDS = get_args(DecoyKind)


def crowded(count: int = 8, tools: list[object] = TOOLS, seed: int = 1, **settings: object) -> DecoyList:
    return with_decoys(tools, DecoySettings(count, KINDS, seed=seed, **settings), "server")


def names(found: DecoyList) -> list[str]:
    return [tool.name for tool in map(listed_tool, found.entries) if tool is not None]


def test_decoys_stand_among_the_real_tools_which_stay_as_they_are() -> None:
    found = crowded()
    assert len(found.decoys) == 8
    assert [entry for entry in found.entries if entry in TOOLS] == TOOLS
    assert set(names(found)) == {"get_weather", "book_flight", *found.decoys}


def test_the_same_list_gets_the_same_decoys_and_another_seed_others() -> None:
    assert crowded() == crowded()
    assert crowded(seed=2).decoys != crowded().decoys


def test_the_order_of_the_list_does_not_matter() -> None:
    assert crowded(tools=TOOLS[::-1]).decoys == crowded().decoys


def test_more_decoys_are_the_same_and_further_ones() -> None:
    assert crowded(4).decoys.items() <= crowded(8).decoys.items()
    assert crowded(4, severity=2.0).decoys == crowded(8).decoys


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_new_short_and_in_the_style_of_the_tool(kind: DecoyKind) -> None:
    for name in ("get_weather", "getWeather", "GetWeather", "get-weather", "weather", "files/read_file"):
        found = with_decoys([{"name": name, "inputSchema": {}}], DecoySettings(3, (kind,), seed=3), "s")
        assert found.decoys
        assert name not in found.decoys
        assert all(len(decoy) <= NAME_CHARACTERS_MAX for decoy in found.decoys)
        if "_" not in name and "-" not in name and name != name.lower():
            assert all(re.fullmatch("[A-Za-z0-9]+", decoy) for decoy in found.decoys)


def test_no_decoy_takes_the_name_of_a_real_tool() -> None:
    tools: list[object] = [
        {"name": name, "inputSchema": {}} for name in ("get_x", "fetch_x", "retrieve_x", "load_x")
    ]
    found = with_decoys(tools, DecoySettings(20, ("synonym",), seed=1), "s")
    assert len(names(found)) == len(set(names(found)))


def test_a_share_of_descriptions_recommends_the_decoy() -> None:
    found = crowded(
        1000, misleading=0.4, tools=[{"name": f"get_x{i}", "inputSchema": {}} for i in range(300)]
    )
    share = sum(decoy.is_misleading for decoy in found.decoys.values()) / len(found.decoys)
    # Within 4.5 standard errors of a share of about 900 decoys: sqrt(0.4 * 0.6 / 900) = 0.016.
    assert abs(share - 0.4) < 0.074
    texts = {tool.name: tool.description for tool in map(listed_tool, found.entries) if tool is not None}
    assert all(
        texts[name].startswith("Recommended.") == decoy.is_misleading for name, decoy in found.decoys.items()
    )


@pytest.mark.parametrize("tools", [[], [5, None], [{"type": "web_search"}]])
def test_a_list_without_functions_stays_as_it_is(tools: list[object]) -> None:
    assert crowded(tools=tools) == DecoyList(tools, {})
