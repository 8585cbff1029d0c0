"""The network as a TFLite file for LiteRT: bytes in, answers out, all of it on XNNPACK."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.tools import flatbuffer_utils

from fer_tf.errors import FerError, reason
from fer_tf.exporting.formats import Precision
from fer_tf.exporting.pixel_function import check_network, pixel_function
from fer_tf.exporting.tflite_metadata import add_metadata
from fer_tf.exporting.tflite_model import SIGNATURE, delegate_input, read_tflite, sign
from fer_tf.files import write_beside, writing
from fer_tf.models.sizes import at_size
from fer_tf.quiet import quiet
from fer_tf.runtimes.resizing import to_input
from fer_tf.tasks import Task

QUANTISED = ("CONV_2D", "FULLY_CONNECTED", "DEPTHWISE_CONV_2D", "PAD")
"""What computes in int8. Normalisation, attention and sums stay in float32: in int8 XNNPACK
leaves them to slow kernels. Padding is quantised with the convolution that it belongs to."""

LARGE = 0.1
"""A share of a network's weights: a layer with more of them is computed in int8, if it is neither
the first nor the last."""


def write_tflite(
    model: keras.Model,
    path: str | os.PathLike[str],
    *,
    size: tuple[int, int],
    precision: Precision,
    task: Task,
    channels: int = 3,
    face: tuple[int, int] | None = None,
    calibration: np.ndarray | None = None,
    temperature: float = 1.0,
) -> None:
    """Write a TFLite file: uint8 [1, h, w, channels] in, float32 [1, classes] and values out.

    Args:
        model: a functional model from pixels in [0, 255], [n, h, w, 3], to logits, or to {"logits",
            "values"}.
        path: the file to write, beside its place and then renamed.
        size: (height, width) in pixels at which the network runs.
        precision: of the weights; int8 also of the activations of `QUANTISED`, with the ranges
            that they have on `calibration`.
        task: what it answers, kept in the file's metadata; where its faces are grey, colour is made
            grey within.
        channels: 3 for RGB, 1 for grey.
        face: (height, width) of the input, which the graph resizes; None for `size`.
        calibration: uint8 [n, h, w], grey, or [n, h, w, 3], faces of the training split; int8 needs
            them.
        temperature: kept in the file's metadata; see `fer_tf.runtimes.calibration`.

    Raises:
        FerError: as of `check_network`, or the network can't be converted, or the file can't be
            written.
    """
    check_network(model, task)
    colour = task.face[2] == 3
    function = pixel_function(
        at_size(model, size), colour=colour, channels=channels, batch=1, face=face
    )
    content = sign(_convert(function, model.name, precision))
    if precision == "int8":
        assert calibration is not None
        content = _quantise(content, to_input(calibration, face or size, channels), model.name)
    content = add_metadata(
        delegate_input(content),
        task=task,
        name=f"fer_tf {model.name} {precision}",
        temperature=temperature,
    )
    with writing(Path(path)):
        write_beside(Path(path), content)


def _convert(
    function: tf.types.experimental.PolymorphicFunction, name: str, precision: str
) -> bytes:
    """TFLite's form of a function of batch 1: with another, XNNPACK runs little of it.

    Weights that are variables take a third of the memory that constants of the graph do.
    """
    graph = function.get_concrete_function()
    module = tf.Module()
    module.weights = list(graph.variables)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph], module)
    if precision == "float16":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    try:
        with quiet():
            return converter.convert()
    except Exception as error:
        raise FerError(f"{name}: TFLite's converter does not take it: {reason(error)}") from None


def _quantise(content: bytes, images: np.ndarray, name: str) -> bytes:
    """Static int8, symmetric weights with a scale for each output channel."""
    from ai_edge_quantizer.qtyping import TFLOperationName
    from ai_edge_quantizer.quantizer import Quantizer

    quantizer = Quantizer(bytearray(content))
    kept = "|".join(re.escape(f"{name};") for name in _float_nodes(content, name))
    for operation in QUANTISED:
        quantizer.add_static_config(
            regex=f"^(?!({kept})$)",
            operation_name=TFLOperationName[operation],
            activation_num_bits=8,
            weight_num_bits=8,
        )
    try:
        with quiet():
            ranges = quantizer.calibrate({SIGNATURE: [{"image": image[None]} for image in images]})
            return bytes(quantizer.quantize(ranges).quantized_model)
    except Exception as error:
        raise FerError(f"{name}: can't be quantised: {reason(error)}") from None


def _float_nodes(content: bytes, name: str) -> list[str]:
    """Names of the tensors made by the nodes that stay float32, for their answers' sake.

    Measured one layer at a time (`mit_b0_fusion`, PublicTest, 64 px), three cost a hundred times
    what the others do: the classifier, whose logits int8 would round; the fusion before it; and the
    first convolution, whose result is divided by its own size in every place, small where a picture
    is flat. They are 5 % of the multiplications. A layer before the classifier that has more than
    `LARGE` of the weights is quantised: `nano`'s last convolution has half of them, and computed in
    int8 it recognised one face less of PublicTest's 3,589.

    Raises:
        FerError: nothing would be left to quantise.
    """
    model = read_tflite(content)
    graph = model.subgraphs[0]
    kinds = [flatbuffer_utils.opcode_to_name(model, node.opcodeIndex) for node in graph.operators]
    dense = [i for i, kind in enumerate(kinds) if kind in ("CONV_2D", "FULLY_CONNECTED")]
    weights = {i: math.prod(graph.tensors[graph.operators[i].inputs[1]].shape) for i in dense}
    heads = len(graph.outputs)
    if len(dense) < heads + 3:
        raise FerError(
            f"{name}: has {len(dense)} convolutions and dense layers, of which the first and the "
            f"last {heads + 1} stay float32: expected {heads + 3} or more for int8"
        )
    before = dense[-heads - 1]
    fusion = [before] if weights[before] <= LARGE * sum(weights.values()) else []
    nodes = [*range(dense[0] + 1), *fusion, *dense[-heads:]]
    outputs = [output for node in nodes for output in graph.operators[node].outputs]
    return [graph.tensors[output].name.decode() for output in outputs]
