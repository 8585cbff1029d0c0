"""The training: epochs, validation, schedule, best model, checkpoint and resume.

Everything that decides the next step is in `Progress` and in the arrays of a
checkpoint, so that a run that was killed ends with the weights of one that never was.
"""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from fer_tf.data.draws import draw_epoch
from fer_tf.data.faces import Faces
from fer_tf.data.targets import one_hot, training_targets
from fer_tf.errors import FerError
from fer_tf.models.registry import create_model
from fer_tf.models.saving import save_model
from fer_tf.recipes import Recipe
from fer_tf.training import checkpoint, precision
from fer_tf.training.batches import trainable
from fer_tf.training.callbacks import StepWatch, StopRequest
from fer_tf.training.display import Display
from fer_tf.training.inference import predict_logits
from fer_tf.training.losses import soft_cross_entropy
from fer_tf.training.optimizers import build_optimizer, learning_rate
from fer_tf.training.run import Run


class Interrupted(Exception):
    """The training was asked to stop, and everything is saved."""


@dataclass
class Progress:
    """Where a run stands; JSON in every checkpoint.

    Attributes:
        data: digest of the training faces and their labels.
        precision: "float32", "bfloat16" or "float16", as chosen at the start.
        epoch: epochs done, so the one in progress counted from 0.
        step: steps done of that epoch.
        best: highest validation accuracy.
        best_epoch: the epoch that reached it, from 1.
        rate: learning rate of the plateau schedule.
        stale: epochs since the plateau schedule last saw a better accuracy or acted.
        seconds: spent training, in all processes.
        epoch_seconds: spent on the epoch in progress.
        history: rows of history.csv.
    """

    data: str
    precision: str
    epoch: int = 0
    step: int = 0
    best: float = -1.0
    best_epoch: int = 0
    rate: float = 0.0
    stale: int = 0
    seconds: float = 0.0
    epoch_seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)


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
        self.faces = faces.of("Training")
        self.validation = faces.of("PublicTest")
        self.targets = training_targets(self.faces, recipe)
        self.steps = len(self.faces) // recipe.batch_size
        saved = self._newest_checkpoint()
        digest = digest_of(self.faces)
        if saved is None:
            chosen = self._choose_precision()
            self.progress = Progress(data=digest, precision=chosen, rate=recipe.learning_rate)
        else:
            self.progress = Progress(**saved.state)
            if self.progress.data != digest:
                raise FerError(
                    f"{run.folder} was trained on other faces than {recipe.data} holds now: "
                    "pass the same data to go on with it, or another --run NAME"
                )
        keras.utils.set_random_seed(recipe.seed)
        self.network = self._build(precision.POLICIES[self.progress.precision])
        # Validated and saved: the weights, or their average, in float32.
        self.keeper = self._build("float32")
        self.schedule = learning_rate(recipe, self.steps)
        self.inner_optimizer = build_optimizer(recipe, self.network, self.schedule)
        self.optimizer = self.inner_optimizer
        if self.progress.precision == "float16":
            self.optimizer = keras.optimizers.LossScaleOptimizer(self.inner_optimizer)
            self.optimizer.build(self.network.trainable_variables)
        self._metrics: list[np.ndarray] | None = None
        if saved is not None:
            self._restore(saved)

    def summary(self) -> str:
        """One line: what is about to happen."""
        progress, recipe = self.progress, self.recipe
        where = f"epoch {progress.epoch + 1} of {recipe.epochs}"
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
        size = None
        with StopRequest() as stop:
            while self.progress.epoch < self.recipe.epochs and not self._out_of_patience():
                if size != self.recipe.size_at(self.progress.epoch):
                    size = self.recipe.size_at(self.progress.epoch)
                    model, make_batches = self._stage(size)
                self._epoch(model, make_batches, size, stop)
                if stop.requested:
                    raise Interrupted

    def _epoch(self, model: keras.Model, make_batches: Any, size: int, stop: StopRequest) -> None:
        """Train and validate one epoch, or what is left of it."""
        progress, began = self.progress, time.monotonic()
        before = progress.epoch_seconds
        drawn = draw_epoch(
            self.targets,
            seed=self.recipe.seed,
            epoch=progress.epoch,
            batch_size=self.recipe.batch_size,
            augmentation=self.recipe.augmentation,
        ).since(progress.step)

        def save(metrics: list[np.ndarray], done: int) -> None:
            progress.step = done
            progress.epoch_seconds = before + time.monotonic() - began
            self._save(metrics)

        watch = StepWatch(
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
        seconds = before + time.monotonic() - began
        self._metrics = None
        val_loss, val_accuracy = self._validate(size)
        self._finish_epoch(
            {
                "epoch": progress.epoch + 1,
                "size": size,
                "steps": self.steps,
                "learning_rate": self._rate(self.steps),
                "loss": float(logs["loss"][-1]),
                "accuracy": float(logs["accuracy"][-1]),
                "val_loss": val_loss,
                "val_accuracy": val_accuracy,
                "images_per_second": self.steps * self.recipe.batch_size / seconds,
                "seconds": progress.seconds + before + time.monotonic() - began,
            }
        )

    def _finish_epoch(self, row: dict[str, Any]) -> None:
        """Keep the best model, move the schedule on, and save."""
        progress = self.progress
        progress.history.append(row)
        progress.seconds = row["seconds"]
        progress.epoch_seconds = 0.0
        progress.epoch += 1
        progress.step = 0
        better = row["val_accuracy"] > progress.best
        if better:
            progress.best, progress.best_epoch = row["val_accuracy"], progress.epoch
            save_model(self.keeper, self.run.best_file)
        if self.recipe.schedule == "plateau":
            self._plateau(better)
        self._save([])
        self.run.write_history(progress.history)
        self.display.row(row)

    def _plateau(self, better: bool) -> None:
        """Lower the learning rate after `plateau_patience` epochs without a better accuracy."""
        progress = self.progress
        progress.stale = 0 if better else progress.stale + 1
        if progress.stale >= self.recipe.plateau_patience:
            lowered = progress.rate * self.recipe.plateau_factor
            progress.rate = max(lowered, self.recipe.min_learning_rate)
            self.inner_optimizer.learning_rate = progress.rate
            progress.stale = 0

    def _out_of_patience(self) -> bool:
        patience = self.recipe.early_stop
        return patience is not None and self.progress.epoch - self.progress.best_epoch >= patience

    def _validate(self, size: int) -> tuple[float, float]:
        """Cross-entropy in nats and accuracy of the kept weights on the validation faces."""
        variables = self.network.trainable_variables
        if self.recipe.ema:
            raw = [np.array(v) for v in variables]
            self.inner_optimizer.overwrite_with_average(variables)
        self.keeper.set_weights(self.network.get_weights())
        if self.recipe.ema:
            for variable, value in zip(variables, raw, strict=True):
                variable.assign(value)
        logits = predict_logits(self.keeper, self.validation.images, size=(size, size))
        labels = self.validation.labels
        loss = keras.ops.mean(soft_cross_entropy(one_hot(labels), logits))
        return float(loss), float((logits.argmax(axis=1) == labels).mean())

    def _stage(self, size: int) -> tuple[keras.Model, Any]:
        """A freshly compiled model for one image size, so that its shapes are known."""
        model, make_batches = trainable(
            self.network, self.faces.images, size=(size, size), how=self.recipe.augmentation
        )
        model.compile(
            optimizer=self.optimizer,
            loss=soft_cross_entropy,
            metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
            auto_scale_loss=False,
            jit_compile=keras.backend.backend() != "tensorflow",
        )
        return model, make_batches

    def _build(self, policy: str) -> keras.Model:
        recipe = self.recipe
        return create_model(
            recipe.model,
            input_shape=(None, None, 3),
            weights=recipe.weights,
            dtype=policy,
            drop_path=recipe.drop_path,
            seed=recipe.seed,
        )

    def _rate(self, done: int) -> float:
        """Learning rate after `done` steps of the epoch in progress."""
        if not callable(self.schedule):
            return self.progress.rate
        return float(self.schedule(self.progress.epoch * self.steps + done))

    def _variables(self) -> dict[str, Any]:
        """Every variable that a checkpoint holds, by name."""
        groups = {"network": self.network.variables, "optimizer": self.optimizer.variables}
        return {
            f"{group}.{i:04d}.{variable.path.replace('/', '.')}": variable
            for group, variables in groups.items()
            for i, variable in enumerate(variables)
        }

    def _save(self, metrics: list[np.ndarray]) -> None:
        progress = self.progress
        arrays = {name: np.asarray(v) for name, v in self._variables().items()}
        arrays |= {f"metrics.{i:04d}": value for i, value in enumerate(metrics)}
        number = progress.epoch * self.steps + progress.step
        saved = checkpoint.Checkpoint(arrays, dataclasses.asdict(progress))
        checkpoint.save(self.run.checkpoints, number, saved)

    def _newest_checkpoint(self) -> checkpoint.Checkpoint | None:
        """The newest checkpoint that is whole; damaged ones are named and passed over."""
        found = checkpoint.newest(self.run.checkpoints)
        for path in found:
            try:
                return checkpoint.load(path)
            except checkpoint.DamagedCheckpoint as damage:
                self.display.say(f"{path} is damaged ({damage}): using the one before it")
        if found:
            raise FerError(
                f"{self.run.checkpoints}: every checkpoint is damaged, expected one whole"
            )
        return None

    def _restore(self, saved: checkpoint.Checkpoint) -> None:
        arrays = dict(saved.arrays)
        metrics = sorted(name for name in arrays if name.startswith("metrics."))
        self._metrics = [arrays.pop(name) for name in metrics] or None
        variables = self._variables()
        if variables.keys() != arrays.keys():
            raise FerError(
                f"{self.run.checkpoints}: the checkpoint is of another network or optimiser than "
                f"this version builds for {self.recipe.model}: start another --run NAME"
            )
        for name, variable in variables.items():
            variable.assign(arrays[name])

    def _choose_precision(self) -> str:
        return precision.choose(self.recipe.precision, self._trial_step)

    def _trial_step(self, name: str) -> Callable[[], object]:
        """A function that trains a network one step at a precision, at the costliest size."""
        size = max(self.recipe.stages, key=lambda stage: stage[0] ** 2 * stage[1])[0]
        network = self._build(precision.POLICIES[name])
        network.compile(optimizer="sgd", loss=soft_cross_entropy, jit_compile=False)
        images = np.zeros((self.recipe.batch_size, size, size, 3), np.float32)
        targets = self.targets[: self.recipe.batch_size]
        return lambda: network.train_on_batch(images, targets)


def digest_of(faces: Faces) -> str:
    """SHA-256 of the images and labels, hexadecimal."""
    digest = hashlib.sha256(np.ascontiguousarray(faces.images))
    digest.update(np.ascontiguousarray(faces.labels))
    return digest.hexdigest()
