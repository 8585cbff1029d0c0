"""The sources' augmentations are the same eagerly, in tf.data and compiled by JAX, in a child."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from fer_tf.data import augment
from fer_tf.data.draws import COLUMN, draw_epoch
from fer_tf.recipes.schema import Augmentation
from fer_tf.training.losses import soft_cross_entropy
from fer_tf.training.trainable import trainable

pytest.importorskip("jax", reason="JAX is not installed")

COUNT, SIZE = 6, (20, 25)
EVERYTHING = Augmentation(
    flip=True,
    rotation=15.0,
    rotation_probability=0.5,
    shift=0.2,
    shift_probability=0.5,
    crop_area=(0.3, 1.2),
    crop_aspect=(0.75, 1.333),
    magnify=1.1,
    border="black",
    grid_distortion=0.2,
    rand_augment=5.0,
    auto_contrast=0.5,
    noise=0.05,
    erasing=0.5,
)
CASES = {
    "whole": (EVERYTHING, False),
    "ten crops": (EVERYTHING, True),
    "mirrored": (Augmentation(rotation=90.0, shift=0.9, border="reflect"), False),
}


def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (COUNT, 24, 24), dtype=np.uint8)


def epoch_of(how: Augmentation, ten_crops: bool):
    targets = np.eye(7, dtype=np.float32)[:COUNT]
    return draw_epoch(
        targets,
        seed=1,
        epoch=0,
        batch_size=COUNT,
        augmentation=how,
        images_per_face=10 if ten_crops else 1,
    )


def views(compiled: Callable = lambda function: function) -> dict[str, np.ndarray]:
    """What each case makes of the images on this backend: eagerly, if it isn't `compiled`."""
    made = {}
    for name, (how, ten_crops) in CASES.items():
        epoch = epoch_of(how, ten_crops)

        @compiled
        def view(faces, draws, how=how, ten_crops=ten_crops):
            ratios = draws[:, COLUMN["mix_ratio"]]
            return augment.augment(
                faces, draws, ratios, SIZE, how, augment.warp_by_gather, ten_crops=ten_crops
            )

        made[name] = keras.ops.convert_to_numpy(view(images()[epoch.rows[0]], epoch.draws[0]))
    return made


def losses() -> np.ndarray:
    """The losses of two epochs of a linear network on ten crops, with this backend's pipeline."""
    how, ten_crops = CASES["ten crops"]
    network = keras.Sequential(
        [
            keras.Input((*SIZE, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(7, kernel_initializer="zeros"),
        ]
    )
    model, make_batches = trainable(network, images(), sizes=[SIZE], how=how, ten_crops=ten_crops)
    model.compile(optimizer=keras.optimizers.SGD(0.003), loss=soft_cross_entropy)
    batches = make_batches(epoch_of(how, ten_crops))
    return np.array(model.fit(batches, epochs=2, shuffle=False, verbose=0).history["loss"])


@pytest.fixture(scope="module")
def on_jax(tmp_path_factory) -> dict[str, np.ndarray]:
    out = tmp_path_factory.mktemp("jax") / "views.npz"
    script = (
        "import sys, jax, numpy as np, test_augment_on_jax as t\n"
        "np.savez(sys.argv[1], **t.views(jax.jit), losses=t.losses())\n"
        "assert t.keras.backend.backend() == 'jax' and 'tensorflow' not in sys.modules\n"
    )
    here = Path(__file__).parent
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
        "PYTHONPATH": os.pathsep.join([str(here), str(here.parents[1])]),
    }
    subprocess.run([sys.executable, "-c", script, str(out)], env=environment, check=True)
    with np.load(out) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def eager() -> dict[str, np.ndarray]:
    return views()


def assert_alike(one: np.ndarray, other: np.ndarray) -> None:
    """Alike but where the centre of a pixel lies on the edge of black, and rounding decides."""
    assert one.shape == other.shape and np.ptp(one) > 200
    assert (abs(one - other) > 0.05).mean() < 1e-3


@pytest.mark.parametrize("name", CASES)
def test_jax_makes_the_same_views(on_jax, eager, name):
    assert_alike(on_jax[name], eager[name])


@pytest.mark.parametrize("name", CASES)
def test_tf_data_makes_the_same_views(eager, name):
    how, ten_crops = CASES[name]
    from fer_tf.data.pipeline import TrainingBatches

    batches = TrainingBatches(images(), sizes=[SIZE], how=how, ten_crops=ten_crops)
    ((made, _),) = batches.epoch(epoch_of(how, ten_crops))
    assert_alike(made.numpy(), eager[name])


def test_the_training_is_the_same(on_jax):
    found = losses()
    np.testing.assert_allclose(found, on_jax["losses"], rtol=1e-3)
    assert found[-1] < found[0] == pytest.approx(np.log(7), rel=1e-5)
