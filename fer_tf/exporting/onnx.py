"""ONNX: the network for ONNX Runtime, OpenVINO and the browser, in float32 and in int8."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np
import onnx
import tensorflow as tf
from onnx_ir.passes.common import RemoveUnusedNodesPass
from onnxscript import ir, version_converter
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

import fer_tf
from fer_tf.errors import FerError, reason
from fer_tf.exporting.onnx_rules import PASSES
from fer_tf.exporting.pixel_function import check_network, pixel_function
from fer_tf.files import write_beside, writing
from fer_tf.models.sizes import at_size
from fer_tf.quiet import quiet
from fer_tf.tasks import Task

OPSET = 20
"""ONNX operator set, the first with GELU; ONNX Runtime has it since 1.17."""

CONVERTER_OPSET = 18
"""The newest that tf2onnx writes."""

NORMALISATION = {
    1: "none: uint8 pixels, 0 to 255; grey and scaling are part of the graph",
    3: "none: uint8 pixels, 0 to 255; scaling is part of the graph",
}
"""By the channels of the task's faces."""
LICENCE = (
    "The code that made this file is under the Apache License 2.0. Pictures of faces, such as "
    "FER2013's, were collected for research; what may be done with a model trained on them depends "
    "on the place and the purpose."
)

CALIBRATION_BATCH = 32


def write_onnx(
    model: keras.Model,
    path: Path,
    *,
    size: tuple[int, int],
    task: Task,
    temperature: float = 1.0,
) -> None:
    """Write the network as float32 ONNX.

    The graph takes "image", uint8 [n, height, width, 3], grey or RGB, for any n, and returns
    "probabilities", float32 [n, classes], and of a network with k values "values", float32 [n, k].
    Its metadata_props are "labels" (a JSON list), "task" (`Task.to_json`), "size" (HxW),
    "normalisation", "temperature", "fer_tf" (the version) and "licence".

    Args:
        model: a functional model from pixels in [0, 255], [n, h, w, 3], to logits, or to {"logits",
            "values"}.
        path: file to write; it appears complete or not at all.
        size: (height, width) of the faces in pixels.
        task: what it answers.
        temperature: kept in the metadata; see `fer_tf.runtimes.calibration`.

    Raises:
        FerError: as of `check_network`, or the file cannot be written.
    """
    check_network(model, task)
    try:
        with quiet():
            proto = _with_standard_operators(_convert(model, size, colour=task.face[2] == 3))
    except Exception as error:
        raise FerError(f"{model.name}: can't be converted to ONNX: {reason(error)}") from None
    metadata = {
        "labels": json.dumps(list(task.labels)),
        "task": task.to_json(),
        "size": f"{size[0]}x{size[1]}",
        "normalisation": NORMALISATION[task.face[2]],
        "temperature": f"{temperature:.4f}",
        "fer_tf": fer_tf.__version__,
        "licence": LICENCE,
    }
    _finish(proto, path, metadata)


def write_onnx_int8(source: Path, path: Path, *, calibration: np.ndarray) -> None:
    """Quantise the float32 file: static int8, QuantizeLinear and DequantizeLinear in the graph.

    Dense layers and the dense convolutions get int8 weights (7 bits of them) with a scale a channel
    and uint8 inputs with one scale. The first convolution, whose input has the full range of a
    picture, the depthwise ones, in which the conversions cost more than the products, attention's
    products, LayerNormalization, GELU and softmax stay float32.

    Args:
        source: as `write_onnx` writes it.
        path: file to write; it appears complete or not at all. Same input, output and metadata.
        calibration: uint8 [n, height, width, 3] of the same size, faces of the training data; some
            hundreds, at least one.

    Raises:
        FerError: the file cannot be written.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # see `runtimes.OnnxRuntime`
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    proto = onnx.load(source)
    with TemporaryDirectory() as folder, quiet():
        quantised = Path(folder) / "int8.onnx"
        quantize_static(
            proto,
            quantised,
            _Faces(proto.graph.input[0].name, calibration),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Gemm"],
            nodes_to_exclude=_float_convolutions(proto),
            per_channel=True,
            # Processors with AVX2 and no VNNI add two products in 16 bits, where 8-bit weights
            # overflow: with 7 bits the file answers the same everywhere.
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            # What a dense layer returns is summed, normalised or put through GELU: in float.
            extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm"]},
        )
        result = onnx.load(quantised)
    _finish(result, path, {entry.key: entry.value for entry in proto.metadata_props})


def _convert(model: keras.Model, size: tuple[int, int], *, colour: bool) -> onnx.ModelProto:
    """tf2onnx's graph, without its transpose optimiser, which stops at a scalar or adds more."""
    from tf2onnx import optimizer, tf_loader, tfonnx

    # tf2onnx knows no calls of functions: this inlines those that are left.
    graph = pixel_function(at_size(model, size), colour=colour).get_concrete_function()
    function = convert_variables_to_constants_v2(graph)
    inputs, outputs = [function.inputs[0].name], [each.name for each in function.outputs]
    names = dict(zip((*inputs, *outputs), ("image", *graph.structured_outputs), strict=True))
    with tf.Graph().as_default():
        folded = tf_loader.tf_optimize(inputs, outputs, function.graph.as_graph_def())
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(folded, name="")
        converted = tfonnx.process_tf_graph(
            graph,
            opset=CONVERTER_OPSET,
            input_names=inputs,
            output_names=outputs,
            tensors_to_rename=names,
        )
    kinds = (
        optimizer.ConstFoldOptimizer,
        optimizer.MergeDuplicatedNodesOptimizer,
        optimizer.IdentityOptimizer,
        optimizer.BackToBackOptimizer,
    )
    steps = {kind.__name__: kind for kind in kinds}
    return optimizer.optimize_graph(converted, False, steps).make_model("fer_tf")


def _with_standard_operators(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph at `OPSET`, rewritten by `onnx_rules`."""
    model = ir.from_proto(onnx.shape_inference.infer_shapes(proto))
    version_converter.convert_version(model, OPSET)
    for rules in PASSES:
        rules.apply_to_model(model)
    RemoveUnusedNodesPass()(model)
    return ir.to_proto(model)


def _float_convolutions(proto: onnx.ModelProto) -> list[str]:
    """Names of the first convolution and of the depthwise ones."""
    convolutions = [node for node in proto.graph.node if node.op_type == "Conv"]
    return [
        node.name
        for node in convolutions
        if node is convolutions[0] or any(a.name == "group" and a.i > 1 for a in node.attribute)
    ]


class _Faces:
    """What onnxruntime.quantization reads: batches by the name of the input, then None."""

    def __init__(self, name: str, images: np.ndarray):
        starts = range(0, len(images), CALIBRATION_BATCH)
        self._batches = ({name: images[start : start + CALIBRATION_BATCH]} for start in starts)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._batches, None)


def _finish(proto: onnx.ModelProto, path: Path, metadata: Mapping[str, str]) -> None:
    """Set the metadata, check the graph, and write it beside its place, then rename it."""
    proto.producer_name, proto.producer_version = "fer_tf", fer_tf.__version__
    onnx.helper.set_model_props(proto, dict(metadata))
    try:
        onnx.checker.check_model(proto, full_check=True)
    except Exception as error:
        raise FerError(f"{path}: would be no valid ONNX file: {reason(error)}") from None
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_beside(path, proto.SerializeToString())
