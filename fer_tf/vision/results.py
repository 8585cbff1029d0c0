"""What the pipeline answers: small frozen values, in pixels of the upright picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

from fer_tf.tasks import TASKS, Task

if TYPE_CHECKING:
    import numpy as np
    import pandas
    from PIL.Image import Image

NO_FACE = "no face was found"
"""Why an analysis is empty, where its picture could be read."""

UNSURE = "unsure"
"""A face's label where its certainty is below what was asked for."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels; it may reach beyond the picture.

    Attributes:
        left: of its left edge, from the picture's left edge.
        top: of its upper edge, from the picture's upper edge.
        width: greater than 0.
        height: greater than 0.
    """

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The right edge, from the picture's left edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """The lower edge, from the picture's upper edge."""
        return self.top + self.height

    @property
    def center(self) -> Point:
        """(x, y) of its middle."""
        return self.left + self.width / 2, self.top + self.height / 2

    @property
    def area(self) -> float:
        """Square pixels."""
        return self.width * self.height

    def iou(self, other: Box) -> float:
        """Intersection over union with `other`, in [0, 1]."""
        shared = self._shared(other)
        return shared / (self.area + other.area - shared)

    def overlap(self, other: Box) -> float:
        """Intersection over the smaller one's area, in [0, 1]: 1 where one lies in the other."""
        shared = self._shared(other)
        return shared / min(self.area, other.area) if shared else 0.0

    def _shared(self, other: Box) -> float:
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(width, 0.0) * max(height, 0.0)


@dataclass(frozen=True)
class Detection:
    """A face as a detector found it.

    Attributes:
        box: tight, as that detector draws it.
        score: the detector's own, in [0, 1]; scores of different detectors do not compare.
        eyes: the centres of the left eye and the right one as they are seen on the upright face;
            () where the detector gives none.
    """

    box: Box
    score: float
    eyes: tuple[Point, Point] | tuple[()] = ()


@dataclass(frozen=True)
class Face:
    """A face and what the network says of it.

    Attributes:
        box: as the detector drew it; the whole picture for a face that was given cropped.
        score: the detector's, in [0, 1]; 1 for boxes and crops that were given.
        probabilities: calibrated, in [0, 1], of each of `labels`; their sum is 1.
        labels: the names of the classes, in the order of `probabilities`.
        eyes: as in `Detection`.
        values: continuous ones, such as valence, each in [-1, 1]; () of a network without any.
        value_names: their names, in the order of `values`.
        min_certainty: in [0, 1]; with a lower `certainty` the `label` is "unsure".
    """

    box: Box
    score: float
    probabilities: tuple[float, ...]
    labels: tuple[str, ...] = TASKS["fer2013"].labels
    eyes: tuple[Point, Point] | tuple[()] = ()
    values: tuple[float, ...] = ()
    value_names: tuple[str, ...] = ()
    min_certainty: float = 0.0

    @property
    def emotion(self) -> str:
        """The most probable of `labels`."""
        return self.labels[self.probabilities.index(self.certainty)]

    @property
    def certainty(self) -> float:
        """Probability of `emotion`: of a hundred answers with 0.7, about seventy are right."""
        return max(self.probabilities)

    @property
    def sure(self) -> bool:
        """Whether the answer is as certain as was asked for."""
        return self.certainty >= self.min_certainty

    @property
    def label(self) -> str:
        """`emotion`, or "unsure" where the answer is less certain than was asked for."""
        return self.emotion if self.sure else UNSURE

    @property
    def by_emotion(self) -> dict[str, float]:
        """The probabilities by name, in the order of `labels`."""
        return dict(zip(self.labels, self.probabilities, strict=True))

    @property
    def by_value(self) -> dict[str, float]:
        """The values by name, in the order of `value_names`."""
        return dict(zip(self.value_names, self.values, strict=True))

    @property
    def value_texts(self) -> tuple[str, ...]:
        """The values for people: "valence +0.4"."""
        return tuple(f"{name} {value:+z.1f}" for name, value in self.by_value.items())


@dataclass(frozen=True)
class Analysis(Sequence[Face]):
    """The faces of one picture, best detector score first: a sequence of `Face`.

    Attributes:
        faces: may be empty.
        reason: why it is empty, in one sentence; "" where it is not.
        readable: whether the picture could be read at all.
        width: of the upright picture, in pixels; 0 where it could not be read.
        height: likewise.
        source: the picture's path or name; "" for pixels.
        task: what the network answers, which names the columns of a table without rows.
    """

    faces: tuple[Face, ...]
    reason: str = ""
    readable: bool = True
    width: int = 0
    height: int = 0
    source: str = ""
    task: Task | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.faces)

    @overload
    def __getitem__(self, index: int) -> Face: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Face, ...]: ...
    def __getitem__(self, index: int | slice) -> Face | tuple[Face, ...]:
        return self.faces[index]

    def to_dicts(self) -> list[dict[str, Any]]:
        """A dictionary for each face; `fer_tf.vision.face_table` names its keys."""
        from fer_tf.vision.face_table import face_dicts

        return face_dicts(self)

    def to_pandas(self) -> pandas.DataFrame:
        """A row for each face; `fer_tf.vision.face_table` names its columns.

        Raises:
            FerError: pandas is not installed.
        """
        from fer_tf.vision.face_table import to_pandas

        return to_pandas(self)

    def draw(self, image: Any = None) -> Image:
        """The picture with each face's box, label and bars; an unsure one's box is dashed.

        Args:
            image: the picture, as it was analysed: pixels are not kept with the answers. None for
                the file that `source` names.

        Raises:
            FerError: the picture can't be read, or has another size than the one analysed.
        """
        from fer_tf.vision.showing import drawn

        return drawn(self, image)

    def _repr_html_(self) -> str:
        """For notebooks: the picture, where `source` can be read, and a table of its faces."""
        from fer_tf.vision.showing import as_html

        return as_html(self)


@dataclass(frozen=True)
class VideoFrame(Analysis):
    """The faces of one frame of a video, each with its person's number.

    Attributes:
        frame: its number, from 0; those that were skipped are counted.
        seconds: from the video's start.
        tracks: of each of `faces`, the person's number, from 1; never given twice in a video.
        pixels: the frame, uint8 RGB [h, w, 3], without anything drawn.
    """

    frame: int = 0
    seconds: float = 0.0
    tracks: tuple[int, ...] = ()
    pixels: np.ndarray | None = field(default=None, compare=False, repr=False)
