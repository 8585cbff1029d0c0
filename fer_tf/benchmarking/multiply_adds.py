"""What a TFLite file holds: its precision, and the multiplications of its convolutions."""

from __future__ import annotations

from collections import Counter
from math import prod
from pathlib import Path

import numpy as np


def multiply_adds(path: str | Path) -> Counter[str]:
    """Multiply-adds of one run, by kind of operation.

    Counted are convolutions, depthwise ones, dense layers and products of two computed matrices
    (attention's); not sums, norms and activations.

    Args:
        path: a .tflite file that LiteRT can open.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # With its delegate LiteRT would list the delegate's nodes, too.
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(str(path), experimental_op_resolver_type=plain)
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
            case "DEPTHWISE_CONV_2D":
                count["depthwise"] += prod(output[:3]) * prod(inputs[1])
            case "FULLY_CONNECTED":
                count["dense"] += prod(output) * inputs[1][-1]
            case "BATCH_MATMUL":
                count["attention products"] += prod(inputs[0]) * output[-1]
    return count


def precision(path: str | Path) -> str:
    """The narrowest type that a .tflite file keeps numbers in: "int8", "float16" or "float32"."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(str(path), experimental_op_resolver_type=plain)
    kinds = {tensor["dtype"] for tensor in interpreter.get_tensor_details()}
    return next((kind.__name__ for kind in (np.int8, np.float16) if kind in kinds), "float32")
