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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import keras
import numpy as np

from fer_tf.data.faces import Faces
from fer_tf.errors import FerError
from fer_tf.exporting.parity import Proof, prove, unwritten
from fer_tf.exporting.tflite import PRECISIONS, Precision
from fer_tf.files import write_beside
from fer_tf.quiet import quiet
from fer_tf.runtimes.backends import FACE
from fer_tf.runtimes.calibration import fit_temperature
from fer_tf.runtimes.resizing import to_input
from fer_tf.runtimes.runner import open_runner
from fer_tf.tasks import FER2013
from fer_tf.trained.inference import predict_logits, softmax

Format = Literal["serving", "tflite", "onnx", "web"]

ONNX_PRECISIONS: tuple[Precision, ...] = ("float32", "int8")

BATCH = 64
"""Faces that Keras is given at a time."""

SMALLEST_FIRST: tuple[Precision, ...] = ("int8", "float16", "float32")
"""The app guides and the page load the first that is there: it is the fastest, too."""

Size = tuple[int, int]


@dataclass(frozen=True)
class Form:
    """One file (or servable) of an export.

    Attributes:
        name: for people.
        path: within the export folder, without the servable's version.
        precision: "float32", "float16" or "int8".
        size: (height, width) in pixels at which the network runs.
        face: (height, width) of the faces that it takes.
        channels: of the faces, 3 or 1.
    """

    name: str
    path: str
    precision: Precision
    size: Size
    face: Size
    channels: int


@dataclass(frozen=True)
class Exported:
    """A form that was written: what it weighs and how it compares with Keras.

    Attributes:
        form: which.
        path: where it was published; None where it failed.
        bytes: of the file, or of all files of the folder.
        proof: against Keras.
        outside: operations that XNNPACK does not run, of a TFLite file; LiteRT's slower ones do.
    """

    form: Form
    path: Path | None
    bytes: int
    proof: Proof
    outside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Material:
    """The faces that an export is made and judged with.

    Attributes:
        calibration: uint8 [n, h, w], what int8 takes its ranges from.
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
        model: from float32 pixels in [0, 255], [n, h, w, 3], to logits.
        directory: the export folder.
        sizes: (height, width) of each TFLite and ONNX file; the servable and the page have the
            first.
        formats: which folders.
        grey: TFLite files for grey faces of 48x48 pixels as well.
        material: faces to calibrate on and to compare on.
        precisions: of the TFLite files.
        say: is told what is being done.
    """

    model: keras.Model
    directory: Path
    sizes: Sequence[Size]
    formats: Sequence[Format]
    grey: bool
    material: Material
    precisions: Sequence[Precision] = PRECISIONS
    say: Callable[[str], None] = field(default=lambda _: None)
    _references: dict[tuple[Size, Size], np.ndarray] = field(
        default_factory=dict, init=False, repr=False
    )

    def export(self) -> list[Exported]:
        """Write, prove and publish every form.

        A form that can't be written or is out of tolerance is not published, and one of the same
        name from an earlier export is taken away. Whatever stops the export before its end leaves
        the folder as it was.

        Raises:
            FerError: not one form can be written.
        """
        with _stage(self.directory) as stage:
            results = []
            for form in self.forms():
                self.say(form.name)
                place = stage / form.path
                place.parent.mkdir(parents=True, exist_ok=True)
                try:
                    place = self._write(form, place, stage)
                    proof = self._prove(form, place, self._reference(form.size, form.face))
                except FerError as error:
                    proof = unwritten(str(error))
                results.append((form, place, proof))
            if not any(proof.measured for *_, proof in results):
                raise FerError(results[0][2].failure)
            self._write_page(results)
            published = self._publish(results)
            self._finish(published)
            return published

    def forms(self) -> Iterator[Form]:
        """What will be written, in order."""
        first = self.sizes[0]
        if "serving" in self.formats:
            name = f"SavedModel {_words(first)}"
            yield Form(name, "serving/fer", "float32", first, FACE, 1)
        if {"tflite", "web"} & {*self.formats}:
            for size in self.sizes:
                for precision in self.precisions:
                    name, path = f"{_words(size)} {precision}", f"fer_{_words(size)}_{precision}"
                    yield Form(f"TFLite {name}", f"tflite/{path}.tflite", precision, size, size, 3)
                    if self.grey:
                        grey = f"tflite/{path}_grey.tflite"
                        yield Form(f"TFLite {name} grey", grey, precision, size, FACE, 1)
        if "onnx" in self.formats:
            for size in self.sizes:
                for precision in ONNX_PRECISIONS:
                    name, path = f"{_words(size)} {precision}", f"fer_{_words(size)}_{precision}"
                    yield Form(f"ONNX {name}", f"onnx/{path}.onnx", precision, size, size, 3)

    def _write(self, form: Form, path: Path, stage: Path) -> Path:
        """Write a form into the stage; returns the file, or the servable's version."""
        kind = form.path.partition("/")[0]
        if kind == "serving":
            from fer_tf.exporting.serving import write_serving

            return write_serving(self.model, stage / "serving", size=form.size, labels=FER2013)
        if kind == "tflite":
            from fer_tf.exporting.tflite import write_tflite

            write_tflite(
                self.model,
                path,
                size=form.size,
                precision=form.precision,
                channels=form.channels,
                face=form.face,
                labels=FER2013,
                calibration=self.material.calibration,
                temperature=self.temperature(form.size),
            )
            return path
        from fer_tf.exporting.onnx import write_onnx, write_onnx_int8

        if form.precision == "float32":
            temperature = self.temperature(form.size)
            write_onnx(self.model, path, size=form.size, labels=FER2013, temperature=temperature)
        else:
            faces = to_input(self.material.calibration, form.size)
            source = path.with_name(path.name.replace("int8", "float32"))
            write_onnx_int8(source, path, calibration=faces)
        return path

    def temperature(self, size: Size) -> float:
        """Of the network at `size`, fitted to the faces that it is compared on; 1 without labels
        that mean something."""
        if not self.material.labelled:
            return 1.0
        return fit_temperature(self._reference(size, size), self.material.faces.labels)

    def _reference(self, size: Size, face: Size) -> np.ndarray:
        """Keras' probabilities of the faces, resized in bytes as a file's user would, or within."""
        if (size, face) not in self._references:
            self._references[size, face] = self._answer(size, face)
        return self._references[size, face]

    def _answer(self, size: Size, face: Size) -> np.ndarray:
        images = self.material.faces.images
        if face != size:
            return softmax(predict_logits(self.model, images, size=size))
        parts = np.array_split(images, -(-len(images) // BATCH))
        pixels = (to_input(part, size).astype(np.float32) for part in parts)
        return softmax(np.concatenate([self.model.predict_on_batch(part) for part in pixels]))

    def _prove(self, form: Form, path: Path, reference: np.ndarray) -> Proof:
        faces = self.material.faces
        with quiet():
            runner = open_runner(path, size=form.face)
        if form.face == form.size:
            images = to_input(faces.images, form.size, form.channels)
        else:
            images = faces.images[..., None]
        return prove(
            runner,
            images,
            reference,
            precision=form.precision,
            labels=faces.labels if self.material.labelled else None,
            whole_split=self.material.whole_split,
        )

    def _write_page(self, results: list[tuple[Form, Path, Proof]]) -> None:
        """Write the page for browsers, with a model of its own."""
        kept = {form.path: staged for form, staged, proof in results if not proof.failure}
        paths = [f"tflite/fer_{_words(self.sizes[0])}_{p}.tflite" for p in SMALLEST_FIRST]
        models = [kept[path] for path in paths if path in kept]
        if "web" in self.formats and models:
            from fer_tf.exporting.web import write_page

            write_page(self.directory, model=models[0], size=self.sizes[0], labels=FER2013)

    def _publish(self, results: list[tuple[Form, Path, Proof]]) -> list[Exported]:
        published = []
        try:
            for form, staged, proof in results:
                written = proof.measured
                size, outside = (_bytes(staged), _outside(staged)) if written else (0, ())
                # What was written for the page alone leaves an earlier export as it is.
                wanted = form.path.partition("/")[0] in self.formats
                path = self._place(form, staged, proof) if wanted else None
                published.append(Exported(form, path, size, proof, outside))
        except OSError as error:
            raise FerError(
                f"{error.filename or self.directory}: can't be written, {error.strerror}"
            ) from None
        return published

    def _place(self, form: Form, staged: Path, proof: Proof) -> Path | None:
        """Rename a form to its place, or take away what is there if this one failed."""
        target = self.directory / form.path
        if proof.failure:
            if target.is_file():
                target.unlink()
            return None
        if form.path.startswith("serving/"):
            return _publish_servable(staged, self.directory / "serving")
        target.parent.mkdir(parents=True, exist_ok=True)
        return staged.replace(target)

    def _finish(self, results: Sequence[Exported]) -> None:
        """Write what goes with the TFLite files: labels and app guides."""
        tflite = {
            result.form.precision: result.path.name
            for result in results
            if result.path and result.form.path.startswith("tflite/")
            if result.form.channels == 3 and result.form.size == self.sizes[0]
        }
        if tflite:
            from fer_tf.exporting.tflite_guides import write_guides

            folder = self.directory / "tflite"
            files: dict[str, str] = {p: tflite[p] for p in SMALLEST_FIRST if p in tflite}
            write_guides(folder, files=files, size=self.sizes[0], channels=3, labels=FER2013)
            write_beside(folder / "labels.txt", "".join(f"{label}\n" for label in FER2013))


@contextlib.contextmanager
def _stage(directory: Path) -> Iterator[Path]:
    """A folder beside `directory`, on the same disk, that is gone afterwards."""
    parent = directory.absolute().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=parent))
    except OSError as error:
        raise FerError(f"--to {directory}: can't be written, {error.strerror}") from None
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


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


def _words(size: Size) -> str:
    """ "224" or "96x128"."""
    height, width = size
    return str(height) if height == width else f"{height}x{width}"
