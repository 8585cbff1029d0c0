"""AlexNet: images to one feature map."""

from __future__ import annotations

from functools import partial

import keras

from fer_tf.models.heads import dense_head
from fer_tf.models.network import Network

_CONVS = (
    # channels, kernel, stride, padding, whether a 3x3 max-pooling with stride 2 follows
    (64, 11, 4, 2, True),
    (192, 5, 1, 2, True),
    (384, 3, 1, 1, False),
    (256, 3, 1, 1, False),
    (256, 3, 1, 1, True),
)


def alexnet(images, *, dtype: str | None = None) -> list:
    """Build AlexNet's features on `images`, as torchvision's, for one GPU.

    Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014; the
    first AlexNet (NeurIPS 2012) is wider and normalises among channels.

    Args:
        images: KerasTensor [n, h, w, c], already scaled, h and w at least 63.
        dtype: Keras dtype policy of the layers.

    Returns:
        One map [n, h', w', 256], at 224 pixels of 6x6.

    Raises:
        ValueError: an image is too small.
    """
    if any(side is not None and side < 63 for side in images.shape[1:3]):
        raise ValueError(f"needs 63x63 pixels, got {images.shape[1]}x{images.shape[2]}")
    x = images
    for i, (width, kernel, stride, padding, pool) in enumerate(_CONVS, start=1):
        x = keras.layers.ZeroPadding2D(padding, dtype=dtype, name=f"conv{i}_pad")(x)
        x = keras.layers.Conv2D(
            width,
            kernel,
            strides=stride,
            activation="relu",
            kernel_initializer="he_normal",
            dtype=dtype,
            name=f"conv{i}",
        )(x)
        if pool:
            x = keras.layers.MaxPooling2D(3, 2, dtype=dtype, name=f"pool{i}")(x)
    return [x]


NETWORKS: dict[str, Network] = {
    "alexnet": Network(
        family=alexnet,
        head=partial(dense_head, grid=6, dropouts=(0.5, 0.5, 0.0)),
        parameters=57_017_031,
        multiply_adds=663_269_952,
        source="study S3; Krizhevsky, 2014, as torchvision's, with one grey channel",
        input_shape=(224, 224, 1),
        pixel_scale=(1 / 255, 0.0),
        any_size=False,
    ),
}
