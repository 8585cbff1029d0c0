"""The pages that tell an app's author what to write: the templates in `tflite_files`, filled in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files as package_files
from pathlib import Path
from string import Template

from fer_tf.detecting import MIN_SCORE
from fer_tf.files import write_beside
from fer_tf.tasks import Task

GUIDES = ("android.md", "ios.md", "python.md")

DETECTOR = """\
- The face detector takes RGB bytes [1, {side}, {side}, 3], here the photo in the upper left corner
  and black beside it, and answers with float32 [{most}, 15]: a face a row, best first, in pixels of
  what it was given. Columns: left, top, width and height of the box; x and y of the right eye, the
  left eye, the nose, and the right and the left corner of the mouth, the person's own right; the
  score, {score} or more. Rows after the last face are 0. Double finds are removed in the graph.
- Faces need about 10 pixels there: `face_detector_640.tflite`, which takes four times as long,
  finds smaller ones. The recogniser is shown the square around the middle of the box whose side is
  {widened} of the mean of the box's, as `fer_tf.FaceAnalyzer` shows it.
- The detector is YuNet's, under the MIT License: `face_detector/LICENSE.txt` goes with every copy.
"""

VALUES = """\
- The second output, `values`, holds {1} numbers from -1 to 1, {0}: in Python read
  `answer["values"]`, elsewhere `outputs[1]` as the code reads `outputs[0]`.
"""
"""For a network that has them."""

MEDIAPIPE = """\
- The labels are in the file as well, as metadata: MediaPipe's `ImageClassifier` loads it as it is
  (tested in Python, MediaPipe 1.2.2).
"""
"""Without values only: MediaPipe takes no second output."""


def write_guides(
    directory: Path, *, files: Mapping[str, str], size: tuple[int, int], task: Task
) -> None:
    """Write `GUIDES` into `directory`, each beside its place and then renamed.

    Args:
        directory: an existing folder, that of the TFLite files.
        files: from a format, such as "float16", to the name of its file for RGB faces. The code in
            the guides loads the first.
        size: (height, width) of the input in pixels.
        task: what the network answers.

    Raises:
        OSError: a guide can't be written.
    """
    from fer_tf.exporting.face_detector_tflite import MOST, SIDES
    from fer_tf.vision.detectors.yunet import YunetDetector

    first = next(iter(files.values()))
    height, width = size
    detector = {
        "side": SIDES[0],
        "most": MOST,
        "score": MIN_SCORE,
        "widened": f"{1 + YunetDetector.margin:g}",
    }
    values = {
        "files": ", ".join(f"`{file}` ({kind})" for kind, file in files.items()),
        "file": first,
        "stem": Path(first).stem,
        "height": height,
        "width": width,
        "colours": "RGB" if task.face[2] == 3 else "RGB, or grey in all three channels",
        "classes": len(task.labels),
        "labels": _quoted(task.labels),
        # In Kotlin's texts a $ begins the name of a variable.
        "kotlin_labels": _quoted(task.labels).replace("$", r"\$"),
        "values": VALUES.format(_quoted(task.values), len(task.values)) if task.values else "",
        **detector,
        "detector": DETECTOR.format(**detector).rstrip(),
        "mediapipe": "" if task.values else MEDIAPIPE,
    }
    for name in GUIDES:
        template = (package_files("fer_tf.exporting") / "tflite_files" / name).read_text("utf-8")
        write_beside(directory / name, Template(template).substitute(values))


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(json.dumps(name, ensure_ascii=False) for name in names)
