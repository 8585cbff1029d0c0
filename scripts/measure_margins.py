"""Which square around YuNet's box the network reads best: figures of pasted faces of PublicTest.

    python scripts/measure_margins.py --data fer2013.csv [--networks A.keras B.keras] [--faces 1200]

FER2013's faces fill their squares, and nothing says what was around them. Here each is enlarged,
given a surround of its own border, mirrored and blurred outward, and put into a photo of nobody
(scripts/_scenes.py). YuNet looks for it, and finds with an IoU of 0.4 or more are cut out with each
margin and recognised. Beside them stands the same face uncropped. `once`: from the picture's pixels
to the network's size; `48`: by way of 48 pixels, as FER2013's files are.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from _machine import header
from _scenes import found_scenes

import fer_tf
from fer_tf.trained.inference import softmax
from fer_tf.trained.model import open_trained
from fer_tf.vision.crops import crop_face
from fer_tf.vision.detectors.yunet import YunetDetector
from fer_tf.vision.results import Detection

MARGINS = (-0.2, -0.15, -0.1, -0.05, 0.0, 0.05, 0.1, 0.2)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="fer2013.csv")
    parser.add_argument("--networks", nargs="*", default=[], help="runs or .keras files, beside")
    parser.add_argument("--faces", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    public = fer_tf.load_faces(args.data).of("PublicTest")
    rows = np.random.default_rng(args.seed).permutation(len(public))[: args.faces]
    faces, labels = public.images[rows], public.labels[rows]
    found: list[tuple[int, np.ndarray, Detection]] = []
    offsets = []
    for number, pasted, hit in found_scenes(faces, YunetDetector(), seed=args.seed):
        found.append((number, pasted.image, hit))
        box = hit.box
        side = (box.width + box.height) / 2
        (x, y), (true_x, true_y) = box.center, pasted.square.center
        offsets.append(((true_x - x) / side, (true_y - y) / side, pasted.square.width / side))
    kept = np.array([number for number, _, _ in found])
    labels = labels[kept]
    print(header())
    print(
        f"\n{len(faces)} faces of PublicTest, seed {args.seed}; found {len(found) / len(faces):.1%}"
    )
    for name, values in zip(
        ("to the right", "down", "as wide"), np.transpose(offsets), strict=True
    ):
        low, middle, high = np.percentile(values, (10, 50, 90))
        print(
            f"the face's square is {name}: {middle:+.3f} of the box's side "
            f"(10 to 90 %: {low:+.3f} to {high:+.3f}; standard deviation {values.std():.3f})"
        )
    shipped = open_trained()
    networks = {"what ships": (shipped.network(), shipped.size())}
    for name in args.networks:
        trained = open_trained(name)
        model = trained.network()
        networks[Path(name).stem] = (model, trained.size())
    print("\nPoints of accuracy less than uncropped, with the mean log probability of the class:\n")
    print("| network, px | crop | uncropped |", *(f"{margin:+.0%} |" for margin in MARGINS))
    print("|---|---|---|" + "---|" * len(MARGINS))
    for name, (model, size) in networks.items():
        plain = score(model, [resized(face, size) for face in faces[kept]], labels)
        for way in ("once", "48"):
            cells = []
            for margin in MARGINS:
                crops = [cut(image, hit, margin, size, way) for _, image, hit in found]
                right, sure = score(model, crops, labels)
                cells.append(f"{right - plain[0]:+.1f}, {sure - plain[1]:+.3f} |")
            told = f"| {name}, {size[0]} | {way} | {plain[0]:.1f} %, {plain[1]:.3f} |"
            print(told, *cells, flush=True)


def resized(face: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A face, uint8 [48, 48], as training sees it."""
    return cv2.resize(face, size[::-1], interpolation=cv2.INTER_LINEAR)


def cut(
    image: np.ndarray, hit: Detection, margin: float, size: tuple[int, int], way: str
) -> np.ndarray:
    """The crop as the network takes it, uint8 [height, width]."""
    if way == "once":
        return crop_face(image, hit, size, margin=margin).pixels
    return resized(crop_face(image, hit, (48, 48), margin=margin).pixels, size)


def score(model, crops: list[np.ndarray], labels: np.ndarray) -> tuple[float, float]:
    """Accuracy in per cent and mean log probability of the true class."""
    pixels = np.repeat(np.array(crops)[..., None], 3, axis=-1).astype(np.float32)
    shares = softmax(np.asarray(model.predict(pixels, verbose=0, batch_size=128)))
    true = shares[np.arange(len(labels)), labels]
    return 100 * float((shares.argmax(axis=1) == labels).mean()), float(np.log(true).mean())


if __name__ == "__main__":
    main()
