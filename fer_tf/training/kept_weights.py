"""The weights that a run validates and keeps, and what they are worth on the validation faces."""

from __future__ import annotations

import keras
import numpy as np

from fer_tf.data.faces import Faces
from fer_tf.data.mapped import Images
from fer_tf.data.targets import one_hot
from fer_tf.recipes.schema import Recipe
from fer_tf.trained.inference import predict_answers
from fer_tf.training.devices import on_own_devices
from fer_tf.training.losses import TaskLoss
from fer_tf.training.optimizers import RawWeights
from fer_tf.training.priors import add_shift, fit_shift, spread
from fer_tf.training.together import answered_together
from fer_tf.training.variables import copy_weights


class KeptWeights:
    """A network in float32 that holds the trained weights, or what the recipe makes of them.

    Args:
        network: that holds them, on the devices of this process.
        recipe: start_share, fit_prior, ten_crops.
        first: the weights that the run began with, where start_share is above 0.
    """

    def __init__(self, network: keras.Model, recipe: Recipe, first: list[np.ndarray] | None):
        self.network, self._recipe, self._first = network, recipe, first

    def take(self, trained: keras.Model, optimizer: RawWeights) -> None:
        """Copy a network's weights: averaged, or mixed with the first ones, where it is asked for.

        Args:
            trained: keeps its own weights.
            optimizer: of `trained`, which may hold their averages.
        """
        variables = trained.trainable_variables
        if optimizer.averages:
            raw = [np.array(v) for v in variables]
            optimizer.overwrite_with_average(variables)
        copy_weights(trained, self.network)
        if optimizer.averages:
            for variable, value in zip(variables, raw, strict=True):
                variable.assign(value)
        if self._first is not None:
            share = self._recipe.start_share
            pairs = zip(self._first, self.network.get_weights(), strict=True)
            self.network.set_weights([share * old + (1 - share) * new for old, new in pairs])

    def fit_prior(self, training: Faces, size: int) -> None:
        """Shift the logits as `Recipe.fit_prior` says."""
        rows = spread(len(training))
        logits, _ = self._answers(training.images[rows], size, tta="none")
        add_shift(self.network, fit_shift(logits, training.labels[rows]))

    def validate(self, faces: Faces, loss: TaskLoss, size: int) -> tuple[float, float]:
        """Loss and accuracy on faces.

        Args:
            faces: the validation's.
            loss: of their task.
            size: side in pixels at which they are seen.
        """
        logits, values = self._answers(faces.images, size, tta=self._recipe.tta)
        wanted, given = [one_hot(faces.labels, len(faces.task.labels))], [logits]
        if values is not None and faces.values is not None:
            wanted.append(faces.values)
            given.append(values)
        with on_own_devices():
            pair = (np.concatenate(each, axis=1) for each in (wanted, given))
            mean = float(keras.ops.mean(loss(*pair)))
        return mean, float((logits.argmax(axis=1) == faces.labels).mean())

    def _answers(
        self, images: Images, size: int, *, tta: str
    ) -> tuple[np.ndarray, np.ndarray | None]:
        def answer(share: Images) -> tuple[np.ndarray, np.ndarray | None]:
            return predict_answers(self.network, share, size=(size, size), tta=tta)

        with on_own_devices():
            return answered_together(answer, images)
