"""The same maps with JAX, in a child process in which importing TensorFlow fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fer_tf
from fer_tf.explanations import saliency_maps

pytest.importorskip("jax", reason="JAX is not installed")

METHODS = ("gradient", "gradcam-fused")
SIZE = (32, 40)

CHILD = f"""
import sys

class NoTensorFlow:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "tensorflow":
            raise ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow")

sys.meta_path.insert(0, NoTensorFlow())
import fer_tf
model = fer_tf.load_model("model.keras")  # registers by itself the classes that the file names

import numpy as np
from fer_tf.explanations import saliency_maps

faces = np.load("faces.npy")
maps = [
    saliency_maps(model, faces, method=method, target=[2, 3], size={SIZE}) for method in {METHODS}
]
np.save("maps.npy", maps)
assert "tensorflow" not in sys.modules
"""


def test_the_maps_are_those_of_tensorflow(faces, tmp_path):
    two = {"dims": (8, 16), "depths": (1, 1), "heads": (1, 2), "reductions": (4, 2)}
    network = fer_tf.create_model("mit_b0_fusion", input_shape=(None, None, 3), **two)
    network.save(tmp_path / "model.keras")
    np.save(tmp_path / "faces.npy", faces)
    root = Path(__file__).resolve().parents[2]
    child = subprocess.run(
        [sys.executable, "-c", CHILD],
        cwd=tmp_path,
        env={
            **os.environ,
            "KERAS_BACKEND": "jax",
            "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
            "PYTHONPATH": str(root),
        },
        capture_output=True,
        text=True,
    )
    assert child.returncode == 0, child.stderr
    for method, maps in zip(METHODS, np.load(tmp_path / "maps.npy"), strict=True):
        ours = saliency_maps(network, faces, method=method, target=[2, 3], size=SIZE)
        np.testing.assert_allclose(maps, ours, atol=2e-3, err_msg=method)
