"""What Prometheus is told at `/metrics`."""

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 10_000)


class Metrics:
    """Counters of one server. Children of labels are kept, because looking one up costs more than counting."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = self._counter("requests", "Requests answered.", "endpoint", "status")
        self._seconds = self._histogram("request_seconds", "From a request's head to its answer.", _SECONDS, "endpoint")
        self._rows = self._counter("rows", "Rows predicted.", "version", "role")
        self.batch_rows = self._histogram("batch_rows", "Rows of each pass through a network in the pool.", _ROWS)
        self.under_way = Gauge(
            "bequest_requests_under_way", "Predictions asked for and not yet answered.", registry=self.registry
        )
        self.refused = self._counter("refused", "Requests refused to protect the server.", "reason")
        self.model = self._gauge("model_info", "1 for each version that answers.", "name", "version", "sha256", "role")
        self.swaps = self._counter("swaps", "Moves of the registry followed (done) or refused.", "outcome")
        self.polls_failed = self._counter("polls_failed", "Looks at the registry that failed.")
        self.challenger_failures = self._counter("challenger_failures", "Rows that the challenger failed to answer.")
        self.decisions = self._counter("decisions", "Promotions and rollbacks decided on the challenger.", "decision")
        self.captured = self._counter("captured_rows", "Rows written to the capture.")
        self.dropped = self._counter("capture_dropped", "Predictions or labels that were not captured.", "reason")
        self.labels = self._counter("feedback_labels", "Labels taken by /feedback.")
        self._ended: dict[tuple[str, int], tuple[Any, Any]] = {}
        self._predicted: dict[tuple[str, str], Any] = {}

    def ended(self, endpoint: str, status: int, seconds: float) -> None:
        """Counts a request that was answered."""
        key = (endpoint, status)
        children = self._ended.get(key)
        if children is None:
            children = (self._requests.labels(endpoint, str(status)), self._seconds.labels(endpoint))
            self._ended[key] = children
        children[0].inc()
        children[1].observe(seconds)

    def predicted(self, version: str, role: str, rows: int) -> None:
        """Counts rows that a version predicted."""
        child = self._predicted.get((version, role))
        if child is None:
            child = self._predicted[version, role] = self._rows.labels(version, role)
        child.inc(rows)

    def page(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self.registry)

    def _counter(self, name: str, told: str, *labels: str) -> Counter:
        return Counter(f"bequest_{name}", told, labels, registry=self.registry)

    def _gauge(self, name: str, told: str, *labels: str) -> Gauge:
        return Gauge(f"bequest_{name}", told, labels, registry=self.registry)

    def _histogram(self, name: str, told: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"bequest_{name}", told, labels, buckets=buckets, registry=self.registry)
