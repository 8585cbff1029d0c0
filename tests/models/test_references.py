"""The published networks and PyTorch's implementations: the same answers with the same weights.

`scripts/make_references.py` writes what is read here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
from drawn_weights import drawn_pictures, drawn_weight
from registered import networks

from fer_tf import create_model
from fer_tf.models.registry import NETWORKS

REFERENCES = {
    file.stem: json.loads(file.read_text())
    for file in sorted((Path(__file__).parent / "references").glob("*.json"))
}
TOLERANCE = 1e-4
"""Of the largest answer."""


@pytest.mark.parametrize("name", [each for each in networks() if each.id in REFERENCES])
def test_a_network_answers_as_pytorchs(name):
    reference = REFERENCES[name]
    channels = NETWORKS[name].input_shape[2]
    network = create_model(name, input_shape=(*reference["size"], channels))
    set_drawn_weights(network)
    answers = network(drawn_pictures(reference["size"], channels), training=False)
    answers = answers if isinstance(answers, dict) else {"logits": answers}
    assert answers.keys() == reference["outputs"].keys()
    for name, expected in reference["outputs"].items():
        expected = np.asarray(expected)
        assert np.abs(expected[0] - expected[1]).max() > 50 * TOLERANCE * np.abs(expected).max()
        error = np.abs(np.asarray(answers[name]) - expected).max()
        assert error < TOLERANCE * np.abs(expected).max(), name


@pytest.mark.parametrize("name", REFERENCES)
def test_a_row_states_what_pytorchs_tools_count(name):
    row, reference = NETWORKS[name], REFERENCES[name]
    assert row.parameters == reference["parameters"]
    assert row.multiply_adds == pytest.approx(reference["multiply_adds"], rel=0.01)


def set_drawn_weights(network: keras.Model) -> None:
    """Give each array what is drawn for its index in PyTorch's order."""
    index = 0
    for layer in in_pytorchs_order(network):
        arrays = {}
        for name in ("kernel", "gamma", "bias", "beta", "moving_mean", "moving_variance"):
            weight = getattr(layer, name, None)
            if weight is not None:
                arrays[weight.path] = drawn(index, name, layer, network)
                index += 1
        layer.set_weights([arrays[weight.path] for weight in layer.weights])


def in_pytorchs_order(network: keras.Model) -> Iterator[keras.layers.Layer]:
    """Layers with weights; a shortcut is defined last in its block, the values' head at the end."""
    waiting: list[keras.layers.Layer] = []
    for layer in sorted(network.layers, key=lambda layer: layer.name.startswith("values")):
        if "_shortcut" in layer.name:
            waiting.append(layer)
        elif layer.weights:
            yield layer
        elif layer.name.endswith("_add"):
            yield from waiting
            waiting = []


def drawn(index: int, name: str, layer: keras.layers.Layer, network: keras.Model) -> np.ndarray:
    """An array of ours, drawn in PyTorch's shape: [out, in, height, width] of a convolution."""
    kind = {"beta": "bias", "moving_mean": "mean", "moving_variance": "variance"}.get(name, name)
    shape = tuple(getattr(layer, name).shape)
    if kind != "kernel":
        return drawn_weight(index, kind, shape)
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return drawn_weight(index, kind, (shape[2], 1, *shape[:2])).transpose(2, 3, 0, 1)
    if len(shape) == 4:
        return drawn_weight(index, kind, (shape[3], shape[2], *shape[:2])).transpose(2, 3, 1, 0)
    kernel = drawn_weight(index, kind, (shape[1], shape[0]))
    if layer.name == "hidden1":
        # PyTorch flattens a map channel by channel.
        grid = network.get_layer("grid").output.shape[1:]
        kernel = kernel.reshape(shape[1], grid[2], *grid[:2]).transpose(0, 2, 3, 1)
        kernel = kernel.reshape(shape[1], shape[0])
    return kernel.T
