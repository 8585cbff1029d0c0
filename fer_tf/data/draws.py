"""Every random choice of the input pipeline, as a function of (seed, epoch, example).

NumPy's Philox is a counter-based generator with a fixed definition: row i of
an epoch's table does not depend on how many threads ran, on the other rows, or
on when a process was killed. So an epoch over many faces is drawn a window of steps at a time,
whose memory does not grow with the faces, and comes out the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

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

WINDOW = 1 << 17
"""Examples whose numbers are held at the same time: 131,072, in 18 MB."""


class Windowed:
    """An array [steps, ...] of which one window of steps is made, and held, at a time.

    A step is an array; a slice is as lazy as the whole; `numpy.asarray` makes all of it.

    Args:
        make: the window of a number, from 0: its steps' arrays, stacked.
        window: steps in each but the last.
        steps: which steps of the whole these are.
    """

    def __init__(self, make: Callable[[int], np.ndarray], window: int, steps: range):
        self._make, self._window, self._steps = make, window, steps

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Windowed(self._make, self._window, self._steps[index])
        number, step = divmod(self._steps[index], self._window)
        return self._make(number)[step]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[step] for step in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        parts = [self._whole(part) for part in self.cuts()]
        return np.concatenate(parts) if dtype is None else np.concatenate(parts).astype(dtype)

    def cuts(self) -> list[slice]:
        """Where a new window begins: slices of this array that lie in one window each."""
        start, stop, window = self._steps.start, self._steps.stop, self._window
        edges = [start, *range(start - start % window + window, stop, window), stop]
        return [slice(a - start, b - start) for a, b in pairwise(edges)]

    def _whole(self, part: slice) -> np.ndarray:
        """The steps of one of the `cuts`."""
        steps = self._steps[part]
        number, first = divmod(steps.start, self._window)
        return self._make(number)[first : first + len(steps)]


@dataclass(frozen=True, eq=False)
class Epoch:
    """The batches of one epoch: `steps` batches of n examples.

    Attributes:
        rows: int32 [steps, n], indices of the faces.
        draws: float32 [steps, n, len(COLUMNS)], in [0, 1).
        targets: float32 [steps, n * images_per_face, width], mixed where the faces will be.
        scale: int32 [steps], which of the recipe's scales each step is made at.
    """

    rows: np.ndarray
    draws: np.ndarray | Windowed
    targets: np.ndarray | Windowed
    scale: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def windows(self) -> Iterator[Epoch]:
        """The epoch in parts that are arrays throughout; one part where it is small."""
        cuts = self.draws.cuts() if isinstance(self.draws, Windowed) else [slice(None)]
        for cut in cuts:
            draws, targets = np.asarray(self.draws[cut]), np.asarray(self.targets[cut])
            yield Epoch(self.rows[cut], draws, targets, self.scale[cut])

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
    passed = range(epoch * passes, (epoch + 1) * passes)
    count, steps = len(targets), len(targets) // batch_size
    rows = np.concatenate([_order(seed, each, count, batch_size) for each in passed])
    scale = np.concatenate([_scales(seed, each, steps, scales) for each in passed])
    window = max(1, WINDOW // batch_size)

    @lru_cache(maxsize=1)
    def draws(number: int) -> np.ndarray:
        start, stop = number * window, min((number + 1) * window, len(rows))
        parts = [np.empty((0, batch_size, len(COLUMNS)), np.float32)]
        for i in range(start // steps, (stop - 1) // steps + 1):
            part = rows[max(start, i * steps) : min(stop, (i + 1) * steps)]
            parts.append(_numbers(seed, passed[i], count, part))
        made = np.concatenate(parts)
        made[..., COLUMN["mix_ratio"]] = mix_ratios(made, augmentation)
        return made

    @lru_cache(maxsize=1)
    def mixed(number: int) -> np.ndarray:
        own = draws(number)[..., COLUMN["mix_ratio"], None]
        clean = targets[rows[number * window : (number + 1) * window]]
        made = own * clean + (1 - own) * np.roll(clean, 1, axis=1)
        # One who is not mixed keeps its values, also beside one who has none: 0 * NaN is NaN.
        made = np.where(own < 1, made, clean)
        return np.repeat(made, images_per_face, axis=1)

    every = range(len(rows))
    whole = Epoch(rows, Windowed(draws, window, every), Windowed(mixed, window, every), scale)
    return next(whole.windows()) if len(rows) <= window else whole


def _order(seed: int, number: int, count: int, batch_size: int) -> np.ndarray:
    """Who is in which batch of the `number`th pass of a run: int32 [steps, batch_size]."""
    order = _generator(seed, number, stream=0).permutation(count)
    return order[: count - count % batch_size].astype(np.int32).reshape(-1, batch_size)


def _scales(seed: int, number: int, steps: int, scales: int) -> np.ndarray:
    """The scale of each step of a pass: int32 [steps]."""
    return _generator(seed, number, stream=2).integers(scales, size=steps, dtype=np.int32)


def _numbers(seed: int, number: int, count: int, rows: np.ndarray) -> np.ndarray:
    """The numbers of some of a pass's `count` examples: float32 [*rows.shape, len(COLUMNS)].

    The columns up to "cut_y" are drawn together, and each later one is a stream of its own, so
    that one more changes none of the numbers before it, and an old run goes on as it began.
    """
    first = COLUMN["cut_y"] + 1
    together = _generator(seed, number, stream=1)
    alone = [_generator(seed, number, stream=3 + i) for i in range(len(COLUMNS) - first)]
    wanted = rows.ravel()
    order = np.argsort(wanted)
    made = np.empty((len(wanted), len(COLUMNS)), np.float32)
    # Every example's numbers are drawn in turn, and those that are wanted are kept.
    for start in range(0, count, WINDOW):
        size = min(WINDOW, count - start)
        here = order[slice(*np.searchsorted(wanted, (start, start + size), sorter=order))]
        at = wanted[here] - start
        made[here, :first] = together.random((size, first), np.float32)[at]
        for column, generator in enumerate(alone, first):
            made[here, column] = generator.random(size, np.float32)[at]
    return made.reshape(*rows.shape, len(COLUMNS))


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
