"""DenseNet121: images to one feature map."""

from __future__ import annotations

from functools import partial

import keras

from fer_tf.models.heads import pooled_head
from fer_tf.models.network import Network


def densenet121(images, *, dtype: str | None = None) -> list:
    """Build DenseNet121's features on `images`: those of `keras.applications`.

    Huang et al., CVPR 2017, "Densely Connected Convolutional Networks", table 1. They are
    torchvision's, too, but for 1e-8 more in the normalisations' epsilon.

    Args:
        images: KerasTensor [n, h, w, c], already scaled.
        dtype: Keras dtype policy of the layers.

    Returns:
        One map [n, h // 32, w // 32, 1024], at sides that are multiples of 32.
    """
    usual = keras.config.dtype_policy()
    # Keras' function takes no policy: its layers have the usual one.
    keras.config.set_dtype_policy(dtype or usual)
    try:
        network = keras.applications.DenseNet121(
            include_top=False, weights=None, input_tensor=images
        )
    finally:
        keras.config.set_dtype_policy(usual)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # PyTorch's; with Keras' 0.99 a short training ends before the averages are right.
            layer.momentum = 0.9
    return [network.output]


NETWORKS: dict[str, Network] = {
    "densenet121": Network(
        family=densenet121,
        head=partial(pooled_head, dropout=0.0),
        parameters=6_961_031,
        multiply_adds=2_833_144_832,
        source="study S0 (Safavi et al., IEEE BSN 2023); Huang et al., CVPR 2017",
        imagenet="DenseNet121",
    ),
}
