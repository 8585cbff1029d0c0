"""One class a runtime: checks what a file takes and returns, and runs it (see `runner`)."""

from __future__ import annotations

import contextlib
import functools
import importlib
import math
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from fer_tf.errors import FerError, reason
from fer_tf.models.checks import check_finite
from fer_tf.runtimes.calibration import checked_temperature
from fer_tf.runtimes.tflite_files import read_temperature

FACE = (48, 48)
"""(height, width) of FER2013's faces: what a format that takes any size is given."""


MAX_INPUT = 2**26
"""Values that one run of a graph takes: 64 faces of 591x591 pixels in colour."""

MAX_SECONDS = 60.0
"""That ONNX Runtime may compute on one batch: a file can hold a loop without an end."""


class Port(NamedTuple):
    """An input or output of a graph; None is a side that may have any length."""

    dtype: Any
    shape: tuple[int | None, ...]


class Base(ABC):
    """Checks the graph and the images, and cuts these into the batches that the graph takes."""

    name = ""
    forkable = False

    def __init__(
        self,
        path: Path,
        ports: Sequence[Sequence[Port]],
        size: tuple[int, int] | None,
        temperature: Any = 1,
    ):
        self.temperature = checked_temperature(temperature, path)
        inputs, outputs = ports
        if len(inputs) != 1 or len(outputs) != 1:
            raise FerError(
                f"{path}: has {len(inputs)} inputs and {len(outputs)} outputs: expected one of each"
            )
        image, answer = inputs[0], outputs[0]
        if image.dtype != np.uint8 or len(image.shape) != 4 or image.shape[3] not in (1, 3, None):
            raise FerError(
                f"{path}: takes {_words(image)}: expected uint8 images [n, height, width, 1 or 3]"
            )
        if answer.dtype != np.float32 or len(answer.shape) != 2:
            raise FerError(
                f"{path}: returns {_words(answer)}: expected float32 probabilities [n, classes]"
            )
        batch, height, width, channels = image.shape
        if size is not None and (height not in (None, size[0]) or width not in (None, size[1])):
            raise FerError(
                f"{path}: takes images of {height}x{width} pixels only: expected that as the "
                f"size, found {size[0]}x{size[1]}"
            )
        sides = [side for side in image.shape if side is not None]
        if min(sides, default=1) < 1 or math.prod(sides) > MAX_INPUT:
            raise FerError(
                f"{path}: takes {_words(image)}: expected sides of 1 or more and at most "
                f"{MAX_INPUT:,} values"
            )
        self.batch, self.channels = batch, channels or 1
        self._path = path
        self.size = size or (height or FACE[0], width or FACE[1])

    @abstractmethod
    def _run(self, images: np.ndarray) -> np.ndarray:
        """Probabilities of one batch."""

    def __call__(self, images: np.ndarray) -> np.ndarray:
        expected = (*self.size, self.channels)
        if images.dtype != np.uint8 or images.shape[1:] != expected or not len(images):
            raise FerError(
                f"{self.name}: got {images.dtype} images {list(images.shape)}: expected uint8 "
                f"[n, {', '.join(map(str, expected))}], n at least 1"
            )
        answers = self._batched(images)
        check_finite(answers, self._path)
        return answers

    def _batched(self, images: np.ndarray) -> np.ndarray:
        if self.batch is None or self.batch == len(images):
            return self._answer(images)
        missing = -len(images) % self.batch
        padded = np.concatenate([images, np.repeat(images[-1:], missing, axis=0)])
        starts = range(0, len(padded), self.batch)
        runs = [self._answer(padded[start : start + self.batch]) for start in starts]
        return np.concatenate(runs)[: len(images)]

    def _answer(self, images: np.ndarray) -> np.ndarray:
        try:
            answers = self._run(images)
        except Exception as error:
            raise FerError(
                f"{self._path}: {self.name} cannot run this file: {reason(error)}"
            ) from None
        if answers.ndim != 2 or len(answers) != len(images):
            raise FerError(
                f"{self._path}: answers {len(images)} images with {list(answers.shape)}: expected "
                "[n, classes]"
            )
        return answers


class LiteRT(Base):
    name = "LiteRT"
    forkable = True

    def __init__(self, path: Path, threads: int, size: tuple[int, int] | None):
        litert = _import("ai_edge_litert.interpreter", path)
        interpreter = litert.Interpreter(str(path), num_threads=threads)
        interpreter.allocate_tensors()
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        ports = [
            [Port(tensor["dtype"], tuple(map(int, tensor["shape"]))) for tensor in tensors]
            for tensors in (inputs, outputs)
        ]
        super().__init__(path, ports, size, read_temperature(path.read_bytes()))
        self._interpreter = interpreter
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]

    def _run(self, images: np.ndarray) -> np.ndarray:
        self._interpreter.set_tensor(self._input, images)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)


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
        found = session.get_modelmeta().custom_metadata_map.get("temperature", 1)
        super().__init__(path, ports, size, found)
        self._session, self._input = session, inputs[0].name
        self._options = onnxruntime.RunOptions

    def _ports(self, tensors) -> list[Port]:
        return [
            Port(
                self.types.get(tensor.type, tensor.type),
                tuple(side if isinstance(side, int) else None for side in tensor.shape),
            )
            for tensor in tensors
        ]

    def _run(self, images: np.ndarray) -> np.ndarray:
        options = self._options()
        watch = threading.Timer(MAX_SECONDS, setattr, (options, "terminate", True))
        watch.daemon = True
        watch.start()
        try:
            return self._session.run(None, {self._input: images}, options)[0]
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
        found: Any = 1
        if path.suffix == ".tflite":
            found = read_temperature(path.read_bytes())
        elif model.has_rt_info(["framework", "temperature"]):  # ONNX's metadata
            found = model.get_rt_info(["framework", "temperature"]).value
        super().__init__(path, ports, size, found)
        self._request = compiled.create_infer_request()

    def _run(self, images: np.ndarray) -> np.ndarray:
        self._request.infer([images])
        return self._request.get_output_tensor().data.copy()


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
        answers = [outputs[name] for name in outputs if name == "probabilities"]
        ports = [
            [Port(spec.dtype.as_numpy_dtype, tuple(spec.shape)) for spec in specs]
            for specs in (inputs.values(), answers)
        ]
        super().__init__(path, ports, size)
        # The signature works only as long as the module that owns its variables.
        self._module, self._function, self._input = module, function, next(iter(inputs))
        self._constant = tensorflow.constant

    def _run(self, images: np.ndarray) -> np.ndarray:
        return self._function(**{self._input: self._constant(images)})["probabilities"].numpy()


class Keras(Base):
    name = "Keras eager"
    graph = False

    def __init__(self, path: Path, threads: int, size: tuple[int, int] | None):
        tensorflow = _start_tensorflow(path, threads)
        from fer_tf.models.saving import load_model
        from fer_tf.models.sizes import at_size, fitting_size

        model = load_model(path)
        super().__init__(
            path,
            (
                [Port(np.uint8, tuple(image.shape)) for image in model.inputs],
                [Port(np.float32, tuple(logits.shape)) for logits in model.outputs],
            ),
            fitting_size(model, size, path),
        )
        network = at_size(model, self.size)

        def answer(images):
            pixels = tensorflow.cast(images, tensorflow.float32)
            return tensorflow.nn.softmax(network(pixels, training=False))

        self._network: Callable = answer
        if self.graph:
            signature = tensorflow.TensorSpec([None, *self.size, 3], tensorflow.uint8)
            self._network = tensorflow.function(answer, input_signature=[signature])

    def _run(self, images: np.ndarray) -> np.ndarray:
        return self._network(images).numpy()


class KerasGraph(Keras):
    name = "Keras graph"
    graph = True


@functools.cache
def _openvino_core(openvino: Any) -> Any:
    """One for the whole process: when a second one goes, OpenVINO 2026.4 leaves the process a
    signal stack that is no longer there, and the next Ctrl-C kills it."""
    return openvino.Core()


def _import(module: str, path: Path) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        raise FerError(
            f"{path}: needs {package}, which is not installed: expected fer_tf[export]"
        ) from None


def _start_tensorflow(path: Path, threads: int) -> Any:
    tensorflow = _import("tensorflow", path)
    # It raises where TensorFlow has started: then its threads stay as they are.
    with contextlib.suppress(RuntimeError):
        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    return tensorflow


def _words(port: Port) -> str:
    sides = ", ".join("any" if side is None else str(side) for side in port.shape)
    dtype = port.dtype if isinstance(port.dtype, str) else np.dtype(port.dtype).name
    return f"{dtype} [{sides}]"
