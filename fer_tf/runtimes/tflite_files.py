"""The labels and the temperature in a TFLite file."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from fer_tf.archives import open_zip
from fer_tf.errors import reason

LABELS = "labels.txt"
"""Name of the label file within the TFLite file."""

CALIBRATION = "calibration.json"
"""Name of the file beside it with the temperature, `fer_tf.runtimes.calibration`."""

CALIBRATION_LIMIT = 1 << 12
"""Bytes of it that are read: a number takes twenty, and a packed file can unpack to gigabytes."""


def read_temperature(content: bytes) -> Any:
    """What a TFLite file holds as its temperature, unchecked; 1 where there is none.

    `fer_tf.runtimes.calibration.checked_temperature` makes a number of it, or a sentence.
    """
    try:
        with (
            open_zip(io.BytesIO(content)) as archive,
            archive.open(CALIBRATION) as file,
        ):
            text = file.read(CALIBRATION_LIMIT)
    except (zipfile.BadZipFile, KeyError):
        return 1
    except Exception as error:  # zipfile and its decompressors raise a dozen kinds
        return reason(error)
    try:
        return json.loads(text)["temperature"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return text.decode(errors="replace")
