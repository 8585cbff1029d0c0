"""A run's folder: whose it is, and what is left in it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tiny import full_disk

from fer_tf import FerError
from fer_tf.recipes import RECIPES, get_recipe
from fer_tf.recipes.as_json import from_json
from fer_tf.recipes.schema import Recipe
from fer_tf.trained.model import open_trained
from fer_tf.trained.run_folder import HISTORY, Run, compare

RECIPE = RECIPES["scratch"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "runs" / "one")


def checkpointed(run: Run) -> None:
    run.checkpoints.mkdir()
    (run.checkpoints / "checkpoint-000000001.npz").write_bytes(b"weights")


def test_a_new_folder_holds_its_recipe(run: Run) -> None:
    with run.open(RECIPE):
        assert from_json(run.recipe_file.read_text()) == RECIPE
    with run.open(RECIPE):
        pass


def test_a_recipe_with_a_byte_order_mark_is_read(run: Run) -> None:
    with run.open(RECIPE):
        pass
    run.recipe_file.write_text(run.recipe_file.read_text(), encoding="utf-8-sig")
    assert run.recipe() == get_recipe(str(run.recipe_file)) == RECIPE


def test_other_settings_are_refused_and_named(run: Run) -> None:
    with run.open(RECIPE):
        pass
    other = replace(
        RECIPE, learning_rate=0.5, augmentation=replace(RECIPE.augmentation, rotation=45.0)
    )
    with pytest.raises(FerError) as caught, run.open(other):
        pass
    assert f"learning_rate: was {RECIPE.learning_rate}, now 0.5" in str(caught.value)
    assert "rotation: was 10.0, now 45.0" in str(caught.value)
    assert "batch_size" not in str(caught.value) and "another --run" in str(caught.value)
    assert from_json(run.recipe_file.read_text()) == RECIPE


GROUPS = {"augmentation", "reading"}


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_every_setting_of_a_group_is_compared_by_its_own_name(group: str) -> None:
    old = getattr(RECIPE, group)
    for field in old.__dataclass_fields__:
        other = replace(RECIPE, **{group: replace(old, **{field: -1})})
        assert compare(RECIPE, other) == [f"{field}: was {getattr(old, field)}, now -1"]


@pytest.mark.parametrize(
    "field", sorted(Recipe.__dataclass_fields__.keys() - GROUPS - {"expected_accuracy"})
)
def test_every_setting_is_compared(field: str) -> None:
    assert len(compare(RECIPE, replace(RECIPE, **{field: "else"}))) == 1


def test_the_expected_accuracy_is_a_remark() -> None:
    assert compare(RECIPE, replace(RECIPE, expected_accuracy=0.5)) == []


def test_a_folder_that_is_no_run_is_refused_and_left(run: Run) -> None:
    run.folder.mkdir(parents=True)
    (run.folder / "holiday.jpg").write_bytes(b"beach")
    with pytest.raises(FerError, match=r"not a run.*no recipe\.json"), run.open(RECIPE):
        pass
    assert [path.name for path in run.folder.iterdir()] == ["holiday.jpg"]


def test_files_in_the_way_are_refused(run: Run) -> None:
    run.folder.parent.mkdir()
    run.folder.write_text("")
    with pytest.raises(FerError, match="is a file"), run.open(RECIPE):
        pass
    below = Run(run.folder / "below")
    with pytest.raises(FerError, match="a file is in the way"), below.open(RECIPE):
        pass


def test_a_broken_recipe_file_is_refused(run: Run) -> None:
    run.folder.mkdir(parents=True)
    run.recipe_file.write_text('{"learning_rate": "fast"}')
    wrong = r"recipe\.json: learning_rate: expected float"
    with pytest.raises(FerError, match=wrong), run.open(RECIPE):
        pass


def test_an_error_before_the_first_checkpoint_leaves_nothing(run: Run) -> None:
    with pytest.raises(FerError, match="bad data"), run.open(RECIPE):
        for folder in ("answers", "wandb"):
            (run.folder / folder).mkdir()
            (run.folder / folder / "0000.npy").write_bytes(b"kept")
        raise FerError("bad data")
    assert not run.folder.exists()


def test_an_error_after_it_leaves_the_run(run: Run) -> None:
    with pytest.raises(FerError), run.open(RECIPE):
        checkpointed(run)
        raise FerError("the disk is full")
    assert run.recipe_file.exists() and list(run.checkpoints.iterdir())


def test_an_error_in_a_run_that_goes_on_leaves_it(run: Run) -> None:
    with run.open(RECIPE):
        pass
    with pytest.raises(FerError), run.open(RECIPE):
        raise FerError("bad data")
    assert run.recipe_file.exists()


def test_leftovers_of_killed_processes_are_removed(run: Run) -> None:
    with run.open(RECIPE):
        checkpointed(run)
    kept = sorted(run.folder.rglob("*"))
    for name in (
        ".history.csv.7.tmp",
        ".best.keras.7.tmp.keras",
        "checkpoints/.checkpoint-000000002.npz.7.tmp",
    ):
        (run.folder / name).write_bytes(b"half")
    with run.open(RECIPE):
        assert sorted(run.folder.rglob("*")) == kept


@pytest.mark.parametrize("left", ["", "{", '{"model": "mit_b0_fus'])
def test_a_run_killed_while_its_recipe_is_written_goes_on(run: Run, left: str) -> None:
    run.folder.mkdir(parents=True)
    (run.folder / ".recipe.json.7.tmp").write_text(left)
    with run.open(RECIPE):
        checkpointed(run)
    assert run.recipe_file.is_file()


def test_files_that_no_run_wrote_stay(run: Run) -> None:
    with run.open(RECIPE):
        checkpointed(run)
        (run.folder / "notes.tmp").write_text("mine")
    with run.open(RECIPE):
        assert (run.folder / "notes.tmp").read_text() == "mine"


def test_a_run_that_fails_at_once_takes_only_its_own_away(run: Run) -> None:
    with pytest.raises(FerError), run.open(RECIPE):
        (run.folder / "notes.txt").write_text("mine")
        raise FerError("bad data")
    assert [path.name for path in run.folder.iterdir()] == ["notes.txt"]


def test_one_process_at_a_time(run: Run) -> None:
    pytest.importorskip("fcntl", reason="no locks here")
    code = (
        "import sys; from pathlib import Path; from fer_tf.cli import run; "
        "from fer_tf.recipes import RECIPES; from fer_tf.trained.run_folder import Run; "
        "run(Run(Path(sys.argv[1])).open(RECIPES['scratch']).__enter__)"
    )
    child = [sys.executable, "-c", code, str(run.folder)]
    with run.open(RECIPE):
        leftover = run.folder / ".history.csv.7.tmp"
        leftover.write_text("being written")
        done = subprocess.run(child, capture_output=True, text=True)
        assert done.returncode == 2 and "another process is training" in done.stderr
        assert leftover.exists()
    assert subprocess.run(child, capture_output=True).returncode == 0


@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOSPC, "the disk is full"), (errno.EACCES, "permission is")]
)
def test_a_disk_error_is_one_sentence(run: Run, number: int, words: str) -> None:
    with pytest.raises(FerError, match=words) as caught, run.open(RECIPE):
        raise OSError(number, os.strerror(number), str(run.history_file))
    assert str(run.history_file) in str(caught.value)


def test_other_system_errors_pass(run: Run) -> None:
    with pytest.raises(TimeoutError), run.open(RECIPE):
        raise TimeoutError(errno.ETIMEDOUT, "timed out")


def test_history_is_replaced_whole(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.folder.mkdir(parents=True)
    row = dict.fromkeys(HISTORY, 0.5) | {"size": 64}
    run.write_history([row])
    before = run.history_file.read_text()
    assert before.splitlines()[0] == ",".join(HISTORY) and len(before.splitlines()) == 2
    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError):
        run.write_history([row, row])
    assert [path.name for path in run.folder.iterdir()] == ["history.csv"]
    assert run.history_file.read_text() == before


def test_best_size_is_that_of_the_epoch_that_was_kept(run: Run) -> None:
    recipe = replace(RECIPE, stages=((32, 2), (48, 1)))
    assert run.best_size(recipe) == 48
    run.folder.mkdir(parents=True)
    rows = [
        dict.fromkeys(HISTORY, 0) | {"size": size, "val_accuracy": accuracy}
        for size, accuracy in ((32, 0.1), (32, 0.6), (48, 0.6))
    ]
    run.write_history(rows)
    assert run.best_size(recipe) == 32
    assert run.best_size(replace(recipe, keep="last")) == 48


def test_a_report_older_than_the_last_checkpoint_is_not_current(run: Run) -> None:
    run.report.mkdir(parents=True)
    assert not run.report_is_current()
    page = run.report / "report.html"
    page.write_text("")
    checkpointed(run)
    saved = (run.checkpoints / "checkpoint-000000001.npz").stat().st_mtime
    os.utime(page, (saved - 1, saved - 1))
    assert not run.report_is_current()
    os.utime(page, (saved, saved))
    assert run.report_is_current()


@pytest.mark.parametrize(
    "text",
    [
        b"epoch,size\n1,48\n",
        b"size,val_accuracy\n48,0.5\n48,",
        b"size,val_accuracy\nbig,0.5\n",
        b"size,val_accuracy\n48,nan\n",
        b"size,val_accuracy\n-1,0.5\n",
        b"size,val_accuracy\n48,0.5\xff\n",
        b"size,val_accuracy\n\0\n",
    ],
)
def test_a_damaged_history_is_told(run: Run, text: bytes) -> None:
    with run.open(RECIPE):
        checkpointed(run)
    run.history_file.write_bytes(text)
    with pytest.raises(FerError, match=r"history\.csv: is damaged .* run its training again"):
        run.best_size(RECIPE)


def test_a_lost_best_model_says_what_to_do(run: Run) -> None:
    with run.open(RECIPE):
        with pytest.raises(FerError, match="expected a run with an epoch trained to its end"):
            open_trained(run.folder)
        checkpointed(run)
    with pytest.raises(FerError, match="go on with the run"):
        open_trained(run.folder)
    run.write_history([])
    with pytest.raises(FerError, match=r"best\.keras: is lost, .* put the file back from a copy"):
        open_trained(run.folder)
