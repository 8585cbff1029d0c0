"""Grad-CAM: which cells of a map of the network speak for a class, or raise a value."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from fer_tf.errors import FerError
from fer_tf.explanations.gradients import (
    batches,
    compiled,
    derivative,
    network_input,
    target_scores,
)


def grad_cam(
    model: keras.Model, layer: str, faces: np.ndarray, target: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """Grad-CAM (Selvaraju et al., ICCV 2017, section 3, equations 1 and 2).

    Args:
        model: float32 pixels in [0, 255], [n, height, width, 3], to logits and values, [n,
            classes + values], as `fer_tf.models.heads.joined` gives them.
        layer: name of the layer whose map [n, rows, columns, channels] is explained.
        faces: uint8 [n, h, w], grey, or [n, h, w, 3], RGB.
        target: int [n], indices of the answers.
        size: (height, width) to resize to.

    Returns:
        float32 [n, rows, columns], at least 0: as coarse as the layer's map.

    Raises:
        FerError: the model has no such layer.
    """
    names = [each.name for each in model.layers]
    if layer not in names:
        raise FerError(f"{model.name}: has no layer {layer!r}, which this Grad-CAM explains")
    # A model that begins inside another one leaves that one's graph unfit to be saved.
    model, weights = keras.models.clone_model(model), model.get_weights()
    model.set_weights(weights)
    output = model.get_layer(layer).output
    head = keras.Model(model.inputs, output)
    # Fed with the images too: the fusion block reads the maps of the earlier stages beside it.
    tail = keras.Model([model.inputs[0], output], model.output)
    see = compiled(lambda x: head(network_input(x, size), training=False))
    slope = derivative(
        lambda x, images, wanted: target_scores(
            tail([network_input(images, size), x], training=False), wanted
        )
    )
    maps = []
    for rows in batches(len(faces)):
        features = np.asarray(ops.convert_to_numpy(see(faces[rows])), np.float32)
        shares = slope(features, faces[rows], target[rows]).mean(axis=(1, 2), keepdims=True)
        maps.append(np.maximum((shares * features).sum(axis=-1), 0))
    return np.concatenate(maps)
