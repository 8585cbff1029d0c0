"""Input gradients: how much each pixel of a face moves the logit of a class, or a value.

Own code on purpose: the library that works on Keras 3, tf-keras-vis 0.8.7, is from March 2024,
knows TensorFlow only and draws SmoothGrad's noise without a seed; it gives the same gradients
and Grad-CAM maps (tests/explanations/test_reference.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from fer_tf.data.augment import resize, warp_by_gather
from fer_tf.errors import FerError

BATCH = 128
"""Faces that are differentiated at once; about 1 GB of activations at 64 px."""

SAMPLES = 16
"""Noisy copies of SmoothGrad; what is left of their noise is averaged out well enough."""

NOISE = 0.15
"""Their standard deviation over the face's range of grey; 0.1 to 0.2 in that paper."""

STEPS = 16
"""Midpoints of integrated gradients' path."""


def derivative(score: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """The gradient of a batch's scores with respect to it, on the TensorFlow or JAX backend.

    Args:
        score: tensor [n, ...], and any more of n rows each, to tensor [n]; the score of an example
            depends on it alone.

    Returns:
        A function of the same arguments as arrays: float32, shaped like the first one.

    Raises:
        FerError: another Keras backend.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        def slope(inputs, *others):
            tensor = ops.convert_to_tensor(inputs, "float32")
            with tf.GradientTape() as tape:
                tape.watch(tensor)
                total = ops.sum(score(tensor, *others))
            return tape.gradient(total, tensor)

    elif backend == "jax":
        import jax

        slope = jax.jit(jax.grad(lambda x, *others: ops.sum(score(x, *others))))
    else:
        raise FerError(
            f"explanations need gradients: expected Keras on tensorflow or jax, not {backend}"
        )
    return lambda inputs, *others: np.asarray(slope(np.asarray(inputs, np.float32), *others))


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of tensors, made fast: JAX would compile each operation by itself."""
    if keras.backend.backend() != "jax":
        return function
    import jax

    return jax.jit(function)


def network_input(faces: Any, size: tuple[int, int]) -> Any:
    """Faces [n, h, w] or [n, h, w, 3] to what the network takes, [n, *size, 3]; all 0 to 255."""
    return resize(faces, size, warp_by_gather)


def target_scores(answers: Any, target: np.ndarray) -> Any:
    """What is explained of answers [n, classes + values], one each, [n].

    A class by its logit, as the softmax mixes all classes; a value by the network's own output.
    """
    return ops.sum(answers * ops.one_hot(target, answers.shape[-1]), axis=-1)


def batches(count: int) -> Iterator[slice]:
    """Slices of at most `BATCH` that cover `count` rows."""
    return (slice(start, start + BATCH) for start in range(0, count, BATCH))


def gradient(
    model: keras.Model, faces: np.ndarray, target: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """d answer / d pixel of the face, through the resize (Simonyan et al., 2014, section 3).

    Args:
        model: float32 pixels in [0, 255], [n, height, width, 3], to logits and values, [n,
            classes + values], as `fer_tf.models.heads.joined` gives them.
        faces: uint8 or float32 [n, h, w], grey, or [n, h, w, 3], RGB, 0 to 255.
        target: int [n], indices of the answers.
        size: (height, width) to resize to.

    Returns:
        float32, shaped like the faces, signed.
    """
    slope = derivative(
        lambda x, wanted: target_scores(model(network_input(x, size), training=False), wanted)
    )
    slopes = np.empty(faces.shape, np.float32)
    for rows in batches(len(faces)):
        slopes[rows] = slope(faces[rows], target[rows])
    return slopes


def smooth_gradient(
    model: keras.Model, faces: np.ndarray, target: np.ndarray, size: tuple[int, int], seed: int
) -> np.ndarray:
    """SmoothGrad: the mean gradient of `SAMPLES` noisy copies (Smilkov et al., 2017, section 2.2).

    Every face gets the same noise, so that its map does not depend on the faces beside it.
    Arguments and result are those of `gradient`; noisy pixels may leave [0, 255].
    """
    pixels = faces.astype(np.float32)
    scale = NOISE * np.ptp(pixels.reshape(len(pixels), -1), axis=1)
    scale = scale.reshape(-1, *[1] * pixels.ndim)
    noise = np.random.default_rng(seed).standard_normal((SAMPLES, *faces.shape[1:]), np.float32)
    return _mean_gradient(model, pixels[:, None] + scale * noise, target, size)


def integrated_gradient(
    model: keras.Model,
    faces: np.ndarray,
    target: np.ndarray,
    size: tuple[int, int],
    baseline: np.ndarray,
) -> np.ndarray:
    """Integrated gradients (Sundararajan et al., ICML 2017, section 3) by the midpoint rule.

    Args:
        model: as of `gradient`, as are `faces`, `target` and `size`.
        baseline: float32, shaped like the faces, where the path to each one begins.

    Returns:
        float32, shaped like the faces; a face's sum is its answer less the baseline's, to the
        rule's error.
    """
    way = faces.astype(np.float32) - baseline
    shares = ((np.arange(STEPS, dtype=np.float32) + 0.5) / STEPS).reshape(-1, *[1] * (way.ndim - 1))
    return way * _mean_gradient(model, baseline[:, None] + shares * way[:, None], target, size)


def _mean_gradient(model, points: np.ndarray, target, size) -> np.ndarray:
    """Mean over the points [n, points, ...] of each face, in full batches also for one face."""
    flat = points.reshape(-1, *points.shape[2:])
    slopes = gradient(model, flat, np.repeat(target, points.shape[1]), size)
    return slopes.reshape(points.shape).mean(axis=1)
