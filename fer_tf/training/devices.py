"""The devices that each training step is divided among; every one holds the whole network.

Order, augmentation, mixing and targets are those of the whole batch, and so are batch
normalisation's statistics and the gradient: the weights are those of one device, to rounding.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any, Literal

import keras

from fer_tf.errors import FerError
from fer_tf.recipes.schema import Recipe

Count = int | Literal["all"]


@contextlib.contextmanager
def divided_among(devices: Count, recipe: Recipe) -> Iterator[None]:
    """Networks that are built within are trained on so many devices.

    With JAX it is `keras.distribution.DataParallel`, over the devices of every process; with
    TensorFlow `tf.distribute.MirroredStrategy`.

    Args:
        devices: of each process: GPUs where there are any, else CPUs.
        recipe: batch_size, accumulate.

    Raises:
        FerError: there are fewer devices, or the batch can't be divided among them.
    """
    backend = keras.backend.backend()
    if devices == 1 and processes() == 1:
        yield
        return
    if backend == "tensorflow":
        found = tensorflow_devices()
    elif backend == "jax":
        found = jax_devices(process())
    else:
        raise FerError(f"--devices {devices}: expected 1 with Keras' backend {backend}")
    count = len(found) if devices == "all" else devices
    if not 1 <= count <= len(found):
        raise FerError(
            f"--devices {devices}: expected 1 to {len(found)}, which is how many there are "
            f"({', '.join(found)})"
        )
    whole = count * processes()
    if recipe.batch_size % (whole * recipe.accumulate):
        parts = f" in {recipe.accumulate} parts each" if recipe.accumulate > 1 else ""
        raise FerError(
            f"batch_size: expected a number that {whole} devices{parts} can share evenly, found "
            f"{recipe.batch_size}"
        )
    with contextlib.ExitStack() as stack:
        if backend == "jax":
            every = [name for p in range(processes()) for name in jax_devices(p)[:count]]
            stack.enter_context(_data_parallel(every))
        elif count > 1:
            stack.enter_context(_strategy(*found[:count]).scope())
        yield


def on_own_devices() -> contextlib.AbstractContextManager[Any]:
    """Networks that are built or asked within lie on the devices of this process alone."""
    distribution = keras.distribution.distribution()
    if distribution is None or processes() == 1:
        return contextlib.nullcontext()
    names = distribution.device_mesh.devices.reshape(processes(), -1)[process()]
    return _data_parallel(list(names))


def set_random_seed(seed: int) -> None:
    """`keras.utils.set_random_seed`, where networks are built on all devices and on some of them.

    The first weights are drawn from Keras' global generator, whose state stays on the devices on
    which it is made: those of this process, from which all others get theirs, too.
    """
    # Nothing public makes it without drawing from it.
    from keras.src.random.seed_generator import global_seed_generator

    keras.utils.set_random_seed(seed)
    with on_own_devices():
        global_seed_generator()


def processes() -> int:
    """How many processes train together; with TensorFlow 1."""
    if keras.backend.backend() != "jax":
        return 1
    import jax

    return jax.process_count()


def process() -> int:
    """Which of them this one is, from 0; the first one writes the run's folder."""
    if keras.backend.backend() != "jax":
        return 0
    import jax

    return jax.process_index()


def mirrored() -> int:
    """On how many devices TensorFlow's strategy of this scope runs; 1 where there is none."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync


def normalise_across_devices(network: keras.Model) -> None:
    """Let batch normalisation take its statistics over the batch of all devices.

    With JAX, whose batch is one array however many devices it lies on, it does so anyway.
    """
    if mirrored() > 1:
        for layer in network.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = True


def tensorflow_devices() -> list[str]:
    """The names of TensorFlow's GPUs, or of its CPUs where it has none."""
    import tensorflow as tf

    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return [device.name for device in found]


def jax_devices(process: int) -> list[str]:
    """The names of a process' devices of JAX, as Keras writes them."""
    import jax

    return [f"{each.platform}:{each.id}" for each in jax.local_devices(process_index=process)]


@functools.cache
def _strategy(*names: str) -> Any:
    """TensorFlow's, made once: a second one of the same devices gets the first one's messages."""
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(list(names))


def _data_parallel(names: list[str]) -> contextlib.AbstractContextManager[Any]:
    # Each process makes its own share of a batch: Keras need not divide it.
    return keras.distribution.DataParallel(devices=names, auto_shard_dataset=False).scope()
