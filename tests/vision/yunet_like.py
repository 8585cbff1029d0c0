"""A network with YuNet's input and twelve outputs that finds red squares instead of faces.

A face is a cell of 32x32 pixels that is all red; its eyes are at 0.3 and 0.7 of its width and
0.4 of its height. OpenCV decodes it as it decodes the real one.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

EYES = ((0.3, 0.4), (0.7, 0.4))
_POINTS = [*EYES[0], *EYES[1], 0.5, 0.6, 0.3, 0.8, 0.7, 0.8]


def write(path) -> None:
    """Write it to `path`."""
    nodes, weights, outputs = [], [], []
    for stride in (8, 16, 32):
        red = np.zeros((1, 3, stride, stride), np.float32)
        if stride == 32:
            red[0, 2] = 1 / (255 * stride * stride)  # of blue, green, red
        for name, kernel, bias in (
            ("cls", red, [0.0]),
            ("obj", red * 0, [1.0]),
            ("bbox", np.zeros((4, 3, stride, stride), np.float32), [0.5, 0.5, 0.0, 0.0]),
            ("kps", np.zeros((10, 3, stride, stride), np.float32), _POINTS),
        ):
            out, count = f"{name}_{stride}", len(bias)
            weights += [
                numpy_helper.from_array(kernel, f"{out}_w"),
                numpy_helper.from_array(np.array(bias, np.float32), f"{out}_b"),
                numpy_helper.from_array(np.array([1, -1, count], np.int64), f"{out}_s"),
            ]
            nodes += [
                helper.make_node(
                    "Conv",
                    ["input", f"{out}_w", f"{out}_b"],
                    [f"{out}_c"],
                    kernel_shape=[stride, stride],
                    strides=[stride, stride],
                ),
                helper.make_node("Transpose", [f"{out}_c"], [f"{out}_t"], perm=[0, 2, 3, 1]),
                helper.make_node("Reshape", [f"{out}_t", f"{out}_s"], [out]),
            ]
            cells = (640 // stride) ** 2
            outputs.append(helper.make_tensor_value_info(out, TensorProto.FLOAT, [1, cells, count]))
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 640, 640])
    graph = helper.make_graph(nodes, "yunet_like", [image], outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)
    onnx.save(model, path)
