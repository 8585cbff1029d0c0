"""What training from a memory-mapped file costs: memory, and images a second.

    python scripts/bench_mapped.py faces.npy [--count 280000] [--few 10000] [--rounds 5]

The file is generated where it is missing: colour faces of 112x112 of random bytes, 10.5 GB of them
by default. Memory is what `Training` holds in RssAnon at most, in a process of its own each: one
epoch over all faces in the file, over few of them, and over few in memory. Images a second are
those of the input pipeline alone, on every augmentation, and of training steps of a small network,
from the file and from memory in turns, so that other work on the machine slows both: medians of
the rounds, in processor time as well.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from _machine import header
from bench_pipeline import EVERYTHING

from fer_tf.data.draws import draw_epoch
from fer_tf.data.faces import Faces
from fer_tf.data.mapped import PIECE, Images, MappedImages
from fer_tf.recipes.schema import Recipe
from fer_tf.tasks import TASKS

if TYPE_CHECKING:
    from fer_tf.training.loop import Training

TASK = TASKS["affectnet8"]
VALIDATION = 512
BATCH = 128
SIZE = 32
HELD = 8192
"""Faces in memory that the file's are compared with."""


def generate(path: Path, count: int) -> None:
    """Write `count` faces of random bytes, beside and renamed."""
    beside = path.with_suffix(".partial")
    images = np.lib.format.open_memmap(beside, "w+", np.uint8, (count, *TASK.face))
    random = np.random.default_rng(0)
    for start in range(0, count, PIECE):
        piece = images[start : start + PIECE]
        piece[:] = np.frombuffer(random.bytes(piece.size), np.uint8).reshape(piece.shape)
    images.flush()
    os.replace(beside, path)


def labelled(images: Images) -> Faces:
    """Faces with random labels and values; the last `VALIDATION` of them are PublicTest."""
    random, count = np.random.default_rng(1), len(images)
    return Faces(
        images=images,
        labels=random.integers(0, len(TASK.labels), count).astype(np.uint8),
        split=(np.arange(count) >= count - VALIDATION).astype(np.uint8),
        task=TASK,
        values=random.uniform(-1, 1, (count, len(TASK.values))).astype(np.float32),
    )


def register_small() -> None:
    """A network that costs little beside its input."""
    from fer_tf.models import registry

    row = replace(
        registry.NETWORKS["mit_b0_fusion"],
        arguments={"dims": (4, 8, 12, 16), "heads": (1, 1, 1, 1), "depths": (1, 1, 1, 1)},
    )
    registry.NETWORKS = MappingProxyType({**registry.NETWORKS, "small": row})


def anonymous() -> float:
    """RssAnon of this process, MB."""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1e3


def most_anonymous(recipe: Recipe, faces: Faces) -> tuple[float, Training]:
    """Train by a recipe: the greatest RssAnon meanwhile in MB, and the training at its end."""
    from fer_tf.trained.run_folder import Run
    from fer_tf.training.display import Display
    from fer_tf.training.loop import Training

    greatest, done = 0.0, threading.Event()

    def watch() -> None:
        nonlocal greatest
        while not done.wait(0.02):
            greatest = max(greatest, anonymous())

    watcher = threading.Thread(target=watch)
    watcher.start()
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder) / "run")
        with run.open(recipe), Display(recipe, run) as display:
            training = Training(recipe, run, faces, display, checkpoint_minutes=60)
            training.train()
    done.set()
    watcher.join()
    return greatest, training


def train(path: Path, count: int, *, in_memory: bool) -> None:
    """Train for an epoch, and print the greatest RssAnon in MB and the seconds."""
    images: Images = MappedImages(np.load(path, mmap_mode="r")).take(np.arange(count))
    register_small()
    recipe = Recipe(
        model="small",
        stages=((SIZE, 1),),
        batch_size=BATCH,
        clean=True,
        precision="float32",
        augmentation=EVERYTHING,
    )
    began = time.perf_counter()
    greatest, _ = most_anonymous(recipe, labelled(images[:] if in_memory else images))
    print(f"result {greatest:.0f} {time.perf_counter() - began:.0f}")


def memory_of(path: Path, count: int, *, in_memory: bool) -> tuple[int, int]:
    """Greatest RssAnon in MB, and seconds, of a training in a process of its own."""
    flags = ["--train", str(count), *(["--in-memory"] if in_memory else [])]
    command = [sys.executable, __file__, str(path), *flags]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    anon, seconds = output.split("result ")[1].split()
    return int(anon), int(seconds)


def rates(path: Path, rounds: int) -> dict[str, dict[str, tuple[float, float]]]:
    """Images a second of wall and of processor time: by what is done, and whence."""
    import keras

    from fer_tf.data.pipeline import TrainingBatches
    from fer_tf.data.targets import training_targets
    from fer_tf.models.heads import joined
    from fer_tf.models.registry import create_model
    from fer_tf.training.losses import TaskLoss

    register_small()
    whole = MappedImages(np.load(path, mmap_mode="r"))
    rows = np.linspace(0, len(whole) - 1, HELD).astype(int)
    sources = {"memory": whole[rows], "file": whole.take(rows)}
    targets = training_targets(labelled(sources["memory"]), Recipe())
    epoch = draw_epoch(targets, seed=0, epoch=0, batch_size=BATCH, augmentation=EVERYTHING)
    network = create_model("small", task=TASK, input_shape=(None, None, 3))
    model = joined(network)
    model.compile(keras.optimizers.AdamW(), TaskLoss(TASK, ()), auto_scale_loss=False)
    feeds = {
        source: TrainingBatches(images, sizes=[(SIZE, SIZE)], how=EVERYTHING).epoch(epoch)
        for source, images in sources.items()
    }
    work = {
        "input pipeline": lambda feed: [None for _ in feed],
        "training": lambda feed: model.fit(feed, shuffle=False, verbose=0),
    }
    found: dict[str, dict[str, list[tuple[float, float]]]] = {
        what: {source: [] for source in feeds} for what in work
    }
    for number in range(rounds + 1):
        for what, do in work.items():
            for source, feed in feeds.items():
                began, used = time.perf_counter(), time.process_time()
                do(feed)
                seconds = time.perf_counter() - began, time.process_time() - used
                if number:  # the first one traces, and touches the file's pages
                    found[what][source].append(tuple(epoch.rows.size / each for each in seconds))
    return {
        what: {
            source: tuple(statistics.median(column) for column in zip(*each, strict=True))
            for source, each in by_source.items()
        }
        for what, by_source in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--count", type=int, default=280_000)
    parser.add_argument("--few", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--train", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--in-memory", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.train is not None:
        train(args.file, args.train, in_memory=args.in_memory)
        return
    if not args.file.exists():
        generate(args.file, args.count)
    print(header())
    print(f"{args.count:,} faces of 112x112 RGB, {args.file.stat().st_size / 1e9:.1f} GB\n")
    print("| images a second | from | wall | of processor time |")
    print("|---|---|---|---|")
    for what, by_source in rates(args.file, args.rounds).items():
        for source, (wall, processor) in by_source.items():
            print(f"| {what} | {source} | {wall:,.0f} | {processor:,.0f} |", flush=True)
    print("\n| one epoch of training | most RssAnon, MB | seconds |")
    print("|---|---|---|")
    for count, in_memory in ((args.few, True), (args.few, False), (args.count, False)):
        anon, seconds = memory_of(args.file, count, in_memory=in_memory)
        where = "in memory" if in_memory else "in the file"
        print(f"| {count:,} faces {where} | {anon:,} | {seconds:,} |", flush=True)


if __name__ == "__main__":
    main()
