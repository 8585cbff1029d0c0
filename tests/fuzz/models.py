"""Good files of a small network, one a format, and what opens them for the doors."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

SIZE = (16, 16)


@cache
def _network():
    import keras

    keras.utils.set_random_seed(0)  # a seed of the harness stands for the same bytes each time
    images = keras.Input((*SIZE, 3))
    x = keras.layers.Rescaling(1 / 255)(images)
    x = keras.layers.Conv2D(4, 3, 2, padding="same", activation="relu")(x)
    x = keras.layers.DepthwiseConv2D(3, padding="same")(x)
    x = keras.layers.LayerNormalization()(x)
    for _ in range(2):
        x = keras.layers.Conv2D(4, 1, activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(images, keras.layers.Dense(7)(x), name="small")


def keras_files() -> list[tuple[str, bytes]]:
    """The network as Keras saves it."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "a.keras")
        _network().save(path)
        return [(".keras", path.read_bytes())]


@cache
def keras_members() -> list[tuple[str, bytes]]:
    """What lies in the file that Keras saves; where the whole is damaged, its checksums tell."""
    with zipfile.ZipFile(io.BytesIO(keras_files()[0][1])) as archive:
        return [(f".{name}", archive.read(name)) for name in archive.namelist()]


def recognize_members(path: Path) -> object:
    """Open the network with one of its members in place of a good one."""
    whole = path.with_name("a.keras")
    with zipfile.ZipFile(whole, "w") as archive:
        for suffix, good in keras_members():
            bad = path.name.endswith(suffix)
            archive.writestr(suffix[1:], path.read_bytes() if bad else good)
    return recognize(whole)


def tflite_files() -> list[tuple[str, bytes]]:
    """The network as LiteRT runs it, in each precision."""
    from fer_tf.data.synthetic import draw_dataset
    from fer_tf.exporting.formats import PRECISIONS
    from fer_tf.exporting.tflite import write_tflite
    from fer_tf.tasks import TASKS

    samples, common = [], {"size": SIZE, "task": TASKS["fer2013"]}
    common["calibration"] = draw_dataset(24).images
    with TemporaryDirectory() as folder:
        for precision in PRECISIONS:
            path = Path(folder, f"{precision}.tflite")
            write_tflite(_network(), path, precision=precision, **common)
            samples.append((".tflite", path.read_bytes()))
    return samples


def onnx_files() -> list[tuple[str, bytes]]:
    """The network as ONNX Runtime runs it."""
    from fer_tf.exporting.onnx import write_onnx
    from fer_tf.tasks import TASKS

    with TemporaryDirectory() as folder:
        path = Path(folder, "a.onnx")
        write_onnx(_network(), path, size=SIZE, task=TASKS["fer2013"])
        return [(".onnx", path.read_bytes())]


def recognize(path: Path) -> object:
    """Open a network, which is run once on the way."""
    from fer_tf.vision.recognizer import open_recognizer

    return open_recognizer(path, threads=1)
