"""What several processes that train together say to one another; one alone is its own answer."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from fer_tf.data.mapped import Images
from fer_tf.errors import FerError
from fer_tf.hosts import LOST, Hosts
from fer_tf.training.devices import process, processes


@contextlib.contextmanager
def joined(hosts: Hosts | None, seed: int) -> Iterator[None]:
    """Wait for the other processes, and be one of them within.

    Args:
        hosts: who they are; None for one process alone.
        seed: of Keras, the same in all of them.

    Raises:
        FerError: the backend is not JAX, or another process is gone.
    """
    if hosts is None:
        yield
        return
    if keras.backend.backend() != "jax":
        raise FerError(
            "--processes: several processes train with JAX (KERAS_BACKEND=jax) alone, because "
            "tf.distribute.MultiWorkerMirroredStrategy.fit is broken in Keras 3: "
            "https://github.com/keras-team/keras/issues/20585"
        )
    import jax

    # Between CPUs; GPUs have their own.
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    keras.utils.set_random_seed(seed)
    # Without a package of that name, JAX says at length what it can't look up. All of it is given.
    warnings.filterwarnings("ignore", "Kubernetes environment detected")
    try:
        keras.distribution.initialize(hosts.coordinator, hosts.processes, hosts.process)
        yield
        jax.distributed.shutdown()
    except ValueError as error:
        if not is_of_xla(error):
            raise
        raise _lost(error) from None
    except jax.errors.JaxRuntimeError as error:
        raise _lost(error) from None


def is_of_xla(error: ValueError) -> bool:
    """Whether it is XLA's, which starts with a code of its own: "UNKNOWN: Gloo all-reduce failed".

    Most such errors are JAX's `JaxRuntimeError`. Where a step is handed over to XLA, they are not.
    """
    return re.match(r"[A-Z_]+: ", str(error)) is not None and not isinstance(error, FerError)


def _lost(error: Exception) -> FerError:
    return FerError(f"{LOST} ({str(error).splitlines()[0]:.200})")


def check_alike(what: str, *values: Any) -> None:
    """Refuse to go on where a process has other values than the first one.

    Raises:
        FerError: in all of them, naming `what`.
    """
    digest = np.frombuffer(hashlib.sha256(repr(values).encode()).digest(), np.uint8)
    if processes() > 1 and (gathered(digest) != digest).any():
        raise FerError(
            f"--process {process()}: the processes have not all the same {what}: expected the same "
            "flags, the same data and one folder --runs that all of them see"
        )


def gathered(array: np.ndarray) -> np.ndarray:
    """The arrays of all processes, of one shape, in their order: [processes, ...]."""
    if processes() == 1:
        return array[None]
    from jax.experimental import multihost_utils

    return np.asarray(multihost_utils.process_allgather(array)).reshape(-1, *array.shape)


def of_the_first(number: float) -> float:
    """The first process' number, float32 where there are several."""
    return number if processes() == 1 else float(gathered(np.array(number, np.float32))[0])


def answered_together(
    answer: Callable[[Images], tuple[np.ndarray, np.ndarray | None]], images: Images
) -> tuple[np.ndarray, np.ndarray | None]:
    """The answers to all images, of which each process is asked for its share.

    Args:
        answer: images [n, ...] to (logits, values), [n, ...] or None.
        images: all of them.
    """
    if processes() == 1:
        return answer(images)
    share = -(-len(images) // processes())
    rows = np.arange(process() * share, (process() + 1) * share)
    answers = answer(images[np.minimum(rows, len(images) - 1)])
    logits, values = answers

    def whole(share: np.ndarray) -> np.ndarray:
        return np.concatenate(gathered(share))[: len(images)]

    return whole(logits), None if values is None else whole(values)


class Vote:
    """Whether any process wants something: all of them know it at the same step."""

    def __init__(self):
        self._before: Any = None

    def now(self, own: bool) -> bool:
        """Whether any process wanted it at the call before; of one process alone, at this one.

        So that no process waits for the step that is being computed.
        """
        if processes() == 1:
            return own
        before, self._before = self._before, _count(own)
        return before is not None and int(before) > 0

    def settled(self, own: bool) -> bool:
        """Whether any process wants it at this call."""
        return bool(gathered(np.array([own])).any())


def _count(own: bool) -> Any:
    """How many devices are of processes that want it: a number that is still being computed."""
    import jax

    divided, add = _counter()
    flags = np.full(jax.local_device_count(), own, np.int32)
    return add(jax.make_array_from_process_local_data(divided, flags))


@functools.cache
def _counter() -> tuple[Any, Any]:
    """How a number for each device lies on all of them, and the function that adds them up."""
    import jax
    from jax.sharding import NamedSharding, PartitionSpec

    mesh = jax.sharding.Mesh(np.array(jax.devices()), ("all",))
    add = jax.jit(jax.numpy.sum, out_shardings=NamedSharding(mesh, PartitionSpec()))
    return NamedSharding(mesh, PartitionSpec("all")), add
