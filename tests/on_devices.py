"""Trainings in a process of their own, which has several virtual devices.

    python on_devices.py BACKEND DEVICES < LIST

LIST is JSON: the arguments of one `python -m fer_tf.train` after the other. "differences" in place
of one prints what lies between a tiny network on all devices and on one: between their weights,
without parts and with two, and between batch normalisation's statistics and those of the batch.
With JAX there is no TensorFlow.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import small


def run(backend: str, devices: int, *trainings: list[str] | str) -> str:
    """Run trainings in a child process; its stdout. "differences" may be one."""
    child = subprocess.run(
        [sys.executable, __file__, backend, str(devices)],
        input=json.dumps(trainings),
        capture_output=True,
        text=True,
        check=False,
        env=environment(backend, devices),
    )
    assert child.returncode == 0, child.stderr
    return child.stdout


def environment(backend: str, devices: int) -> dict[str, str]:
    """What a child's environment is."""
    flags = f"--xla_force_host_platform_device_count={devices}"
    return {**os.environ, "KERAS_BACKEND": backend, "XLA_FLAGS": flags, "COLUMNS": "400"}


def furthest(one: Path, other: Path) -> float:
    """The largest difference between two runs' weights."""
    a, b = small.last_arrays(one), small.last_arrays(other)
    assert a.keys() == b.keys()
    names = [name for name in a if name.startswith("network.")]
    return max(float(np.abs(a[name] - b[name]).max()) for name in names)


def _main(backend: str, devices: int, trainings: Sequence) -> None:
    if backend == "jax":
        exec(small.NO_TENSORFLOW)
    else:
        import tensorflow as tf

        (cpu,) = tf.config.list_physical_devices("CPU")
        logical = [tf.config.LogicalDeviceConfiguration()] * devices
        tf.config.set_logical_device_configuration(cpu, logical)
    small.register_small()
    from fer_tf import cli, train

    train._report = lambda *arguments: None
    for argv in trainings:
        if argv == "differences":
            print(json.dumps(_differences(devices)))
        else:
            cli.run(lambda argv=argv: train.main(argv))


def _differences(devices: int) -> list[float]:
    import keras

    from fer_tf.recipes.schema import Recipe
    from fer_tf.training.accumulation import accumulate
    from fer_tf.training.devices import divided_among, normalise_across_devices
    from fer_tf.training.optimizers import SGD

    x = np.random.default_rng(0).normal(3.0, 2.0, size=(8 * devices, 3)).astype(np.float32)

    def trained(count, *layers, parts: int = 1) -> list[np.ndarray]:
        with divided_among(count, Recipe(batch_size=len(x), accumulate=parts)):
            start = keras.initializers.GlorotUniform(0)
            made = [layer(momentum=0.0) for layer in layers]
            last = keras.layers.Dense(2, kernel_initializer=start)
            model = keras.Sequential([keras.Input((3,)), *made, last])
            normalise_across_devices(model)
            model.compile(SGD(learning_rate=0.1, global_clipnorm=0.1), "mse")
            if parts > 1:
                accumulate(model, parts)
            model.fit(x, x[:, :2], batch_size=len(x), epochs=3, verbose=0, shuffle=False)
            return model.get_weights()

    norm = keras.layers.BatchNormalization
    pairs = [
        (trained("all", norm), trained(1, norm)),
        (trained("all", parts=2), trained(1)),
    ]
    pairs.append((pairs[0][0][2:4], [x.mean(axis=0), x.var(axis=0)]))
    return [
        max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))
        for one, other in pairs
    ]


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), json.load(sys.stdin))
