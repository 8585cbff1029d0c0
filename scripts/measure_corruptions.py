"""What bad light, blur, noise and compression cost: accuracy on PublicTest, for each network.

    python scripts/measure_corruptions.py --data fer2013.csv [--networks A.keras runs/b]

One crop, the corruption applied to the 48x48 pixels (after Hendrycks and Dietterich, ICLR 2019).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _machine import header

import fer_tf
from fer_tf.data.corruptions import blur, jpeg, spoil_light
from fer_tf.evaluate import find, input_size, load
from fer_tf.shipped import shipped_size
from fer_tf.training.inference import predict_logits

Corruption = Callable[[np.ndarray], np.ndarray]


def full(images: np.ndarray, value: float) -> np.ndarray:
    """The same number for each image, float32 [n]."""
    return np.full(len(images), value, np.float32)


def light(gain: float, haze: float = 0.0) -> Corruption:
    """Light times `gain`, under a veil."""
    return lambda images: spoil_light(
        images, gain=full(images, gain), gamma=full(images, 1.0), haze=full(images, haze)
    )


def noise(deviation: float) -> Corruption:
    """Normal noise of so many levels, the same for every network."""
    draw = np.random.default_rng(0)
    return lambda images: np.clip(images + draw.normal(0, deviation, images.shape), 0, 255)


CORRUPTIONS: dict[str, Corruption] = {
    "as they are": lambda images: images,
    "light x 1/2": light(1 / 2),
    "light x 1/4": light(1 / 4),
    "light x 1/8": light(1 / 8),
    "light x 1/16": light(1 / 16),
    "too bright: light x 2": lambda images: np.minimum(2 * images, 255),
    "haze, half": light(1.0, 0.5),
    "haze, four fifths": light(1.0, 0.8),
    "blur, 1 pixel": lambda images: blur(images, width=full(images, 1.0)),
    "blur, 2 pixels": lambda images: blur(images, width=full(images, 2.0)),
    "noise, 10 levels": noise(10),
    "noise, 25 levels": noise(25),
    "JPEG, quality 30": lambda images: jpeg(images, quality=full(images, 30.0)),
    "JPEG, quality 10": lambda images: jpeg(images, quality=full(images, 10.0)),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="fer2013.csv")
    parser.add_argument("--networks", nargs="*", default=[], help="runs or .keras files, beside")
    args = parser.parse_args()

    faces = fer_tf.load_faces(args.data).of("PublicTest")
    networks = {"what ships": (fer_tf.load_model(), shipped_size())}
    for name in args.networks:
        target = find(name)
        model = load(target)
        networks[Path(name).stem] = (model, input_size(target, model, None))
    print(header(), "", sep="\n")
    print("| PublicTest |", *(f"{name}, {size[0]} px |" for name, (_, size) in networks.items()))
    print("|---|" + "---|" * len(networks))
    for name, corrupt in CORRUPTIONS.items():
        pixels = np.asarray(corrupt(faces.images[..., None].astype(np.float32)))[..., 0]
        images = np.round(pixels).astype(np.uint8)
        cells = []
        for model, size in networks.values():
            answers = predict_logits(model, images, size=size).argmax(axis=1)
            cells.append(f"{(answers == faces.labels).mean():.1%} |")
        print(f"| {name} |", *cells, flush=True)


if __name__ == "__main__":
    main()
