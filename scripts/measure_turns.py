"""Does it help to turn a found face by its eyes? Answers for turned faces of FER2013, by method.

    python scripts/measure_turns.py --data data/fer2013.csv [--faces 600]

Each face of a sample of PublicTest is enlarged, given the surround that a head gives (its border
mirrored and blurred outward), turned clockwise about its middle and put into a picture of 640x480
pixels that is a photo of nobody (scripts/_scenes.py). YuNet finds it; the same find is cropped
without a turn, turned by its eyes from 25 degrees on, as the package does, turned by its eyes
however little, by all five points of YuNet, by multiples of 45 degrees alone, and as it truly is.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from _machine import header
from _scenes import HEIGHT, WIDTH, background, surrounded

from fer_tf.data import load_faces
from fer_tf.vision.crops import LEVEL, crop_face, eye_angle
from fer_tf.vision.detectors.second_look import face_view
from fer_tf.vision.detectors.yunet import YunetDetector, brought_file
from fer_tf.vision.recognizer import open_recognizer
from fer_tf.vision.results import Detection

TURNS = (0, 15, 30, 45, 60, 90, 180)
SIDES = (64, 96, 160)
"""Pixels of the faces."""
POINTS = np.array([(-0.35, -0.3), (0.35, -0.3), (0.0, 0.07), (-0.27, 0.36), (0.27, 0.36)])
"""Of an upright face: eyes, nose and the mouth's corners, from their middle, in faces."""


def turned(face: np.ndarray, number: int, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """A picture, uint8 RGB [480, 640, 3], with the face turned, and the middle of that, (x, y)."""
    draw = np.random.default_rng(number)
    side = 2 * SIDES[number % len(SIDES)]
    middle = np.array([draw.uniform(side / 2, WIDTH - side / 2), HEIGHT / 2])
    large = cv2.resize(surrounded(face), (side, side), interpolation=cv2.INTER_CUBIC)
    matrix = cv2.getRotationMatrix2D(((side - 1) / 2,) * 2, -degrees, 1)
    matrix[:, 2] += middle - side / 2
    picture = background(number, seed=0)
    colour = cv2.cvtColor(large, cv2.COLOR_GRAY2RGB)
    cv2.warpAffine(colour, matrix, (WIDTH, HEIGHT), dst=picture, borderMode=cv2.BORDER_TRANSPARENT)
    return picture, middle


def with_angle(face: Detection, degrees: float) -> Detection:
    """The same find with eyes that say how far it is turned."""
    x, y = face.box.center
    step = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    return Detection(face.box, face.score, ((x - step[0], y - step[1]), (x + step[0], y + step[1])))


def five_points_angle(network: cv2.FaceDetectorYN, picture: np.ndarray, face: Detection) -> float:
    """Clockwise degrees of the turn that fits all five points best (Umeyama, 1991)."""
    turn = 45 * round(eye_angle(face) / 45)
    view = face_view(picture, face.box, turn).image
    _, rows = network.detect(cv2.cvtColor(view, cv2.COLOR_RGB2BGR))
    if rows is None:
        return turn
    points = rows[rows[:, 14].argmax(), 4:14].reshape(5, 2)
    points = points - points.mean(axis=0)
    across = POINTS[:, 0] * points[:, 1] - POINTS[:, 1] * points[:, 0]
    return turn + float(np.degrees(np.arctan2(across.sum(), (POINTS * points).sum())))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="fer2013.csv")
    parser.add_argument("--faces", type=int, default=600, help="sample (default: 600)")
    args = parser.parse_args()
    faces = load_faces(str(args.data)).of("PublicTest")
    chosen = np.random.default_rng(0).permutation(len(faces.images))[: args.faces]
    recognise, detector = open_recognizer(), YunetDetector()
    network = cv2.FaceDetectorYN.create(str(brought_file()), "", (128, 128), 0.5)
    print(header(), "\n")
    print(f"{len(chosen)} faces of PublicTest; found: the surest find within a third of the face's")
    print("side; error: of the eyes' direction, median; then % right of the found ones, cropped")
    columns = ("untouched", f"from {LEVEL:g}", "eyes", "five points", "only turns", "truly")
    print(f"{'turn':>5}{'found %':>9}{'error':>7}" + "".join(f"{name:>13}" for name in columns))
    for degrees in TURNS:
        crops: list[list[np.ndarray]] = [[] for _ in columns]
        labels, errors = [], []
        for number, index in enumerate(chosen):
            picture, middle = turned(faces.images[index], number, degrees)
            found = detector.detect(picture)[:1]
            reach = SIDES[number % len(SIDES)] / 3
            if not found or np.hypot(*(np.array(found[0].box.center) - middle)) > reach:
                continue
            face, angle = found[0], eye_angle(found[0])
            errors.append(abs((angle - degrees + 180) % 360 - 180))
            labels.append(faces.labels[index])
            angles = (
                0,
                angle if abs(angle) >= LEVEL else 0,
                angle,
                five_points_angle(network, picture, face),
                45 * round(angle / 45),
                degrees,
            )
            for column, each in zip(crops, angles, strict=True):
                crop = crop_face(
                    picture,
                    with_angle(face, each),
                    recognise.size,
                    margin=detector.margin,
                    level=0,
                )
                column.append(crop.pixels)
        right = [np.mean(recognise(np.stack(column)).argmax(axis=1) == labels) for column in crops]
        row = "".join(f"{100 * share:13.1f}" for share in right)
        share = 100 * len(labels) / len(chosen)
        print(f"{degrees:5}{share:9.1f}{np.median(errors):7.1f}{row}", flush=True)


if __name__ == "__main__":
    main()
