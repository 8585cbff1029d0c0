"""Faces to saliency maps, by any of the methods."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import cv2
import keras
import numpy as np

from fer_tf.errors import FerError
from fer_tf.explanations.grad_cam import grad_cam
from fer_tf.explanations.gradients import gradient, integrated_gradient, smooth_gradient
from fer_tf.explanations.methods import DEFAULT_METHOD, METHODS
from fer_tf.explanations.occlusion import answering, blurred, occlusion
from fer_tf.explanations.rollout import excess_rollout
from fer_tf.models.heads import joined

SMOOTHING = 1 / 32
"""Standard deviation over the face's side, 1.5 of 48 pixels, of the blur of integrated gradients.

They are dots of both signs: single pixels are no reason that a person can see. It costs little
of their faithfulness, which is measured with it."""

CAM_LAYERS = {"gradcam-stage4": "stage4_norm", "gradcam-fused": "fusion"}


def saliency_maps(
    model: keras.Model,
    faces: np.ndarray,
    *,
    method: str = DEFAULT_METHOD,
    target: Sequence[int] | np.ndarray | None = None,
    size: tuple[int, int] | None = None,
    seed: int = 0,
) -> np.ndarray:
    """What speaks for a class, or raises a value, pixel by pixel.

    Args:
        model: float32 pixels in [0, 255], [n, height, width, 3], to logits [n, classes], or to
            {"logits": these, "values": [n, values]}.
        faces: uint8 [n, h, w], grey, or [n, h, w, 3], RGB.
        method: a key of `METHODS`, or "random": noise, to compare with.
        target: int [n], indices of classes or, from the number of classes on, of values; None for
            the most probable classes. "rollout" and "random" ignore it.
        size: (height, width) at which the network runs; None for what it was built for, or the
            faces' own where it takes any.
        seed: of SmoothGrad's noise and of "random".

    Returns:
        float32 [n, h, w] in [0, 1]; the greatest value of each map is 1 unless all are 0. Coarser
        maps are enlarged bilinearly. Evidence against the class, or what lowers
        the value, counts as 0; the sizes of "gradient" and "smoothgrad" have no sign.

    Raises:
        FerError: an unknown method, faces, targets or a size that do not fit, a model without
            the layers that the method needs, or a Keras backend without gradients here.
    """
    _check(model, faces, method)
    size = _size(model, faces, size)
    if not len(faces):
        return np.zeros(faces.shape[:3], np.float32)
    network = joined(model)
    classes = network.output_shape[-1] if model is network else model.output["logits"].shape[-1]
    wanted = _targets(network, faces, target, size, classes)
    return _scaled(_raw(network, faces, method, wanted, size, seed))


def _raw(model, faces, method, target, size, seed) -> np.ndarray:
    if method == "gradient":
        return _by_pixel(np.abs(gradient(model, faces, target, size)))
    if method == "smoothgrad":
        return _by_pixel(np.abs(smooth_gradient(model, faces, target, size, seed)))
    if method == "integrated":
        base = blurred(faces).astype(np.float32)
        return _smoothed(_by_pixel(integrated_gradient(model, faces, target, size, base)))
    if method == "occlusion":
        return occlusion(model, faces, target, size)
    if method == "rollout":
        return _enlarged(excess_rollout(model, faces, size), faces.shape[1:3])
    if method == "random":
        return np.random.default_rng(seed).random(faces.shape[:3], np.float32)
    return _enlarged(grad_cam(model, CAM_LAYERS[method], faces, target, size), faces.shape[1:3])


def _by_pixel(maps: np.ndarray) -> np.ndarray:
    """[n, h, w]: the sum over the colours, where there are any."""
    return maps if maps.ndim == 3 else maps.sum(axis=-1)


def _smoothed(maps: np.ndarray) -> np.ndarray:
    sigma = SMOOTHING * maps.shape[1]
    return np.stack([cv2.GaussianBlur(m, (0, 0), sigma) for m in maps])


def _enlarged(maps: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    height, width = shape
    resized = [cv2.resize(m, (width, height), interpolation=cv2.INTER_LINEAR) for m in maps]
    return np.stack(resized)


def _scaled(maps: np.ndarray) -> np.ndarray:
    positive = np.maximum(maps, 0, dtype=np.float32)
    greatest = positive.max(axis=(1, 2), keepdims=True)
    return np.divide(positive, greatest, out=np.zeros_like(positive), where=greatest > 0)


def _targets(model, faces, target, size, classes) -> np.ndarray:
    if target is None:
        return answering(model, size)(faces)[:, :classes].argmax(axis=1)
    wanted, answers = np.asarray(target), model.output_shape[-1]
    if wanted.shape != (len(faces),) or not np.issubdtype(wanted.dtype, np.integer):
        raise FerError(
            f"target has shape {wanted.shape} and type {wanted.dtype}: expected one index of an "
            f"answer for each of {len(faces)} faces"
        )
    if wanted.min() < 0 or wanted.max() >= answers:
        raise FerError(
            f"target holds {wanted.min()} to {wanted.max()}: expected answers 0 to {answers - 1}"
        )
    return wanted


def _size(model, faces, size) -> tuple[int, int]:
    built = model.input_shape[1:3]
    if size is None:
        height, width = (b or f for b, f in zip(built, faces.shape[1:3], strict=True))
        return height, width
    if any(b not in (None, s) for b, s in zip(built, size, strict=True)):
        raise FerError(
            f"{model.name}: takes faces of {built[0]}x{built[1]} pixels only, not "
            f"{size[0]}x{size[1]}"
        )
    return size


def _check(model, faces, method) -> None:
    if method not in METHODS and method != "random":
        close = difflib.get_close_matches(method, METHODS, 1)
        guess = f" (did you mean {close[0]!r}?)" if close else ""
        raise FerError(f"unknown method {method!r}{guess}: expected one of {', '.join(METHODS)}")
    colour = faces.ndim == 4 and faces.shape[-1] == 3
    if not (faces.ndim == 3 or colour) or faces.dtype != np.uint8:
        raise FerError(
            f"faces have shape {faces.shape} and type {faces.dtype}: expected uint8 [n, h, w] or "
            "[n, h, w, 3]"
        )
    shape = model.input_shape
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[-1] != 3:
        raise FerError(f"{model.name}: takes {shape}: expected images [n, height, width, 3]")
