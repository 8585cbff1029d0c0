"""How many augmented images a second the input pipeline makes, and what feeding costs training.

    python scripts/bench_pipeline.py [--sizes 64 224] [--batch-size 64] [--rounds 3] [--seconds 4]

Every augmentation is on. The first table is of the pipeline alone. For the second the same
training step of mit_b0_fusion (AdamW, average of the weights, the precision that training would
choose here) runs on the pipeline's batches and on one batch over and over, in turns, so that
other work on the machine slows both; medians of the rounds. The cost in processor time is the
better one to look at where the machine isn't quiet.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from _machine import header

from fer_tf.data.draws import Epoch, draw_epoch
from fer_tf.data.pipeline import TrainingBatches
from fer_tf.models.registry import create_model
from fer_tf.recipes import RECIPES
from fer_tf.recipes.schema import Augmentation, Recipe
from fer_tf.training import precision
from fer_tf.training.losses import soft_cross_entropy
from fer_tf.training.optimizers import build_optimizer
from fer_tf.training.schedules import learning_rate

EVERYTHING = Augmentation(
    flip=True,
    rotation=30.0,
    zoom=0.1,
    shift=0.1,
    brightness=0.1,
    contrast=0.2,
    erasing=0.5,
    mix_probability=0.5,
    mixup=0.4,
    cutmix=1.0,
)
FACES = 8192


def drawn(batch_size: int) -> Epoch:
    """An epoch of random labels."""
    labels = np.random.default_rng(1).integers(0, 7, FACES)
    targets = np.eye(7, dtype=np.float32)[labels]
    return draw_epoch(targets, seed=0, epoch=0, batch_size=batch_size, augmentation=EVERYTHING)


def made_per_second(batches: tf.data.Dataset, batch_size: int, seconds: float) -> float:
    """Images a second that a consumer gets who only waits for them."""
    endless = iter(batches.repeat())
    for _ in range(4):
        next(endless)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        next(endless)
        count += batch_size
    return count / (time.perf_counter() - start)


def compiled(recipe: Recipe, policy: str) -> keras.Model:
    """The network as training compiles it."""
    model = create_model(
        recipe.model,
        input_shape=(None, None, 3),
        dtype=precision.POLICIES[policy],
        drop_path=recipe.drop_path,
    )
    steps = FACES // recipe.batch_size
    model.compile(
        optimizer=build_optimizer(recipe, model, learning_rate(recipe, steps)),
        loss=soft_cross_entropy,
        metrics=[keras.metrics.CategoricalAccuracy()],
        auto_scale_loss=False,
        jit_compile=False,
    )
    return model


def choose_precision(recipe: Recipe, size: int) -> str:
    """What training with `--precision auto` would choose on this machine."""

    def make_step(name: str):
        model = compiled(recipe, name)
        images = np.zeros((recipe.batch_size, size, size, 3), np.float32)
        targets = np.full((recipe.batch_size, 7), 1 / 7, np.float32)
        return lambda: model.train_on_batch(images, targets)

    return precision.choose("auto", make_step)


def train(model: keras.Model, batches: Iterator, steps: int, batch_size: int) -> np.ndarray:
    """Seconds and processor seconds that training on an image costs, [2]."""
    start, busy = time.perf_counter(), time.process_time()
    for _ in range(steps):
        logs = model.train_function(batches)
    float(logs["loss"])
    spent = np.array([time.perf_counter() - start, time.process_time() - busy])
    return spent / (steps * batch_size)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 224], help="pixels")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3, help="of each measurement")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each round, about")
    parser.add_argument("--no-training", action="store_true", help="the first table only")
    args = parser.parse_args()
    recipe = replace(RECIPES["scratch"], batch_size=args.batch_size)
    epoch = drawn(args.batch_size)
    faces = np.random.default_rng(0).integers(0, 256, (FACES, 48, 48), dtype=np.uint8)

    print(header(), "\n")
    policy = "" if args.no_training else choose_precision(recipe, max(args.sizes))
    print(f"Augmented float32 RGB images a second, batches of {args.batch_size}")
    print("size   median     best", flush=True)
    pipelines = {}
    for size in args.sizes:
        pipelines[size] = TrainingBatches(faces, sizes=[(size, size)], how=EVERYTHING)
        batches = pipelines[size].epoch(epoch)
        rounds = [
            made_per_second(batches, args.batch_size, args.seconds) for _ in range(args.rounds)
        ]
        print(f"{size:4} {statistics.median(rounds):8,.0f} {max(rounds):8,.0f}", flush=True)
    if args.no_training:
        return

    print(
        "\nTraining, images a second, and what feeding adds to an image's time and processor time"
    )
    print("size  precision   one batch   pipeline      time   processor", flush=True)
    for size in args.sizes:
        model = compiled(recipe, policy)
        model.make_train_function()
        batches = pipelines[size].epoch(epoch).repeat()
        one = iter(tf.data.Dataset.from_tensors(next(iter(batches))).repeat())
        fed = iter(batches)
        for source in (one, fed):
            train(model, source, 2, args.batch_size)
        seconds, _ = train(model, one, 2, args.batch_size)
        steps = max(2, round(args.seconds / seconds / args.batch_size))
        rounds = [
            [train(model, source, steps, args.batch_size) for source in (one, fed)]
            for _ in range(args.rounds)
        ]
        (wall, busy), (fed_wall, fed_busy) = np.median(rounds, axis=0)
        print(
            f"{size:4}  {policy:9} {1 / wall:11.1f} {1 / fed_wall:10.1f} "
            f"{fed_wall / wall - 1:9.1%} {fed_busy / busy - 1:11.1%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
