"""The training in this process: numbers that are none, stops, and what a run goes on from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small import flags, history, last_arrays, refused

from fer_tf import train as command
from fer_tf.data import load_faces
from fer_tf.data.faces import SPLITS
from fer_tf.models import registry
from fer_tf.models.registry import create_model
from fer_tf.models.saving import load_model, save_model
from fer_tf.recipes.schema import Recipe
from fer_tf.tasks import FERPLUS
from fer_tf.trained.inference import predict_logits
from fer_tf.training import checkpoint, distillation, loop
from fer_tf.training.loop import Training
from fer_tf.training.variables import plain_name

pytestmark = pytest.mark.usefixtures("small_network", "no_report")


def spoil(monkeypatch: pytest.MonkeyPatch, value: float, *, epoch: int, step: int) -> None:
    """Make the first class's target `value` in one step, counted from 1, and all others 0."""
    draw = loop.draw_epoch

    def draw_epoch(targets, **keywords):
        drawn = draw(targets, **keywords)
        drawn.targets[:] = 0
        if keywords["epoch"] == epoch - 1:
            drawn.targets[step - 1, :, 0] = value
        return drawn

    monkeypatch.setattr(loop, "draw_epoch", draw_epoch)


def test_a_loss_that_is_no_number_stops(
    csv_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, np.nan, epoch=2, step=3)
    saved_best: list[bytes] = []
    save = loop.save_model

    def save_model(model, path, task) -> None:
        save(model, path, task)
        saved_best.append(path.read_bytes())

    monkeypatch.setattr(loop, "save_model", save_model)
    argv = flags(csv_file, tmp_path, "--schedule", "constant", "--learning-rate", "0.005")
    line = refused([*argv, "--checkpoint-minutes", "0"])
    assert "step 3 of epoch 2, learning rate 0.005:" in line
    newest, _ = checkpoint.newest(tmp_path / "scratch" / "checkpoints")
    assert newest.stem.endswith("007")
    assert (tmp_path / "scratch" / "best.keras").read_bytes() == saved_best[-1]
    assert len(saved_best) == 1


@pytest.mark.parametrize("step", [3, 5])
def test_a_step_too_far_is_not_saved(
    step: int, csv_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A loss of about 1e36 is a number; the weights after a step of 1e3 times as much are not.
    spoil(monkeypatch, 1e36, epoch=1, step=step)
    argv = flags(csv_file, tmp_path, "--optimizer", "sgd", "--learning-rate", "1000")
    argv += ["--clip-norm", "None", "--warmup-epochs", "0", "--ema", "0"]
    argv += ["--mix-probability", "0", "--weight-decay", "0", "--checkpoint-minutes", "0"]
    line = refused(argv)
    assert f"step {step} of epoch 1" in line
    newest = checkpoint.newest(tmp_path / "scratch" / "checkpoints")[0]
    assert newest.stem.endswith(f"{step - 1:03}")
    assert not (tmp_path / "scratch" / "best.keras").exists()


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("stage1_embedding/projection/kernel", "stage1_embedding.projection.kernel"),
        ("seed_generator_16/seed_generator_state", "seed_generator.seed_generator_state"),
        ("adam_w_1/conv2d_12_kernel_momentum", "adam_w.conv2d_kernel_momentum"),
        ("network.0044.seed_generator_16.state", "network.0044.seed_generator.state"),
    ],
)
def test_names_in_a_checkpoint_do_not_depend_on_the_process(path: str, plain: str) -> None:
    assert plain_name(path) == plain_name(plain) == plain


def stop_after(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Ask for a stop as Ctrl-C does, after a step counted over all epochs from 1."""
    watch = loop.StepWatch.on_train_batch_end

    def on_train_batch_end(self, batch, logs=None) -> None:
        self._stop.requested |= self._epoch * self._steps + self.done + 1 == step
        watch(self, batch, logs)

    monkeypatch.setattr(loop.StepWatch, "on_train_batch_end", on_train_batch_end)


def stopped(argv: list[str], step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the command until `step`, and take the patch back."""
    with monkeypatch.context() as patch, pytest.raises(SystemExit) as stop:
        stop_after(patch, step)
        command.main(argv)
    assert stop.value.code == 130


def newest_array(runs: Path, name: str) -> np.ndarray:
    """The one array of the newest checkpoint whose name ends so."""
    found = last_arrays(runs / "scratch").items()
    (array,) = [array for key, array in found if key.endswith(name)]
    return array


def test_float16_scales_its_loss_and_goes_on(
    csv_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = flags(csv_file, tmp_path, "--precision", "float16", "--stages", "32 1")
    stopped(argv, 3, monkeypatch)
    assert newest_array(tmp_path, "loss_scale_optimizer.dynamic_scale") == 2.0**15
    assert newest_array(tmp_path, "loss_scale_optimizer.step_counter") == 3
    built: list[Training] = []
    begin = Training.train
    monkeypatch.setattr(Training, "train", lambda self: built.append(self) or begin(self))
    command.main(argv)
    (training,) = built
    assert newest_array(tmp_path, "loss_scale_optimizer.step_counter") == 5
    assert {v.dtype for v in training.network.trainable_variables} == {"float32"}
    assert training.network.layers[2].compute_dtype == "float16"
    assert training.network.output.dtype == "float32"
    assert all(np.isfinite(row["loss"]) for row in training.progress.history)


def test_neither_starting_weights_nor_a_damaged_checkpoint_are_needed_to_go_on(
    csv_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    weights = tmp_path / "start.weights.h5"
    create_model("small", input_shape=(None, None, 3)).save_weights(weights)
    argv = flags(csv_file, tmp_path, "--weights", str(weights), "--stages", "32 1")
    argv += ["--checkpoint-minutes", "0"]
    stopped(argv, 4, monkeypatch)
    weights.unlink()
    newest, _ = checkpoint.newest(tmp_path / "scratch" / "checkpoints")
    newest.write_bytes(newest.read_bytes()[:-100])
    capsys.readouterr()
    command.main(argv)
    out = capsys.readouterr().out
    assert f"{newest} is damaged" in out and "goes on at epoch 1 of 1, step 4 of 5" in out
    assert (tmp_path / "scratch" / "best.keras").exists()


def test_pixels_are_scaled_as_the_first_weights_want(
    csv_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = replace(registry.NETWORKS["small"], imagenet="VGG16")
    monkeypatch.setattr(registry, "NETWORKS", {**registry.NETWORKS, "small": row})
    monkeypatch.setattr(registry, "load_imagenet", lambda model, source: None)
    built: list[Training] = []
    begin = Training.train
    monkeypatch.setattr(Training, "train", lambda self: built.append(self) or begin(self))
    runs = flags(csv_file, tmp_path, "--stages", "32 1")
    stopped([*runs, "--weights", "imagenet"], 3, monkeypatch)
    command.main([*runs, "--weights", "imagenet"])
    after = [*runs, "--weights", str(tmp_path / "scratch"), "--run", "after"]
    stopped(after, 3, monkeypatch)
    (tmp_path / "scratch").rename(tmp_path / "elsewhere")
    command.main(after)
    networks = [each for t in built for each in (t.network, t.kept.network)]
    networks += [load_model(tmp_path / name / "best.keras") for name in ("elsewhere", "after")]
    for scale in (network.get_layer("scale") for network in networks):
        assert (scale.scale, scale.offset) == ([1.0] * 3, [-123.68, -116.779, -103.939])
    monkeypatch.setattr(distillation, "NETWORKS", registry.NETWORKS)
    teaching = Recipe(teachers=(str(tmp_path / "after"),), distillation=0.5)
    (teacher,) = distillation.load_teachers(teaching, "mixed_bfloat16").networks
    assert teacher.layers[2].compute_dtype == "bfloat16"
    assert teacher.get_layer("scale").scale == [1.0] * 3


def test_a_stop_while_validating_ends_the_epoch_first(
    csv_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = flags(csv_file, tmp_path)
    stopped(argv, 5, monkeypatch)
    run = tmp_path / "scratch"
    assert [path.stem[-3:] for path in checkpoint.newest(run / "checkpoints")] == ["005"]
    assert len((run / "history.csv").read_text().splitlines()) == 2


def test_a_run_that_stopped_early_is_finished(
    csv_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    argv = flags(csv_file, tmp_path, "--stages", "32 9", "--early-stop", "1")
    monkeypatch.setattr(Training, "_validate", lambda self, size: (1.0, 0.5))
    command.main(argv)
    assert "epoch   2/9" in capsys.readouterr().out
    command.main(argv)
    out = capsys.readouterr().out
    assert "is finished: 2 epochs, best validation accuracy 50.00% in epoch 1" in out


@pytest.mark.parametrize(("keep", "saved"), [("best", 1), ("last", 2)])
def test_the_best_epoch_is_kept_or_the_last(
    keep: str, saved: int, csv_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accuracies = iter([0.5, 0.4])
    monkeypatch.setattr(Training, "_validate", lambda self, size: (1.0, next(accuracies)))
    models = []
    monkeypatch.setattr(loop, "save_model", lambda model, path, task: models.append(path.name))
    command.main(flags(csv_file, tmp_path, "--keep", keep))
    assert models == ["best.keras"] * saved


def test_the_kept_weights_are_part_of_the_way_from_the_first(
    csv_file: Path, tmp_path: Path
) -> None:
    first = create_model("small", input_shape=(None, None, 3))
    save_model(first, tmp_path / "first.keras")
    from_it = ("--weights", str(tmp_path / "first.keras"), "--keep", "last", "--ema", "0")
    from_it += ("--learning-rate", "0.01", "--stages", "32 1")
    command.main(flags(csv_file, tmp_path, "--run", "far", *from_it))
    command.main(flags(csv_file, tmp_path, "--run", "near", *from_it, "--start-share", "0.75"))
    start = first.get_weights()
    far, near = (
        load_model(tmp_path / name / "best.keras").get_weights() for name in ("far", "near")
    )
    assert any(np.abs(there - here).max() > 1e-3 for here, there in zip(start, far, strict=True))
    for here, there, between in zip(start, far, near, strict=True):
        np.testing.assert_allclose(between, 0.75 * here + 0.25 * there, rtol=1e-3, atol=1e-4)


def test_each_size_is_traced_once_and_known(
    csv_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fer_tf.layers.drop_path import DropPath

    traced: list[tuple[int | None, ...]] = []
    after: list[int] = []
    call, validate = DropPath.call, Training._validate

    def remember(self, inputs, training=False):
        traced.append(tuple(inputs.shape))
        return call(self, inputs, training=training)

    def count(self, size):
        result = validate(self, size)
        after.append(len(traced))
        return result

    monkeypatch.setattr(DropPath, "call", remember)
    monkeypatch.setattr(Training, "_validate", count)
    command.main(flags(csv_file, tmp_path, "--stages", "32 2 40 2"))
    assert after[0] == after[1] < after[2] == after[3]
    assert {shape[1:3] for shape in traced[: after[1]]} == {(7, 7)}
    assert {shape[1:3] for shape in traced[after[1] :]} == {(9, 9)}


def test_a_second_answer_teaches_and_is_not_kept(csv_file: Path, tmp_path: Path) -> None:
    faces = load_faces(str(csv_file))
    votes = tmp_path / "votes.csv"
    # Two votes for the label's own name, one for "unknown", to each face.
    lines = ["Usage," + ",".join(FERPLUS)]
    for split, label in zip(faces.split, faces.labels, strict=True):
        counts = 2 * np.eye(10, dtype=int)[label] + np.eye(10, dtype=int)[8]
        lines.append(",".join([SPLITS[split], *map(str, counts)]))
    votes.write_text("\n".join(lines) + "\n", encoding="utf-8")
    more = ("--votes", str(votes), "--vote-answer", "0.5")
    command.main(flags(csv_file, tmp_path, *more))
    kept = load_model(tmp_path / "scratch" / "best.keras")
    assert kept.output_shape[-1] == 7
    found = last_arrays(tmp_path / "scratch").items()
    assert {a.shape for name, a in found if name.endswith("logits.bias")} == {(17,)}
    again = ("--run", "again", "--weights", str(tmp_path / "scratch" / "best.keras"))
    slow = ("--learning-rate", "1e-9", "--min-learning-rate", "0", "--ema", "0")
    slow += ("--stages", "32 1")
    command.main(flags(csv_file, tmp_path, *more, *again, *slow))
    same = load_model(tmp_path / "again" / "best.keras").get_weights()
    for before, after in zip(kept.get_weights(), same, strict=True):
        np.testing.assert_allclose(before, after, atol=1e-6)


def test_a_run_by_the_clock_ends_with_its_time(csv_file: Path, tmp_path: Path) -> None:
    argv = flags(csv_file, tmp_path, "--minutes", "0.001", "--passes", "2", "--stages", "32 9")
    command.main(argv)
    (row,) = history(tmp_path / "scratch")
    assert row["steps"] == "10"
    # Its first epoch is at the foot of the rise, a tenth of the peak.
    assert float(row["learning_rate"]) == pytest.approx(1.5e-4)


def test_an_epoch_of_few_steps_sees_other_faces_each_time(
    csv_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[np.ndarray] = []
    stage = Training._stage

    def watched(self, size):
        model, make_batches = stage(self, size)

        def make(drawn):
            seen.append(drawn.rows)
            return make_batches(drawn)

        return model, make

    monkeypatch.setattr(Training, "_stage", watched)
    command.main([*flags(csv_file, tmp_path), "--epoch-steps", "3"])
    assert [rows.shape for rows in seen] == [(3, 8), (3, 8)]
    assert not np.array_equal(*seen)
    assert [row["steps"] for row in history(tmp_path / "scratch")] == ["3", "3"]


def test_a_dropout_reaches_the_network_or_is_refused(
    csv_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[Training] = []
    monkeypatch.setattr(Training, "train", lambda self: built.append(self))
    command.main([*flags(csv_file, tmp_path, "--model", "nano"), "--dropout", "0.45"])
    assert built[0].network.get_layer("dropout").rate == 0.45
    line = refused([*flags(csv_file, tmp_path / "other"), "--dropout", "0.45"])
    assert "dropout: small has none" in line


def test_ten_crops_are_trained_on_and_validated(csv_file: Path, tmp_path: Path) -> None:
    argv = flags(
        csv_file, tmp_path, "--ten-crops", "", "--mix-probability", "0", "--stages", "32 1"
    )
    command.main(argv)
    run = tmp_path / "scratch"
    (best,) = history(run)
    assert int(best["steps"]) == 5
    validation = load_faces(str(csv_file)).of("PublicTest")
    model = load_model(run / "best.keras")
    logits = predict_logits(model, validation.images, size=(32, 32), tta="ten-crop")
    found = (logits.argmax(axis=1) == validation.labels).mean()
    assert float(best["val_accuracy"]) == pytest.approx(found)
    loss = -logits[np.arange(len(logits)), validation.labels].mean()
    assert float(best["val_loss"]) == pytest.approx(loss, rel=1e-4)


def test_class_weights_change_the_training(csv_file: Path, tmp_path: Path) -> None:
    weights = "9 1 1 1 1 1 1"
    losses = []
    for name, more in (("even", ()), ("weighted", ("--class-weights", weights))):
        command.main(flags(csv_file, tmp_path, "--run", name, "--stages", "32 1", *more))
        losses.append(history(tmp_path / name)[0]["loss"])
    assert losses[0] != losses[1]
    line = refused(flags(csv_file, tmp_path, "--run", "few", "--class-weights", "1 2"))
    assert "class_weights: found 2, expected one for each of Angry, Disgust" in line
