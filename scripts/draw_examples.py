"""Draws the README's examples, of people in pictures that installed packages carry.

    python scripts/draw_examples.py [--to docs]

The astronaut is scikit-image's, a portrait by NASA, in the public domain.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from _machine import ROOT
from PIL import Image
from skimage import data

from fer_tf.vision import FaceAnalyzer
from fer_tf.vision.drawing import draw_faces


def draw_prediction(folder: Path, analyzer: FaceAnalyzer) -> Path:
    """What `fer_tf.predict` draws: predict.png."""
    photo = data.astronaut()
    path = folder / "predict.png"
    annotated = draw_faces(photo, analyzer.analyze(photo))
    Image.fromarray(annotated).save(path, optimize=True)
    return path


def main() -> None:
    """Write the pictures and print where they are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--to", type=Path, default=ROOT / "docs", help="folder (default: docs)")
    folder = parser.parse_args().to
    print(draw_prediction(folder, FaceAnalyzer()))


if __name__ == "__main__":
    main()
