"""A batch in parts gives the weights of the whole batch."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from small import flags, history

from fer_tf import train
from fer_tf.errors import FerError
from fer_tf.models.saving import load_model
from fer_tf.training.accumulation import accumulate


@pytest.mark.usefixtures("small_network", "no_report")
def test_parts_train_as_the_whole(csv_file, tmp_path):
    argv = flags(csv_file, tmp_path, "--optimizer", "sgd", "--drop-path", "0", "--ema", "0")
    argv += ["--mix-probability", "0.5", "--mixup", "0.4", "--clip-norm", "1"]
    for parts in "14":
        train.main([*argv, "--run", parts, "--accumulate", parts])
    whole, parts = (load_model(tmp_path / name / "best.keras").get_weights() for name in "14")
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    columns = ("loss", "accuracy", "val_loss", "val_accuracy")
    rows = [history(tmp_path / name)[-1] for name in "14"]
    whole, parts = ([float(row[column]) for column in columns] for row in rows)
    np.testing.assert_allclose(whole, parts, atol=1e-5)


def test_batch_normalisation_is_over_each_part():
    norm = keras.layers.BatchNormalization(momentum=0.5)
    model = keras.Sequential([keras.Input((3,)), norm, keras.layers.Dense(2)])
    model.compile("sgd", "mse", metrics=["accuracy"])
    accumulate(model, 2)
    x = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    model.fit(x, np.zeros((6, 2), np.float32), batch_size=6, verbose=0, shuffle=False)
    wanted = 0.25 * x[0::2].mean(axis=0) + 0.5 * x[1::2].mean(axis=0)
    np.testing.assert_allclose(np.asarray(norm.moving_mean), wanted, rtol=1e-5)


@pytest.mark.usefixtures("small_network")
def test_what_can_not_be_divided_is_refused(csv_file, tmp_path):
    argv = flags(csv_file, tmp_path)
    with pytest.raises(FerError, match="expected a divisor of the batch_size 8, found 3"):
        train.main([*argv, "--accumulate", "3"])
    with pytest.raises(FerError, match="centres of attentive move once a step: expected 1"):
        train.main([*argv, "--accumulate", "2", "--model", "attentive"])
