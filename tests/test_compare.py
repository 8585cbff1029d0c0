"""`fer_tf.compare` from its flags to its page, with the real training of a small network."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from tiny import tiny_csv

from fer_tf.compare import main
from fer_tf.comparing.trials import Trial, is_finished
from fer_tf.trained.run_folder import Run


def test_a_network_on_drawn_faces_trained_judged_and_told(tmp_path: Path) -> None:
    data, out = tiny_csv(tmp_path / "fer2013.csv", count=160), tmp_path / "compare"
    flags = ["vgg_half", "--data", str(data), "--epochs", "1", "--size", "16", "--rounds", "0"]
    main([*flags, "--batch-size", "16", "--max-steps", "2", "--large", "1", "--out", str(out)])
    with (out / "compare.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["network"], row["steps"], row["failure"]) == ("vgg_half", "2", "")
    metrics = json.loads((out / "runs" / "vgg_half" / "report" / "metrics.json").read_text())
    assert float(row["accuracy"]) == pytest.approx(metrics["accuracy"]["value"], rel=1e-4)
    assert int(row["multiply_adds"]) > 1e6 and not row["keras_ms"]
    run = Run(out / "runs" / "vgg_half")
    assert is_finished(run, Trial("networks", "", run.recipe()))
    page = (out / "compare.html").read_text()
    # In light and in dark: the curves and a confusion matrix; one network has no Pareto front.
    assert page.count("data:image/png;base64,") == 2 * 2
    assert {file.name for file in (out / "pictures").iterdir()} == {"training.png"}
    assert "(pictures/training.png)" in (out / "compare.md").read_text()
