"""One class a runtime: checks what a file takes and returns, and runs it (see `runner`)."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from fer_tf.errors import FerError
from fer_tf.installed import absent
from fer_tf.runtimes.graph import PROBABILITIES, VALUES, Base, Port
from fer_tf.runtimes.task_files import ONNX_KEYS, onnx_task, saved_model_task, tflite_task
from fer_tf.runtimes.tflite_files import read_temperature

MAX_SECONDS = 60.0
"""That ONNX Runtime may compute on one batch: a file can hold a loop without an end."""


class LiteRT(Base):
    name = "LiteRT"
    forkable = True

    def __init__(self, path: Path, threads: int, size: tuple[int, int] | None):
        litert = _import("ai_edge_litert.interpreter", path)
        interpreter = litert.Interpreter(str(path), num_threads=threads)
        interpreter.allocate_tensors()
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        ports = [
            [
                Port(tensor["name"], tensor["dtype"], tuple(map(int, tensor["shape"])))
                for tensor in tensors
            ]
            for tensors in (inputs, outputs)
        ]
        content = path.read_bytes()
        super().__init__(path, ports, size, tflite_task(content, path), read_temperature(content))
        self._interpreter = interpreter
        self._input, self._outputs = inputs[0]["index"], [each["index"] for each in outputs]

    def _run(self, images: np.ndarray) -> list[np.ndarray]:
        self._interpreter.set_tensor(self._input, images)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(output) for output in self._outputs]


class OnnxRuntime(Base):
    name = "ONNX Runtime"
    forkable = True
    types: ClassVar = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32}

    def __init__(self, path: Path, threads: int, size: tuple[int, int] | None):
        # Its telemetry's thread is waited for as a process ends: for ever, in a forked one.
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        onnxruntime = _import("onnxruntime", path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        # A waiting thread that spins takes the core from whatever runs beside it.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        inputs, outputs = session.get_inputs(), session.get_outputs()
        ports = self._ports(inputs), self._ports(outputs)
        found = session.get_modelmeta().custom_metadata_map
        super().__init__(path, ports, size, onnx_task(found, path), found.get("temperature", 1))
        self._session, self._input = session, inputs[0].name
        self._options = onnxruntime.RunOptions

    def _ports(self, tensors) -> list[Port]:
        return [
            Port(
                tensor.name,
                self.types.get(tensor.type, tensor.type),
                tuple(side if isinstance(side, int) else None for side in tensor.shape),
            )
            for tensor in tensors
        ]

    def _run(self, images: np.ndarray) -> list[np.ndarray]:
        options = self._options()
        watch = threading.Timer(MAX_SECONDS, setattr, (options, "terminate", True))
        watch.daemon = True
        watch.start()
        try:
            return self._session.run(None, {self._input: images}, options)
        finally:
            watch.cancel()


class OpenVino(Base):
    """Compiled for any batch size where the file is.

    For a known one it is twice as fast, but then OpenVINO 2026.4 answers wrongly to our ONNX files
    (probabilities off by up to 0.09); it is right, and as fast, with the .tflite files.
    """

    name = "OpenVINO"

    def __init__(self, path: Path, threads: int, size: tuple[int, int] | None):
        openvino = _import("openvino", path)
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            # Unasked, it computes in bfloat16 where the processor has it.
            "INFERENCE_PRECISION_HINT": "f32",
        }
        core = _openvino_core(openvino)
        model = core.read_model(str(path))
        compiled = core.compile_model(model, "CPU", settings)
        ports = [
            [
                Port(
                    tensor.any_name,
                    tensor.element_type.to_dtype(),
                    tuple(
                        None if side.is_dynamic else side.get_length()
                        for side in tensor.partial_shape
                    ),
                )
                for tensor in tensors
            ]
            for tensors in (compiled.inputs, compiled.outputs)
        ]
        if path.suffix == ".tflite":
            content = path.read_bytes()
            task, temperature = tflite_task(content, path), read_temperature(content)
        else:
            keys = [key for key in ONNX_KEYS if model.has_rt_info(["framework", key])]
            found = {key: str(model.get_rt_info(["framework", key]).value) for key in keys}
            task, temperature = onnx_task(found, path), found.get("temperature", 1)
        super().__init__(path, ports, size, task, temperature)
        self._request = compiled.create_infer_request()
        self._count = len(compiled.outputs)

    def _run(self, images: np.ndarray) -> list[np.ndarray]:
        self._request.infer([images])
        return [self._request.get_output_tensor(i).data.copy() for i in range(self._count)]


class SavedModel(Base):
    name = "SavedModel"
    signature = "predict_pixels"

    def __init__(self, path: Path, threads: int, size: tuple[int, int] | None):
        tensorflow = _start_tensorflow(path, threads)
        module = tensorflow.saved_model.load(str(path))
        if self.signature not in module.signatures:
            found = ", ".join(module.signatures) or "none"
            raise FerError(f"{path}: has signatures {found}: expected {self.signature}")
        function = module.signatures[self.signature]
        inputs = function.structured_input_signature[1]
        outputs = function.structured_outputs
        task = saved_model_task(path)
        self._values = [name for name in task.values if name in outputs] if task else []

        def port(name: str, spec: Any) -> Port:
            return Port(name, spec.dtype.as_numpy_dtype, tuple(spec.shape))

        images = [port(name, spec) for name, spec in inputs.items()]
        answers = [port(name, spec) for name, spec in outputs.items() if name == PROBABILITIES]
        if self._values:
            answers.append(Port(VALUES, np.float32, (None, len(self._values))))
        super().__init__(path, (images, answers), size, task)
        # The signature works only as long as the module that owns its variables.
        self._module, self._function, self._input = module, function, next(iter(inputs))
        self._constant = tensorflow.constant

    def _run(self, images: np.ndarray) -> list[np.ndarray]:
        answers = self._function(**{self._input: self._constant(images)})
        probabilities = answers[PROBABILITIES].numpy()
        if not self._values:
            return [probabilities]
        return [probabilities, np.stack([answers[name].numpy() for name in self._values], axis=1)]


class Keras(Base):
    """On whichever backend Keras runs."""

    name = "Keras eager"

    def __init__(self, path: Path, threads: int, size: tuple[int, int] | None):
        keras = _start_keras(path, threads)
        from fer_tf.models.saving import load_model, task_of
        from fer_tf.models.sizes import at_size, fitting_size

        model = load_model(path)
        images = [Port("images", np.uint8, tuple(image.shape)) for image in model.inputs]
        heads = {"logits": PROBABILITIES, "values": VALUES}
        found = model.output
        outputs = (
            found
            if isinstance(found, dict)
            else {str(i): each for i, each in enumerate(model.outputs)}
        )
        answers = [
            Port(heads.get(name, name), np.float32, tuple(output.shape))
            for name, output in outputs.items()
        ]
        size = fitting_size(model, size, path)
        super().__init__(path, (images, answers), size, task_of(path, model))
        network = at_size(model, self.size)

        def answer(images: Any) -> list[Any]:
            found = network(keras.ops.cast(images, "float32"), training=False)
            if not isinstance(found, dict):
                return [keras.ops.softmax(found)]
            return [
                keras.ops.softmax(each) if head == "logits" else each
                for head, each in found.items()
            ]

        self._network = self._made_fast(answer, network)
        self._to_numpy = keras.ops.convert_to_numpy

    def _made_fast(self, answer: Callable, network: Any) -> Callable:
        """The function of uint8 images [n, h, w, 3] that runs: compiled on JAX, which would else
        compile each operation by itself."""
        import keras

        if keras.backend.backend() != "jax":
            return answer
        import jax

        @jax.jit
        def pure(weights: list[Any], images: Any) -> list[Any]:
            # As arguments: weights that are constants of the program would be copied into it.
            with keras.StatelessScope(list(zip(network.variables, weights, strict=True))):
                return answer(images)

        return functools.partial(pure, [variable.value for variable in network.variables])

    def _run(self, images: np.ndarray) -> list[np.ndarray]:
        # The conversion waits for a GPU.
        return [self._to_numpy(each) for each in self._network(images)]


class KerasGraph(Keras):
    """As one graph, also on TensorFlow."""

    name = "Keras graph"

    def _made_fast(self, answer: Callable, network: Any) -> Callable:
        import keras

        if keras.backend.backend() != "tensorflow":
            return super()._made_fast(answer, network)
        import tensorflow

        signature = tensorflow.TensorSpec([None, *self.size, 3], tensorflow.uint8)
        return tensorflow.function(answer, input_signature=[signature])


@functools.cache
def _openvino_core(openvino: Any) -> Any:
    """One for the whole process: when a second one goes, OpenVINO 2026.4 leaves the process a
    signal stack that is no longer there, and the next Ctrl-C kills it."""
    return openvino.Core()


def _import(module: str, path: Path) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = (error.name or module).partition(".")[0]
        raise FerError(f"{path}: {absent(package, 'export')}") from None


def _start_keras(path: Path, threads: int) -> Any:
    keras = _import("keras", path)
    if keras.backend.backend() == "tensorflow":
        _start_tensorflow(path, threads)
    return keras


def _start_tensorflow(path: Path, threads: int) -> Any:
    tensorflow = _import("tensorflow", path)
    # It raises where TensorFlow has started: then its threads stay as they are.
    with contextlib.suppress(RuntimeError):
        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    return tensorflow
