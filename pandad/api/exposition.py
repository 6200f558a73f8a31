"""Series as OpenMetrics text, by the Prometheus client library."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from math import inf

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    SummaryMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

from pandad.metrics import Counter, Gauge, Histogram, Labels, Timing

CONTENT_TYPE = CONTENT_TYPE_LATEST.encode()
PREFIX = "pandad_"
AnySeries = Counter | Timing | Histogram | Gauge


class _Families:
    """What the library calls a registry: something that it can ask once."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def exposition(families: Iterable[Metric]) -> bytes:
    """The text. All that the library asks of a registry is `collect`."""
    return bytes(generate_latest(_Families(families)))


def families(series: Iterable[AnySeries]) -> Iterator[Metric]:
    """Each series with all that it has counted or measured so far."""
    for each in series:
        yield _family(each)


def gauges(name: str, meaning: str, labels: Iterable[str], values: Mapping[Labels, float]) -> Metric:
    """How things are, from elsewhere than this process.

    :param name: without the prefix.
    """
    family = GaugeMetricFamily(PREFIX + name, meaning, labels=tuple(labels))
    for those, value in sorted(values.items()):
        family.add_metric(those, value)
    return family


def _family(series: AnySeries) -> Metric:
    name, meaning, labels = PREFIX + series.name, series.meaning, series.labels
    match series:
        case Counter():
            counter = CounterMetricFamily(name, meaning, labels=labels)
            for those, n in sorted(series.values.items()):
                counter.add_metric(those, n)
            return counter
        case Timing():
            summary = SummaryMetricFamily(name, meaning, labels=labels)
            for those, n in sorted(series.values.items()):
                summary.add_metric(those, n, series.seconds[those])
            return summary
        case Histogram():
            histogram = HistogramMetricFamily(name, meaning, labels=labels)
            bounds = ["+Inf" if bound == inf else str(bound) for bound in series.BUCKETS_S]
            for those, numbers in sorted(series.values.items()):
                histogram.add_metric(those, list(zip(bounds, accumulate(numbers), strict=True)), series.seconds[those])
            return histogram
        case Gauge():
            return gauges(series.name, meaning, labels, series.values)
