"""Places in braces in an agent's command: filled, or refused before anything starts."""

import pytest

from earthwire.config.agent_command import check_places, filled_command
from earthwire.config.agent_environment import UnknownPlaceError

KNOWN = ("url", "seed")


def test_places_are_filled_wherever_they_stand_and_step_by_step() -> None:
    command = ["agent", "--url={url}/v1", "{seed}-{seed}", '{"n":{seed}}']
    step = filled_command(command, {"seed": "7"})
    assert step == ["agent", "--url={url}/v1", "7-7", '{"n":7}']
    assert filled_command(step, {"url": "http://h:1"}) == ["agent", "--url=http://h:1/v1", "7-7", '{"n":7}']


@pytest.mark.parametrize("part", ['{"url": 1}', "{}", "{0}", "${HOME}", "${url}", "{ url }", "a{"])
def test_other_braces_are_none_of_ours(part: str) -> None:
    check_places([part], KNOWN)
    assert filled_command([part], {"url": "X", "seed": "Y", "HOME": "Z"}) == [part]


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("--at={base}", r"nothing is put into \{base\}; \{url\} and \{seed\} can be filled"),
        ("{sed}", r"\{sed\}; did you mean \{seed\}\?"),
        ("{URL}", r"\{URL\}; did you mean \{url\}\?"),
    ],
)
def test_a_place_that_nothing_is_put_into_is_refused(part: str, message: str) -> None:
    with pytest.raises(UnknownPlaceError, match=message):
        check_places(["agent", part], KNOWN)
