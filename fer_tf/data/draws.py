"""Every random choice of the input pipeline, as a function of (seed, epoch, example).

NumPy's Philox is a counter-based generator with a fixed definition: row i of
an epoch's table does not depend on how many threads ran, on the other rows, or
on when a process was killed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fer_tf.errors import FerError
from fer_tf.recipes.schema import Augmentation

COLUMNS = (
    "flip",
    "rotation",
    "zoom",
    "shift_x",
    "shift_y",
    "brightness",
    "contrast",
    "light",
    "gain",
    "gamma",
    "haze",
    "blur",
    "blur_width",
    "jpeg",
    "jpeg_quality",
    "erase",
    "erase_area",
    "erase_aspect",
    "erase_x",
    "erase_y",
    "erase_level",
    "mix",
    "mix_kind",
    "mix_ratio",
    "cut_x",
    "cut_y",
    "shifted",
    "rotated",
    "stretched",
    "noise",
    "crop",
    "grid",
    "crops",
    "changes",
)
"""What each number of an example's row decides. A new one goes to the end: see `_table`."""

COLUMN = {name: i for i, name in enumerate(COLUMNS)}


@dataclass(frozen=True, eq=False)
class Epoch:
    """The batches of one epoch, as small arrays: `steps` batches of n examples.

    Attributes:
        rows: int32 [steps, n], indices of the faces.
        draws: float32 [steps, n, len(COLUMNS)], in [0, 1).
        targets: float32 [steps, n * images_per_face, width], mixed where the faces will be.
        scale: int32 [steps], which of the recipe's scales each step is made at.
    """

    rows: np.ndarray
    draws: np.ndarray
    targets: np.ndarray
    scale: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, start: int, stop: int | None = None) -> Epoch:
        """The batches from step `start` on, to before step `stop`, or to the end."""
        arrays = (self.rows, self.draws, self.targets, self.scale)
        return Epoch(*(array[start:stop] for array in arrays))


def draw_epoch(
    targets: np.ndarray,
    *,
    seed: int,
    epoch: int,
    batch_size: int,
    augmentation: Augmentation,
    scales: int = 1,
    passes: int = 1,
    images_per_face: int = 1,
) -> Epoch:
    """Draw the order and the random numbers of an epoch, and mix its targets.

    The last, incomplete batch of a pass is left out; who is in it changes with the pass.

    Args:
        targets: float32 [count, width].
        seed: of the run.
        epoch: counted from 0.
        batch_size: examples in a batch.
        augmentation: decides the distribution of the mixing ratios.
        scales: how many the recipe has.
        passes: over all examples in the epoch.
        images_per_face: each row of targets is repeated so often, one after the other.

    Raises:
        FerError: fewer examples than one batch.
    """
    if len(targets) < batch_size:
        raise FerError(f"batch_size: {batch_size} is more than the {len(targets)} training faces")
    each = [
        _draw_pass(targets, seed, number, batch_size, augmentation, scales)
        for number in range(epoch * passes, (epoch + 1) * passes)
    ]
    rows, draws, mixed, scale = (np.concatenate(arrays) for arrays in zip(*each, strict=True))
    return Epoch(rows, draws, np.repeat(mixed, images_per_face, axis=1), scale)


def _draw_pass(
    targets: np.ndarray,
    seed: int,
    number: int,
    batch_size: int,
    augmentation: Augmentation,
    scales: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The arrays of an `Epoch` for one pass over the examples, the `number`th of the run."""
    count, steps = len(targets), len(targets) // batch_size
    order = _generator(seed, number, stream=0).permutation(count)[: steps * batch_size]
    table = _table(seed, number, count)
    rows = order.astype(np.int32).reshape(steps, batch_size)
    draws = table[rows]
    draws[..., COLUMN["mix_ratio"]] = mix_ratios(draws, augmentation)
    own = draws[..., COLUMN["mix_ratio"], None]
    clean = targets[rows]
    mixed = own * clean + (1 - own) * np.roll(clean, 1, axis=1)
    scale = _generator(seed, number, stream=2).integers(scales, size=steps, dtype=np.int32)
    return rows, draws, mixed, scale


def _table(seed: int, number: int, count: int) -> np.ndarray:
    """Each example's numbers, float32 [count, len(COLUMNS)] in [0, 1).

    The columns up to "cut_y" are drawn together, and each later one is a stream of its own, so
    that one more changes none of the numbers before it, and an old run goes on as it began.
    """
    first = COLUMN["cut_y"] + 1
    table = np.empty((count, len(COLUMNS)), np.float32)
    table[:, :first] = _generator(seed, number, stream=1).random((count, first), np.float32)
    for column in range(first, len(COLUMNS)):
        generator = _generator(seed, number, stream=3 + column - first)
        table[:, column] = generator.random(count, np.float32)
    return table


def mix_ratios(draws: np.ndarray, augmentation: Augmentation) -> np.ndarray:
    """Share that each example keeps of itself, float32 in [0, 1]: Beta(a, a), or 1 if unmixed.

    Args:
        draws: float32 [..., len(COLUMNS)], uniform in [0, 1).
        augmentation: mix_probability, mixup, cutmix.
    """
    from scipy.special import betaincinv

    uniform = draws[..., COLUMN["mix_ratio"]].astype(np.float64)
    ratios = np.ones_like(uniform)
    chosen = draws[..., COLUMN["mix"]] < augmentation.mix_probability
    cut = is_cut(draws, augmentation)
    for alpha, which in ((augmentation.mixup, ~cut), (augmentation.cutmix, cut)):
        if alpha:
            ratios = np.where(chosen & which, betaincinv(alpha, alpha, uniform), ratios)
    return ratios.astype(np.float32)


def is_cut(draws, augmentation: Augmentation):
    """Whether an example that is mixed is cut (cutmix) and not blended (mixup), bool [...]."""
    share = 0.0 if not augmentation.cutmix else 0.5 if augmentation.mixup else 1.0
    return draws[..., COLUMN["mix_kind"]] < share


def _generator(seed: int, epoch: int, stream: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[(seed << 32) | epoch, stream]))
