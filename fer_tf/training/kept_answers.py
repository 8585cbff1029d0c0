"""Teachers who answer each augmented view of a face once: their answers are kept in the run folder.

A student that takes the same views in turn (`Recipe.views`) pays for its teachers only in its
first epochs, and they may be files of any kind, such as LiteRT's, which are the quickest on a CPU.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from fer_tf.data.batches import augmented
from fer_tf.data.draws import Epoch
from fer_tf.data.mapped import Images
from fer_tf.data.targets import mix_targets
from fer_tf.files import write_beside
from fer_tf.recipes.schema import Recipe
from fer_tf.runtimes.resizing import to_input
from fer_tf.runtimes.runner import Runner
from fer_tf.tasks import Task
from fer_tf.trained.model import open_trained
from fer_tf.training.distillation import check_teacher

THREADS = 2


class KeptAnswers:
    """The recipe's teachers and what they have answered.

    Args:
        recipe: teachers, distillation, augmentation.
        folder: where the answers are kept, one file a view; made where it is missing.
        images: uint8 [count, h, w] or [count, h, w, 3], the training faces.
        task: of the faces, which the teachers have to answer.

    Raises:
        FerError: a teacher can't be opened, or answers another task.
    """

    def __init__(self, recipe: Recipe, folder: Path, images: Images, task: Task):
        self._recipe, self._folder, self._images, self._task = recipe, folder, images, task
        self._teachers = [open_trained(name).runner(threads=THREADS) for name in recipe.teachers]
        for name, teacher in zip(recipe.teachers, self._teachers, strict=True):
            check_teacher(name, teacher.task, task)

    def mix_into(self, epoch: Epoch, view: int) -> Epoch:
        """The epoch with the teachers' share in its targets.

        Args:
            epoch: whole, as drawn for this view.
            view: its number.
        """
        file = self._folder / f"{view:04d}.npy"
        if not file.is_file():
            self._folder.mkdir(exist_ok=True)
            data = io.BytesIO()
            np.save(data, self._ask(epoch))
            write_beside(file, data.getvalue())
        targets = np.asarray(epoch.targets)
        rows = targets.reshape(-1, targets.shape[-1])
        values = len(self._task.values)
        mixed = mix_targets(rows, np.load(file), self._recipe.distillation, values=values)
        mixed = keras.ops.convert_to_numpy(mixed).reshape(targets.shape)
        return dataclasses.replace(epoch, targets=mixed)

    def _ask(self, epoch: Epoch) -> np.ndarray:
        """The teachers' mean probabilities and values, float32 [steps * n, classes + values]."""
        return np.mean([np.concatenate(list(self._each(t, epoch))) for t in self._teachers], axis=0)

    def _each(self, teacher: Runner, epoch: Epoch) -> Iterator[np.ndarray]:
        how = self._recipe.augmentation
        for pixels in augmented(self._images, epoch, size=teacher.size, how=how):
            faces = np.rint(np.clip(pixels, 0, 255)).astype(np.uint8)
            answers = teacher.answer(to_input(faces, teacher.size, teacher.channels))
            yield np.concatenate(
                [each for each in answers if each is not None], axis=1, dtype=np.float32
            )
