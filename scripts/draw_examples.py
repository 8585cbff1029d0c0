"""Draws the README's examples, of people in pictures that installed packages carry.

    python scripts/draw_examples.py [--to docs]

The astronaut is scikit-image's, a portrait by NASA, in the public domain. The timeline is of a
clip of her beside a drawn face that changes its expression.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from _machine import ROOT
from PIL import Image
from skimage import data

from fer_tf.data.synthetic import draw
from fer_tf.tasks import FER2013
from fer_tf.vision import FaceAnalyzer
from fer_tf.vision.drawing import draw_faces
from fer_tf.vision.video.session import VideoOptions, run_video

SHOWN = ("Neutral", "Happy", "Surprise", "Angry", "Neutral")
"""What the drawn face shows, one after the other."""
PERSON = 2
"""Seed of the drawn face."""
FPS, HOLD, FADE = 15, 24, 8
"""Frames a second, of an expression, and from one to the next."""
SIDE = 240
"""Pixels of the drawn face."""


def draw_prediction(folder: Path, analyzer: FaceAnalyzer) -> Path:
    """What `fer_tf.predict` draws: predict.png."""
    photo = data.astronaut()
    path = folder / "predict.png"
    annotated = draw_faces(photo, analyzer.analyze(photo))
    Image.fromarray(annotated).save(path, optimize=True)
    return path


def draw_explanation(folder: Path, analyzer: FaceAnalyzer) -> Path:
    """What `fer_tf.explain` draws: explanations/astronaut-explained.png."""
    photo = data.astronaut()
    path = folder / "explanations" / "astronaut-explained.png"
    path.parent.mkdir(exist_ok=True)
    (why,) = analyzer.explain(photo)
    Image.fromarray(why.panels(photo)).save(path, optimize=True)
    return path


def draw_timeline(folder: Path, analyzer: FaceAnalyzer) -> Path:
    """What `fer_tf.predict --video` draws of the clip: timeline.png."""
    with tempfile.TemporaryDirectory() as work:
        clip = Path(work) / "clip.mp4"
        writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (640, 360))
        for frame in _frames():
            writer.write(frame)
        writer.release()
        summary = run_video(VideoOptions(str(clip), Path(work) / "out"), analyzer)
        assert summary.timeline is not None
        return summary.timeline.replace(folder / "timeline.png")


def _frames() -> Iterator[np.ndarray]:
    """The clip, BGR."""
    astronaut = cv2.cvtColor(data.astronaut()[:360, 40:360], cv2.COLOR_RGB2BGR)
    faces = [
        cv2.resize(
            draw(np.array([FER2013.index(emotion)]), PERSON)[0].astype(np.float32),
            (SIDE, SIDE),
            interpolation=cv2.INTER_CUBIC,
        )
        for emotion in SHOWN
    ]
    for current, following in zip(faces, [*faces[1:], faces[-1]], strict=True):
        for step in range(HOLD):
            share = max(0.0, (step - HOLD + FADE) / FADE)
            face = np.clip((1 - share) * current + share * following, 0, 255).astype(np.uint8)
            frame = np.full((360, 640, 3), 150, np.uint8)
            frame[:, :320] = astronaut
            frame[60 : 60 + SIDE, 360 : 360 + SIDE] = face[:, :, None]
            yield frame


def main() -> None:
    """Write the pictures and print where they are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--to", type=Path, default=ROOT / "docs", help="folder (default: docs)")
    folder = parser.parse_args().to
    analyzer = FaceAnalyzer()
    for make in (draw_prediction, draw_explanation, draw_timeline):
        print(make(folder, analyzer))


if __name__ == "__main__":
    main()
