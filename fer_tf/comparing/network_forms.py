"""A network of random weights in the forms that are timed, and what can be counted in it.

`python -m fer_tf.comparing.network_forms JOB.json` is a process that builds one: a network that
needs more memory than there is takes nothing else with it.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from fer_tf import cli
from fer_tf.benchmarking.multiply_adds import network_multiply_adds
from fer_tf.cores import has_gpu
from fer_tf.errors import FerError, reason
from fer_tf.files import write_beside
from fer_tf.tasks import Task, from_json

FORMS = {"keras": ("keras-graph", "keras-graph"), "litert": ("litert-float32", "litert")}
"""What is timed: the form's name in a benchmark, and what runs it."""


def build(network: str, asked: int | None, task: Task | None) -> tuple[Any, tuple[int, int]]:
    """A network of random weights for one size, in colour.

    Returns:
        The model, and (height, width): the asked one, or the published one of a network that is
        built for one size and can't be for that.

    Raises:
        FerError: it can't be built.
    """
    from fer_tf.models.registry import create_model, find_network

    row = find_network(network)
    published = row.input_shape[:2]
    for size in [published] if asked is None else [(asked, asked), published]:
        try:
            return create_model(network, task=task, input_shape=(*size, 3)), size
        except FerError:
            if row.any_size or size == published:
                raise
    raise AssertionError("unreachable")


def main() -> None:
    """The process: tells what it knows as soon as it knows it, in case the rest fails."""
    with contextlib.suppress(OSError):
        # An export takes several times its weights: where memory runs out, this process is to go,
        # and nothing else.
        Path("/proc/self/oom_score_adj").write_text("1000")
    order = json.loads(Path(sys.argv[1]).read_text())
    cli.start_keras()
    import keras

    from fer_tf.models.registry import find_network
    from fer_tf.models.saving import save_model

    network, folder = order["network"], Path(order["folder"])
    task = None if order["task"] is None else from_json(order["task"], source="the job")
    model, size = build(network, order["asked"], task)
    task = task or find_network(network).task
    found: dict[str, Any] = {"size": size, "device": _device(), "forms": {}}
    found["parameters"] = int(sum(np.prod(v.shape) for v in model.trainable_variables))
    # TensorFlow's graph is what is counted, which Keras on JAX does not make.
    if keras.backend.backend() == "tensorflow":
        found["multiply_adds"] = network_multiply_adds(model, size)
    tell = Path(order["told"])
    write_beside(tell, json.dumps(found))
    if not order["forms"]:
        return
    file = folder / f"{network}.keras"
    save_model(model, file, task)
    found["forms"]["keras"] = str(file)
    write_beside(tell, json.dumps(found))
    path = folder / f"{network}.tflite"
    try:
        from fer_tf.exporting.tflite import write_tflite

        write_tflite(model, path, size=size, precision="float32", task=task)
    except Exception as error:
        raise FerError(f"not exported to LiteRT: {reason(error)}") from error
    found["forms"]["litert"] = str(path)
    write_beside(tell, json.dumps(found))


def _device() -> str:
    """What Keras computes on."""
    import keras

    backend = keras.backend.backend()
    if not has_gpu():
        # How many threads XLA takes is not ours to say.
        return "CPU, 1 thread" if backend == "tensorflow" else "CPU"
    if backend == "jax":
        import jax

        return str(jax.devices()[0].device_kind)
    import tensorflow as tf

    first = tf.config.list_physical_devices("GPU")[0]
    return str(tf.config.experimental.get_device_details(first).get("device_name", "GPU"))


if __name__ == "__main__":
    cli.run(main)
