"""A run that is killed and started again ends with the bits of one that never was."""

from __future__ import annotations

import io
import os
import random
import re
import signal
import time
import zipfile
from pathlib import Path

import pytest
from small import history, last_bits, start, train
from tiny import tiny_csv

from fer_tf.train import main

SEED = int(os.environ.get("FER_TF_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
"""Decides when the runs are killed; printed where a test fails."""


@pytest.fixture(scope="module")
def csv_file(tmp_path_factory) -> Path:
    """80 faces to train on, 12 to validate."""
    return tiny_csv(tmp_path_factory.mktemp("data") / "fer2013.csv")


@pytest.fixture
def moments() -> random.Random:
    print(f"FER_TF_TEST_SEED={SEED}")
    return random.Random(SEED)


def best(run: Path) -> dict[str, bytes]:
    """The weights in best.keras."""
    import h5py

    found = {}
    with zipfile.ZipFile(run / "best.keras") as archive:
        weights = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(weights) as file:
        file.visititems(
            lambda name, item: (
                found.update({name: item[()].tobytes()}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return found


def timeless(run: Path) -> list[dict[str, str]]:
    """history.csv without how long it took."""
    times = ("images_per_second", "seconds")
    return [{k: v for k, v in row.items() if k not in times} for row in history(run)]


def assert_same_end(run: Path, uninterrupted: Path) -> None:
    assert timeless(run) == timeless(uninterrupted)
    assert last_bits(run) == last_bits(uninterrupted)
    assert len(best(run)) > 3 and best(run) == best(uninterrupted)
    left = [path.name for path in run.rglob("*") if ".tmp" in path.name]
    assert not left


def number(run: Path) -> int:
    """Steps done in a run's newest checkpoint; -1 for none."""
    names = [path.stem for path in (run / "checkpoints").glob("*.npz")]
    return max((int(name.removeprefix("checkpoint-")) for name in names), default=-1)


@pytest.mark.usefixtures("small_network", "no_report")
def test_killed_twice(tmp_path: Path, csv_file: Path, moments: random.Random) -> None:
    flags = ["scratch", "--data", str(csv_file), "--model", "small", "--runs", str(tmp_path)]
    flags += ["--stages", "32", "2", "40", "1", "--batch-size", "8", "--precision", "float32"]
    flags += ["--drop-path", "0.3", "--mix-probability", "0.5", "--erasing", "0.5", "--ema", "0.9"]
    often = ["--checkpoint-minutes", "0"]
    run, uninterrupted = tmp_path / "killed", tmp_path / "whole"
    main([*flags, "--run", "whole"])

    after = moments.randrange(1, 12)
    with start(*flags, "--run", "killed", *often) as child:
        while number(run) < after and child.poll() is None:
            time.sleep(0.001)
        time.sleep(moments.uniform(0, 0.1))
        child.kill()
    assert child.returncode == -signal.SIGKILL
    done = number(run)
    assert after <= done < 29

    how = moments.choice(["write", "validate"])
    step = moments.randrange(done + 1, 30) if how == "write" else 10 * (done // 10 + 1)
    code, out, err = train(*flags, "--run", "killed", *often, at={step: how})
    assert code == -signal.SIGKILL, err
    assert f"step {done % 10 + 1} of 10" in out or f"epoch {done // 10 + 1}" in out
    if how == "write":
        assert number(run) == step - 1
        assert len(list((run / "checkpoints").glob("*.tmp"))) == 1

    main([*flags, "--run", "killed"])
    assert_same_end(run, uninterrupted)


@pytest.mark.slow
def test_killed_with_values_and_colour_from_a_file(
    tmp_path: Path, moments: random.Random, own_cache: None
) -> None:
    from fer_tf.data.layouts import write_affectnet
    from fer_tf.data.synthetic import draw_dataset

    write_affectnet(tmp_path / "set", draw_dataset(96, affect=True))
    flags = ["affect", "--data", str(tmp_path / "set"), "--model", "small", "--runs", str(tmp_path)]
    flags += ["--stages", "24", "2", "--batch-size", "8", "--precision", "float32"]
    flags += ["--mix-probability", "0.5", "--face-size", "20"]
    usual = {0: "no-report", -1: "in-file"}
    code, _, err = train(*flags, "--run", "whole", at=usual)
    assert (code, err) == (0, ""), err
    often = ["--checkpoint-minutes", "0"]
    moment = usual | {moments.randrange(1, 20): moments.choice(["kill", "write"])}
    code, _, err = train(*flags, "--run", "killed", *often, at=moment)
    assert code == -signal.SIGKILL, err
    code, _, err = train(*flags, "--run", "killed", at=usual)
    assert (code, err) == (0, ""), err
    assert_same_end(tmp_path / "killed", tmp_path / "whole")


@pytest.mark.slow
def test_stopped_and_killed_with_plateau(
    tmp_path: Path, csv_file: Path, moments: random.Random
) -> None:
    flags = ["mit_b0_fusion", "--data", str(csv_file), "--model", "small", "--runs", str(tmp_path)]
    flags += ["--stages", "32", "9", "--batch-size", "8", "--precision", "float32"]
    flags += ["--learning-rate", "1e-3", "--early-stop", "4", "--drop-path", "0.2"]
    run, uninterrupted = tmp_path / "stopped", tmp_path / "whole"

    code, _, err = train(*flags, "--run", "whole", at={0: "no-report"})
    assert (code, err) == (0, ""), err
    rows = history(uninterrupted)
    assert len({row["learning_rate"] for row in rows}) > 1

    first, second = sorted(moments.sample(range(1, 10 * len(rows)), 2))
    code, out, err = train(*flags, "--run", "stopped", at={first: moments.choice(["int", "term"])})
    assert code == 130, err
    assert "Traceback" not in err and "stopping soon" in err
    assert number(run) == first
    command = " ".join(["python -m fer_tf.train", *flags, "--run", "stopped"])
    assert re.search(rf"stopped and saved .*; to go on: {re.escape(command)}\n", out), out

    assert train(*flags, "--run", "stopped", at={second: "kill"})[0] == -signal.SIGKILL

    code, out, err = train(*flags, "--run", "stopped", at={0: "no-report"})
    assert (code, err) == (0, ""), err
    assert_same_end(run, uninterrupted)
