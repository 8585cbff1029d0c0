"""The multiply-adds of a network or of a TFLite file, and the file's precision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras


def multiply_adds(path: str | Path) -> Counter[str]:
    """Multiply-adds of one run, by kind of operation.

    Counted are convolutions, transposed ones, depthwise ones, dense layers and products of two
    computed matrices (attention's); not sums, norms and activations.

    Args:
        path: a .tflite file that LiteRT can open.
    """
    interpreter = _opened(path)
    shapes = {
        tensor["index"]: tuple(map(int, tensor["shape"]))
        for tensor in interpreter.get_tensor_details()
    }
    count: Counter[str] = Counter()
    for node in interpreter._get_ops_details():
        inputs = [shapes.get(int(index), ()) for index in node["inputs"]]
        output = shapes.get(int(node["outputs"][0]), ())
        match node["op_name"]:
            case "CONV_2D":
                count["convolution"] += prod(output[:3]) * prod(inputs[1])
            case "TRANSPOSE_CONV":
                count["convolution"] += prod(inputs[2][:3]) * prod(inputs[1])
            case "DEPTHWISE_CONV_2D":
                count["depthwise"] += prod(output[:3]) * prod(inputs[1])
            case "FULLY_CONNECTED":
                count["dense"] += prod(output) * inputs[1][-1]
            case "BATCH_MATMUL":
                count["attention products"] += prod(inputs[0]) * output[-1]
    return count


def network_multiply_adds(network: keras.Model, size: tuple[int, int]) -> int:
    """Multiply-adds of one image, without an export; what is counted is as of `multiply_adds`.

    The operations are those of the graph that TensorFlow makes of the network.

    Args:
        network: from float32 [n, h, w, c], with Keras on TensorFlow.
        size: (height, width) in pixels that it takes.
    """
    import tensorflow as tf

    image = tf.TensorSpec((1, *size, network.input_shape[-1]))
    function = tf.function(lambda pixels: network(pixels, training=False))
    count = 0
    for op in _operations(function.get_concrete_function(image).graph):
        shapes = [tuple(tensor.shape) for tensor in op.inputs]
        match op.type:
            case "Conv2D" | "DepthwiseConv2dNative":
                count += prod(op.outputs[0].shape[:3]) * prod(shapes[1])
            case "Conv2DBackpropInput":
                count += prod(shapes[2][:3]) * prod(shapes[1])
            case "MatMul" | "BatchMatMulV2":
                turned = op.get_attr("transpose_a" if op.type == "MatMul" else "adj_x")
                count += prod(op.outputs[0].shape) * shapes[0][-2 if turned else -1]
            case "Einsum":
                letters = op.get_attr("equation").decode().partition("->")[0].split(",")
                sides = {
                    letter: side
                    for term, shape in zip(letters, shapes, strict=True)
                    for letter, side in zip(term, shape, strict=True)
                }
                count += prod(sides.values())
    return count


def _operations(graph: Any) -> Iterator[Any]:
    """Those of a graph and of the functions that it calls, such as Keras' grouped convolutions."""
    for op in graph.get_operations():
        if op.type.endswith("PartitionedCall"):
            yield from _operations(graph._get_function(op.get_attr("f").name).graph)
        else:
            yield op


def precision(path: str | Path) -> str:
    """The narrowest type that a .tflite file keeps numbers in: "int8", "float16" or "float32"."""
    kinds = {tensor["dtype"] for tensor in _opened(path).get_tensor_details()}
    return next((kind.__name__ for kind in (np.int8, np.float16) if kind in kinds), "float32")


def _opened(path: str | Path) -> Any:
    """The file in LiteRT without its delegate, whose nodes would be listed, too."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    return Interpreter(str(path), experimental_op_resolver_type=plain)
