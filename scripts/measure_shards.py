"""What training from array_record shards costs beside training from memory: speed and memory.

    python scripts/measure_shards.py [--count 1000000] [--few 10000] [--rounds 5] [--folder DIR]

Writes shards of --count faces of 48x48, grey, with `fer_tf.data.shards`, into a temporary folder of
DIR that is removed at the end: 2.5 GB for a million. `fer_tf.data.synthetic` draws 20,000 of them;
the others are these in other light, a grey level more each time, so that no two are the same.

Images a second are those on shuffled epochs: of all faces from the shards, and of --held faces in
memory, in turns, so that other work on the machine slows both. Each round takes the epoch's next
batches; the first round, which traces, does not count. Both draw the same epochs, since an epoch
of many faces is drawn in parts as it goes on, wherever these lie: face i stands in memory as face
i % --held. Medians of the rounds, in processor time as
well; the ratio is the median of the rounds' ratios. All faces are read once before, as a training
does before its first step, so that the shards are in the page cache where the machine's memory
allows it. The input pipeline alone is timed from its second batch on, since building it takes as
long as dozens of them. Training is that of a small network by the recipe `scratch` at its first
size; the input pipeline is that of `scratch`, and the cheapest that there is: mirrored faces at
their own size.

Memory is the most RssAnon of `Training` in a process of its own: --steps steps of a small network,
with the validation, on all faces and on --few.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sized
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from _machine import header
from bench_mapped import most_anonymous, register_small

from fer_tf.data.draws import Epoch, draw_epoch
from fer_tf.data.faces import Faces
from fer_tf.data.mapped import Images, MappedImages, pieces
from fer_tf.data.readers import sharded
from fer_tf.data.shards import write_shards
from fer_tf.data.synthetic import draw
from fer_tf.data.targets import one_hot
from fer_tf.recipes import RECIPES
from fer_tf.recipes.schema import Augmentation, Recipe

DRAWN = 20_000
VALIDATION = 5_000
BATCH = 128
LABELS = 7


class InOtherLight:
    """Face i is the drawn face i % n, i // n grey levels more, and black beyond white."""

    def __init__(self, drawn: np.ndarray, count: int):
        self._drawn = drawn
        self.shape = (count, *drawn.shape[1:])
        self.dtype, self.ndim = drawn.dtype, drawn.ndim

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        levels, places = np.divmod(rows, len(self._drawn))
        return self._drawn[places] + levels.astype(np.uint8)[..., None, None]


def drawn_faces(drawn: np.ndarray, count: int) -> Faces:
    """`count` faces, the first of which are PublicTest."""
    return Faces(
        images=MappedImages(InOtherLight(drawn, count)),
        labels=(np.arange(count) % len(drawn) % LABELS).astype(np.uint8),
        split=(np.arange(count) < min(VALIDATION, count // 10)).astype(np.uint8),
    )


def rates(folder: Path, held: int, rounds: int, steps: int) -> None:
    """Print the table of images a second."""
    from fer_tf.data.pipeline import TrainingBatches

    whole = sharded.read(str(folder)).of("Training")
    some = whole.take(np.linspace(0, len(whole) - 1, min(held, len(whole))).astype(int))
    sources: dict[str, Images] = {"memory": np.asarray(some.images), "shards": whole.images}
    targets = one_hot(whole.labels, LABELS)
    for _ in pieces(whole.images):
        pass
    scratch = RECIPES["scratch"]
    size = scratch.stages[0][0]
    plans = {
        f"training, scratch, {size} px": (scratch.augmentation, size, fitting()),
        f"input pipeline, scratch, {size} px": (scratch.augmentation, size, exhausting),
        "input pipeline, flip alone, 48 px": (Augmentation(flip=True), 48, exhausting),
    }
    for plan, (how, size, start) in plans.items():
        makers, parts = {}, {}
        for source, images in sources.items():
            makers[source] = TrainingBatches(images, sizes=[(size, size)], how=how)
            parts[source] = endless(targets, how, steps)
        seconds: dict[str, list[tuple[float, float]]] = {source: [] for source in sources}
        for number in range(rounds + 1):
            for source, found in seconds.items():
                part = next(parts[source])
                part = dataclasses.replace(part, rows=part.rows % len(sources[source]))
                run = start(makers[source].epoch(part))
                began, used = time.perf_counter(), time.process_time()
                made = run() * BATCH
                times = time.perf_counter() - began, time.process_time() - used
                if number:
                    found.append((made / times[0], made / times[1]))
        for source, found in seconds.items():
            wall, processor = (statistics.median(column) for column in zip(*found, strict=True))
            print(f"| {plan} | {source} | {wall:,.0f} | {processor:,.0f} |", flush=True)
        pairs = zip(seconds["shards"], seconds["memory"], strict=True)
        ratios = [(one[0] / other[0], one[1] / other[1]) for one, other in pairs]
        wall, processor = (statistics.median(column) for column in zip(*ratios, strict=True))
        print(f"| {plan} | shards / memory | {wall:.3f} | {processor:.3f} |", flush=True)


Run = Callable[[], int]
"""Goes through batches, and returns their number."""


def exhausting(batches: Iterable) -> Run:
    """Waits for the batches after the first one, and does nothing with them."""
    later = iter(batches)
    next(later)
    return lambda: sum(1 for _ in later)


def fitting() -> Callable[[Sized], Run]:
    """What trains a small network on batches."""
    import keras

    from fer_tf.models.heads import joined
    from fer_tf.models.registry import create_model
    from fer_tf.tasks import TASKS
    from fer_tf.training.losses import TaskLoss

    register_small()
    task = TASKS["fer2013"]
    model = joined(create_model("small", task=task, input_shape=(None, None, 3)))
    model.compile(keras.optimizers.AdamW(), TaskLoss(task, ()), auto_scale_loss=False)

    def fit(batches: Sized) -> int:
        model.fit(batches, shuffle=False, verbose=0)
        return len(batches)

    return lambda batches: partial(fit, batches)


def endless(targets: np.ndarray, how: Augmentation, steps: int) -> itertools.chain[Epoch]:
    """Parts of `steps` steps of one epoch after the other."""

    def of(number: int) -> list[Epoch]:
        epoch = draw_epoch(targets, seed=0, epoch=number, batch_size=BATCH, augmentation=how)
        count = min(steps, len(epoch))
        return [
            epoch.part(start, start + count) for start in range(0, len(epoch) - count + 1, count)
        ]

    return itertools.chain.from_iterable(of(number) for number in itertools.count())


def train(folder: str, steps: int) -> None:
    """Train `steps` steps on shards, and print the greatest RssAnon in MB and images a second."""
    register_small()
    faces = sharded.read(folder)
    recipe = Recipe(
        data=folder,
        model="small",
        stages=((32, 1),),
        batch_size=BATCH,
        precision="float32",
        augmentation=RECIPES["scratch"].augmentation,
        passes=-(-steps // (len(faces.of("Training")) // BATCH)),
        epoch_steps=steps,
    )
    greatest, training = most_anonymous(recipe, faces)
    print(f"result {greatest:.0f} {training.progress.history[-1]['images_per_second']:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--few", type=int, default=10_000)
    parser.add_argument("--held", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--round-steps", type=int, default=400)
    parser.add_argument("--steps", type=int, default=8_000)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--train", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.train is not None:
        train(args.train, args.steps)
        return
    print(header())
    drawn = draw(np.arange(min(DRAWN, args.count)) % LABELS)
    with tempfile.TemporaryDirectory(dir=args.folder) as place:
        folders = {count: Path(place) / str(count) for count in (args.few, args.count)}
        for count, folder in folders.items():
            began = time.perf_counter()
            shards = write_shards(folder, drawn_faces(drawn, count))
            seconds, size = time.perf_counter() - began, sum(shard.size for shard in shards)
            print(
                f"{count:,} faces of 48x48 written in {seconds:.0f} s: {len(shards)} shards, "
                f"{size / 1e9:.2f} GB",
                flush=True,
            )
        print("\n| images a second | from | wall | of processor time |")
        print("|---|---|---|---|")
        rates(folders[args.count], args.held, args.rounds, args.round_steps)
        print(f"\n| {args.steps:,} steps of training | most RssAnon, MB | images a second |")
        print("|---|---|---|")
        for count, folder in folders.items():
            command = [sys.executable, __file__, "--train", str(folder), "--steps", str(args.steps)]
            output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            anon, rate = map(int, output.split("result ")[1].split())
            print(f"| {count:,} faces in shards | {anon:,} | {rate:,} |", flush=True)


if __name__ == "__main__":
    main()
