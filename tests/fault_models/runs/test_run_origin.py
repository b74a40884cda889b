"""A recording is held against the seed and the profile of its recipe."""

from collections.abc import Iterable

from earthwire.fault_models.runs.run_origin import NO_PROFILE, RunOrigin
from earthwire.traces.record import TraceRecord


def calls(count: int, seed: int | None, profile_hash: str | None) -> Iterable[TraceRecord]:
    return [TraceRecord(tool="t", seed=seed, profile_hash=profile_hash)] * count


def told(*runs: Iterable[TraceRecord], profile_hash: str = "aa") -> tuple[tuple[str, ...], tuple[str, ...]]:
    origin = RunOrigin(7, profile_hash)
    for run in runs:
        assert list(origin.counted(run)) == list(run)
    return origin.reasons(), origin.notes()


def test_a_run_of_the_recipe_needs_no_word() -> None:
    assert told(calls(3, 7, "aa")) == ((), ())
    assert told() == ((), ())


def test_a_recording_of_another_profile_alone_is_no_run_of_the_recipe() -> None:
    reasons, notes = told(calls(3, 7, "bb"), calls(1, 7, None))
    assert len(reasons) == 1
    assert "no call was drawn from the recipe's profile aa, but from bb, none" in reasons[0]
    assert notes == ()


def test_other_seeds_and_some_calls_of_another_profile_are_notes() -> None:
    """Episodes that are declared can have their own."""
    reasons, notes = told(calls(3, 7, "aa"), calls(2, 8, "aa"), calls(1, 9, "bb"))
    assert reasons == ()
    assert notes == (
        "1 calls were drawn from other profiles than the recipe's",
        "3 calls have another seed than the recipe's 7: 8, 9",
    )


def test_where_calls_pass_through_no_seed_matters() -> None:
    assert told(calls(3, 0, NO_PROFILE), profile_hash=NO_PROFILE) == ((), ())
