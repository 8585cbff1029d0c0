"""Task, labels, temperature and normalisation inside a TFLite file: a client needs that file alone.

TFLite's metadata is a flatbuffer of its own (schema "M001") in a buffer of the model, named
"TFLITE_METADATA", and the label file in a zip archive behind the model. Generated classes of that
schema are found only in MediaPipe, whose writer fails to import (1.2.2) and which is large, and in
tflite-support, which is not kept up. An image classifier needs nine of its tables, so they are
written here with `flatbuffers`; a test reads them back with MediaPipe's classes, and with its
ImageClassifier.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

import fer_tf
from fer_tf.errors import FerError
from fer_tf.runtimes.task_files import TASK
from fer_tf.runtimes.tflite_files import CALIBRATION, LABELS
from fer_tf.tasks import Task

METADATA = "TFLITE_METADATA"
"""Name under which the model lists the metadata."""

FIELDS = {
    "ModelMetadata": "name description version subgraph_metadata author license "
    "associated_files min_parser_version",
    "SubGraphMetadata": "name description input_tensor_metadata output_tensor_metadata",
    "TensorMetadata": "name description dimension_names content process_units stats "
    "associated_files",
    "Content": "content_properties_type content_properties",
    "ImageProperties": "color_space",
    "ProcessUnit": "options_type options",
    "NormalizationOptions": "mean std",
    "Stats": "max min",
    "AssociatedFile": "name description type",
}
"""The tables that are used, each with its fields in the order of the schema."""

IMAGE_PROPERTIES, NORMALIZATION_OPTIONS, TENSOR_AXIS_LABELS = 2, 1, 2
"""Members of the schema's ContentProperties, ProcessUnitOptions and AssociatedFileType."""

COLOUR_SPACES = {3: 1, 1: 2}
"""Channels to the schema's ColorSpaceType: RGB and GRAYSCALE."""


def add_metadata(content: bytes, *, task: Task, name: str, temperature: float = 1.0) -> bytes:
    """Put task, labels, temperature and normalisation into a TFLite file, for those that it has.

    The normalisation is mean 0 and deviation 1: the network takes bytes and scales them itself.
    The weights stay as they are, bit for bit, at multiples of 16 bytes.

    Args:
        content: a TFLite file with one input, uint8 [1, h, w, 3] (RGB) or [1, h, w, 1] (grey),
            and one output, float32 [1, classes], probabilities, or values, too.
        task: what it answers; its labels are a line of text each.
        name: of the model.
        temperature: that calibrates the probabilities, above 0; the graph does not apply it.

    Returns:
        The content of the new file.

    Raises:
        FerError: `content` is no such file, or a label has blanks at its ends.
    """
    from fer_tf.exporting.tflite_model import ends, read_tflite

    image, _ = ends(read_tflite(content))
    for label in task.labels:
        if label != label.strip():
            raise FerError(f"the label {label!r} has blanks at its ends: expected none")
    tensors = _Table(
        "SubGraphMetadata",
        input_tensor_metadata=[_image_table(int(image.shape[3]))],
        output_tensor_metadata=[
            _probabilities_table(),
            *([_values_table(task)] if task.values else []),
        ],
    )
    about = {
        "name": name,
        "description": "What a face shows that fills the picture, by its probabilities.",
        "version": fer_tf.__version__,
        "license": "Apache-2.0",
    }
    files = {
        LABELS: "".join(f"{label}\n" for label in task.labels),
        TASK: task.to_json() + "\n",
        CALIBRATION: json.dumps({"temperature": round(temperature, 4)}) + "\n",
    }
    return _with_files(describe(content, about, tensors), files)


def describe(content: bytes, about: Mapping[str, str], tensors: _Table | None = None) -> bytes:
    """Say in a TFLite file what it is: its name, description, version and licence.

    Args:
        content: a TFLite file.
        about: name, description, version and license, fields of the schema's ModelMetadata.
        tensors: what its inputs and outputs are.

    Returns:
        The content of the new file, without files that were packed behind it.

    Raises:
        FerError: LiteRT cannot read `content`.
    """
    from ai_edge_litert import schema_py_generated as schema

    from fer_tf.exporting.tflite_model import read_tflite, write_tflite

    model = read_tflite(content)
    fields: dict[str, Any] = {**about, "min_parser_version": "1.0.0"}
    if tensors:
        fields["subgraph_metadata"] = [tensors]
    metadata = _Table("ModelMetadata", **fields)
    model.metadata = model.metadata or []
    if METADATA.encode() not in [entry.name for entry in model.metadata]:
        model.metadata.append(schema.MetadataT(METADATA.encode(), len(model.buffers)))
        model.buffers.append(schema.BufferT())
    (place,) = [entry.buffer for entry in model.metadata if entry.name == METADATA.encode()]
    model.buffers[place].data = np.frombuffer(metadata.to_bytes(b"M001"), np.uint8)
    return write_tflite(model)


def _image_table(channels: int) -> _Table:
    return _Table(
        "TensorMetadata",
        name="image",
        description="An upright face in RGB, bytes." if channels == 3 else "A grey upright face.",
        content=_Table(
            "Content",
            content_properties_type=IMAGE_PROPERTIES,
            content_properties=_Table("ImageProperties", color_space=COLOUR_SPACES[channels]),
        ),
        process_units=[
            _Table(
                "ProcessUnit",
                options_type=NORMALIZATION_OPTIONS,
                options=_Table("NormalizationOptions", mean=_floats(0), std=_floats(1)),
            )
        ],
        stats=_Table("Stats", max=_floats(255), min=_floats(0)),
    )


def _probabilities_table() -> _Table:
    return _Table(
        "TensorMetadata",
        name="probabilities",
        description="The probability of each expression.",
        stats=_Table("Stats", max=_floats(1), min=_floats(0)),
        associated_files=[
            _Table(
                "AssociatedFile",
                name=LABELS,
                description="The expressions in the order of the probabilities.",
                type=TENSOR_AXIS_LABELS,
            )
        ],
    )


def _values_table(task: Task) -> _Table:
    return _Table(
        "TensorMetadata",
        name="values",
        description=f"{', '.join(task.values)}: each from -1 to 1.",
        stats=_Table("Stats", max=_floats(1), min=_floats(-1)),
    )


def _floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


class _Table:
    """A table of the schema: whole numbers are its enumerations, a byte each."""

    def __init__(self, kind: str, **fields: int | str | np.ndarray | _Table | list[_Table]):
        slots = FIELDS[kind].split()
        self.size = len(slots)
        self.fields = {slots.index(name): value for name, value in fields.items()}

    def to_bytes(self, identifier: bytes) -> bytes:
        import flatbuffers

        builder = flatbuffers.Builder()
        builder.Finish(self._write(builder), identifier)
        return bytes(builder.Output())

    def _write(self, builder) -> int:
        offsets = {
            slot: _write_value(builder, value)
            for slot, value in self.fields.items()
            if not isinstance(value, int)
        }
        builder.StartObject(self.size)
        for slot, value in self.fields.items():
            if isinstance(value, int):
                builder.PrependUint8Slot(slot, value, 0)
            else:
                builder.PrependUOffsetTRelativeSlot(slot, offsets[slot], 0)
        return builder.EndObject()


def _write_value(builder, value: str | np.ndarray | _Table | list[_Table]) -> int:
    if isinstance(value, str):
        return builder.CreateString(value)
    if isinstance(value, np.ndarray):
        return builder.CreateNumpyVector(value)
    if isinstance(value, _Table):
        return value._write(builder)
    offsets = [table._write(builder) for table in value]
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def _with_files(content: bytes, files: Mapping[str, str]) -> bytes:
    """Append a zip archive, uncompressed, as readers map it; with no date in it."""
    whole = io.BytesIO(content)
    with zipfile.ZipFile(whole, "a") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text.encode())
    return whole.getvalue()
