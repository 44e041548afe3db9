"""Counts and times for Prometheus; nothing of any image."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import generate_latest

from latent_ofer.web.engine import Engine


class Metrics:
    """What the service has done so far, and how busy it is."""

    def __init__(self, engine: Engine) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "latent_ofer_requests", "Requests.", ["path", "status"], registry=registry
        )
        self._images = Counter(
            "latent_ofer_images", "Images, by what they gave.", ["outcome"], registry=registry
        )
        self._faces = Counter("latent_ofer_faces", "Faces that were read.", registry=registry)
        self._seconds = Histogram(
            "latent_ofer_answer_seconds", "From the last byte to the answer.", registry=registry
        )
        gauges: tuple[tuple[str, str, Callable[[], float]], ...] = (
            ("waiting", "Images that are not answered yet.", lambda: engine.unanswered),
            ("batches", "How often the networks ran.", lambda: engine.batches),
            ("batched_images", "Images on which they ran.", lambda: engine.images),
        )
        for name, what, value in gauges:
            Gauge(f"latent_ofer_{name}", what, registry=registry).set_function(value)

    def count_request(self, path: str, status: int) -> None:
        """Count an answer."""
        self._requests.labels(path, str(status)).inc()

    def count_images(self, outcomes: Iterable[str], faces: int, seconds: float) -> None:
        """Count what the images of one request gave."""
        for outcome in outcomes:
            self._images.labels(outcome).inc()
        self._faces.inc(faces)
        self._seconds.observe(seconds)

    def exposition(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self._registry)
