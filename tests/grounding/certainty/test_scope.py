from earthwire.fault_models import Interval
from earthwire.grounding.certainty.clusters import NotStatedError
from earthwire.grounding.certainty.scope import Scope


def refused(reason: str) -> Interval:
    raise NotStatedError(reason)


def test_a_scope_holds_intervals_and_reasons():
    scope = Scope()
    scope.state("rate", Interval, 0.5, 0.4, 0.6, cluster_count=10)
    scope.state("window_s", refused, "no start times")
    scope.refuse("payload", "no sessions")
    assert scope.result().stated == {"rate": Interval(0.5, 0.4, 0.6, 10)}
    assert scope.result().not_stated == {"window_s": "no start times", "payload": "no sessions"}
