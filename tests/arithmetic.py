"""What layers compute, in NumPy alone: the other side of tests of published equations.

Every function takes a map or rows and, where there are weights, a Keras layer that has them.
"""

from __future__ import annotations

import keras
import numpy as np


def randomize(model: keras.Model | keras.layers.Layer, seed: int = 0) -> None:
    """Draw every weight, also the moving means, and positive moving variances."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if not weight.dtype.startswith("float"):
            continue
        if "variance" in weight.path:
            weight.assign(rng.uniform(0.5, 2.0, weight.shape))
        else:
            weight.assign(rng.normal(0, 0.4, weight.shape))


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def relu(x):
    return np.maximum(x, 0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def dense(x, layer):
    kernel, bias = layer.get_weights()
    return x @ kernel + bias


def conv(x, layer, stride: int = 1):
    """A convolution padded by half its kernel on every side, as PyTorch's are in these networks."""
    kernel, *bias = layer.get_weights()
    pad = kernel.shape[0] // 2
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], axis=(1, 2))
    x = np.einsum("nhwcij,ijcd->nhwd", windows[:, ::stride, ::stride], kernel)
    return x + bias[0] if bias else x


def norm(x, layer):
    """Batch normalisation as after the training."""
    gamma, beta, mean, variance = layer.get_weights()
    return (x - mean) / np.sqrt(variance + layer.epsilon) * gamma + beta


def largest(x, side: int, stride: int, pad: int = 0):
    """Max-pooling; what is padded is below all numbers."""
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(1, 2))
    return windows[:, ::stride, ::stride].max((-1, -2))


def upsampled(x, height: int, width: int):
    """Bilinear with the corners on the corners, one axis after the other."""
    for axis, wanted in ((1, height), (2, width)):
        places = np.linspace(0, x.shape[axis] - 1, wanted)
        known = np.arange(x.shape[axis])
        x = np.apply_along_axis(lambda line, p=places, k=known: np.interp(p, k, line), axis, x)
    return x


def layer_norm(x, layer):
    gamma, beta = layer.get_weights()
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt(x.var(-1, keepdims=True) + layer.epsilon) * gamma + beta
