"""Which file becomes which network, at which size; and what needs no Keras."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest

import fer_tf
from fer_tf.errors import FerError
from fer_tf.explanations import METHODS
from fer_tf.explanations.methods import TITLES, Method
from fer_tf.explanations.network import open_network
from fer_tf.trained.shipped import shipped_size


def test_the_network_that_ships():
    network, size = open_network()
    assert network.count_params() == 3_452_519
    assert size == shipped_size()
    assert open_network(size=(48, 96))[1] == (48, 96)


def test_a_keras_file_runs_at_the_size_it_was_built_for(network, tmp_path):
    network.save(tmp_path / "any.keras")
    assert open_network(tmp_path / "any.keras")[1] == (224, 224)
    narrow = {"dims": (8, 16, 24, 32), "heads": (1, 2, 3, 4), "depths": (1, 1, 1, 1)}
    fixed = fer_tf.create_model("mit_b0_fusion", input_shape=(40, 56, 3), **narrow)
    fixed.save(tmp_path / "fixed.keras")
    assert open_network(tmp_path / "fixed.keras")[1] == (40, 56)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "model.tflite").write_bytes(b"TFL3")
    with pytest.raises(FerError, match="expected a Keras network"):
        open_network(tmp_path / "model.tflite")
    with pytest.raises(FerError, match="no such model"):
        open_network(tmp_path / "missing.keras")
    (tmp_path / "bad.keras").write_bytes(b"no zip")
    with pytest.raises(FerError, match=r"not a \.keras file"):
        open_network(tmp_path / "bad.keras")


def test_the_methods_are_the_flags():
    assert get_args(Method) == tuple(METHODS) == tuple(TITLES)


def test_the_methods_names_need_no_keras():
    code = (
        "import sys, fer_tf.explain; assert not {'keras', 'cv2', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
