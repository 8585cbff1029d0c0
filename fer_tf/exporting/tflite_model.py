"""A TFLite file as an object that can be changed, and back: what the converter leaves to be done.

`ai_edge_litert.tools.flatbuffer_utils` does the reading and the writing. Mended here are two
things that its generated code loses. Weights may lie at any multiple of 4 bytes, where the schema
asks for 16 (TensorFlow's own converter loses that too). And ai-edge-quantizer keeps weights behind
the flatbuffer, where older readers do not look, and which writers of metadata drop: here they are
moved inside.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from ai_edge_litert.tools import flatbuffer_utils

from fer_tf.errors import FerError

ALIGNMENT = 16
"""Bytes of which the place of every weight is a multiple, as the schema has it."""

OUTPUTS = (b"probabilities", b"values")
"""Names of the outputs; the second is there where the network has values."""

SIGNATURE = "serving_default"
"""Name of the one signature of an exported file."""


class _AlignedBuffer(schema.BufferT):
    """A buffer whose bytes are written where the schema wants them."""

    def Pack(self, builder):
        if self.data is not None:
            builder.Prep(ALIGNMENT, len(self.data))
        return super().Pack(builder)


def read_tflite(content: bytes) -> schema.ModelT:
    """The model in a TFLite file, all its weights inside the object.

    Files that are packed behind the model (labels) are not part of it.

    Raises:
        FerError: LiteRT cannot read `content`.
    """
    try:
        Interpreter(
            model_content=content,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
    except (ValueError, RuntimeError) as error:
        raise FerError(f"expected the content of a TFLite file, found {error}") from error
    model = flatbuffer_utils.read_model_from_bytearray(content)
    for buffer in model.buffers:
        if isinstance(buffer.data, bytes):
            buffer.data = np.frombuffer(buffer.data, np.uint8)
    return model


def write_tflite(model: schema.ModelT) -> bytes:
    """The file of a model: one flatbuffer with every weight inside, at a multiple of 16 bytes."""
    for buffer in model.buffers:
        buffer.__class__ = _AlignedBuffer
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def sign(content: bytes, names: Sequence[bytes] = OUTPUTS) -> bytes:
    """Name the ends of a converted network: ai-edge-quantizer cannot calibrate one without names.

    Args:
        content: a TFLite file with one input, uint8 pixels, and one output, probabilities, or with
            "values" as another, which the converter's own signature names.
        names: of the outputs.

    Returns:
        The same network as a TFLite file with the signature `SIGNATURE` from "image" to the names,
        "probabilities" and, where it has them, "values", in this order.

    Raises:
        FerError: `content` is no TFLite file, or has another input or output.
    """
    model = read_tflite(content)
    image, _ = ends(model)
    graph = model.subgraphs[0]
    if len(graph.outputs) > 1:
        found = model.signatureDefs[0].outputs if model.signatureDefs else []
        places = {output.name: output.tensorIndex for output in found}
        if set(places) != set(names):
            raise FerError(f"the TFLite file has outputs {[*places]}: expected {[*names]}")
        graph.outputs = [places[name] for name in names]
    image.name = b"image"
    outputs = []
    for name, place in zip(names, graph.outputs, strict=False):
        graph.tensors[place].name = name
        outputs.append(schema.TensorMapT(name, place))
    model.signatureDefs = [
        schema.SignatureDefT(
            inputs=[schema.TensorMapT(image.name, graph.inputs[0])],
            outputs=outputs,
            signatureKey=SIGNATURE.encode(),
        )
    ]
    return write_tflite(model)


def delegate_input(content: bytes) -> bytes:
    """Change how the image is read, so that XNNPACK runs that node as well.

    XNNPACK has no cast from uint8, so the one with which a converted network begins stays
    outside, and splits a float16 network into two partitions. Reading the same bytes as numbers
    quantised with scale 1 and zero point 0 is the same function, and XNNPACK has that one.

    Args:
        content: a TFLite file as `sign` takes and gives it; after quantisation, since
            ai-edge-quantizer would find an input that is quantised already.

    Returns:
        A TFLite file of the same network. Its answers are the same, bit for bit.

    Raises:
        FerError: `content` is no TFLite file, or has another input or output.
    """
    model = read_tflite(content)
    image, _ = ends(model)
    graph = model.subgraphs[0]
    casts = [node for node in graph.operators if _is_cast_of(model, node, graph.inputs[0])]
    if casts:
        image.quantization = schema.QuantizationParametersT(
            scale=np.array([1.0], np.float32), zeroPoint=np.array([0], np.int64)
        )
        code = schema.BuiltinOperator.DEQUANTIZE
        model.operatorCodes.append(
            schema.OperatorCodeT(deprecatedBuiltinCode=code, builtinCode=code, version=2)
        )
    for node in casts:
        node.opcodeIndex = len(model.operatorCodes) - 1
        node.builtinOptionsType = schema.BuiltinOptions.DequantizeOptions
        node.builtinOptions = schema.DequantizeOptionsT()
    return write_tflite(model)


def ends(model: schema.ModelT) -> tuple[schema.TensorT, list[schema.TensorT]]:
    """The input and the outputs of an image classifier.

    Returns:
        The tensor of the image, uint8 [1, h, w, 1 or 3], and those of the probabilities, float32
        [1, classes], and of the values, float32 [1, k], where there are any.

    Raises:
        FerError: the model has other inputs or outputs.
    """
    graph = model.subgraphs[0]
    inputs = [graph.tensors[i] for i in graph.inputs]
    outputs = [graph.tensors[i] for i in graph.outputs]
    found = ", ".join(
        f"{tensor.name.decode()} {flatbuffer_utils.type_to_name(tensor.type)} {list(tensor.shape)}"
        for tensor in inputs + outputs
    )
    if (
        [tensor.type for tensor in inputs] != [schema.TensorType.UINT8]
        or not 1 <= len(outputs) <= len(OUTPUTS)
        or {tensor.type for tensor in outputs} != {schema.TensorType.FLOAT32}
        or len(inputs[0].shape) != 4
        or inputs[0].shape[0] != 1
        or inputs[0].shape[3] not in (1, 3)
        or any(len(tensor.shape) != 2 for tensor in outputs)
    ):
        raise FerError(
            f"the TFLite file has {found}: expected one input UINT8 [1, h, w, 1 or 3] and one "
            "output FLOAT32 [1, classes], or values beside it"
        )
    return inputs[0], outputs


def _is_cast_of(model: schema.ModelT, node: schema.OperatorT, tensor: int) -> bool:
    name = flatbuffer_utils.opcode_to_name(model, node.opcodeIndex)
    return name == "CAST" and list(node.inputs) == [tensor]
