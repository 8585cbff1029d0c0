"""Small TFLite files and what is done with them, for the tests of `fer_tf.exporting.tflite_*`."""

from __future__ import annotations

import numpy as np

from fer_tf.exporting.tflite_metadata import add_metadata
from fer_tf.exporting.tflite_model import SIGNATURE
from fer_tf.tasks import FER2013, Task

SIDE = 32


def faces(count: int, channels: int = 3) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, SIDE, SIDE, channels), dtype=np.uint8)


def described(content: bytes, labels=FER2013) -> bytes:
    return add_metadata(content, task=Task("own", tuple(labels)), name="fer")


def convert(graph, *, half: bool = False) -> bytes:
    import tensorflow as tf

    root = tf.Module()
    root.weights = list(graph.variables)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph], root)
    if half:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


def quantise(content: bytes) -> bytes:
    from ai_edge_quantizer import quantizer, recipe_manager
    from ai_edge_quantizer.qtyping import TFLOperationName

    recipe = recipe_manager.RecipeManager()
    for name in ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D"):
        recipe.add_static_config(
            regex=".*",
            operation_name=TFLOperationName[name],
            activation_num_bits=8,
            weight_num_bits=8,
        )
    work = quantizer.Quantizer(bytearray(content), recipe.get_quantization_recipe())
    samples = [{"image": face[None]} for face in faces(8)]
    ranges = work.calibrate({SIGNATURE: samples}, num_threads=1)
    result = work.quantize(ranges, enable_progress_report=False)
    return bytes(result.quantized_model)


def answers(content: bytes, images: np.ndarray) -> np.ndarray:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    found = []
    for image in images:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0].copy())
    return np.array(found)


def small_file(classes: int, dtype="uint8", outputs: int = 1) -> bytes:
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([1, 2, 2, 3], dtype, name="image")])
    def graph(image):
        flat = tf.reshape(tf.cast(image, tf.float32), [1, 12])
        return [tf.nn.softmax(flat[:, :classes] * (n + 1.0)) for n in range(outputs)]

    return convert(graph.get_concrete_function())
