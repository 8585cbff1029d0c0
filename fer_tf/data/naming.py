"""What the names of classes and splits stand for in data that others have laid out."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from fer_tf.data.faces import SPLITS
from fer_tf.errors import FerError
from fer_tf.tasks import TASKS, Task, canonical, plain

SPLIT_NAMES: Mapping[str, int] = MappingProxyType(
    {
        "train": 0,
        "training": 0,
        "test": 1,
        "val": 1,
        "valid": 1,
        "validation": 1,
        "publictest": 1,
        "privatetest": 2,
    }
)
"""Index of the split of each usual name, as `plain` has it."""


def split_indices(names: Sequence[str], source: object, *, divided: bool) -> dict[str, int]:
    """The split that each known name stands for; unknown names are left out.

    `test` is PublicTest, except beside a validation split or where the rows will be divided anew,
    where it is PrivateTest.

    Raises:
        FerError: two of the names stand for one split.
    """
    indices = {name: SPLIT_NAMES[plain(name)] for name in names if plain(name) in SPLIT_NAMES}
    tests = [name for name in indices if plain(name) == "test"]
    if divided or len(indices) > len({*indices.values()}):
        indices |= dict.fromkeys(tests, SPLITS.index("PrivateTest"))
    refuse_twins(source, {name: SPLITS[index] for name, index in indices.items()})
    return indices


def task_of_names(
    names: Sequence[str], source: object, own: str, say: Callable[[str], None]
) -> Task:
    """FER2013's task where it has all the classes, else one of these names, in this order.

    Args:
        names: of the classes.
        source: what messages call the data.
        own: name of a task of its own.
        say: is told the order of such a task.

    Raises:
        FerError: one class, more than labels of 8 bits can tell apart, or names that no task has.
    """
    if all(TASKS["fer2013"].index(name) is not None for name in names):
        return TASKS["fer2013"]
    if not 2 <= len(names) <= 256:
        some = ", ".join(names[:5])
        raise FerError(f"{source}: classes found: {len(names):,} ({some}), expected 2 to 256")
    try:
        # As macOS writes "ü", two characters, other systems neither write nor draw it.
        task = Task(own, tuple(unicodedata.normalize("NFC", name) for name in names))
    except FerError as error:
        raise FerError(f"{source}: {error}") from None
    say(f"{source}: classes of its own, in this order: {', '.join(task.labels)}")
    return task


def refuse_twins(source: object, meanings: Mapping[str, str]) -> None:
    """Refuse two names that mean the same.

    Raises:
        FerError: names both.
    """
    for meaning in set(meanings.values()):
        twins = [name for name in meanings if meanings[name] == meaning]
        if len(twins) > 1:
            both = " and ".join(twins)
            raise FerError(f"{source}: {both} both mean {meaning}, expected one of them")


def indices_in(task: Task, names: Sequence[str]) -> list[int]:
    """The task's index of each class, by name or variant."""
    order = {canonical(label): index for index, label in enumerate(task.labels)}
    return [order[canonical(name)] for name in names]
