"""What a benchmark compares: one network in its forms, exported for it or found in a folder."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from fer_tf.benchmarking.multiply_adds import multiply_adds, precision
from fer_tf.errors import FerError
from fer_tf.exporting.formats import FORMATS, Precision, Source
from fer_tf.quiet import quiet
from fer_tf.runtimes.graph import FACE
from fer_tf.runtimes.runner import Runtime, newest_version, open_runner
from fer_tf.runtimes.task_files import saved_model_task
from fer_tf.tasks import Task

if TYPE_CHECKING:
    import keras
    import numpy as np

KERAS: dict[str, Runtime] = {"keras-eager": "keras-eager", "keras-graph": "keras-graph"}
OPENVINO = "openvino"
"""Opens the float32 TFLite file (see `backends.OpenVino`)."""


def exported_forms() -> dict[str, tuple[str, Precision, Runtime]]:
    """By its name in a benchmark: the format, precision and runtime of each exported form."""
    return {
        name: (row.name, precision, runtime)
        for row in FORMATS.values()
        for name, precision, runtime in row.runtimes
    }


def runtimes() -> dict[str, Runtime]:
    """The forms of a network that can be timed, and what runs each."""
    exported = {name: runtime for name, (_, _, runtime) in exported_forms().items()}
    return {**KERAS, **exported, OPENVINO: "openvino"}


@dataclass(frozen=True)
class Candidate:
    """One form of a network at one size.

    Attributes:
        model: whose it is: the file or folder that the command was given.
        format: which form.
        path: the file or SavedModel folder to open.
        size: (height, width) in pixels at which the network runs.
        face: (height, width) of the faces that it is given; a SavedModel resizes them itself.
        parameters: of the network; None where the form does not tell.
        multiply_adds: of one face; None where there is no .tflite file at this size to count in.
    """

    model: str
    format: str
    path: Path
    size: tuple[int, int]
    face: tuple[int, int]
    parameters: int | None = None
    multiply_adds: int | None = None

    @property
    def runtime(self) -> Runtime:
        """What runs it."""
        return runtimes()[self.format]

    @property
    def file_bytes(self) -> int:
        """Of the file, or of all files of the folder."""
        files = self.path.rglob("*") if self.path.is_dir() else (self.path,)
        return sum(file.stat().st_size for file in files if file.is_file())


def export_candidates(
    name: str,
    file: Path,
    model: keras.Model,
    directory: Path,
    *,
    sizes: Sequence[int],
    formats: Sequence[str],
    calibration: np.ndarray,
    say: Callable[[str], None] = lambda _: None,
) -> list[Candidate]:
    """Export a network at each size in the forms asked for.

    Args:
        name: how the network is to be called.
        file: its .keras file.
        model: the same, loaded.
        directory: where the exports go.
        sizes: sides in pixels.
        formats: which forms; OpenVINO is left out where it is not installed.
        calibration: uint8 [n, 48, 48], faces for int8.
        say: is told what is being written.

    Raises:
        FerError: a form can't be written.
    """
    from fer_tf.models.saving import task_of

    found: list[Candidate] = []
    task = task_of(file, model)
    for side in sizes:
        place = directory / str(side)
        place.mkdir(parents=True, exist_ok=True)
        files: dict[str, Path] = {"keras-eager": file, "keras-graph": file}
        for form, write in _writers(model, task, place, side, formats, calibration):
            say(f"exporting {form} at {side} px")
            files[form] = write()
        if "litert-float32" in files and find_spec("openvino"):
            files["openvino"] = files["litert-float32"]
        counted = [path for form, path in files.items() if form.startswith("litert")]
        adds = multiply_adds(counted[0]).total() if counted else None
        count = int(model.count_params())
        for form in formats:
            if form in files:
                face = task.face[:2] if form == "savedmodel" else (side, side)
                found.append(Candidate(name, form, files[form], (side, side), face, count, adds))
    return found


def _writers(
    model: keras.Model,
    task: Task,
    place: Path,
    side: int,
    formats: Sequence[str],
    calibration: np.ndarray,
) -> Iterator[tuple[str, Callable[[], Path]]]:
    """Each form to be written, and the function that writes it and returns its place."""
    wanted = set(formats)
    if OPENVINO in wanted and find_spec("openvino"):
        wanted.add("litert-float32")
    source = Source(model, task, calibration)
    for name, (format_name, kind, _) in exported_forms().items():
        row = FORMATS[format_name]
        for form in row.forms([(side, side)], False, task):
            if name in wanted and form.precision == kind:
                path = place / form.path
                path.parent.mkdir(parents=True, exist_ok=True)
                yield name, partial(row.write, form, source, path)


def found_candidates(
    name: str, place: Path, *, sizes: Sequence[int], formats: Sequence[str]
) -> list[Candidate]:
    """The exported files of a folder (or one file) that were asked for.

    The SavedModel is among them where the other files have one size, which must be its own, too.

    Raises:
        FerError: a file is damaged, or there is none.
    """
    if place.is_dir():
        tflite, onnx = sorted(place.glob("tflite/*.tflite")), sorted(place.glob("onnx/*.onnx"))
    else:
        tflite, onnx = ([place] if place.suffix == kind else [] for kind in (".tflite", ".onnx"))
    found: dict[tuple[str, tuple[int, int]], Candidate] = {}

    def keep(form: str, path: Path, size: tuple[int, int], adds: int | None) -> None:
        new = Candidate(name, form, path, size, size, None, adds)
        found.setdefault((form, size), new)

    with quiet():
        opened = [(open_runner(path), path) for path in tflite]
    colour = [pair for pair in opened if pair[0].channels == 3]
    # An RGB file stands for the grey one of the same network, which takes faces of the data's size
    # and does not tell at which one it runs.
    for runner, path in colour or opened:
        adds = multiply_adds(path).total()
        form = f"litert-{precision(path)}"
        keep(form, path, runner.size, adds)
        if form == "litert-float32" and find_spec("openvino"):
            keep("openvino", path, runner.size, adds)
    counted = {size: candidate.multiply_adds for (_, size), candidate in found.items()}
    for path in onnx:
        size = open_runner(path).size
        keep("onnx-int8" if "int8" in path.stem else "onnx", path, size, counted.get(size))
    candidates = list(found.values())
    if place.is_dir():
        candidates += _found_savedmodel(name, place, {size for _, size in found})
    if not candidates:
        raise FerError(
            f"{place}: holds no tflite/*.tflite, onnx/*.onnx or serving/fer: expected an export "
            "folder, an exported file, a run folder or a .keras file"
        )
    return [c for c in candidates if c.format in formats and c.size[0] in sizes]


def _found_savedmodel(
    name: str, place: Path, sizes: Collection[tuple[int, int]]
) -> list[Candidate]:
    """A SavedModel does not tell the size of its network: it must be that of the other files."""
    try:
        path = newest_version(place)
    except FerError:
        return []
    task = saved_model_task(path)
    face = task.face[:2] if task else FACE
    return [Candidate(name, "savedmodel", path, size, face) for size in sizes if len(sizes) == 1]
