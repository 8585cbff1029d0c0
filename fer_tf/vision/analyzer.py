"""From pictures to faces to expressions."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_tf.detecting import DETECT_SIZE, MIN_FACE, MIN_SCORE, TTA
from fer_tf.errors import FerError
from fer_tf.explanations.methods import DEFAULT_METHOD
from fer_tf.pictures.images import listed, name_of, read_image
from fer_tf.tasks import Task
from fer_tf.vision.crops import LEVEL, Crop, crop_face, whole_face
from fer_tf.vision.detectors import open_detector
from fer_tf.vision.detectors.protocol import Detector
from fer_tf.vision.explaining import ExplainedFace, Explainer
from fer_tf.vision.recognizer import open_recognizer
from fer_tf.vision.results import NO_FACE, Analysis, Box, Detection, Face
from fer_tf.vision.stream import worked_ahead
from fer_tf.vision.video.smoothing import TIME_CONSTANT_S

if TYPE_CHECKING:
    from fer_tf.vision.video.video_frames import VideoAnalysis

_BOXES_OF_CROPPED = "boxes of cropped faces: expected none, each picture is a face"


class FaceAnalyzer:
    """Finds the faces of pictures and recognises each one's expression.

    An image is a path, bytes, a binary file object, a PIL image, or an array: uint8 RGB
    [h, w, 3] (BGR with bgr=True), grey or RGBA too; see `fer_tf.pictures.images.read_image`. Boxes
    are in pixels of the upright picture. Uses neither TensorFlow nor Keras with the network that
    ships, or another .tflite file, but for `explain`.

    Several threads may share one.

    Args:
        model: a .tflite, .onnx or .keras file, a run folder, a servable or an export folder, or
            "nano", the small network that ships; None for mit_b0_fusion, which ships, too.
        detector: None for YuNet; the path of another .onnx file like YuNet's, or an object like
            `fer_tf.vision.detectors.protocol.Detector`, for which the next three do not count.
        detect_size: pixels of the longer side at which a picture is searched, if it is larger.
        min_score: the detector's score from which a find is a face, in (0, 1].
        min_face: pixels of the smallest face that is reported, the mean side of its box.
        size: N or (height, width) in pixels at which a network runs that takes any size; None for
            the size at which a run was best, or what the file was built for, or 224.
        threads: that the network computes with, and that read and search the pictures of a batch;
            None is two threads for a single face, and all cores for several.
        cropped: each picture is a face already, framed as FER2013's: none is looked for.
        min_certainty: in [0, 1]; a face's `label` is "unsure" with a lower certainty.
        tta: test-time augmentation: "flip" answers with the mean over each face and its mirror
            image, for a second run of the network; "none" with the face alone.

    Raises:
        FerError: a model or a detector that is not there, damaged, or not one of these; a number
            out of its range.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        detector: str | os.PathLike[str] | Detector | None = None,
        *,
        detect_size: int = DETECT_SIZE,
        min_score: float = MIN_SCORE,
        min_face: float = MIN_FACE,
        size: int | tuple[int, int] | None = None,
        threads: int | None = None,
        cropped: bool = False,
        min_certainty: float = 0.0,
        tta: str = "none",
    ):
        if not 0 <= min_certainty <= 1:
            raise FerError(f"min_certainty: found {min_certainty:g}, expected 0 to 1")
        if tta not in TTA:
            raise FerError(f"tta: found {tta!r}, expected {' or '.join(TTA)}")
        if threads is not None and threads < 1:
            raise FerError(f"threads: found {threads}, expected at least 1")
        self.min_certainty = min_certainty
        sides = (size, size) if isinstance(size, int) else size
        self.model, self._threads = model, threads
        self.recognizer = open_recognizer(model, size=sides, threads=threads, flip=tta == "flip")
        self.cropped = cropped
        self.detector = open_detector(
            detector, detect_size=detect_size, min_score=min_score, min_face=min_face
        )
        self.explainer = Explainer(self.recognizer.trained, self.recognizer.size)

    def analyze(
        self,
        image: Any,
        *,
        boxes: Iterable[Box | Sequence[float]] | None = None,
        bgr: bool = False,
    ) -> Analysis:
        """The faces of one image, best detector score first.

        Args:
            image: see the class.
            boxes: where the faces are, (left, top, width, height) in pixels each, in place of
                looking for them; tight, as a detector draws them.
            bgr: an array's channels are in OpenCV's order.

        Raises:
            FerError: the image can't be read, or a box has no area or lies outside of it. That no
                face was found is no error: the answer is empty and has a `reason`.
        """
        picture = read_image(image, bgr=bgr)
        faces = self._faces(picture, boxes)
        return self._analysis(picture.shape, faces, name_of(image))

    def analyze_batch(self, images: Iterable[Any], *, bgr: bool = False) -> list[Analysis]:
        """The faces of several images; all of them go through the network as one batch.

        Images are read and searched on several threads, a few at a time, and none is kept. One that
        can't be read does not stop the others: its answer is not `readable` and has the `reason`.

        Args:
            images: see the class; a single one is a batch of one.
            bgr: the arrays' channels are in OpenCV's order.
        """

        def search(image: Any) -> tuple[str, str, tuple[int, ...], list[Detection], list]:
            name = name_of(image)
            try:
                picture = read_image(image, bgr=bgr)
                found = self.detect(picture)
                crops = [self.crop(picture, detection).pixels for detection in found]
            except FerError as error:
                return name, str(error), (), [], []
            return name, "", picture.shape, found, crops

        searched = list(worked_ahead(listed(images), search, threads=self._threads))
        answers = self.answer(
            [found for *_, found, _ in searched],
            [crop for *_, crops in searched for crop in crops],
        )
        return [
            Analysis((), reason, readable=False, source=name, task=self.task)
            if reason
            else self._analysis(shape, faces, name)
            for (name, reason, shape, *_), faces in zip(searched, answers, strict=True)
        ]

    def analyze_faces(self, crops: Iterable[Any], *, bgr: bool = False) -> list[Face]:
        """The expressions of pictures that are a face each, cropped already; none is looked for.

        Args:
            crops: see the class; framed as FER2013's faces, from the brows' top to the chin. A
                single one is answered as one.
            bgr: the arrays' channels are in OpenCV's order.

        Raises:
            FerError: one can't be read.
        """
        pictures = [read_image(crop, bgr=bgr) for crop in listed(crops)]
        whole = [[whole_picture(picture)] for picture in pictures]
        answers = self.answer(whole, [self.whole_face(picture).pixels for picture in pictures])
        return [face for (face,) in answers]

    def analyze_video(
        self,
        source: str | os.PathLike[str] | int,
        *,
        every: float = 0.0,
        start: float = 0.0,
        end: float = math.inf,
        detect_every: int = 10,
        recognize_every: int = 1,
        smoothing_s: float = TIME_CONSTANT_S,
    ) -> VideoAnalysis:
        """The frames of a video, one after the other, with the faces and whose they are.

        >>> for frame in analyzer.analyze_video("clip.mp4", every=0.5):
        ...     print(frame.seconds, frame.tracks, [face.label for face in frame])
        >>> table = analyzer.analyze_video("clip.mp4", every=0.5).to_pandas()

        Faces are searched now and then and followed in between, and a person's probabilities are
        averaged over time. A cut ends all tracks.

        Args:
            source: a file, a URL that FFmpeg opens, a camera's number, or "camera".
            every: seconds from one frame to the next; 0 for all frames.
            start: the first second that is looked at.
            end: no frame after this second is.
            detect_every: frames from one search for faces to the next.
            recognize_every: frames from one recognition of a face to the next.
            smoothing_s: time constant of the average, in seconds; 0 is no average.

        Returns:
            An iterator of `VideoFrame`, which has `to_dicts` and `to_pandas` and is closed at its
            end or by `close`. Each frame holds its pixels, 6 MB in full HD: a list of them all
            would hold the whole video.

        Raises:
            FerError: the source can't be opened or holds no frame; a number out of its range.
        """
        from fer_tf.vision.video.moments import Stretch
        from fer_tf.vision.video.session import VideoOptions
        from fer_tf.vision.video.video_frames import VideoAnalysis

        if self.cropped:
            raise FerError("a video of cropped faces: expected an analyzer that looks for faces")
        place = str(source) if isinstance(source, int) else os.fspath(source)
        options = VideoOptions(
            place,
            detect_every=detect_every,
            recognize_every=recognize_every,
            smoothing_s=smoothing_s,
            wanted=Stretch(every, start, end),
        )
        return VideoAnalysis(options, self)

    def explain(
        self,
        image: Any,
        *,
        method: str = DEFAULT_METHOD,
        target: str | None = None,
        boxes: Iterable[Box | Sequence[float]] | None = None,
        cropped: bool = False,
        bgr: bool = False,
    ) -> list[ExplainedFace]:
        """The faces of one image and what each one's expression rests on.

        Needs Keras and its backend, and a model that has gradients: the network that ships, a run
        folder or a .keras file.

        Args:
            image: see the class.
            method: a key of `fer_tf.explanations.METHODS`.
            target: the class or value to explain; None for each face's most probable class.
            boxes: as of `analyze`.
            cropped: the image is a face already; none is looked for.
            bgr: an array's channels are in OpenCV's order.

        Raises:
            FerError: as of `analyze`; an unknown method or target, or a model that can't be
                explained.
        """
        picture = read_image(image, bgr=bgr)
        if cropped:
            if boxes is not None:
                raise FerError(_BOXES_OF_CROPPED)
            (face,) = self.analyze_faces([picture])
            crop = self.whole_face(picture)
            return self.explainer.explain([face], [crop], method=method, target=target)
        return self.explain_found(
            picture, self._faces(picture, boxes), method=method, target=target
        )

    def explain_found(
        self,
        image: np.ndarray,
        faces: Sequence[Face],
        *,
        method: str = DEFAULT_METHOD,
        target: str | None = None,
    ) -> list[ExplainedFace]:
        """What the expressions of faces rest on that were found in an upright RGB picture.

        Args:
            image: uint8 [h, w, 3].
            faces: of it, as `analyze` or `recognize` gives them.
            method: as of `explain`.
            target: as of `explain`.

        Raises:
            FerError: as of `explain`.
        """
        found = [Detection(face.box, face.score, face.eyes) for face in faces]
        crops = [self.crop(image, detection) for detection in found]
        return self.explainer.explain(faces, crops, method=method, target=target)

    @property
    def task(self) -> Task:
        """What the network answers: names of its classes and of its values."""
        return self.recognizer.task

    def detect(self, image: np.ndarray) -> list[Detection]:
        """The faces of an upright RGB picture, uint8 [h, w, 3], best score first."""
        if self.cropped:
            return [whole_picture(image)]
        return self.detector.detect(image)

    def recognize(
        self, images: Sequence[np.ndarray], detections: Sequence[Sequence[Detection]]
    ) -> list[tuple[Face, ...]]:
        """The expressions of faces that were found; all go through the network as one batch.

        Args:
            images: upright RGB pictures, uint8 [h, w, 3].
            detections: of each of them.

        Raises:
            FerError: a box has no area or lies outside its picture.
        """
        crops = [
            self.crop(image, detection).pixels
            for image, found in zip(images, detections, strict=True)
            for detection in found
        ]
        return self.answer(detections, crops)

    def crop(self, image: np.ndarray, detection: Detection) -> Crop:
        """A face as the network is given it, of its size, in colour where it learnt from colours.

        Raises:
            FerError: the box has no area or lies outside the picture.
        """
        if self.cropped:
            return self.whole_face(image)
        return crop_face(
            image,
            detection,
            self.recognizer.size,
            margin=self.detector.margin,
            level=LEVEL,
            colour=self.recognizer.colour,
        )

    def whole_face(self, image: np.ndarray) -> Crop:
        """A picture, uint8 RGB [h, w, 3], that is a face already, as the network is given it."""
        return whole_face(image, self.recognizer.size, colour=self.recognizer.colour)

    def answer(
        self, detections: Sequence[Sequence[Detection]], crops: Sequence[np.ndarray]
    ) -> list[tuple[Face, ...]]:
        """The expressions of faces that were cropped; all go through the network as one batch.

        Args:
            detections: of each picture.
            crops: of all these, one after the other: the pixels of `crop` or `whole_face`.

        Raises:
            FerError: the network answers NaN, or a value out of [-1, 1].
        """
        answers = self.recognizer.answer(np.array(crops, np.uint8))
        values = [()] * len(crops) if answers.values is None else answers.values.tolist()
        answered = zip(answers.probabilities.tolist(), values, strict=True)
        return [
            tuple(
                Face(
                    box=face.box,
                    score=face.score,
                    probabilities=tuple(shares),
                    labels=self.task.labels,
                    eyes=face.eyes,
                    values=tuple(own),
                    value_names=self.task.values,
                    min_certainty=self.min_certainty,
                )
                # Each face takes the next answer, across the pictures.
                for face, (shares, own) in zip(found, answered, strict=False)
            )
            for found in detections
        ]

    def _faces(
        self, image: np.ndarray, boxes: Iterable[Box | Sequence[float]] | None
    ) -> tuple[Face, ...]:
        if boxes is not None and self.cropped:
            raise FerError(_BOXES_OF_CROPPED)
        detections = self.detect(image) if boxes is None else given_boxes(boxes)
        (faces,) = self.recognize([image], [detections])
        return faces

    def _analysis(self, shape: tuple[int, ...], faces: tuple[Face, ...], source: str) -> Analysis:
        height, width = shape[:2]
        return Analysis(faces, "" if faces else NO_FACE, True, width, height, source, self.task)


def given_boxes(boxes: Iterable[Box | Sequence[float]]) -> list[Detection]:
    """Detections with score 1 from `Box` values or (left, top, width, height) in pixels.

    Raises:
        FerError: something else.
    """
    detections = []
    for box in boxes:
        if not isinstance(box, Box):
            try:
                left, top, width, height = map(float, box)
            except (TypeError, ValueError):
                raise FerError(
                    f"boxes: found {box!r}: expected (left, top, width, height) in pixels"
                ) from None
            box = Box(left, top, width, height)
        detections.append(Detection(box, 1.0))
    return detections


def whole_picture(image: np.ndarray) -> Detection:
    """All of a picture, uint8 RGB [h, w, 3], as a detection with score 1."""
    height, width = image.shape[:2]
    return Detection(Box(0.0, 0.0, float(width), float(height)), 1.0)
