"""What is shown and logged of a training."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from fer_tf import FerError
from fer_tf.recipes import RECIPES
from fer_tf.trained.run_folder import Run
from fer_tf.training import display as module
from fer_tf.training.display import Display, clock

RECIPE = replace(RECIPES["scratch"], stages=((32, 2), (64, 1)), batch_size=10)

ROW = {
    "epoch": 2,
    "size": 64,
    "steps": 4,
    "learning_rate": 0.001,
    "loss": 1.25,
    "accuracy": 0.5,
    "val_loss": 1.5,
    "val_accuracy": 0.4375,
    "images_per_second": 120.0,
    "seconds": 3723.5,
}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path / "run")
    run.folder.mkdir()
    return run


def test_clock() -> None:
    assert [clock(s) for s in (0, 59.9, 61, 3600, 36000)] == [
        "0:00",
        "0:59",
        "1:01",
        "1:00:00",
        "10:00:00",
    ]


def test_a_row_is_printed(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with Display(RECIPE, run) as display:
        display.row(ROW)
    (line,) = capsys.readouterr().out.splitlines()
    for part in ("2/3", "64 px", "1.2500", "50.00%", "1.5000", "43.75%", "0.001", "1:02:03"):
        assert part in line


def test_tensorboard_reads_the_rows_of_every_process(run: Run) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for epoch in (1, 2):
        with Display(RECIPE, run) as display:
            display.row({**ROW, "epoch": epoch, "loss": 1.0 / epoch})
    found: dict[str, list[tuple[int, float]]] = {}
    for path in sorted(run.logs.iterdir()):
        events = EventAccumulator(str(path), size_guidance={"tensors": 0}).Reload()
        for tag in events.Tags()["tensors"]:
            for event in events.Tensors(tag):
                found.setdefault(tag, []).append((event.step, event.tensor_proto.float_val[0]))
    assert found.keys() == ROW.keys() - {"epoch"}
    assert sorted(found["loss"]) == [(1, 1.0), (2, 0.5)]
    assert sorted(found["val_accuracy"]) == [(1, 0.4375), (2, 0.4375)]


def test_nothing_is_written_before_the_first_row(run: Run) -> None:
    with Display(RECIPE, run) as display:
        display.say("hello")
        display.epoch(0, size=32, steps=4, done=0)
    assert list(run.folder.iterdir()) == []


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that the display reads; a test sets it."""
    now = [100.0]
    clock = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr(module, "time", clock)
    return now


def test_the_time_left_follows_the_pixels(run: Run, seconds: list[float]) -> None:
    with Display(RECIPE, run) as display:
        display.epoch(0, size=32, steps=4, done=1)
        seconds[0] += 6.0
        display.step(3, 1.5, 0.25, 0.01)
        # 2 steps of 10 faces in 6 s: 3 s a step at 32 px and 12 s at 64 px.
        left = 1 * 3 + 4 * 3 + 4 * 12
        text = display._bar.tasks[0].fields["text"]
    assert text == f"loss 1.500  accuracy 25.0%  lr 0.01  3 images/s  {clock(left)} left"


def test_a_file_gets_a_line_a_minute(
    run: Run, seconds: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with Display(RECIPE, run) as display:
        display.epoch(1, size=32, steps=400, done=0)
        for done in range(1, 151):
            seconds[0] += 1.0
            display.step(done, 1.5, 0.25, 0.01)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[:2] for line in lines] == [
        ["epoch 2/3", "61/400"],
        ["epoch 2/3", "122/400"],
    ]


def test_a_terminal_gets_a_bar(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(
        module, "Console", lambda: Console(file=screen, force_terminal=True, width=120)
    )
    with Display(RECIPE, run) as display:
        for epoch in (0, 1):
            display.epoch(epoch, size=32, steps=4, done=0)
            display.step(3, 1.5, 0.25, 0.01)
            assert len(display._bar.tasks) == 1
            display._bar.refresh()
    assert "epoch 2/3" in screen.getvalue() and "loss 1.500" in screen.getvalue()


def test_wandb_absent_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(FerError, match=r'--wandb: needs wandb.*pip install ".*\[wandb\]"'):
        Display(RECIPE, run, wandb=True)


def test_what_wandb_refuses_is_one_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**keywords) -> None:
        raise RuntimeError("no API key configured\nmore of it")

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))
    with pytest.raises(FerError, match=r"^--wandb: no API key configured$"):
        Display(RECIPE, run, wandb=True)


def test_wandb_gets_the_recipe_and_the_rows(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[dict] = []
    logged: list[tuple[dict, int]] = []
    finished: list[bool] = []

    def init(**keywords) -> SimpleNamespace:
        started.append(keywords)
        return SimpleNamespace(
            log=lambda values, step: logged.append((values, step)),
            finish=lambda: finished.append(True),
        )

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))
    for _ in range(2):
        with Display(RECIPE, run, wandb=True) as display:
            display.row(ROW)
    assert logged[0] == ({k: v for k, v in ROW.items() if k != "epoch"}, 2)
    assert finished == [True, True]
    assert started[0]["config"]["stages"] == [[32, 2], [64, 1]]
    assert started[0]["name"] == "run" and started[0]["dir"] == str(run.folder)
    # The second process goes on with what the first has logged.
    assert started[0]["id"] == started[1]["id"] and started[1]["resume"] == "allow"


def test_a_notebook_gets_lines_of_text_and_no_bar(run, monkeypatch, capsys):
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    with Display(RECIPE, run) as display:
        display.epoch(0, size=32, steps=4, done=0)
        display.say("a line")
    assert capsys.readouterr().out == "a line\n"
