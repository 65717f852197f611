"""Figures about the server for Prometheus: requests, their duration, refused logins.

Each app has a registry of its own. Labels are route patterns, never ids.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Measures:
    """The figures of one app."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "gonio_http_requests_total",
            "Requests by method, route and status",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "gonio_http_request_seconds",
            "Time from a request to its answer",
            ["route"],
            registry=self.registry,
        )
        self.refused_logins = Counter(
            "gonio_logins_refused_total", "Logins that failed", registry=self.registry
        )
        self.ready = Gauge("gonio_ready", "1 when requests can be served", registry=self.registry)

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self.registry)
