"""From a declared episode to what the admin API says of it."""

from earthwire.fault_models.reward.ledger import Ledger
from earthwire.proxy.admin.models import (
    Attempts,
    Costs,
    EpisodeCreated,
    EpisodeReport,
    Faults,
    Latency,
)
from earthwire.proxy.admin.subject import Subject
from earthwire.proxy.episodes.episode_account import EpisodeAccount
from earthwire.proxy.episodes.episodes import EpisodeRun
from earthwire.proxy.wire.baggage import BAGGAGE_KEY
from earthwire.proxy.wire.headers import EPISODE_HEADER
from earthwire.traces.labels.outcome_kind import is_fault


def created(run: EpisodeRun, subject: Subject) -> EpisodeCreated:
    """Return how an agent reaches an episode."""
    base_url = f"{subject.base_url}/e/{run.episode}"
    return EpisodeCreated(
        id=run.episode,
        draws_as=run.settings.draws_as,
        seed=run.settings.seed,
        clock=run.settings.clock,
        base_url=base_url,
        base_urls={name: f"{base_url}/t/{name}" for name in subject.routes},
        mcp_urls={name: f"{base_url}/m/{name}/mcp" for name in subject.mcp_servers},
        headers={EPISODE_HEADER.decode(): run.episode},
        baggage=f"{BAGGAGE_KEY.decode()}={run.episode}",
    )


def report(run: EpisodeRun) -> EpisodeReport:
    """Return what became of an episode so far."""
    settings, account = run.settings, run.account
    latency = account.latency
    return EpisodeReport(
        id=run.episode,
        draws_as=settings.draws_as,
        seed=settings.seed,
        severity=settings.severity,
        randomize=settings.randomize,
        clock=settings.clock,
        speed=settings.speed,
        client_timeout_s=settings.patience.timeout_s,
        timeout_shape=settings.patience.shape,
        started_unix_s=run.started_unix_s,
        calls=account.call_count,
        outcomes=dict(account.outcomes),
        tools=dict(account.tools),
        faults=_faults(account),
        latency=Latency(
            intended_s=latency.intended_s,
            achieved_s=latency.achieved_s,
            virtual_s=latency.virtual_s,
            waited_s=run.waited_s,
        ),
        attempts=_attempts(account),
        changes=dict(account.changes),
        costs=None if run.ledger is None else _costs(run.ledger),
        request_body_bytes=account.request_body_bytes,
        response_body_bytes=account.response_body_bytes,
    )


def _costs(ledger: Ledger) -> Costs:
    spending, reward = ledger.spending, ledger.reward(0.0)
    return Costs(
        total=spending.cost,
        charges=dict(spending.charges),
        refused=spending.refused,
        budget_spent=ledger.exceeded(),
        shaping=reward.shaping,
        reward_terms=reward.total,
    )


def _faults(account: EpisodeAccount) -> Faults:
    by_kind = {kind: count for kind, count in account.outcomes.items() if is_fault(kind)}
    return Faults(
        count=sum(by_kind.values()),
        by_kind=by_kind,
        by_layer=dict(account.faults_by_layer),
        injected=account.injected_count,
    )


def _attempts(account: EpisodeAccount) -> Attempts:
    counts = account.attempts.counts
    return Attempts(
        attempts=counts.attempts,
        logical_calls=counts.logical_calls,
        retries=counts.retries,
        recovered=counts.recovered,
        gave_up=counts.gave_up,
        attempt_failure_rate=counts.attempt_failure_rate,
        logical_failure_rate=counts.logical_failure_rate,
        duplicate_effects=counts.duplicate_effects,
        possible_duplicate_effects=counts.possible_duplicate_effects,
    )
