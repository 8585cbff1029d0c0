"""Teachers: trained networks whose answers are part of the target (Hinton et al., 2015).

Each sees the very view that the student sees, mixed, turned and erased alike, at its own size
(Beyer et al., CVPR 2022, "Knowledge distillation: A good teacher is patient and consistent").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
from keras import ops

from fer_tf.data.targets import mix_targets
from fer_tf.models.registry import NETWORKS, create_model
from fer_tf.recipes.schema import Recipe
from fer_tf.trained.model import open_trained


class Teachers:
    """Trained networks that answer together.

    Args:
        networks: float32 pixels in [0, 255], [n, height, width, 3], to logits [n, classes].
        sizes: (height, width) of each one's view.
        share: of their answer in the target, in [0, 1].
    """

    def __init__(
        self,
        networks: Sequence[keras.Model],
        sizes: Sequence[tuple[int, int]],
        share: float,
    ):
        self.networks = list(networks)
        self.sizes = list(sizes)
        self.share = share
        for network in self.networks:
            network.trainable = False

    def answers(self, view: Callable):
        """Their mean probabilities, float32 [n, classes].

        Args:
            view: (height, width) -> the batch at that size, float32 [n, height, width, 3].
        """
        said = [
            ops.softmax(network(view(size), training=False))
            for network, size in zip(self.networks, self.sizes, strict=True)
        ]
        return ops.stop_gradient(sum(said) / len(said))


class Student(keras.Model):
    """A network whose targets are mixed with the answers that come beside the images.

    Takes {"images": float32 [n, height, width, 3], "answers": float32 [n, classes]} and returns
    the network's logits.

    Args:
        network: the network to train; its variables are this model's.
        share: of the answers in the target, in [0, 1].
    """

    def __init__(self, network: keras.Model, share: float):
        super().__init__(name="student")
        self.network = network
        self.share = share
        self.built = True

    def call(self, inputs, training=False):
        return self.network(inputs["images"], training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        y = mix_targets(y, x["answers"], self.share)
        return super().compute_loss(x, y, y_pred, sample_weight, training)


def load_teachers(recipe: Recipe, policy: str = "float32") -> Teachers | None:
    """The recipe's teachers, each at the size at which its run was best.

    Args:
        recipe: teachers, distillation.
        policy: Keras dtype policy in which those of the registry compute.

    Raises:
        FerError: a teacher can't be loaded, or answers something else than the seven classes.
    """
    if not recipe.teachers:
        return None
    networks, sizes = [], []
    for name in recipe.teachers:
        trained = open_trained(name)
        network = trained.network()
        if policy != "float32" and network.name in NETWORKS:
            weights = network.get_weights()
            network = create_model(network.name, input_shape=network.input_shape[1:], dtype=policy)
            network.set_weights(weights)
        networks.append(network)
        sizes.append(trained.size())
    return Teachers(networks, sizes, recipe.distillation)
