"""Students who take the same views in turn: what their teachers answered is asked for once."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from fer_tf.data.draws import COLUMN, draw_epoch
from fer_tf.data.targets import mix_targets
from fer_tf.errors import FerError
from fer_tf.recipes.checking import check
from fer_tf.recipes.schema import Augmentation, Recipe
from fer_tf.runtimes.graph import Answers
from fer_tf.tasks import AFFECT, TASKS, Task
from fer_tf.training import kept_answers
from fer_tf.training.kept_answers import KeptAnswers

TASK = Task("own", ("dark", "bright"), AFFECT, (8, 8, 1))
RECIPE = Recipe(
    teachers=("a", "b"),
    distillation=0.75,
    views=2,
    augmentation=Augmentation(flip=True, mix_probability=0.5, mixup=0.4),
)


class Teacher:
    """Answers how bright a face is; counts what it is asked."""

    def __init__(self, size: int):
        self.size, self.channels, self.task, self.asked = (size, size), 3, TASK, 0

    def answer(self, faces: np.ndarray) -> Answers:
        assert faces.dtype == np.uint8 and faces.shape[1:] == (*self.size, self.channels)
        self.asked += len(faces)
        bright = faces.mean(axis=(1, 2, 3), dtype=np.float32)[:, None] / 255
        return Answers(np.hstack([1 - bright, bright]), np.hstack([bright, -bright]))


class Room:
    """What `open_trained` gives, as far as it is used here."""

    def __init__(self, teacher: Teacher):
        self.teacher = teacher

    def runner(self, *, threads: int) -> Teacher:
        return self.teacher


@pytest.fixture
def teachers(monkeypatch: pytest.MonkeyPatch) -> list[Teacher]:
    found = [Teacher(8), Teacher(12)]
    rooms = dict(zip("ab", map(Room, found), strict=True))
    monkeypatch.setattr(kept_answers, "open_trained", rooms.__getitem__)
    return found


def test_each_view_is_asked_for_once(teachers: list[Teacher], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = np.repeat(rng.integers(0, 256, (10, 1, 1), np.uint8), 8, axis=1).repeat(8, axis=2)
    targets = np.hstack([np.eye(2)[rng.integers(0, 2, 10)], rng.uniform(-1, 1, (10, 2))])
    targets = targets.astype(np.float32)
    targets[3, 2] = np.nan

    def drawn(view: int):
        return draw_epoch(
            targets, seed=1, epoch=view, batch_size=5, augmentation=RECIPE.augmentation
        )

    kept = KeptAnswers(RECIPE, tmp_path / "answers", images, TASK)
    epochs = [kept.mix_into(drawn(view), view) for view in (0, 1, 0)]
    again = KeptAnswers(RECIPE, tmp_path / "answers", images, TASK).mix_into(drawn(1), 1)
    assert [teacher.asked for teacher in teachers] == [20, 20]
    assert len(list((tmp_path / "answers").iterdir())) == 2
    np.testing.assert_array_equal(epochs[0].targets, epochs[2].targets)
    np.testing.assert_array_equal(epochs[1].targets, again.targets)
    # Faces of one level each: both teachers see the same brightness, whatever the size and flip.
    before = drawn(0)
    own = before.draws[..., COLUMN["mix_ratio"]]
    level = images[before.rows, 0, 0].astype(np.float32)
    mixed = np.rint(own * level + (1 - own) * np.roll(level, 1, axis=1))[..., None] / 255
    answers = np.concatenate([1 - mixed, mixed, mixed, -mixed], axis=-1).reshape(10, 4)
    expected = mix_targets(before.targets.reshape(10, 4), answers, 0.75, values=2)
    np.testing.assert_allclose(epochs[0].targets.reshape(10, 4), expected, atol=2e-3)


def test_a_grey_teacher_sees_the_brightness_of_colours(
    teachers: list[Teacher], tmp_path: Path
) -> None:
    for teacher in teachers:
        teacher.channels = 1
    recipe = dataclasses.replace(RECIPE, augmentation=Augmentation())
    red = np.full((2, 8, 8, 3), (200, 0, 0), np.uint8)
    epoch = draw_epoch(
        np.zeros((2, 4), np.float32), seed=0, epoch=0, batch_size=2, augmentation=Augmentation()
    )
    KeptAnswers(recipe, tmp_path / "answers", red, TASK).mix_into(epoch, 0)
    answers = np.load(tmp_path / "answers" / "0000.npy")
    np.testing.assert_allclose(answers[:, 1], round(0.299 * 200) / 255, atol=1e-6)


def test_a_teacher_of_another_task_is_refused(teachers: list[Teacher], tmp_path: Path) -> None:
    with pytest.raises(FerError, match="a: answers dark, bright, valence, arousal: expected a"):
        KeptAnswers(RECIPE, tmp_path, np.zeros((2, 8, 8), np.uint8), TASKS["fer2013"])


def test_views_need_teachers() -> None:
    with pytest.raises(FerError, match="views: expected teachers with it"):
        check(dataclasses.replace(RECIPE, teachers=(), distillation=0.0))
