"""What a network costs: kept, measured again where it has to be, and as ratios of rounds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from fer_tf.benchmarking.timing import Times
from fer_tf.comparing.children import Children, Ended
from fer_tf.comparing.costs import BASELINE, CostMeter
from fer_tf.comparing.network_forms import build
from fer_tf.errors import FerError


class Pretended(Children):
    """Builds in no time; each face takes twice as long in `nano` as in the baseline.

    Args:
        litert: whether a LiteRT file can be written.
        code: of the timing's process.
    """

    def __init__(self, litert: bool = True, code: int = 0):
        super().__init__()
        self.litert = litert
        self.code = code
        self.built: list[str] = []
        self.timed: list[list[str]] = []

    def run(self, command, log, say=lambda line: None) -> Ended:
        job = json.loads(Path(command[3]).read_text())
        if command[2] == "fer_tf.comparing.network_forms":
            self.built.append(job["network"])
            forms = {"keras": f"{job['network']}.keras", "litert": f"{job['network']}.tflite"}
            if not self.litert and job["network"] != BASELINE:
                del forms["litert"]
            found = {"size": [job["asked"]] * 2, "device": "CPU"}
            found |= {"parameters": 7, "multiply_adds": 9}
            Path(job["told"]).write_text(json.dumps({**found, "forms": forms}))
            return Ended(0, ()) if "litert" in forms else Ended(2, ("fer_tf: too large",))
        paths = [path for path, _, _ in job["candidates"]]
        assert job["batches"] == [] and job["threads"] == 1
        self.timed.append(paths)
        base = np.linspace(1e-3, 3e-3, job["rounds"])  # a machine that slows down
        factors = [1.0 if BASELINE in path else 2.0 for path in paths]
        latency = base[:, None, None] * np.array(factors)[None, :, None] * np.ones((1, 1, 5))
        times = Times(latency, {}, np.zeros(len(paths)))
        Path(command[4]).write_text(json.dumps(asdict(times), default=np.ndarray.tolist))
        return Ended(self.code, ("killed",) if self.code else ())


def meter(children, folder, machine="one", rounds=4, baseline=40) -> CostMeter:
    return CostMeter(
        children,
        folder,
        place=Path(tempfile.mkdtemp(dir=folder)),
        machine=machine,
        rounds=rounds,
        baseline=baseline,
        say=lambda line: None,
    )


def test_ratios_are_of_the_same_round(tmp_path):
    found = meter(Pretended(), tmp_path).measure("nano", 40, None)
    assert found.keras is not None and found.litert is not None
    assert found.keras.ms == pytest.approx(4.0)
    for timed in (found.keras, found.litert):
        assert [timed.ratio, timed.low, timed.high] == pytest.approx([2.0, 2.0, 2.0])
    assert (found.parameters, found.multiply_adds, found.size) == (7, 9, (40, 40))


def test_the_baseline_alone_is_one(tmp_path):
    children = Pretended()
    found = meter(children, tmp_path).measure(BASELINE, 40, None)
    assert found.keras is not None and found.keras.ratio == 1.0
    assert [len(paths) for paths in children.timed] == [2]


def test_what_was_measured_is_kept_but_not_for_another_machine(tmp_path):
    children = Pretended()
    costs = meter(children, tmp_path)
    costs.measure("nano", 40, None)
    found = costs.measure("nano", 40, None)
    assert costs.size("nano", 40, None) == found == costs.known("nano", 40, None)
    assert children.built == ["nano", BASELINE]
    meter(children, tmp_path, machine="two").measure("nano", 40, None)
    assert children.built[2:] == ["nano", BASELINE]
    costs = meter(children, tmp_path, machine="two", rounds=9)
    assert costs.measure("nano", 40, None).rounds == 9
    assert costs.known("vgg_half", 40, None) is None


def test_a_ratio_to_the_baseline_of_another_size_is_not_kept(tmp_path):
    children = Pretended()
    meter(children, tmp_path).measure("nano", 48, None)
    other = meter(children, tmp_path, baseline=64)
    assert other.size("nano", 48, None).baseline == 40
    assert other.measure("nano", 48, None).baseline == 64 and children.built[2:3] == ["nano"]


def test_a_form_that_cannot_be_written_leaves_the_other(tmp_path):
    found = meter(Pretended(litert=False), tmp_path).measure("nano", 40, None)
    assert found.keras is not None and found.keras.ratio == pytest.approx(2.0)
    assert found.litert is None and found.failure == "too large"


def test_a_timing_that_fails_leaves_the_counts(tmp_path):
    found = meter(Pretended(code=-9), tmp_path).measure("nano", 40, None)
    assert found.keras is None and found.parameters == 7
    assert found.failure.startswith("not timed: was killed")


def test_a_network_for_one_size_has_its_own_where_it_cannot_be_built():
    _, size = build("alexnet", 16, None)
    assert size == (224, 224)
    with pytest.raises(FerError, match="can't be built"):
        build("nano", 4, None)


@pytest.mark.slow  # JAX compiles each initialiser
def test_on_jax_a_network_is_built_and_not_counted(tmp_path):
    job, told = tmp_path / "job.json", tmp_path / "told.json"
    order = {"network": "nano", "asked": 48, "task": None, "folder": str(tmp_path)}
    job.write_text(json.dumps({**order, "told": str(told), "forms": False}))
    command = [sys.executable, "-m", "fer_tf.comparing.network_forms", str(job)]
    subprocess.run(command, check=True, env={**os.environ, "KERAS_BACKEND": "jax"})
    found = json.loads(told.read_text())
    assert found["size"] == [48, 48] and "multiply_adds" not in found


def test_a_network_takes_the_size_that_it_is_asked_for():
    model, size = build("nano", 32, None)
    assert size == (32, 32) and model.input_shape == (None, 32, 32, 3)
