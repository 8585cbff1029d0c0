"""What the network costs, and a training step against the same network on keras-hub's MiT.

    python scripts/bench_model.py [--size 224] [--batch 48] [--rounds 5]

The step is forward, backward and an SGD update; all contenders run in this process, in alternating
rounds, so that other work on the machine slows all of them. keras-hub's MiT has the same layers and
sizes and gets our fusion head; it also has dropout of 0.1 in its attention that can't be asked
away, so it is timed as it comes and with that dropout set to 0.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import keras_hub
import numpy as np
from _machine import header

from fer_tf.benchmarking.multiply_adds import network_multiply_adds
from fer_tf.models.heads import fusion_head
from fer_tf.models.registry import create_model

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def ours(size: int) -> keras.Model:
    """`mit_b0_fusion` as trained, for images of size x size."""
    return create_model("mit_b0_fusion", input_shape=(size, size, 3))


def hub(size: int) -> keras.Model:
    """keras-hub's MiT-B0 under our scaling of the pixels and our head."""
    encoder = keras_hub.models.MiTBackbone(
        layerwise_depths=[2, 2, 2, 2],
        num_layers=4,
        layerwise_num_heads=[1, 2, 5, 8],
        layerwise_sr_ratios=[8, 4, 2, 1],
        max_drop_path_rate=0.1,
        layerwise_patch_sizes=[7, 3, 3, 3],
        layerwise_strides=[4, 2, 2, 2],
        hidden_dims=[32, 64, 160, 256],
        image_shape=(size, size, 3),
    )
    pyramid = keras.Model(encoder.input, [encoder.pyramid_outputs[f"P{i}"] for i in (1, 2, 3, 4)])
    images = keras.Input((size, size, 3))
    maps = pyramid(keras.layers.Rescaling(1 / 127.5, -1.0)(images))
    return keras.Model(images, fusion_head(maps, classes=7, dtype=keras.config.dtype_policy().name))


def hub_without_dropout(size: int) -> keras.Model:
    """The same function as ours in training, too."""
    model = hub(size)
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    return model


CONTENDERS: dict[str, Callable[[int], keras.Model]] = {
    "fer_tf": ours,
    "keras-hub": hub,
    "keras-hub, no dropout": hub_without_dropout,
}


def make_step(build: Callable[[int], keras.Model], policy: str, size: int, batch: int):
    """A function that trains one step on the same random images, traced and warm."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = build(size)
    finally:
        keras.config.set_dtype_policy(before)
    model.compile(
        optimizer=keras.optimizers.SGD(1e-4, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=keras.backend.backend() != "tensorflow",
    )
    rng = np.random.default_rng(0)
    images = keras.ops.convert_to_tensor(rng.uniform(0, 255, (batch, size, size, 3)), "float32")
    labels = keras.ops.convert_to_tensor(rng.integers(0, 7, batch))

    def step() -> None:
        model.train_on_batch(images, labels)

    step()
    step()
    return step


def compare(size: int, batch: int, rounds: int) -> dict[tuple[str, str], list[float]]:
    """Seconds of each step of each (contender, precision)."""
    steps = {
        (name, precision): make_step(build, policy, size, batch)
        for precision, policy in POLICIES.items()
        for name, build in CONTENDERS.items()
    }
    print("\nwarm: timing now", flush=True)
    seconds: dict[tuple[str, str], list[float]] = {key: [] for key in steps}
    for _ in range(rounds):
        for key, step in steps.items():
            start = time.perf_counter()
            step()
            seconds[key].append(time.perf_counter() - start)
    return seconds


def report(seconds: dict[tuple[str, str], list[float]], batch: int) -> None:
    """Print the steps and, for each precision and for the faster one of each, the ratios."""
    print(f"\n{'':34}  median s   best s  images/s")
    for (name, precision), times in seconds.items():
        median, best = statistics.median(times), min(times)
        print(f"{name:22} {precision:10} {median:10.3f} {best:8.3f} {batch / median:9.1f}")
    print(f"\n{'times as fast as':34} by median  by best")
    for rival in list(CONTENDERS)[1:]:
        for precision in POLICIES:
            own, other = seconds["fer_tf", precision], seconds[rival, precision]
            print(f"{rival:22} {precision:10} {_ratios(own, other)}")
        fastest = [
            min((seconds[name, p] for p in POLICIES), key=statistics.median)
            for name in ("fer_tf", rival)
        ]
        print(f"{rival:22} {'each best':10} {_ratios(*fastest)}")


def _ratios(own: list[float], other: list[float]) -> str:
    by_median = statistics.median(other) / statistics.median(own)
    return f"{by_median:10.2f} {min(other) / min(own):8.2f}"


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--size", type=int, default=224, help="side of the images (default: 224)")
    parser.add_argument("--batch", type=int, default=48, help="images in a step (default: 48)")
    parser.add_argument("--rounds", type=int, default=5, help="steps of each (default: 5)")
    args = parser.parse_args()

    print(header(), "\n")
    model = ours(args.size)
    print(f"mit_b0_fusion at {args.size}x{args.size}: {model.count_params():,} parameters")
    if keras.backend.backend() == "tensorflow":
        count = network_multiply_adds(model, (args.size, args.size))
        print(f"{count / 1e6:.1f} million multiply-adds")
    print(f"\na training step, batch {args.batch}, {keras.backend.backend()}")
    report(compare(args.size, args.batch, args.rounds), args.batch)


if __name__ == "__main__":
    main()
