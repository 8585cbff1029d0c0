"""Rows of the registry for grey networks, for one size, and for other tasks."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from arithmetic import draw
from small import flags
from tiny import tiny_csv

from fer_tf import TASKS, FerError, create_model
from fer_tf.models import registry


@pytest.fixture
def rows(monkeypatch):
    """Adds the networks "grey", "fixed" and "affect"."""
    row = registry.NETWORKS["nano"]
    added = {
        "grey": replace(row, input_shape=(32, 32, 1)),
        "fixed": replace(row, any_size=False),
        "affect": replace(row, task=TASKS["affectnet8"]),
    }
    all_rows = MappingProxyType({**registry.NETWORKS, **added})
    monkeypatch.setattr(registry, "NETWORKS", all_rows)


def test_a_grey_network_averages_the_channels_of_colour(rows):
    grey = create_model("grey")
    colour = create_model("grey", input_shape=(32, 32, 3))
    assert grey.input_shape == (None, 32, 32, 1)
    colour.set_weights(grey.get_weights())
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    expected = np.asarray(grey(pixels.mean(axis=-1, keepdims=True)))
    np.testing.assert_allclose(colour(pixels), expected, atol=1e-5)
    assert np.abs(expected).max() > 1e-3


@pytest.mark.parametrize("name", ["fixed", "transfer", "dacl"])
def test_a_network_for_one_size_is_not_built_for_any(rows, name):
    with pytest.raises(FerError, match=rf"{name} is built for one size: .*got \(None, None, 3\)"):
        create_model(name, input_shape=(None, None, 3))


def test_a_network_for_one_size_is_built_for_another(rows):
    assert create_model("fixed", input_shape=(40, 40, 3)).input_shape == (None, 40, 40, 3)


ANY_SIZE = {
    "transfer_lite": {"widths": (4, 8), "depths": (1, 1), "dim": 16, "blocks": 1, "hidden": 8},
    "cnn_transformer": {"widths": (8, 16), "blocks": 2},
    "resattnet56": {"widths": (4, 8, 12, 16), "units": 1},
    "resmaskingnet": {"widths": (4, 8, 8, 8), "depths": (1, 1, 1, 1)},
}


@pytest.mark.parametrize("name", ANY_SIZE)
def test_one_set_of_weights_runs_at_any_size(name):
    """Also where sides can't be halved."""
    any_size = create_model(name, input_shape=(None, None, 3), **ANY_SIZE[name])
    for size in ((48, 48), (75, 33)):
        fixed = create_model(name, input_shape=(*size, 3), **ANY_SIZE[name])
        fixed.set_weights(any_size.get_weights())
        images = 100 * draw(2, *size, 3)
        np.testing.assert_allclose(any_size(images), fixed(images), rtol=1e-4, atol=1e-5)


def test_it_trains_at_one_size_only(rows, tmp_path):
    from fer_tf.train import main

    argv = flags(tiny_csv(tmp_path / "faces.csv", 24), tmp_path, "--model", "fixed")
    argv += ["--stages", "24", "1", "32", "1"]
    with pytest.raises(FerError, match=r"fixed is built for one size: .* found 24 32"):
        main(argv)


def test_a_network_answers_its_own_task_unless_told_otherwise(rows):
    network = create_model("affect", input_shape=(32, 32, 3))
    widths = {name: output.shape[-1] for name, output in network.output.items()}
    assert widths == {"logits": 8, "values": 2}
    assert create_model("affect", task=TASKS["fer2013"]).output_shape == (None, 7)
