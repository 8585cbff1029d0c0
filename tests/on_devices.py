"""Trainings in a process of their own, which has several virtual devices.

    python on_devices.py BACKEND DEVICES < LIST

LIST is JSON: the arguments of one `python -m fer_tf.train` after the other. "normalise" in place
of one prints how far the statistics of batch normalisation over all devices are from those of the
whole batch. With JAX there is no TensorFlow.
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


def run(backend: str, devices: int, *trainings: list[str]) -> str:
    """Run trainings in a child process; its stdout. "normalise" may be one."""
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


def last_arrays(run: Path) -> dict[str, np.ndarray]:
    """The arrays of a run's newest checkpoint."""
    from fer_tf.training import checkpoint

    return dict(checkpoint.load(checkpoint.newest(run / "checkpoints")[0]).arrays)


def furthest(one: Path, other: Path) -> float:
    """The largest difference between two runs' weights."""
    a, b = last_arrays(one), last_arrays(other)
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
        if argv == "normalise":
            print(f"statistics {_statistics(devices)}")
        else:
            cli.run(lambda argv=argv: train.main(argv))


def _statistics(devices: int) -> float:
    import keras

    from fer_tf.recipes.schema import Recipe
    from fer_tf.training.devices import divided_among, normalise_across_devices

    x = np.random.default_rng(0).normal(3.0, 2.0, size=(8 * devices, 3)).astype(np.float32)
    with divided_among("all", Recipe(batch_size=len(x))):
        norm = keras.layers.BatchNormalization(momentum=0.0)
        model = keras.Sequential([keras.Input((3,)), norm, keras.layers.Dense(2)])
        normalise_across_devices(model)
        model.compile("sgd", "mse")
        model.fit(x, x[:, :2], batch_size=len(x), verbose=0, shuffle=False)
        found = np.stack([np.asarray(norm.moving_mean), np.asarray(norm.moving_variance)])
    return float(np.abs(found - np.stack([x.mean(axis=0), x.var(axis=0)])).max())


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), json.load(sys.stdin))
