"""From trace records to what calls cost: the same ledger for a run under way and for its recording."""

from collections import OrderedDict
from collections.abc import Callable, Iterable

from earthwire.fault_models.reward.decoy_rounds import decoy_rounds_of
from earthwire.fault_models.reward.ledger import Ledger
from earthwire.fault_models.reward.prices import CallFacts
from earthwire.traces.clients.attempts import Attempt, AttemptLog, attempt_of
from earthwire.traces.clients.episode_times import EpisodeTimes
from earthwire.traces.record import TraceRecord

EPISODES_MAX = 100_000
"""Bound on the episodes whose ledgers are kept; beyond, the oldest one is dropped."""

BUDGET_SPENT_ATTRIBUTE = "earthwire.budget_spent"
"""Attribute of the record of a call that was refused: which bound of the budget was reached."""

_NANOSECONDS_PER_SECOND = 1e9


def was_refused_for_budget(record: TraceRecord) -> bool:
    """Tell whether a call was refused because its episode's budget was spent."""
    return record.attributes is not None and f'"{BUDGET_SPENT_ATTRIBUTE}"' in record.attributes


class FactsOfEpisode:
    """Turns the records of one episode, in the order of their ends, into what calls cost."""

    def __init__(self) -> None:
        self._attempts = AttemptLog()
        self._times = EpisodeTimes()

    def of(self, record: TraceRecord, arguments: str | None = None) -> CallFacts:
        """Return the facts of the next call.

        Args:
            record: of the call.
            arguments: equal for equal arguments, where the record does not say; without any, nothing is a repetition.
        """
        attempt = attempt_of(record, self._times, arguments)
        rounds = decoy_rounds_of(record.attributes)
        return CallFacts(
            tool=record.tool,
            start_s=attempt.start_s,
            end_s=attempt.end_s,
            latency_s=(record.duration_ns or 0) / _NANOSECONDS_PER_SECOND,
            body_bytes=(record.http_request_body_size or 0)
            + (record.http_response_body_size or 0)
            + rounds.body_bytes,
            input_tokens=(record.gen_ai_usage_input_tokens or 0) + rounds.input_tokens,
            output_tokens=(record.gen_ai_usage_output_tokens or 0) + rounds.output_tokens,
            decoy_rounds=rounds.calls,
            succeeded=record.outcome == "ok",
            retry_after_s=record.retry_after_s,
            repeats_effect=self._repeats_effect(attempt),
        )

    def _repeats_effect(self, attempt: Attempt) -> bool:
        counts = self._attempts.counts
        before = counts.duplicate_effects + counts.possible_duplicate_effects
        self._attempts.add(attempt)
        return counts.duplicate_effects + counts.possible_duplicate_effects > before


class Ledgers:
    """The ledgers of all episodes of a run.

    Args:
        open_ledger: makes an empty one.
    """

    def __init__(self, open_ledger: Callable[[], Ledger]) -> None:
        self._open_ledger = open_ledger
        self._ledgers: OrderedDict[str, tuple[Ledger, FactsOfEpisode]] = OrderedDict()

    def add(self, record: TraceRecord, arguments: str | None = None) -> None:
        """Take the record of a call that is over; calls of one episode come in the order of their ends.

        A call that was refused because the budget was spent costs nothing.
        """
        ledger, facts = self._entry(record.episode or record.session_id or "")
        if was_refused_for_budget(record):
            ledger.spending.refused += 1
            return
        ledger.add(facts.of(record, arguments))

    def begin(self, episode: str, ledger: Ledger) -> None:
        """Let an episode begin with a ledger of its own."""
        self._ledgers[episode] = ledger, FactsOfEpisode()
        if len(self._ledgers) > EPISODES_MAX:
            self._ledgers.popitem(last=False)

    def ledger(self, episode: str) -> Ledger:
        """Return the ledger of an episode; an empty one if it had no call yet."""
        return self._entry(episode)[0]

    def all(self) -> Iterable[tuple[str, Ledger]]:
        """Yield episodes and their ledgers, the oldest first."""
        return ((episode, ledger) for episode, (ledger, _) in self._ledgers.items())

    def forget(self, episode: str) -> None:
        """Drop an episode; it starts with nothing spent."""
        self._ledgers.pop(episode, None)

    def _entry(self, episode: str) -> tuple[Ledger, FactsOfEpisode]:
        entry = self._ledgers.get(episode)
        if entry is None:
            self.begin(episode, self._open_ledger())
            entry = self._ledgers[episode]
        return entry
