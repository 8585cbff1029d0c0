"""The doors that take files of strangers: good samples to damage, and what opens them.

Whatever the bytes, a door gives its answer or raises a FerError, and soon.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import models
import numpy as np

from fer_tf.errors import FerError


@dataclass(frozen=True)
class Door:
    """A way in.

    Attributes:
        samples: gives good files, (suffix of the name, bytes) each.
        enter: opens a file; a FerError is an answer, anything else it raises is a fault.
    """

    samples: Callable[[], list[tuple[str, bytes]]]
    enter: Callable[[Path], object]


def _pictures() -> list[tuple[str, bytes]]:
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    kinds = {"JPEG": {"progressive": True}, "PNG": {}, "GIF": {}, "WEBP": {}, "BMP": {}, "PPM": {}}
    kinds |= {"TIFF": {"compression": "tiff_lzw"}}
    samples = []
    for kind, options in kinds.items():
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, kind, **options)
        samples.append((f".{kind.lower()}", out.getvalue()))
    return samples


def _read_picture(path: Path) -> object:
    from fer_tf.pictures.images import read_image

    return read_image(path)


def _archives() -> list[tuple[str, bytes]]:
    from fer_tf.data.synthetic import draw_dataset, write_csv

    with TemporaryDirectory() as folder:
        path = Path(folder, "fer2013.csv")
        write_csv(path, draw_dataset(24, 0))
        csv = path.read_bytes()
        samples = [(".csv", csv), (".csv.gz", gzip.compress(csv))]
        for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w", method) as archive:
                archive.writestr("fer2013.csv", csv)
            samples.append((".zip", out.getvalue()))
        for suffix, mode in ((".tar", "w"), (".tar.gz", "w:gz")):
            out = io.BytesIO()
            with tarfile.open(fileobj=out, mode=mode) as tar:
                tar.add(path, "fer2013.csv")
            samples.append((suffix, out.getvalue()))
    return samples


def _read_archive(path: Path) -> object:
    from fer_tf.data.reader import Options
    from fer_tf.data.readers.fer2013 import read

    return read(str(path), Options(cache=False))


def _caches() -> list[tuple[str, bytes]]:
    from fer_tf.data import cache
    from fer_tf.data.synthetic import draw_dataset

    cache.store("0" * 64, draw_dataset(24, 0))
    return [(".npz", cache._path("0" * 64).read_bytes())]


def _load_cached(path: Path) -> object:
    from fer_tf.data import cache

    good = cache._path("0" * 64)
    kept = good.read_bytes()
    try:
        good.write_bytes(path.read_bytes())
        if path.read_bytes() != kept and cache.load("0" * 64) is not None:
            raise AssertionError("damage was not noticed")
    finally:
        good.write_bytes(kept)
    return None


def _checkpoints() -> list[tuple[str, bytes]]:
    from fer_tf.training.checkpoint import Checkpoint, save
    from fer_tf.training.progress import Progress

    with TemporaryDirectory() as folder:
        state = asdict(Progress(data="d", precision="float32"))
        path = save(Path(folder), 1, Checkpoint({"w": np.ones(3, np.float32)}, state))
        return [(".npz", path.read_bytes())]


def _load_checkpoint(path: Path) -> object:
    from fer_tf.training.checkpoint import DamagedCheckpoint, load
    from fer_tf.training.progress import Progress

    try:
        return Progress.from_state(load(path).state, str(path))
    except DamagedCheckpoint:
        return None


def _states() -> list[tuple[str, bytes]]:
    from fer_tf.training.progress import Progress

    row = {"epoch": 1, "size": 48, "seconds": 2.0, "val_accuracy": 0.5}
    state = asdict(Progress(data="d", precision="float32", history=[row]))
    return [(".json", json.dumps(state).encode())]


def _read_state(path: Path) -> object:
    from fer_tf.training.progress import Progress

    try:
        state = json.loads(path.read_bytes())
    except ValueError:
        return None
    return Progress.from_state(state, str(path))


def _recipes() -> list[tuple[str, bytes]]:
    from fer_tf.recipes import RECIPES
    from fer_tf.recipes.as_json import to_json

    return [(".json", to_json(RECIPES[name]).encode()) for name in ("scratch", "khaireddin_vgg")]


def _read_recipe(path: Path) -> object:
    from fer_tf.recipes.as_json import from_json

    return from_json(path.read_text(encoding="utf-8", errors="replace"), source=str(path))


def _histories() -> list[tuple[str, bytes]]:
    from fer_tf.trained.run_folder import HISTORY

    row = "1,48,10,0.001,1.5,0.4,1.6,0.39,100.0,12.5"
    return [(".csv", f"{','.join(HISTORY)}\n{row}\n{row}\n".encode())]


def _read_history(path: Path) -> object:
    from fer_tf.recipes import RECIPES
    from fer_tf.report.figures import read_history
    from fer_tf.trained.run_folder import Run

    history = path.with_name("history.csv")
    history.write_bytes(path.read_bytes())
    with contextlib.suppress(FerError):
        Run(path.parent).best_size(RECIPES["scratch"])
    return read_history(history)


def _videos() -> list[tuple[str, bytes]]:
    import cv2

    samples = []
    with TemporaryDirectory() as folder:
        for suffix, code in ((".mp4", "mp4v"), (".avi", "MJPG")):
            path = Path(folder, f"clip{suffix}")
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 5, (64, 48))
            for level in range(0, 250, 50):
                writer.write(np.full((48, 64, 3), level, np.uint8))
            writer.release()
            samples.append((suffix, path.read_bytes()))
    return samples


def _read_video(path: Path) -> object:
    from fer_tf.vision.video.video_reader import VideoReader

    return sum(1 for _ in VideoReader(str(path)).frames())


DOORS = {
    "pictures": Door(_pictures, _read_picture),
    "archives": Door(_archives, _read_archive),
    "cache": Door(_caches, _load_cached),
    "checkpoints": Door(_checkpoints, _load_checkpoint),
    "states": Door(_states, _read_state),
    "recipes": Door(_recipes, _read_recipe),
    "histories": Door(_histories, _read_history),
    "videos": Door(_videos, _read_video),
    "keras": Door(models.keras_files, models.recognize),
    "keras members": Door(models.keras_members, models.recognize_members),
    "tflite": Door(models.tflite_files, models.recognize),
    "onnx": Door(models.onnx_files, models.recognize),
}


def damaged(data: bytes, seed: int) -> bytes:
    """A sample with one to eight changes, of a kind and at a place that `seed` tells."""
    rng, bad = np.random.default_rng(seed), bytearray(data)
    for _ in range(rng.integers(1, 9)):
        at, other = (int(rng.integers(len(bad) + 1)) for _ in range(2))
        length = int(rng.integers(1, 33))
        match rng.integers(6):
            case 0:
                bad[at : at + 1] = rng.bytes(1)
            case 1:
                bad[at : at + 4] = [b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"][rng.integers(3)]
            case 2:
                bad[at:at] = rng.bytes(length)
            case 3:
                del bad[at : at + length]
            case 4:
                bad[at:at] = bad[other : other + length]
            case _:
                del bad[max(at, len(bad) // 4) :]
    return bytes(bad)


def main() -> None:
    """`python doors.py DOORS FIRST COUNT`: a line before each input, one more for a fault.

    DOORS is one or several, with commas: the inputs of ascending seeds go to them in turns.
    """
    doors = [DOORS[name] for name in sys.argv[1].split(",")]
    first, count = int(sys.argv[2]), int(sys.argv[3])
    samples = [door.samples() for door in doors]
    with TemporaryDirectory() as folder:
        for seed in range(first, first + count):
            turn, number = seed % len(doors), seed // len(doors)
            suffix, good = samples[turn][number % len(samples[turn])]
            path = Path(folder, f"input{suffix}")
            path.write_bytes(damaged(good, number))
            print(f"try {seed}", flush=True)
            try:
                doors[turn].enter(path)
            except FerError as error:
                if "\n" in str(error) or len(str(error)) > 1000:
                    print(f"fault {seed} a sentence of {len(str(error))} characters", flush=True)
            except BaseException as error:
                print(f"fault {seed} {error!r:.200}".replace("\n", " "), flush=True)


if __name__ == "__main__":
    main()
