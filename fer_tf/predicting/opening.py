"""From the flags that `predict` and `explain` share to an analyzer on the device that was asked."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING

from fer_tf.cores import has_gpu
from fer_tf.detecting import Finding
from fer_tf.errors import FerError

if TYPE_CHECKING:
    from fer_tf.vision.analyzer import FaceAnalyzer

_CPU_ALONE = ("LiteRT", "ONNX Runtime", "OpenVINO")


def open_analyzer(
    model: str | None,
    finding: Finding,
    *,
    size: tuple[int, int] | None = None,
    explain: bool,
) -> FaceAnalyzer:
    """Open the network and the detector.

    Args:
        model: as of `FaceAnalyzer`.
        finding: the flags.
        size: as of `FaceAnalyzer`.
        explain: open the network that explains, too, so that what is missing is told at once.

    Raises:
        FerError: as of `FaceAnalyzer`; no GPU where one was asked for, or a network that does not
            run on one.
    """
    from fer_tf.vision.analyzer import FaceAnalyzer

    flags = asdict(finding)
    device = flags.pop("device")
    if device == "cpu":
        # Each backend of Keras asks for its devices as it starts, and not later.
        os.environ.update(CUDA_VISIBLE_DEVICES="-1", JAX_PLATFORMS="cpu")
    analyzer = FaceAnalyzer(model, **flags, size=size)
    if explain:
        analyzer.explainer.open()
    if device == "gpu":
        _check_gpu(analyzer, explain)
    return analyzer


def _check_gpu(analyzer: FaceAnalyzer, explain: bool) -> None:
    runtime = analyzer.recognizer.name
    if runtime in _CPU_ALONE and not explain:
        raise FerError(
            f"--device gpu: {analyzer.recognizer.path} runs by {runtime} on the CPU alone: "
            "expected --device auto or cpu, or a run folder or a .keras file"
        )
    if not has_gpu():
        import keras

        raise FerError(
            f"--device gpu: {keras.backend.backend()} finds no GPU: expected --device auto or cpu"
        )
