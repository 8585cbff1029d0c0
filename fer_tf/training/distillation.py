"""Teachers: trained networks whose answers are part of the target (Hinton et al., 2015).

Each sees the very view that the student sees, mixed, turned and erased alike, at its own size
(Beyer et al., CVPR 2022, "Knowledge distillation: A good teacher is patient and consistent").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
from keras import ops

from fer_tf.data.targets import mix_targets
from fer_tf.errors import FerError
from fer_tf.models.heads import joined
from fer_tf.models.registry import NETWORKS, create_model
from fer_tf.models.saving import copy_scale
from fer_tf.recipes.schema import Recipe
from fer_tf.tasks import TASKS, Task
from fer_tf.trained.model import open_trained


class Teachers:
    """Trained networks that answer together.

    Args:
        networks: float32 pixels in [0, 255], [n, height, width, 3], to logits and values,
            [n, classes + values].
        sizes: (height, width) of each one's view.
        share: of their answer in the target, in [0, 1].
        values: how many of an answer's last numbers are values.
    """

    def __init__(
        self,
        networks: Sequence[keras.Model],
        sizes: Sequence[tuple[int, int]],
        share: float,
        values: int = 0,
    ):
        self.values = values
        self.networks = list(networks)
        self.sizes = list(sizes)
        self.share = share
        for network in self.networks:
            network.trainable = False

    def answers(self, view: Callable):
        """Their mean probabilities and values, float32 [n, classes + values].

        Args:
            view: (height, width) -> the batch at that size, float32 [n, height, width, 3].
        """
        answers = [
            self._probabilities(network(view(size), training=False))
            for network, size in zip(self.networks, self.sizes, strict=True)
        ]
        return ops.stop_gradient(sum(answers) / len(answers))

    def _probabilities(self, answers):
        classes = answers.shape[-1] - self.values
        probabilities = ops.softmax(answers[:, :classes])
        return ops.concatenate([probabilities, answers[:, classes:]], axis=-1)


class Student(keras.Model):
    """A network whose targets are mixed with the answers that come beside the images.

    Takes {"images": float32 [n, height, width, 3], "answers": as `Teachers.answers`} and returns
    the network's answers.

    Args:
        network: the network to train; its variables are this model's.
        share: of the answers in the target, in [0, 1].
        values: how many of an answer's last numbers are values.
    """

    def __init__(self, network: keras.Model, share: float, values: int = 0):
        super().__init__(name="student")
        self.network = network
        self.share = share
        self.values = values
        self.built = True

    def call(self, inputs, training=False):
        return self.network(inputs["images"], training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        y = mix_targets(y, x["answers"], self.share, values=self.values)
        return super().compute_loss(x, y, y_pred, sample_weight, training)


def check_teacher(name: str, its_task: Task, task: Task) -> None:
    """Refuse a teacher of another task.

    Raises:
        FerError: its classes or values are not those of `task`, in the same order.
    """
    if not its_task.same_answers(task):
        raise FerError(
            f"{name}: answers {', '.join((*its_task.labels, *its_task.values))}: expected a "
            f"teacher of {', '.join((*task.labels, *task.values))}"
        )


def load_teachers(
    recipe: Recipe, policy: str = "float32", task: Task = TASKS["fer2013"]
) -> Teachers | None:
    """The recipe's teachers, each at the size at which its run was best.

    Args:
        recipe: teachers, distillation.
        policy: Keras dtype policy in which those of the registry compute.
        task: what they have to answer.

    Raises:
        FerError: a teacher can't be loaded, or answers another task.
    """
    if not recipe.teachers:
        return None
    networks, sizes = [], []
    for name in recipe.teachers:
        trained = open_trained(name)
        network = trained.network()
        check_teacher(name, trained.task, task)
        if policy != "float32" and network.name in NETWORKS:
            whole = network
            network = create_model(
                whole.name, task=task, input_shape=whole.input_shape[1:], dtype=policy
            )
            network.set_weights(whole.get_weights())
            copy_scale(whole, network)
        networks.append(joined(network))
        sizes.append(trained.size())
    return Teachers(networks, sizes, recipe.distillation, len(task.values))
