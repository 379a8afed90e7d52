"""Offers the status of a live run to Prometheus. The one place that imports `prometheus_client`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ....errors import OptionError
from .meter import LiveStatus, OutputStatus

if TYPE_CHECKING:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

__all__ = ["serve_metrics"]

_PREFIX = "vsdeblur_live"
_HOST = "127.0.0.1"
_FRAMES = {"in": "frames_in"} | {
    name: name for name in ("restored", "passed", "dropped", "held", "skipped")
}
"""What becomes of frames -> the status's field."""
_LATENCIES = {"now": "latency", "p95": "latency_p95", "max": "latency_max"}
_GAUGES = {
    "av_offset": ("av_offset_seconds", "By which the picture is late against the sound."),
    "bit_rate": ("bits_per_second", "Of all tracks."),
    "connected": ("connected", "1 if it is."),
    "within_bound": ("within_bound_ratio", "Share of frames that left within the bound."),
}
_COUNTERS = {
    "frames": ("sent_frames", "Frames that have left."),
    "dropped": ("unsent_frames", "Frames that were encoded and have not left."),
    "reconnects": ("output_reconnects", "Times the output was got back."),
}


@contextmanager
def serve_metrics(port: int, status: Callable[[], LiveStatus]) -> Iterator[None]:
    """Answer Prometheus on this machine alone, until the `with` ends.

    Args:
        port: Where.
        status: Gives the status of the moment.

    Raises:
        OptionError: The library is not installed, or the port is taken.
    """
    try:
        from prometheus_client import CollectorRegistry, start_http_server
    except ImportError as error:
        raise OptionError(
            "--metrics needs prometheus-client: pip install 'vsdeblur[metrics]'"
        ) from error
    registry = CollectorRegistry()
    registry.register(_Collector(status))
    try:
        server, thread = start_http_server(port, addr=_HOST, registry=registry)
    except OSError as error:
        raise OptionError(f"--metrics {port}: {error.strerror}; choose another port") from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Collector:
    """Gives the status in Prometheus' form whenever it is asked for."""

    def __init__(self, status: Callable[[], LiveStatus]) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """Yield metrics with their values of now."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        status = self._status()
        frames = CounterMetricFamily(f"{_PREFIX}_frames", "What becomes of them.", labels=["what"])
        for what, field in _FRAMES.items():
            frames.add_metric([what], getattr(status, field))
        yield frames
        yield GaugeMetricFamily(f"{_PREFIX}_level", "Of degradation; 0 = none.", status.level)
        for field in ("level_changes", "input_reconnects"):
            yield CounterMetricFamily(f"{_PREFIX}_{field}", "So far.", getattr(status, field))
        latency = GaugeMetricFamily(
            f"{_PREFIX}_latency_seconds", "Beyond the look-ahead.", labels=["output", "which"]
        )
        for which, field in _LATENCIES.items():
            _add(latency, status.outputs, field, which)
        yield latency
        for field, (name, text) in _GAUGES.items():
            gauge = GaugeMetricFamily(f"{_PREFIX}_{name}", text, labels=["output"])
            yield _add(gauge, status.outputs, field)
        for field, (name, text) in _COUNTERS.items():
            counter = CounterMetricFamily(f"{_PREFIX}_{name}", text, labels=["output"])
            yield _add(counter, status.outputs, field)


def _add[Family: GaugeMetricFamily | CounterMetricFamily](
    metric: Family, outputs: tuple[OutputStatus, ...], field: str, *labels: str
) -> Family:
    """Give a metric its value of each output."""
    for output in outputs:
        value = getattr(output, field)
        if value is not None:
            metric.add_metric([output.name, *labels], float(value))
    return metric
