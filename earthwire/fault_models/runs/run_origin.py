"""Under which seeds and profiles a run was recorded: whether it can be a run of a recipe at all."""

from collections import Counter
from collections.abc import Iterable, Iterator

from earthwire.traces.record import TraceRecord

NO_PROFILE = "none"
"""What records hold of calls that pass through."""

_TOLD_APART_MAX = 1_000
_NAMED_MAX = 3


class RunOrigin:
    """Counts the calls of a run by what they were drawn from.

    Args:
        seed: of the recipe.
        profile_hash: of its profile, `NO_PROFILE` if calls pass through: then no seed matters.
    """

    def __init__(self, seed: int, profile_hash: str) -> None:
        self._seed = str(seed)
        self._profile_hash = profile_hash
        self._seeds: Counter[str] = Counter()
        self._profiles: Counter[str] = Counter()

    def counted(self, records: Iterable[TraceRecord]) -> Iterator[TraceRecord]:
        """Yield the records as they are, and count them."""
        for record in records:
            _count(self._seeds, record.seed)
            _count(self._profiles, record.profile_hash)
            yield record

    def reasons(self) -> tuple[str, ...]:
        """Return why this is no run of the recipe: a sentence where no call was drawn from its profile."""
        if not self._profiles or self._profiles[self._profile_hash]:
            return ()
        text = f"no call was drawn from the recipe's profile {self._profile_hash}, but from {_named(self._profiles)}"
        return (f"{text}: it was recorded with another profile, or the profile was changed since",)

    def notes(self) -> tuple[str, ...]:
        """Return what is otherwise than the recipe says, and may be meant: episodes can have their own."""
        notes = []
        others = self._profiles.total() - self._profiles[self._profile_hash]
        if others and not self.reasons():
            notes.append(f"{others:,} calls were drawn from other profiles than the recipe's")
        other_seeds = self._seeds.total() - self._seeds[self._seed]
        if other_seeds and self._profile_hash != NO_PROFILE:
            found = Counter({seed: count for seed, count in self._seeds.items() if seed != self._seed})
            notes.append(
                f"{other_seeds:,} calls have another seed than the recipe's {self._seed}: {_named(found)}"
            )
        return tuple(notes)


def _count(counts: Counter[str], value: int | str | None) -> None:
    name = NO_PROFILE if value is None else str(value)
    if name in counts or len(counts) < _TOLD_APART_MAX:
        counts[name] += 1


def _named(counts: Counter[str]) -> str:
    return ", ".join(name for name, _ in counts.most_common(_NAMED_MAX))
