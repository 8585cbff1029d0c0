"""Boxes of faces in WIDER FACE's text format, and which of them a detector found.

A picture is a line with its path, a line with the number of its faces, and a line for each face:
left, top, width and height in pixels, then nothing or six marks, of which the fourth says that the
face is invalid. A picture of nobody has the number 0 and, in WIDER FACE's own files, a line of
zeros. (Yang et al., WIDER FACE: A Face Detection Benchmark, CVPR 2016.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fer_tf.errors import FerError
from fer_tf.vision.results import Box, Detection

IOU = 0.4
"""From which a find is a face: YuNet's boxes are narrower than those that people draw."""

_INVALID = 7  # column of that mark
_COLUMNS = (4, 10)


@dataclass(frozen=True)
class Labelled:
    """A face whose place is known.

    Attributes:
        box: in pixels of the picture.
        counts: whether a detector should find it: not where it is marked as invalid.
    """

    box: Box
    counts: bool = True


def read_boxes(path: Path) -> dict[str, list[Labelled]]:
    """The faces of each picture, by the path as it stands in the file.

    Faces without an area, of which WIDER FACE has some, are left out.

    Args:
        path: of a text file in UTF-8.

    Raises:
        FerError: it can't be read, or a line is not as expected; it names the line.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        told = "no such file" if isinstance(error, FileNotFoundError) else f"can't be read: {error}"
        raise FerError(f"{path}: {told}, expected text with boxes as of WIDER FACE") from error
    boxes: dict[str, list[Labelled]] = {}
    at = 0
    while at < len(lines):
        name = lines[at].strip()
        at += 1
        if not name:
            continue
        if name in boxes:
            raise FerError(f"{path}, line {at}: found {name!r} again, expected each picture once")
        told = lines[at].strip() if at < len(lines) else ""
        if not (told.isascii() and told.isdigit()):
            found = repr(told) if at < len(lines) else "the end"
            raise FerError(
                f"{path}, line {at + 1}: found {found}, expected the number of faces of {name!r}"
            )
        at += 1
        end = at + int(told)
        if end > len(lines):
            raise FerError(
                f"{path}, line {len(lines) + 1}: found the end, expected {told} faces of {name!r}"
            )
        faces = [_face(lines[line], path, line + 1) for line in range(at, end)]
        boxes[name] = [face for face in faces if face.box.area > 0]
        at = end
        if not faces and at < len(lines) and set(lines[at].split()) == {"0"}:
            at += 1
    return boxes


def _face(line: str, path: Path, number: int) -> Labelled:
    try:
        values = [int(part) for part in line.split()]
    except ValueError:
        values = []
    if len(values) not in _COLUMNS or min(values[2:4]) < 0:
        raise FerError(
            f"{path}, line {number}: found {line!r}, expected a face: left, top, width and height "
            "in whole pixels, and nothing or six marks more"
        )
    left, top, width, height = values[:4]
    return Labelled(Box(left, top, width, height), not (len(values) > 4 and values[_INVALID]))


def boxes_text(boxes: Mapping[str, Iterable[Labelled]]) -> str:
    """What `read_boxes` reads, with whole pixels."""
    lines = []
    for name, faces in boxes.items():
        rows = [
            f"{round(box.left)} {round(box.top)} {round(box.width)} {round(box.height)} "
            f"0 0 0 {int(not counts)} 0 0"
            for box, counts in ((face.box, face.counts) for face in faces)
        ]
        lines += [name, str(len(rows)), *rows]
    return "".join(f"{line}\n" for line in lines)


def matched(
    found: Sequence[Detection], faces: Sequence[Labelled]
) -> tuple[list[bool], list[Detection]]:
    """Which faces were found, and the finds that are no face.

    The surest find takes the face that it covers best, with an IoU of at least 0.4, then the next
    one of the rest. A second find of the same face is false; a find of a face that does not count
    is neither found nor false.

    Returns:
        of each face, whether a find took it; the false ones, surest first.
    """
    taken = [False] * len(faces)
    false = []
    for each in sorted(found, key=lambda find: -find.score):
        free = [number for number, there in enumerate(taken) if not there]
        best = max(free, key=lambda number: each.box.iou(faces[number].box), default=None)
        if best is not None and each.box.iou(faces[best].box) >= IOU:
            taken[best] = True
        else:
            false.append(each)
    return taken, false
