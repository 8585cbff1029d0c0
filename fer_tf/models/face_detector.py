"""YuNet's small network: the faces of a picture, as boxes and five points each.

Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research, 2023,
section 3: a backbone of depthwise separable units, a pyramid of three levels and heads without
anchors. It is YuNet_s of libfacedetection.train, which OpenCV Zoo publishes as the file of March
2023, with its batch normalisations folded into the convolutions. It is no row of the registry,
since it answers with boxes, and nothing here trains it.
"""

from __future__ import annotations

from collections.abc import Iterable

import keras
import numpy as np
from keras import layers, ops

STRIDES = (8, 16, 32)
"""Pixels from one place of a level to the next; each place may hold a face."""

COLUMNS = 15
"""Of a find: left, top, width and height of its box; x and y of the right eye, the left eye, the
nose, the right and the left corner of the mouth, all the person's own; the score, in [0, 1].
OpenCV's `FaceDetectorYN` has the same columns."""

STEM = 16
STAGES = ((16, 32), (32, 64), (64, 64), (64, 64), (64, 64))
"""Channels of the two units of each stage after the first."""

HALVED = (True, False, True, True, True)
"""Whether the map's sides are halved before that stage."""

NECK = 64
HEADS = (1, 4, 1, 10)
"""Numbers that a place has: the class's, the box's, the object's and the points'."""


def face_detector(
    size: tuple[int, int], weights: Iterable[tuple[np.ndarray, np.ndarray]]
) -> keras.Model:
    """The network with its heads decoded, before the finds of one face are reduced to one.

    Args:
        size: (height, width) in pixels of the pictures. Sides that are no multiple of 32 are padded
            within, with black on the right and below.
        weights: of each convolution in the order of OpenCV Zoo's file the kernel, float32 [outputs,
            inputs, rows, columns], and the bias, float32 [outputs]; for red, green and blue in this
            order.

    Returns:
        A model from RGB pixels in [0, 255], float32 [n, height, width, 3], to what each place of
        the three levels holds, float32 [n, places, `COLUMNS`], in pixels of the picture; most have
        a score near 0.

    Raises:
        ValueError: the weights are more, fewer or of other shapes than the network's.
    """
    build = _Convolutions(weights)
    images = keras.Input((*size, 3), name="image")
    below, right = (-side % max(STRIDES) for side in size)
    x = layers.ZeroPadding2D(((0, below), (0, right)))(images) if below or right else images
    x = build.convolution(layers.ZeroPadding2D(1)(x), STEM, kernel_size=3, strides=2)
    x = build.unit(layers.ReLU()(x), STEM)
    maps = []
    for (inner, outer), halved in zip(STAGES, HALVED, strict=True):
        x = layers.MaxPooling2D(2)(x) if halved else x
        x = build.unit(build.unit(x, inner), outer)
        maps.append(x)
    fine, middle, coarse = maps[-len(STRIDES) :]
    coarse = build.unit(coarse, NECK)
    middle = build.unit(layers.Add()([middle, layers.UpSampling2D(2)(coarse)]), NECK)
    fine = build.unit(layers.Add()([fine, layers.UpSampling2D(2)(middle)]), NECK)
    heads = [[build.unit(x, width, relu=False) for x in (fine, middle, coarse)] for width in HEADS]
    build.finish()
    levels = zip(*heads, strict=True)
    finds = [_decoded(*level, stride=s) for level, s in zip(levels, STRIDES, strict=True)]
    return keras.Model(images, layers.Concatenate(axis=1, name="finds")(finds), name="yunet_s")


class _Convolutions:
    """Gives each convolution the next weights."""

    def __init__(self, weights: Iterable[tuple[np.ndarray, np.ndarray]]):
        self._weights = iter(weights)

    def convolution(self, x, filters: int, **options):
        return self._with_weights(layers.Conv2D(filters, **options), x, (2, 3, 1, 0))

    def unit(self, x, filters: int, *, relu: bool = True):
        """A pointwise convolution, then a depthwise one."""
        x = self.convolution(x, filters, kernel_size=1)
        x = self._with_weights(layers.DepthwiseConv2D(3, padding="same"), x, (2, 3, 0, 1))
        return layers.ReLU()(x) if relu else x

    def finish(self) -> None:
        if unused := len(list(self._weights)):
            raise ValueError(f"{unused} convolutions more than the network has")

    def _with_weights(self, layer: keras.Layer, x, axes: tuple[int, ...]):
        weights = next(self._weights, None)
        if weights is None:
            raise ValueError("fewer convolutions than the network has")
        x = layer(x)
        kernel, bias = weights
        layer.set_weights([kernel.transpose(axes), bias])
        return x


def _decoded(classes, boxes, objects, points, *, stride: int):
    """What the places of one level hold, [n, places, `COLUMNS`], of its four heads."""
    height, width = classes.shape[1:3]
    places = height * width
    corner = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)
    corner = corner.reshape(places, 1, 2).astype(np.float32)
    # An axis of pairs, x and y: the middle and the sides of the box, and five points.
    boxes, points = (layers.Reshape((places, -1, 2))(x) for x in (boxes, points))
    classes, objects = (layers.Reshape((places, 1))(x) for x in (classes, objects))
    sides = ops.exp(boxes[:, :, 1:]) * stride
    middle = (boxes[:, :, :1] + corner) * stride
    pairs = ops.concatenate([middle - sides / 2, sides, (points + corner) * stride], axis=2)
    score = ops.sqrt(ops.sigmoid(classes) * ops.sigmoid(objects))
    return layers.Concatenate()([layers.Reshape((places, COLUMNS - 1))(pairs), score])
