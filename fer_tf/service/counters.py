"""What is counted, for Prometheus; several workers count together, in files of one folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from fer_tf.errors import FerError

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable in which prometheus_client, as it is imported, looks for that folder."""

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SIZES = (1, 2, 4, 8, 16, 32, 64)


@contextmanager
def counting_together(workers: int) -> Iterator[None]:
    """A folder for what several workers count; one alone needs none.

    Raises:
        FerError: no folder for temporary files can be written.
    """
    os.environ.pop(FOLDER, None)
    if workers == 1:
        yield
        return
    try:
        folder = TemporaryDirectory(prefix="fer_tf-counters-")
    except OSError:
        raise FerError(
            f"--workers {workers}: no folder for what they count can be made, expected one worker, "
            "or a TMPDIR that can be written"
        ) from None
    with folder as name:
        os.environ[FOLDER] = name
        yield


def forget_worker(process: int) -> None:
    """What a worker had under way ended with it; what it counted stays."""
    if FOLDER in os.environ:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(process)


class Counters:
    """The metrics of one worker, and the page that tells all workers' ones."""

    def __init__(self) -> None:
        from prometheus_client import (
            CollectorRegistry,
            Counter,
            Gauge,
            Histogram,
            ProcessCollector,
        )

        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "fer_tf_requests", "Requests that were answered.", ["path", "status"], registry=registry
        )
        self._seconds = Histogram(
            "fer_tf_request_seconds",
            "Seconds from a request's first byte to its answer.",
            ["path"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.pictures = Counter(
            "fer_tf_pictures", "Pictures that were analysed.", registry=registry
        )
        self.faces = Counter("fer_tf_faces", "Faces that were recognised.", registry=registry)
        self.batches = Histogram(
            "fer_tf_batch_pictures",
            "Pictures whose faces went through the network as one batch.",
            buckets=_SIZES,
            registry=registry,
        )
        self.under_way = Gauge(
            "fer_tf_requests_under_way",
            "Requests that were let in and are not answered yet.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        if FOLDER not in os.environ:
            ProcessCollector(registry=registry)

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            path: one of the service's own.
            status: HTTP's.
            seconds: that it took.
        """
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def page(self) -> tuple[bytes, str]:
        """What Prometheus reads, of all workers, and its content type."""
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = self._registry
        if FOLDER in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)
        return generate_latest(registry), CONTENT_TYPE_LATEST
