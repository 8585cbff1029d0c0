"""The labels and the temperature in a TFLite file."""

from __future__ import annotations

import io
import json
import zipfile

from fer_tf.errors import FerError
from fer_tf.runtimes.calibration import checked_temperature

LABELS = "labels.txt"
"""Name of the label file within the TFLite file."""

CALIBRATION = "calibration.json"
"""Name of the file beside it with the temperature, `fer_tf.runtimes.calibration`."""


def read_labels(content: bytes) -> tuple[str, ...]:
    """The labels in a TFLite file, as the export wrote them.

    Raises:
        FerError: there is no label file in `content`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return tuple(archive.read(LABELS).decode().splitlines())
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError) as error:
        raise FerError(f"expected a TFLite file with {LABELS}, found {error}") from error


def read_temperature(content: bytes) -> float:
    """The temperature in a TFLite file, as the export wrote it; 1 where there is none.

    Raises:
        FerError: there is one that is no number above 0.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            text = archive.read(CALIBRATION)
    except (zipfile.BadZipFile, KeyError):
        return 1.0
    try:
        found = json.loads(text)["temperature"]
    except (ValueError, KeyError, TypeError, RecursionError):
        found = text.decode(errors="replace")
    return checked_temperature(found, f"{CALIBRATION} in the TFLite file")
