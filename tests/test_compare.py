"""`fer_tf.compare` from its flags to its page, with real trainings of two small networks."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import tiny_csv

from fer_tf.comparing.trials import Trial, is_finished
from fer_tf.trained.run_folder import Run


def compare(*argv: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "200"}
    command = [sys.executable, "-m", "fer_tf.compare", *argv]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_two_networks_on_drawn_faces_trained_judged_and_told(tmp_path: Path) -> None:
    data, out = tiny_csv(tmp_path / "fer2013.csv", count=160), tmp_path / "compare"
    flags = ["nano", "vgg_half", "--data", str(data), "--epochs", "1", "--size", "16"]
    flags += ["--batch-size", "16", "--max-steps", "2", "--large", "1", "--rounds", "0"]
    done = compare(*flags, "--out", str(out))
    assert done.returncode == 0, done.stderr
    with (out / "compare.csv").open() as file:
        rows = {row["network"]: row for row in csv.DictReader(file)}
    steps = {name: row["steps"] for name, row in rows.items()}
    assert steps == {"nano": "8", "vgg_half": "2"}
    for name, row in rows.items():
        metrics = json.loads((out / "runs" / name / "report" / "metrics.json").read_text())
        assert float(row["accuracy"]) == pytest.approx(metrics["accuracy"]["value"], rel=1e-4)
        assert row["failure"] == "" and int(row["multiply_adds"]) > 1e6 and not row["keras_ms"]
        run = Run(out / "runs" / name)
        assert is_finished(run, Trial("networks", "", run.recipe()))
    page = (out / "compare.html").read_text()
    # In light and in dark: the Pareto front, the curves, and two confusion matrices.
    assert page.count("data:image/png;base64,") == 2 * 4
    pictures = {"accuracy-against-multiply-adds.png", "training.png"}
    assert {file.name for file in (out / "pictures").iterdir()} == pictures
    assert all(f"(pictures/{name})" in (out / "compare.md").read_text() for name in pictures)
