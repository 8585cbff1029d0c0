"""Why: each face, what speaks for its emotion, and its landmarks, as a picture.

`python -m fer_tf.explain photo.jpg` writes explained/photo-explained.png.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from fer_tf import cli
from fer_tf.emotions import FER2013
from fer_tf.errors import FerError
from fer_tf.explanations.methods import DEFAULT_METHOD, Method

if TYPE_CHECKING:
    import keras
    import numpy as np

    from fer_tf.vision.detectors.protocol import Detector

Emotion = Literal["Angry", "Disgust", "Fear", "Happy", "Sad", "Surprise", "Neutral"]


@dataclass(frozen=True)
class Explain:
    """Show why: each face, what speaks for its emotion, and its landmarks, as a picture."""

    pictures: Annotated[Positional[tuple[Path, ...]], arg(metavar="FILE_OR_FOLDER")] = ()
    """Pictures, and folders of pictures (with the folders in them)."""
    method: Method = DEFAULT_METHOD
    """How the saliency map is made; docs/explanations says how faithful each one is."""
    target: Emotion | None = None
    """Explain this emotion; if not given, each face's most probable one."""
    model: str | None = None
    """A run folder, a .keras or a .weights.h5 file; if not given, the network that ships."""
    size: str | None = None
    """N or HxW pixels at which the network runs; if not given, its best."""
    detector: str = "auto"
    """"auto", "haar", "mtcnn", "yunet", or the path of YuNet's .onnx file."""
    cropped: bool = False
    """The pictures are a face each: look for none."""
    out: Path = Path("explained")
    """Folder to write the pictures to."""


@dataclass(frozen=True)
class Explainer:
    """A network that is ready to explain the faces of photos.

    Attributes:
        network: from pixels in [0, 255], [n, height, width, 3], to logits [n, 7].
        size: (height, width) at which it runs.
        temperature: that calibrates its probabilities; 1 where it is not known.
        detector: None for pictures that are a face each.
        method: of `METHODS`.
        target: the class to explain; None for the most probable one.
    """

    network: keras.Model
    size: tuple[int, int]
    temperature: float
    detector: Detector | None
    method: str
    target: int | None

    def panels(self, path: Path) -> list[tuple[str, np.ndarray]]:
        """What is said of each face of a picture, and its four panels, RGB, uint8 [h, w, 3].

        Raises:
            FerError: the picture can't be read.
        """
        import numpy as np

        from fer_tf.explanations.maps import explain_faces
        from fer_tf.explanations.panels import answer, four_panels
        from fer_tf.vision.crops import crop_face, whole_face
        from fer_tf.vision.images import read_image
        from fer_tf.vision.results import Box

        image = read_image(path)
        if self.detector is None:
            boxes = [Box(0.0, 0.0, float(image.shape[1]), float(image.shape[0]))]
            crops = [whole_face(image)]
        else:
            found = self.detector.detect(image)
            boxes = [each.box for each in found]
            margin = self.detector.margin
            crops = [crop_face(image, each, margin=margin, align=True) for each in found]
        explanations = explain_faces(
            self.network,
            np.array([crop.pixels for crop in crops], np.uint8).reshape(-1, 48, 48),
            size=self.size,
            method=self.method,
            target=self.target,
            temperature=self.temperature,
        )
        return [
            (answer(each), four_panels(image, box, crop.matrix, each))
            for each, box, crop in zip(explanations, boxes, crops, strict=True)
        ]


def open_explainer(args: Explain) -> Explainer:
    """Load the network and the detector.

    Raises:
        FerError: one of them is not there or can't be used.
    """
    from fer_tf.evaluate import check_model, parse_size
    from fer_tf.explanations.network import open_network
    from fer_tf.vision.detectors import open_detector

    asked = None if args.size is None else parse_size(args.size)
    detector = None if args.cropped else open_detector(args.detector)
    network, size = open_network(args.model, size=asked)
    check_model(Path(args.model or network.name), network)
    return Explainer(
        network,
        size,
        temperature=_shipped_temperature() if args.model is None else 1.0,
        detector=detector,
        method=args.method,
        target=None if args.target is None else FER2013.index(args.target),
    )


def explain(args: Explain) -> Iterator[str]:
    """Explain every picture; yields a line about each face as its panels are written.

    One that can't be read gets a line on stderr, and the others are still done.

    Raises:
        FerError: the network or the detector can't be used, the folder can't be written, or, at
            the end, that pictures could not be read.
    """
    from fer_tf.vision.images import find_images
    from fer_tf.vision.saving import PictureFolder

    if not args.pictures:
        raise FerError("nothing to explain: expected pictures or folders of pictures")
    explainer = open_explainer(args)
    folder = PictureFolder(args.out)
    done, troubles = 0, 0
    for path in find_images(args.pictures):
        try:
            faces = explainer.panels(path)
        except FerError as error:
            print(f"fer_tf: {error}", file=sys.stderr)
            troubles += 1
            continue
        done += 1
        if not faces:
            yield f"{path}: no face was found"
        for number, (told, panels) in enumerate(faces, 1):
            ending = "-explained" if len(faces) == 1 else f"-explained-face{number}"
            yield f"{folder.save(panels, Path(path.stem + '.png'), ending)}: {told}"
    if troubles:
        raise FerError(f"{troubles} of {done + troubles} pictures could not be explained")
    if not done:
        raise FerError(f"{', '.join(map(str, args.pictures))}: no picture in there")


def _shipped_temperature() -> float:
    """What calibrates the network that ships, from the file that answers elsewhere."""
    from fer_tf.deploy.tflite_metadata import read_temperature
    from fer_tf.vision.shipped import shipped_model

    return read_temperature(shipped_model().read_bytes())


def main(argv: Sequence[str] | None = None) -> None:
    """The command.

    Raises:
        FerError: as of `explain`.
    """
    for line in explain(cli.parse(Explain, argv, "fer_tf.explain")):
        print(line, flush=True)


if __name__ == "__main__":
    cli.run(main)
