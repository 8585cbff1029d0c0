"""How the exported face detector agrees with OpenCV's, and what 16 and 8 bits would cost it.

    python scripts/measure_phone_detector.py

The pictures are the free ones of scripts/_people.py and the pages' own in docs/faces, at sizes that
are not square too. A find of OpenCV's `FaceDetectorYN` counts as missed if no face of the file has
an IoU of 0.5 or more with it. Differences are of what both find: the largest of an edge of a box,
in pixels of the searched picture, and of a score. float16 and dynamic int8 have weights of that
many bits; static int8, at the first size only, takes its ranges from the same pictures, which
flatters it. Times are the CPU's, the least of 30 runs with one thread, so that other programs
disturb them little.
"""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf
from _machine import header
from _people import NOBODY, PEOPLE
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer.qtyping import TFLOperationName
from ai_edge_quantizer.quantizer import Quantizer

from fer_tf.exporting.face_detector_tflite import face_detector_tflite, yunet_weights
from fer_tf.exporting.formats import words
from fer_tf.exporting.tflite_model import SIGNATURE, sign
from fer_tf.models.face_detector import face_detector
from fer_tf.pictures.images import read_image
from fer_tf.quiet import quiet
from fer_tf.vision.detectors.yunet import OVERLAP, brought_file
from fer_tf.vision.results import Box

SIZES = ((320, 320), (640, 640), (240, 320), (480, 640), (360, 200))
SCORE = 0.7


def main() -> None:
    """Measure and print."""
    folder = Path(__file__).parents[1] / "docs" / "faces"
    pictures = [source.read() for source in (*PEOPLE, *NOBODY)]
    pictures += [read_image(path) for path in sorted(folder.glob("*.jpg"))]
    print(header())
    print(f"{len(pictures)} pictures, score {SCORE} and more\n")
    print("size     form           kB    ms  OpenCV's  missed  others    px     score")
    for size in SIZES:
        seen = [letterboxed(picture, size) for picture in pictures]
        reference = [opencv(image) for image in seen]
        for name, content, faces in forms(size, seen):
            told(size, name, content, faces, seen, reference)


def told(size, name, content, faces, seen, reference) -> None:
    """A line of the table."""
    model = Interpreter(model_content=content, num_threads=1)
    run = model.get_signature_runner(SIGNATURE)
    found = [faces(run(image=image[None])["faces"]) for image in seen]
    times = []
    for _ in range(30):
        start = time.process_time()
        run(image=seen[0][None])
        times.append(1000 * (time.process_time() - start))
    pairs, missed = [], 0
    for theirs, ours in zip(reference, found, strict=True):
        for row in theirs:
            best = max(ours, key=lambda other, row=row: iou(row, other), default=None)
            if best is None or iou(row, best) < 0.5:
                missed += 1
            else:
                pairs.append((row, best))
    others = sum(map(len, found)) - len(pairs)
    edges = max((np.abs(edges_of(a) - edges_of(b)).max() for a, b in pairs), default=np.nan)
    scores = max((abs(a[14] - b[14]) for a, b in pairs), default=np.nan)
    print(
        f"{words(size):8} {name:13} {len(content) / 1000:4.0f} {min(times):5.1f} "
        f"{sum(map(len, reference)):8} {missed:7} {others:7} {edges:7.4f} {scores:8.5f}"
    )


def letterboxed(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The picture in the upper left corner of black, as large as fits."""
    height, width = picture.shape[:2]
    scale = min(size[0] / height, size[1] / width)
    smaller = max(1, round(width * scale)), max(1, round(height * scale))
    image = np.zeros((*size, 3), np.uint8)
    image[: smaller[1], : smaller[0]] = cv2.resize(picture, smaller, interpolation=cv2.INTER_AREA)
    return image


def opencv(image: np.ndarray) -> np.ndarray:
    """What OpenCV's detector finds in an RGB picture, [faces, 15]."""
    size = image.shape[1::-1]
    network = cv2.FaceDetectorYN.create(str(brought_file()), "", size, SCORE, OVERLAP, 5000)
    rows = network.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
    return np.zeros((0, 15), np.float32) if rows is None else rows


def edges_of(row: np.ndarray) -> np.ndarray:
    """Left, top, right, bottom."""
    return np.concatenate([row[:2], row[:2] + row[2:4]])


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Of the boxes of two rows."""
    return Box(*a[:4].tolist()).iou(Box(*b[:4].tolist()))


def forms(size, seen):
    """Their names, files and what turns a file's answer into faces."""
    yield "exported", face_detector_tflite(size), lambda rows: rows[rows[:, 14] > 0]
    model = face_detector(size, yunet_weights())

    def find(image):
        return model(tf.cast(image, tf.float32))[0]

    signature = [tf.TensorSpec([1, *size, 3], tf.uint8, name="image")]
    module = tf.Module()
    module.function = tf.function(find, input_signature=signature, autograph=False)
    module.weights = list(module.function.get_concrete_function().variables)
    for name, kinds in (("float16", [tf.float16]), ("dynamic int8", [])):
        yield name, converted(module, tf.lite.Optimize.DEFAULT, kinds), suppressed
    if size == SIZES[0]:
        yield "static int8", static(converted(module), seen), suppressed


def converted(module, optimization=None, kinds=()) -> bytes:
    """A TFLite file of all finds; without suppression, whose thresholds float16 would lose."""
    graph = module.function.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph], module)
    converter.optimizations = [optimization] if optimization else []
    converter.target_spec.supported_types = list(kinds)
    with quiet():
        return sign(converter.convert(), (b"faces",))


def static(content: bytes, seen) -> bytes:
    """Convolutions in int8, weights and what they compute."""
    quantizer = Quantizer(bytearray(content))
    for operation in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        quantizer.add_static_config(
            regex=".*",
            operation_name=TFLOperationName[operation],
            activation_num_bits=8,
            weight_num_bits=8,
        )
    with quiet():
        ranges = quantizer.calibrate({SIGNATURE: [{"image": image[None]} for image in seen]})
        return bytes(quantizer.quantize(ranges).quantized_model)


def suppressed(rows: np.ndarray) -> np.ndarray:
    """One find a face, of all of them."""
    corners = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)
    kept = tf.image.non_max_suppression(corners, rows[:, 14], 100, OVERLAP, SCORE)
    return rows[kept.numpy()]


if __name__ == "__main__":
    main()
