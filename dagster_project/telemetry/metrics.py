"""The metrics: names, labels and what each means. No label holds the name of a clip, so their number stays small."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

# From an idle machine (seconds) over a node that must be made first (minutes) to a queue over night (hours).
WAIT_BUCKETS_SECONDS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
SPEED_BUCKETS = (0.5, 1, 2, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000)


def exact(value: float) -> float:
    """``value`` as a multiple of 2^-26: seconds, and the price of one, to 15 billionths.

    Sums of such numbers are exact up to 2^27, 1,500 machines all day, in whichever order they are added. A total that
    came out an ulp smaller after a restart would look like a counter that began again at zero, and Prometheus would
    count all of it twice.
    """
    return round(value * 2**26) / 2**26


class Metrics:
    """All metrics of one UTC day, in a registry of their own."""

    def __init__(self) -> None:
        # A time of creation that moved with every restart would announce a reset where the totals go on.
        disable_created_metrics()
        self.registry = CollectorRegistry()
        self.runs = self._counter("runs", "Runs that ended", ["dagster_job", "status"])
        self.run_queue = self._histogram("run_queue_seconds", "From a run's place in the queue to its launch", [])
        self.run_start = self._histogram("run_start_seconds", "From the launch of a run to its first step: its pod", [])
        self.step_start = self._histogram(
            "step_start_seconds", "From the request for a step's pod to its start: node, image, process", ["asset"]
        )
        self.step_attempts = self._counter("step_attempts", "Attempts of steps, by their end", ["asset", "outcome"])
        self.step_seconds = self._counter(
            "step_seconds", "Time that attempts of steps ran, by device", ["asset", "device", "outcome"]
        )
        self.cost = self._counter(
            "cost", "Estimated price of step_seconds; idle machines are not in it", ["device", "currency"]
        )
        self.retries = self._counter("step_retries", "Attempts that failed and are tried again", ["asset", "reason"])
        self.failures = self._counter("step_failures", "Steps that failed for good", ["asset", "kind"])
        self.ended_attempts = self._counter(
            "segment_attempts_lost", "Earlier attempts at segments that are styled now, by what ended them", ["reason"]
        )
        self.frames_styled = self._counter("frames_styled", "Frames painted", ["style", "engine", "device"])
        self.frames_reused = self._counter("frames_reused", "Frames that an earlier attempt had painted", ["style"])
        self.speed = self._histogram(
            "segment_frames_per_second",
            "Speed of a segment, decoding to publishing",
            ["engine", "device"],
            SPEED_BUCKETS,
        )
        self.deliveries = self._counter("deliveries", "Videos delivered", ["style"])
        self.delivered_seconds = self._counter("delivered_video_seconds", "Length of the videos delivered", ["style"])
        self.store_requests = self._counter("store_requests", "Requests to the store, by finished steps", ["asset"])
        self.store_sent = self._counter("store_sent_bytes", "Written to the store, by finished steps", ["asset"])
        self.store_received = self._counter("store_received_bytes", "Read from the store, by finished steps", ["asset"])
        self.unfinished_runs = self._gauge("unfinished_runs", "Runs that wait or are under way", ["status"])
        self.oldest_queued = self._gauge("oldest_queued_run_seconds", "How long the first run in the queue has waited")
        self.last_read = self._gauge("exporter_last_read_timestamp_seconds", "When the storage was last read in full")

    def _counter(self, name: str, text: str, labels: Iterable[str]) -> Counter:
        return Counter(f"stylize_{name}", f"{text}. Since midnight UTC.", labels, registry=self.registry)

    def _histogram(
        self, name: str, text: str, labels: Iterable[str], buckets: tuple[float, ...] = WAIT_BUCKETS_SECONDS
    ) -> Histogram:
        about = f"{text}. Since midnight UTC."
        return Histogram(f"stylize_{name}", about, labels, buckets=buckets, registry=self.registry)

    def _gauge(self, name: str, text: str, labels: Iterable[str] = ()) -> Gauge:
        return Gauge(f"stylize_{name}", f"{text}.", labels, registry=self.registry)
