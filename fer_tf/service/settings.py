"""What the service may be asked for, and how much: the flags that its workers need."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from fer_tf.errors import FerError

MEBIBYTE = 2**20

_RANGES: dict[str, tuple[float, float]] = {
    "min_certainty": (0, 1),
    "max_body_mb": (1, 1024),
    "max_pictures": (1, 1024),
    "max_megapixels": (1, 67),
    "timeout_s": (0.1, 3600),
    "queue": (1, 100_000),
    "batch_ms": (0, 1000),
    "max_batch": (1, 1024),
}


@dataclass(frozen=True)
class Settings:
    """What a request may ask for, and how much."""

    min_certainty: float = 0.0
    """An answer is "unsure" if its most probable class has less than this probability, in
    [0, 1]."""
    tta: Literal["none", "flip"] = "none"
    """Test-time augmentation: with flip, a face's answer is the mean over the face and its mirror
    image, which is right more often, and takes a second run of the network."""
    explain: bool = False
    """Requests may ask for saliency maps (?explain=true). It needs Keras, which is loaded at once,
    and takes many times as long as an answer."""
    max_body_mb: int = 20
    """A request of more than so many megabytes (2**20 bytes) is refused."""
    max_pictures: int = 16
    """A request with more pictures is refused."""
    max_megapixels: int = 50
    """A picture of more than so many million pixels is refused before it is decoded; at most 67."""
    timeout_s: float = 30.0
    """A request that takes longer, in seconds, is given up."""
    queue: int = 64
    """So many requests may be under way in a worker, each with its body in memory; the next ones
    are told to come again."""
    batch_ms: float = 5.0
    """Faces of several requests that come within so many milliseconds go through the network as
    one batch."""
    max_batch: int = 32
    """So many pictures' faces at most go through the network as one batch; with 1, none waits for
    another."""
    access_log: bool = True
    """Each request is written to standard error, as a line of JSON."""


def check(settings: Settings) -> None:
    """Refuse what can't be meant.

    Raises:
        FerError: the flag, what was found and what was expected.
    """
    for name, (low, high) in _RANGES.items():
        value = getattr(settings, name)
        if not low <= value <= high:
            flag = name.replace("_", "-")
            raise FerError(f"--{flag} {value:g}: expected {low:g} to {high:g}")


@dataclass(frozen=True)
class Job:
    """What a worker process is started with.

    Attributes:
        settings: the flags.
        model: as `FaceAnalyzer` takes it.
        detecting: how faces are looked for: fields of `fer_tf.detecting.Detecting`.
        workers: how many there are of it.
        keys: of which a request must have one; () for none.
    """

    settings: Settings = Settings()
    model: str | None = None
    detecting: dict[str, Any] = field(default_factory=dict)
    workers: int = 1
    keys: tuple[str, ...] = field(default=(), repr=False)
