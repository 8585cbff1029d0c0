"""A batch that is divided among devices gives the weights of one device."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import on_devices
import pytest
from small import flags
from tiny import tiny_csv

from fer_tf.errors import FerError
from fer_tf.recipes.schema import Recipe
from fer_tf.training.devices import divided_among

SGD = "--optimizer sgd --learning-rate 0.05 --clip-norm 0.5"
MIXED = "--mix-probability 0.5 --mixup 0.4 --ema 0.9 --flip --rotation 20"


@pytest.fixture
def argv(tmp_path: Path):
    """The arguments of a training of 50 steps: (run, further flags) -> list."""
    csv_file = tiny_csv(tmp_path / "faces.csv", 48)

    def make(name: str, more: str) -> list[str]:
        some = flags(csv_file, tmp_path, "--stages", "16 1", "--passes", "10")
        shared = ["--epoch-steps", "50", "--warmup-epochs", "0"]
        return [*some, *shared, "--run", name, *MIXED.split(), *more.split()]

    return make


@pytest.mark.parametrize("backend", [pytest.param("tensorflow", marks=pytest.mark.slow), "jax"])
def test_a_tiny_network_learns_the_same_on_all_devices(backend):
    pytest.importorskip(backend)
    assert max(json.loads(on_devices.run(backend, 4, "differences"))) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_devices_in_parts_train_as_one(backend, argv, tmp_path):
    shared = f"{SGD} --drop-path 0"
    two = argv("two", f"{shared} --devices all --accumulate 2")
    on_devices.run(backend, 2, argv("one", shared), two)
    assert on_devices.furthest(tmp_path / "one", tmp_path / "two") < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_one_two_and_four_devices_train_alike(backend, argv, tmp_path):
    from small import register_small

    from fer_tf.models.saving import load_model

    for devices in (1, 2, 4):
        more = f"--model normed --devices {devices}"
        adamw = argv(f"adamw-{devices}", f"--learning-rate 1e-2 {more}")
        on_devices.run(backend, devices, argv(f"sgd-{devices}", f"{SGD} {more}"), adamw)
    register_small()
    faces = np.random.default_rng(0).uniform(0, 255, (8, 16, 16, 3)).astype(np.float32)
    logits = [load_model(tmp_path / f"adamw-{n}" / "best.keras")(faces) for n in (1, 2, 4)]
    for i, devices in enumerate((2, 4), 1):
        assert on_devices.furthest(tmp_path / "sgd-1", tmp_path / f"sgd-{devices}") < 1e-5
        np.testing.assert_allclose(logits[0], logits[i], atol=2e-3)


def test_a_batch_that_can_not_be_shared_is_refused(monkeypatch):
    from fer_tf.training import devices

    monkeypatch.setattr(devices, "tensorflow_devices", lambda: ["GPU:0", "GPU:1", "GPU:2"])
    refused = {
        3: "a number that 3 devices in 2 parts each can share evenly, found 64",
        4: r"--devices 4: expected 1 to 3, which is how many there are \(GPU:0, GPU:1, GPU:2\)",
    }
    for count, sentence in refused.items():
        with pytest.raises(FerError, match=sentence), divided_among(count, Recipe(accumulate=2)):
            pass
