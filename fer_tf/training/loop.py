"""The training: epochs, validation, schedule, best model, checkpoint and resume.

Everything that decides the next step is in `Progress` and in the arrays of a
checkpoint, so that a run that was killed ends with the weights of one that never was.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from fer_tf.data.copies import learnable
from fer_tf.data.draws import draw_epoch
from fer_tf.data.faces import Faces
from fer_tf.data.targets import training_targets
from fer_tf.errors import FerError
from fer_tf.models.heads import joined
from fer_tf.models.registry import find_network
from fer_tf.models.saving import copy_scale, save_model
from fer_tf.recipes.schema import Recipe
from fer_tf.trained.run_folder import Run
from fer_tf.training import checkpoint, precision
from fer_tf.training.building import build_network
from fer_tf.training.callbacks import StepWatch, StopRequest, diverged
from fer_tf.training.centre_loss import fitted
from fer_tf.training.devices import (
    mirrored,
    normalise_across_devices,
    on_own_devices,
    process,
    processes,
    set_random_seed,
)
from fer_tf.training.display import Display
from fer_tf.training.distillation import load_teachers
from fer_tf.training.kept_answers import KeptAnswers
from fer_tf.training.kept_weights import KeptWeights
from fer_tf.training.losses import TaskLoss
from fer_tf.training.optimizers import build_optimizer
from fer_tf.training.progress import Progress, digest_of
from fer_tf.training.schedules import clock_rate, learning_rate
from fer_tf.training.together import Vote, check_alike, of_the_first
from fer_tf.training.trainable import trainable
from fer_tf.training.variables import assign, copy_weights, named


class Interrupted(Exception):
    """The training was asked to stop, and everything is saved."""


class Training:
    """One training of one recipe in one run folder.

    Args:
        recipe: what to do.
        run: where.
        faces: with the splits Training and PublicTest, which is the validation.
        display: what to show.
        checkpoint_minutes: between the checkpoints within an epoch.

    Raises:
        FerError: the faces or the recipe can't be trained on, or the run is with other faces.
    """

    def __init__(
        self,
        recipe: Recipe,
        run: Run,
        faces: Faces,
        display: Display,
        *,
        checkpoint_minutes: float = 5.0,
    ):
        self.recipe = recipe
        self.run = run
        self.display = display
        self.checkpoint_minutes = checkpoint_minutes
        self._take_faces(faces)
        saved = checkpoint.newest_whole(run.checkpoints, display.say)
        self.progress = self._start() if saved is None else self._go_on(saved)
        policy = precision.POLICIES[self.progress.precision]
        self._open_teachers(policy)
        # A checkpoint has all weights: the file that they came from may be gone by now.
        self._build_networks(policy, recipe.weights if saved is None else None)
        self.schedule = learning_rate(recipe, self.steps)
        self.inner_optimizer = build_optimizer(recipe, self.network, self.schedule, self.steps)
        self.optimizer = precision.scaled(
            self.inner_optimizer, self.progress.precision, self.network
        )
        self._metrics: list[np.ndarray] | None = None
        if saved is not None:
            self._restore(saved)
        check_alike("recipe, data and checkpoint", recipe, self.progress)

    def _take_faces(self, faces: Faces) -> None:
        """What is learnt from and validated on, the targets, the loss and an epoch's steps."""
        recipe = self.recipe
        try:
            self.faces, self.validation = faces.of("Training"), faces.of("PublicTest")
        except FerError as error:
            raise FerError(
                f"{recipe.data}: {error}, expected Training and PublicTest; --split 80:20 makes "
                "validation faces of training ones"
            ) from None
        if recipe.clean:
            self.faces = self.faces.take(learnable(self.faces, self.validation))
        self.task = faces.task
        if len(recipe.loss_weights) not in (0, 1 + len(self.task.values)):
            raise FerError(
                f"loss_weights: found {len(recipe.loss_weights)} for the classes and "
                f"{len(self.task.values)} values: expected {1 + len(self.task.values)}, or none"
            )
        self.loss = TaskLoss(self.task, recipe.loss_weights)
        self.targets = training_targets(self.faces, recipe)
        self.steps = len(self.faces) // recipe.batch_size * recipe.passes
        self.steps = min(self.steps, recipe.epoch_steps or self.steps)
        if self.steps == 0:
            raise FerError(
                f"batch_size: {recipe.batch_size} is more than the {len(self.faces)} training "
                "faces, expected at most that many (--batch-size)"
            )

    def _go_on(self, saved: checkpoint.Checkpoint) -> Progress:
        """The progress of a run that was begun before; refuses what is not that run."""
        run = self.run
        progress = Progress.from_state(saved.state, str(run.checkpoints))
        # A run that keeps the last epoch writes it again, as long as one is left.
        rewritten = self.recipe.keep == "last" and not progress.finished(self.recipe)
        if progress.best_epoch and not run.best_file.is_file() and not rewritten:
            raise FerError(run.why_no_best())
        progress.check_faces(self.faces, self.validation, str(run.folder))
        return progress

    def _open_teachers(self, policy: str) -> None:
        """Those that answer once, or those that answer within each step."""
        recipe, self.kept_answers, self.teachers = self.recipe, None, None
        if not recipe.views:
            self.teachers = load_teachers(recipe, policy, self.task)
            return
        if processes() > 1:
            raise FerError(f"views: expected one process with it, found {processes()}")
        answers = self.run.folder / "answers"
        self.kept_answers = KeptAnswers(recipe, answers, self.faces.images, self.task)

    def _build_networks(self, policy: str, weights: str | None) -> None:
        """The network that is trained, and the one that is validated and kept."""
        recipe = self.recipe
        set_random_seed(recipe.seed)
        self.network = self._build(policy, classes=self._width)
        centre_loss = find_network(recipe.model).centre_loss
        for name, found in (("accumulate", recipe.accumulate), ("--devices", mirrored())):
            if centre_loss and found > 1:
                raise FerError(
                    f"{name}: the class centres of {recipe.model} move once a step: expected 1, "
                    f"found {found}"
                )
        normalise_across_devices(self.network)
        # What `fit` is called on; the network in it is validated and saved, by the task's loss.
        self.fitted, self.fitted_loss = fitted(
            self.network, self.loss, centre_loss=centre_loss, seed=recipe.seed
        )
        with on_own_devices():
            kept, first = self._build("float32", weights=weights), None
            if recipe.start_share:
                # A checkpoint does not hold them: the file is read again when the run goes on.
                first = self._build("float32", weights=recipe.weights).get_weights()
        if weights is not None:
            copy_weights(kept, self.network)
            copy_scale(kept, self.network)
        self.kept = KeptWeights(kept, recipe, first)

    @property
    def finished(self) -> bool:
        """Whether nothing is left to train."""
        return self.progress.finished(self.recipe)

    def summary(self) -> str:
        """One line: what is about to happen."""
        progress, recipe = self.progress, self.recipe
        if self.finished:
            return (
                f"{self.run.folder} is finished: {progress.epoch} epochs, best validation accuracy "
                f"{progress.best:.2%} in epoch {progress.best_epoch}; to train more, pass another "
                "--run NAME"
            )
        of = f", {recipe.minutes:g} minutes" if recipe.minutes else f" of {recipe.epochs}"
        where = f"epoch {progress.epoch + 1}{of}"
        if progress.step:
            where += f", step {progress.step + 1} of {self.steps}"
        verb = "goes on at" if progress.epoch or progress.step else "starts at"
        return (
            f"{recipe.model}, {self.network.count_params():,} parameters, {progress.precision}: "
            f"{len(self.faces):,} faces, {len(self.validation):,} to validate; {verb} {where}"
        )

    def train(self) -> None:
        """Train to the end of the recipe, from wherever the run stands.

        Raises:
            Interrupted: Ctrl-C or SIGTERM; the run can go on from there.
            FerError: the loss is not a number, or nothing can be written.
        """
        model = make_batches = None
        size = 0
        if self.progress.history and process() == 0:
            # A kill between a checkpoint and the history would else leave out a row.
            self.run.write_history(self.progress.history)
        with StopRequest() as stop:
            while not self.finished:
                if size != self.recipe.size_at(self.progress.epoch):
                    size = self.recipe.size_at(self.progress.epoch)
                    model, make_batches = self._stage(size)
                self._epoch(model, make_batches, size, stop)
                if Vote().settled(stop.requested):
                    raise Interrupted

    def _epoch(self, model: keras.Model, make_batches: Any, size: int, stop: StopRequest) -> None:
        """Train and validate one epoch, or what is left of it."""
        progress, began = self.progress, time.monotonic()
        if self.recipe.minutes is not None:
            progress.rate = clock_rate(self.recipe, progress.clock(self.recipe))
            self.inner_optimizer.learning_rate = progress.rate
        before = progress.epoch_seconds
        view = progress.epoch % (self.recipe.views or progress.epoch + 1)
        drawn = draw_epoch(
            self.targets,
            seed=self.recipe.seed,
            epoch=view,
            batch_size=self.recipe.batch_size,
            augmentation=self.recipe.augmentation,
            scales=len(self.recipe.scales),
            images_per_face=self.recipe.images_per_face,
            passes=self.recipe.passes,
        )
        if self.kept_answers is not None:
            drawn = self.kept_answers.mix_into(drawn, view)
        drawn = drawn.part(progress.step, self.steps)

        def save(metrics: list[np.ndarray], done: int) -> None:
            progress.step = done
            progress.epoch_seconds = before + time.monotonic() - began
            self._save(metrics)

        watch = StepWatch(
            epoch=progress.epoch,
            start=progress.step,
            steps=self.steps,
            metrics=self._metrics,
            rate=self._rate,
            save=save,
            minutes=self.checkpoint_minutes,
            show=self.display.step,
            stop=stop,
        )
        self.display.epoch(progress.epoch, size=size, steps=self.steps, done=progress.step)
        logs = model.fit(make_batches(drawn), shuffle=False, verbose=0, callbacks=[watch]).history
        if watch.done < self.steps:
            raise Interrupted
        seconds = of_the_first(before + time.monotonic() - began)
        self._metrics = None
        # Raises if a weight is not a number: a network of such would be validated as well.
        self._arrays(self.steps)
        val_loss, val_accuracy = self._validate(size)
        whole = before + time.monotonic() - began
        self._finish_epoch(
            {
                "epoch": progress.epoch + 1,
                "size": size,
                "steps": self.steps,
                "learning_rate": self._rate(self.steps - 1),
                "loss": float(logs["loss"][-1]),
                "accuracy": float(logs["accuracy"][-1]),
                "val_loss": val_loss,
                "val_accuracy": val_accuracy,
                "images_per_second": self.steps * self._images_per_step / seconds,
                "seconds": of_the_first(progress.seconds + whole),
            }
        )

    def _finish_epoch(self, row: dict[str, Any]) -> None:
        """Keep the model, move the schedule on, and save."""
        progress = self.progress
        better = progress.finish_epoch(row, self.recipe)
        if process() == 0 and (better or self.recipe.keep == "last"):
            save_model(self.kept.network, self.run.best_file, self.task)
        if self.recipe.schedule == "plateau":
            self.inner_optimizer.learning_rate = progress.rate
        # Before the checkpoint: a kill in between shows the row twice, and not never.
        self.display.row(row)
        self._save([])
        if process() == 0:
            self.run.write_history(progress.history)

    def _validate(self, size: int) -> tuple[float, float]:
        """Cross-entropy in nats and accuracy of the kept weights on the validation faces."""
        self.kept.take(self.network, self.inner_optimizer)
        if self.recipe.fit_prior:
            self.kept.fit_prior(self.faces, size)
        loss, accuracy = self.kept.validate(self.validation, self.loss, size)
        if not math.isfinite(loss):
            raise self._diverged(self.steps)
        return loss, accuracy

    def _stage(self, size: int) -> tuple[keras.Model, Any]:
        """A freshly compiled model for one image size, so that its shapes are known."""
        # Traced anew too, or TensorFlow takes a second size for a sign that any may come.
        self.kept.network.make_predict_function(force=True)
        model, make_batches = trainable(
            self.fitted,
            self.faces.images,
            sizes=[(max(1, round(size * scale)),) * 2 for scale in self.recipe.scales],
            how=self.recipe.augmentation,
            ten_crops=self.recipe.ten_crops,
            teachers=self.teachers,
            parts=self.recipe.accumulate,
        )
        model.compile(
            optimizer=self.optimizer,
            loss=self.fitted_loss,
            metrics=[self.loss.accuracy],
            auto_scale_loss=False,
            jit_compile=keras.backend.backend() != "tensorflow",
        )
        # Makes the variables of the metrics, which else come with the first step: too late for
        # an epoch that goes on. `fit` resets them.
        one = self.targets[:1]
        model.compute_metrics(None, keras.ops.convert_to_tensor(one), keras.ops.ones_like(one))
        return model, make_batches

    def _build(
        self, policy: str, *, weights: str | None = None, classes: int | None = None
    ) -> keras.Model:
        return build_network(self.recipe, self.task, policy, weights=weights, classes=classes)

    @property
    def _width(self) -> int:
        """Of the logits that are trained: the classes, and FERPlus' votes where they are learnt."""
        return self.targets.shape[1] - len(self.task.values)

    @property
    def _images_per_step(self) -> int:
        return self.recipe.batch_size * self.recipe.images_per_face

    def _rate(self, done: int) -> float:
        """Learning rate after `done` steps of the epoch in progress."""
        if not callable(self.schedule):
            return self.progress.rate
        return float(self.schedule(self.progress.epoch * self.steps + done))

    def _diverged(self, step: int) -> FerError:
        return diverged(self.progress.epoch, step, self._rate(step - 1))

    def _variables(self) -> dict[str, Any]:
        """Every variable that a checkpoint holds, by name."""
        return named(network=self.fitted.variables, optimizer=self.optimizer.variables)

    def _arrays(self, step: int) -> dict[str, np.ndarray]:
        """The values of `_variables` after a step of the epoch.

        Raises:
            FerError: one is not a number, as after a step too far whose own loss was still one.
        """
        arrays = {name: np.asarray(v) for name, v in self._variables().items()}
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise self._diverged(step)
        return arrays

    def _save(self, metrics: list[np.ndarray]) -> None:
        progress = self.progress
        arrays = self._arrays(progress.step) | {
            f"metrics.{i:04d}": value for i, value in enumerate(metrics)
        }
        if process() > 0:
            return
        scale = self.network.get_layer("scale")
        arrays["scale"] = np.array([scale.scale, scale.offset])
        number = progress.epoch * self.steps + progress.step
        saved = checkpoint.Checkpoint(arrays, dataclasses.asdict(progress))
        checkpoint.save(self.run.checkpoints, number, saved)

    def _restore(self, saved: checkpoint.Checkpoint) -> None:
        arrays = dict(saved.arrays)
        metrics = sorted(name for name in arrays if name.startswith("metrics."))
        self._metrics = [arrays.pop(name) for name in metrics] or None
        if "scale" in arrays:
            scale = self.network.get_layer("scale")
            scale.scale, scale.offset = arrays.pop("scale").tolist()
            copy_scale(self.network, self.kept.network)
        if not assign(self._variables(), arrays):
            raise FerError(
                f"{self.run.checkpoints}: the checkpoint is of another network or optimiser than "
                f"this version builds for {self.recipe.model}: start another --run NAME"
            )

    def _start(self) -> Progress:
        """A run's first progress; measures the precisions where "auto" has to."""
        names = list(precision.POLICIES)
        chosen = precision.choose(self.recipe.precision, self._trial_step)
        return Progress(
            data=digest_of(self.faces),
            validation=digest_of(self.validation),
            precision=names[int(of_the_first(names.index(chosen)))],
            rate=self.recipe.learning_rate,
        )

    def _trial_step(self, name: str) -> Callable[[], object]:
        """A function that trains a network one step at a precision, at the costliest size."""
        size = max(self.recipe.stages, key=lambda stage: stage[0] ** 2 * stage[1])[0]
        network = joined(self._build(precision.POLICIES[name], classes=self._width))
        network.compile(optimizer="sgd", loss=self.loss, jit_compile=False)
        count = self._images_per_step // self.recipe.accumulate
        images = np.zeros((count, size, size, 3), np.float32)
        targets = np.resize(self.targets, (count, self.targets.shape[1]))
        return lambda: network.train_on_batch(images, targets)
