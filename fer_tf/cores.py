"""What there is to compute with."""

from __future__ import annotations

import os


def cores() -> int:
    """The cores that this process may use, which a container can make fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_gpu() -> bool:
    """Whether Keras' backend finds a GPU; imports both."""
    import keras

    # Without a kind: JAX would raise where there is no GPU.
    return any(name.startswith("gpu") for name in keras.distribution.list_devices())
