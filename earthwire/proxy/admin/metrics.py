"""The counters of the proxy as Prometheus reads them. No label has a value per episode, tool or client."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from earthwire.proxy.admin.subject import Subject
from earthwire.proxy.recording.histogram import DURATION_BOUNDS_S, LATENESS_BOUNDS_S, Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class ProxyCollector(Collector):
    """Makes the metrics of one proxy anew whenever they are asked for, so that calls pay for plain counts only.

    Args:
        subject: the proxy.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        self._subject.calls.settle()
        yield from self._calls()
        yield from self._times()
        yield from self._state()

    def _calls(self) -> Iterator[Metric]:
        counters = self._subject.counters
        calls = CounterMetricFamily(
            "earthwire_calls",
            "Calls that are over, by what they ended as and who made the response.",
            labels=("outcome", "origin"),
        )
        for labels, count in counters.calls().items():
            calls.add_metric(labels, count)
        yield calls
        sizes = CounterMetricFamily("earthwire_body_bytes", "Bytes of bodies.", labels=("direction",))
        sizes.add_metric(("request",), counters.request_body_bytes)
        sizes.add_metric(("response",), counters.response_body_bytes)
        yield sizes

    def _times(self) -> Iterator[Metric]:
        counters = self._subject.counters
        planned = "Planned time to the last byte."
        yield _histogram("earthwire_intended_seconds", planned, counters.intended, DURATION_BOUNDS_S)
        achieved = "Time to the last byte."
        yield _histogram("earthwire_achieved_seconds", achieved, counters.achieved(), DURATION_BOUNDS_S)
        error = "Achieved minus planned time of the last byte."
        yield _histogram("earthwire_delay_error_seconds", error, counters.lateness, LATENESS_BOUNDS_S)
        yield CounterMetricFamily(
            "earthwire_early", "Calls that ended before they were due.", counters.early_count
        )

    def _state(self) -> Iterator[Metric]:
        status = self._subject.status()
        yield GaugeMetricFamily("earthwire_inflight_calls", "Calls under way.", status.inflight_count)
        yield GaugeMetricFamily("earthwire_connections", "Client connections.", status.connection_count)
        yield GaugeMetricFamily("earthwire_episodes", "Declared episodes.", len(self._subject.episodes))
        yield GaugeMetricFamily(
            "earthwire_event_loop_lag_seconds", "How late the proxy's own loop was last.", status.lag_s
        )
        yield GaugeMetricFamily(
            "earthwire_unknown_tools",
            "Tools that were called and that the profile does not have: they are drawn as any other tool.",
            status.unknown_tool_count,
        )
        yield CounterMetricFamily("earthwire_records", "Trace records made.", status.record_count)
        yield CounterMetricFamily(
            "earthwire_records_written",
            "Trace records that are with the operating system.",
            status.written_count,
        )


def exposition(subject: Subject) -> bytes:
    """Return all metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(ProxyCollector(subject))
    return generate_latest(registry)


def _histogram(name: str, text: str, histogram: Histogram, bounds_s: tuple[float, ...]) -> Metric:
    below = [*histogram.at_most(bounds_s), sum(histogram.counts)]
    buckets = list(zip((*map(repr, bounds_s), "+Inf"), map(float, below), strict=True))
    return HistogramMetricFamily(name, text, buckets=buckets, sum_value=histogram.total)
