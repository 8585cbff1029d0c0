"""Every form of a trained network in one folder: written, compared with Keras, then published.

DIR/
  model_card.md  export.json
  serving/       TensorFlow Serving      tflite/   LiteRT
  onnx/          ONNX Runtime            web/      a page for browsers
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from fer_tf.data.faces import Faces
from fer_tf.errors import FerError
from fer_tf.exporting.formats import FORMATS, PRECISIONS, Form, Precision, Size, Source
from fer_tf.exporting.parity import Parity, check_parity, unwritten
from fer_tf.quiet import quiet
from fer_tf.runtimes.calibration import fit_temperature
from fer_tf.runtimes.graph import Answers
from fer_tf.runtimes.resizing import to_input
from fer_tf.runtimes.runner import open_runner
from fer_tf.tasks import Task
from fer_tf.trained.inference import predict_answers, softmax

HEADS = ("logits", "values")
"""The outputs of a network with values."""

BATCH = 64
"""Faces that Keras is given at a time."""


@dataclass(frozen=True)
class Exported:
    """A form that was written: what it weighs and how it compares with Keras.

    Attributes:
        form: which.
        path: where it was published; None where it failed.
        bytes: of the file, or of all files of the folder.
        parity: against Keras.
        outside: operations that XNNPACK does not run, of a TFLite file; LiteRT's slower ones do.
    """

    form: Form
    path: Path | None
    bytes: int
    parity: Parity
    outside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Material:
    """The faces that an export is made and judged with.

    Attributes:
        calibration: uint8 [n, h, w], grey, or [n, h, w, 3], what int8 takes its ranges from.
        faces: what the forms are compared on.
        source: where they come from, for people.
        labelled: whether the labels of `faces` say anything of the network's accuracy.
        whole_split: `faces` are all of the split.
    """

    calibration: np.ndarray
    faces: Faces
    source: str
    labelled: bool
    whole_split: bool


@dataclass(frozen=True)
class Exporter:
    """Exports one network.

    Attributes:
        model: from float32 pixels in [0, 255], [n, h, w, 3], to logits, or to {"logits", "values"}.
        task: what it answers, and on which faces: those of `material` are of that size and colour.
        directory: the export folder.
        sizes: (height, width) of each TFLite and ONNX file; the servable and the page have the
            first.
        formats: keys of `FORMATS`.
        grey: TFLite files for grey faces of the task's own size as well.
        material: faces to calibrate on and to compare on.
        precisions: those that are written.
        temperatures: by size, for faces without labels that mean something.
        say: is told what is being done.
    """

    model: keras.Model
    task: Task
    directory: Path
    sizes: Sequence[Size]
    formats: Sequence[str]
    grey: bool
    material: Material
    precisions: Sequence[Precision] = PRECISIONS
    temperatures: Mapping[Size, float] = field(default_factory=dict)
    say: Callable[[str], None] = field(default=lambda _: None)
    _references: dict[tuple[Size, Size], Answers] = field(
        default_factory=dict, init=False, repr=False
    )

    def export(self) -> list[Exported]:
        """Write, compare and publish every form.

        A form that can't be written or is out of tolerance is not published, and one of the same
        name from an earlier export is taken away. Whatever stops the export before its end leaves
        the folder as it was.

        Raises:
            FerError: not one form can be written, or what goes with them, or the folder.
        """
        with _stage(self.directory) as stage:
            results = []
            for form in self.forms():
                self.say(form.name)
                place = stage / form.path
                place.parent.mkdir(parents=True, exist_ok=True)
                try:
                    place = self._write(form, place)
                    parity = self._compare(form, place, self._reference(form.size, form.face))
                except FerError as error:
                    parity = unwritten(str(error))
                results.append((form, place, parity))
            if not any(parity.measured for *_, parity in results):
                raise FerError(results[0][2].failure)
            kept = {form: place for form, place, parity in results if not parity.failure}
            try:
                for name in self.formats:
                    FORMATS[name].finish(stage / "beside", kept, self.task)
                return self._publish(results, stage / "beside")
            except OSError as error:
                raise FerError(
                    f"{error.filename or self.directory}: can't be written, {error.strerror}"
                ) from None

    def forms(self) -> Iterator[Form]:
        """What will be written, in order: the formats' own forms, and those that they need."""
        needed = (need for name in self.formats for need in FORMATS[name].needs)
        wanted = {*self.formats, *needed}
        for name, row in FORMATS.items():
            if name in wanted:
                forms = row.forms(self.sizes, self.grey, self.task)
                yield from (form for form in forms if form.precision in self.precisions)

    def _write(self, form: Form, path: Path) -> Path:
        """Write a form into the stage; returns the file, or the servable's version."""
        calibration, temperature = self.material.calibration, self.temperature(form.size)
        source = Source(self.model, self.task, calibration, temperature)
        return FORMATS[form.format].write(form, source, path)

    def temperature(self, size: Size) -> float:
        """Of the network at `size`, fitted to the faces that it is compared on; without labels that
        mean something as it is known, else 1."""
        if not self.material.labelled:
            return self.temperatures.get(size, 1.0)
        probabilities = self._reference(size, size).probabilities
        return fit_temperature(probabilities, self.material.faces.labels)

    def _reference(self, size: Size, face: Size) -> Answers:
        """Keras' answers for the faces, resized in bytes as a file's user would, or within."""
        if (size, face) not in self._references:
            self._references[size, face] = self._answer(size, face)
        return self._references[size, face]

    def _answer(self, size: Size, face: Size) -> Answers:
        images = self.material.faces.images
        if face != size:
            logits, values = predict_answers(self.model, images, size=size)
            return Answers(softmax(logits), values)
        parts = np.array_split(images, -(-len(images) // BATCH))
        pixels = (to_input(part, size).astype(np.float32) for part in parts)
        found = [self.model.predict_on_batch(part) for part in pixels]
        if not self.task.values:
            return Answers(softmax(np.concatenate(found)))
        logits, values = (np.concatenate([each[name] for each in found]) for name in HEADS)
        return Answers(softmax(logits), values)

    def _compare(self, form: Form, path: Path, reference: Answers) -> Parity:
        faces = self.material.faces
        with quiet():
            runner = open_runner(path, size=form.face)
        return check_parity(
            runner,
            to_input(faces.images, form.face, form.channels),
            reference,
            precision=form.precision,
            labels=faces.labels if self.material.labelled else None,
            whole_split=self.material.whole_split,
        )

    def _publish(self, results: list[tuple[Form, Path, Parity]], beside: Path) -> list[Exported]:
        """Rename the forms, and the files that go with them, to their places."""
        published = []
        for form, staged, parity in results:
            written = parity.measured
            size, outside = (_bytes(staged), _outside(staged)) if written else (0, ())
            # What was written for the page alone leaves an earlier export as it is.
            wanted = form.format in self.formats
            path = self._place(form, staged, parity) if wanted else None
            published.append(Exported(form, path, size, parity, outside))
        for file in beside.rglob("*"):
            if file.is_file():
                target = self.directory / file.relative_to(beside)
                target.parent.mkdir(parents=True, exist_ok=True)
                file.replace(target)
        return published

    def _place(self, form: Form, staged: Path, parity: Parity) -> Path | None:
        """Rename a form to its place, or take away what is there if this one failed."""
        target = self.directory / form.path
        if parity.failure:
            if target.is_file():
                target.unlink()
            return None
        if form.format == "serving":
            return _publish_servable(staged, self.directory / "serving")
        target.parent.mkdir(parents=True, exist_ok=True)
        return staged.replace(target)


@contextlib.contextmanager
def _stage(directory: Path) -> Iterator[Path]:
    """A folder that is gone afterwards, within `directory`: that may be a disk of its own.

    What was made for it and stays empty is gone, too.
    """
    try:
        made = not directory.exists()
        directory.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=".export.", dir=directory))
    except OSError as error:
        raise FerError(f"--to {directory}: can't be written, {error.strerror}") from None
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        if made:
            with contextlib.suppress(OSError):  # it holds what was published
                directory.rmdir()


def _publish_servable(version: Path, directory: Path) -> Path:
    """Rename a servable's version to the next number of `directory`, which a server watches."""
    from fer_tf.exporting.serving import MODEL, next_version, write_server_files

    versions = directory / MODEL
    versions.mkdir(parents=True, exist_ok=True)
    write_server_files(directory)
    return version.rename(versions / str(next_version(versions)))


def _bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _outside(path: Path) -> tuple[str, ...]:
    if path.suffix != ".tflite":
        return ()
    from fer_tf.exporting.delegation import delegation

    return tuple(delegation(path)[1])
