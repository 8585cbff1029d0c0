"""The Keras network that explains: gradients need one, where an answer does not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from fer_tf.cli import start_keras
from fer_tf.errors import FerError
from fer_tf.trained.run_folder import DEFAULT_SIZE, best_model
from fer_tf.trained.shipped import SHIPPED_NETWORK, shipped_size, shipped_weights

if TYPE_CHECKING:
    import keras


def open_network(
    model: str | os.PathLike[str] | None = None, *, size: tuple[int, int] | None = None
) -> tuple[keras.Model, tuple[int, int]]:
    """A network to explain, and the size at which it runs.

    Args:
        model: None for the one that ships; a run folder, whose best.keras is taken; a .keras file;
            or a .weights.h5 file of the network that ships.
        size: (height, width); None for that of the network that ships, of a run's best epoch, or
            what the file was built for, or 224x224.

    Raises:
        FerError: no such file, or one that holds no Keras network.
    """
    path, size = best_model(shipped_weights() if model is None else Path(model), size)
    if not path.is_file():
        raise FerError(f"{path}: no such model: expected a run folder, .keras or .weights.h5 file")
    if path.suffix not in (".keras", ".h5"):
        raise FerError(
            f"{path}: can't be explained: expected a Keras network (a run folder, a .keras or a "
            ".weights.h5 file), whose gradients can be computed"
        )
    start_keras()
    if path.suffix == ".h5":
        from fer_tf.models.registry import create_model

        network = create_model(SHIPPED_NETWORK, input_shape=(None, None, 3), weights=str(path))
        return network, size or shipped_size()
    from fer_tf.models.saving import load_model

    network = load_model(path)
    height, width = network.input_shape[1:3]
    return network, size or (height or DEFAULT_SIZE[0], width or DEFAULT_SIZE[1])
