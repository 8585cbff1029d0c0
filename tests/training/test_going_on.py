"""A stopped run goes on with the same bits, whatever its optimiser, schedule and loss hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from small import flags, history, last_bits
from test_loop import stopped

from fer_tf import train as command

pytestmark = pytest.mark.usefixtures("small_network", "no_report")


def end(run: Path) -> tuple[dict[str, bytes], list[str]]:
    """The arrays of a run's newest checkpoint, and the rates in its history."""
    rates = [row["learning_rate"] for row in history(run)]
    assert len(rates) == 3 and all(float(rate) > 0 for rate in rates)
    return last_bits(run), rates


QUICK = (
    "--optimizer averaged_sgd --average-start 4 --schedule plateau --plateau-patience 0",
    "--model attentive --optimizer amsgrad --schedule step --step-epochs 1 2 "
    "--label-smoothing 0.1 --mix-probability 0.5 --mixup 0.4",
)
SLOW = (
    "--optimizer nesterov --schedule one_cycle",
    "--optimizer adadelta --schedule warm_restarts --cycle-epochs 1 --cycle-factor 2",
    "--optimizer adagrad --schedule cosine --schedule-every epoch",
)


@pytest.mark.parametrize("more", [*QUICK, *(pytest.param(x, marks=pytest.mark.slow) for x in SLOW)])
def test_a_stopped_run_ends_as_a_whole_one(
    more: str, csv_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = flags(csv_file, tmp_path, "--stages", "32 3", "--warmup-epochs", "0")
    argv += ["--ema", "0"] if "average" in more else []
    argv += ["--clip-norm", "None", "--clip-value", "0.1", *more.split()]
    command.main([*argv, "--run", "whole"])
    stopped([*argv, "--run", "stopped"], 7, monkeypatch)
    command.main([*argv, "--run", "stopped"])
    assert end(tmp_path / "stopped") == end(tmp_path / "whole")
