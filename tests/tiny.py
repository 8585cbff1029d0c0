"""A network and a data set small enough to be trained in a test, also by a child process.

In a child process: PYTHONPATH must hold tests/, and

    import tiny; tiny.register_tiny(); from fer_tf.train import main; main([..., "--model", "tiny"])
"""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from fer_tf.recipes.schema import Recipe


def register_tiny() -> None:
    """Add the network "tiny" to the registry: `mit_b0_fusion`'s family and head, one block a stage.

    In a test's own process use the fixture `tiny_network`, which takes it out again.
    """
    from fer_tf.models import registry

    row = replace(
        registry.NETWORKS["mit_b0_fusion"],
        arguments={"dims": (8, 16, 24, 32), "heads": (1, 2, 3, 4), "depths": (1, 1, 1, 1)},
    )
    registry.NETWORKS = MappingProxyType({**registry.NETWORKS, "tiny": row})


def run_folder(folder: Path, recipe: Recipe) -> Path:
    """A finished run's folder, as training leaves it but for best.keras: 40 pixels were best."""
    from fer_tf.recipes.as_json import to_json

    folder.mkdir(parents=True)
    (folder / "recipe.json").write_text(to_json(recipe))
    (folder / "history.csv").write_text(
        "epoch,size,steps,learning_rate,loss,accuracy,val_loss,val_accuracy,images_per_second,"
        "seconds\n1,24,5,1e-3,1.9,0.2,1.8,0.3,100,40\n2,40,10,1e-4,1.5,0.4,1.4,0.5,90,4000\n"
    )
    return folder


def full_disk(*arguments: object, **keywords: object) -> NoReturn:
    """What a function of the system does where the disk is full."""
    raise OSError(errno.ENOSPC, "No space left on device")


def tiny_csv(path: str | os.PathLike[str], count: int = 96, seed: int = 0) -> Path:
    """Write `count` drawn faces as a fer2013.csv: 5/6 are Training, 1/8 PublicTest."""
    from fer_tf.data.synthetic import draw_dataset, write_csv

    write_csv(path, draw_dataset(count, seed))
    return Path(path)
