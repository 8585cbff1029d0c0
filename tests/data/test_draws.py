"""Order, random numbers and mixed targets: functions of (seed, epoch, example) and nothing else."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_tf.data import draws as module
from fer_tf.data.draws import COLUMN, COLUMNS, draw_epoch, is_cut, mix_ratios
from fer_tf.errors import FerError
from fer_tf.recipes.schema import Augmentation

PLAIN = Augmentation()
MIXED = Augmentation(mix_probability=0.6, mixup=0.4, cutmix=1.0)
UNMIXED = [name for name in COLUMNS if name != "mix_ratio"]


def targets_of(count: int, classes: int = 7) -> np.ndarray:
    labels = np.random.default_rng(0).integers(0, classes, count)
    return np.eye(classes, dtype=np.float32)[labels]


def epoch_of(count: int = 100, *, how=PLAIN, **changes):
    numbers = {"seed": 3, "epoch": 2, "batch_size": 8, **changes}
    return draw_epoch(targets_of(count), augmentation=how, **numbers)


def by_example(epoch) -> dict[int, tuple]:
    """The draws of each example, but for the mixing ratio, which is made from them."""
    columns = [COLUMN[name] for name in UNMIXED]
    rows, draws = epoch.rows.ravel(), epoch.draws.reshape(-1, len(COLUMNS))[:, columns]
    return {int(row): tuple(numbers) for row, numbers in zip(rows, draws, strict=True)}


def test_shapes_dtypes_and_ranges():
    epoch = epoch_of(count=100, batch_size=8, how=MIXED)
    assert len(epoch) == 12
    assert epoch.rows.shape == (12, 8) and epoch.rows.dtype == np.int32
    assert epoch.draws.shape == (12, 8, len(COLUMNS)) and epoch.draws.dtype == np.float32
    assert epoch.targets.shape == (12, 8, 7) and epoch.targets.dtype == np.float32
    assert epoch.draws.min() >= 0 and epoch.draws.max() <= 1


def test_an_epoch_of_three_passes_is_three_epochs_of_one():
    whole = epoch_of(20, how=MIXED, epoch=1, passes=3, scales=2)
    parts = [epoch_of(20, how=MIXED, epoch=epoch, scales=2) for epoch in (3, 4, 5)]
    for name in ("rows", "draws", "targets", "scale"):
        expected = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(getattr(whole, name), expected)


def test_the_order_is_a_permutation_and_differs_between_epochs_and_seeds():
    orders = [
        epoch_of(96, seed=seed, epoch=epoch).rows.ravel() for seed in (0, 1) for epoch in (0, 1)
    ]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(96))
        assert (order != np.arange(96)).any()
    assert len({tuple(order) for order in orders}) == 4


def test_who_is_left_out_of_the_incomplete_batch_changes():
    out = [set(range(100)) - set(epoch_of(100, epoch=e).rows.ravel().tolist()) for e in range(5)]
    assert all(len(rows) == 4 for rows in out)
    assert len(set(map(frozenset, out))) > 1


def test_an_examples_numbers_depend_on_seed_epoch_and_example_only():
    one = by_example(epoch_of(100, batch_size=8))
    others = by_example(epoch_of(100, batch_size=25, how=MIXED))
    more = by_example(epoch_of(200, batch_size=50))
    assert all(one[row] == others[row] for row in one)
    assert all(one[row] == more[row] for row in one)
    assert len(set(one.values())) == len(one)
    for changed in (epoch_of(100, seed=4), epoch_of(100, epoch=3)):
        different = by_example(changed)
        assert not any(one[row] == different[row] for row in one.keys() & different.keys())


def test_the_numbers_stay_the_same_from_one_release_of_numpy_to_the_next():
    # NumPy may change what its Generator makes of Philox' bits; a run could not be resumed then.
    epoch = epoch_of(4, seed=7, epoch=1, batch_size=4)
    np.testing.assert_array_equal(epoch.rows, [[3, 0, 2, 1]])
    expected = [0.4137679934501648, 0.08601003885269165, 0.9413402080535889]
    np.testing.assert_array_equal(epoch.draws[0, 1, :3], np.array(expected, np.float32))


def test_the_numbers_of_old_recipes_stay_as_they_were():
    # Recorded before the first column of a stream of its own came.
    drawn = epoch_of(300, how=MIXED, seed=11, epoch=3, batch_size=32, scales=3, passes=2)
    old = [COLUMN[name] for name in UNMIXED[: UNMIXED.index("cut_y") + 1]]
    digest = hashlib.sha256()
    for array in (drawn.rows, drawn.draws[..., old], drawn.scale):
        digest.update(np.ascontiguousarray(array).tobytes())
    expected = "5cd656472343516728422742d7e26ccd83a6821226f435c3910acda9f2cbf365"
    assert digest.hexdigest() == expected


def test_no_column_repeats_another():
    draws = epoch_of(2000, batch_size=2000).draws[0][:, [COLUMN[name] for name in UNMIXED]]
    correlations = np.corrcoef(draws, rowvar=False) - np.eye(len(UNMIXED))
    assert abs(correlations).max() < 5 / np.sqrt(2000)


def test_each_image_of_a_face_has_the_faces_target():
    one = epoch_of(how=MIXED)
    ten = epoch_of(how=MIXED, images_per_face=10)
    np.testing.assert_array_equal(one.draws, ten.draws)
    assert ten.targets.shape == (12, 80, 7)
    for i in range(80):
        np.testing.assert_array_equal(ten.targets[:, i], one.targets[:, i // 10])


def test_the_largest_seed_works():
    assert len(epoch_of(seed=2**32 - 1, epoch=2**31)) == 12


@pytest.mark.parametrize("stop", [None, 8])
def test_a_part_is_as_in_the_whole_epoch(stop):
    whole = epoch_of(how=MIXED)
    part = whole.part(5, stop)
    assert len(part) == (stop or len(whole)) - 5
    for name in ("rows", "draws", "targets", "scale"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[5:stop])


@given(seed=st.integers(0, 2**32 - 1), epoch=st.integers(0, 1000), batch_size=st.integers(1, 20))
@settings(max_examples=30)
def test_targets_are_mixed_as_the_images_are(seed, epoch, batch_size):
    targets = targets_of(40)
    drawn = draw_epoch(targets, seed=seed, epoch=epoch, batch_size=batch_size, augmentation=MIXED)
    for rows, draws, mixed in zip(drawn.rows, drawn.draws, drawn.targets, strict=True):
        for i in range(batch_size):
            own = draws[i, COLUMN["mix_ratio"]]
            # rows[-1]: the first is mixed with the last.
            expected = own * targets[rows[i]] + (1 - own) * targets[rows[i - 1]]
            np.testing.assert_allclose(mixed[i], expected, atol=1e-6)
            if draws[i, COLUMN["mix"]] >= MIXED.mix_probability:
                assert own == 1


def test_a_face_that_is_not_mixed_keeps_its_values_beside_one_without():
    targets = np.hstack([targets_of(40), np.linspace(-1, 1, 40, dtype=np.float32)[:, None]])
    targets[::2, -1] = np.nan
    drawn = draw_epoch(targets, seed=0, epoch=0, batch_size=8, augmentation=PLAIN)
    np.testing.assert_array_equal(drawn.targets, targets[drawn.rows])


def uniform(count: int = 4001, **fixed: float) -> np.ndarray:
    """Rows of draws whose mix_ratio goes evenly from 0 to 1."""
    draws = np.zeros((count, len(COLUMNS)), np.float32)
    draws[:, COLUMN["mix_ratio"]] = np.linspace(0, 1, count, dtype=np.float32)
    for name, value in fixed.items():
        draws[:, COLUMN[name]] = value
    return draws


def test_ratios_are_quantiles_of_the_beta_distribution():
    u = uniform()[:, COLUMN["mix_ratio"]]
    # Beta(1, 1) is uniform, Beta(1/2, 1/2) is the arcsine law, Beta(2, 2) is 3x^2 - 2x^3.
    ratios = mix_ratios(uniform(), Augmentation(mix_probability=1.0, mixup=1.0))
    np.testing.assert_allclose(ratios, u, atol=1e-5)
    ratios = mix_ratios(uniform(), Augmentation(mix_probability=1.0, mixup=0.5))
    np.testing.assert_allclose(ratios, np.sin(np.pi * u / 2) ** 2, atol=1e-5)
    ratios = mix_ratios(uniform(), Augmentation(mix_probability=1.0, cutmix=2.0))
    np.testing.assert_allclose(3 * ratios**2 - 2 * ratios**3, u, atol=1e-5)
    assert ratios.dtype == np.float32


def test_one_who_is_not_mixed_keeps_all_of_itself():
    how = Augmentation(mix_probability=0.25, mixup=0.5)
    assert (mix_ratios(uniform(mix=0.25), how) == 1).all()
    assert (mix_ratios(uniform(mix=0.24), how)[1:-1] < 1).all()
    assert (mix_ratios(uniform(mix=0.0), PLAIN) == 1).all()


@pytest.mark.parametrize(
    "mixup, cutmix, kind, expected",
    [
        (0.3, 0.0, 0.0, False),
        (0.0, 0.3, 0.99, True),
        (0.3, 1.0, 0.49, True),
        (0.3, 1.0, 0.5, False),
    ],
)
def test_mixup_or_cutmix(mixup, cutmix, kind, expected):
    how = Augmentation(mix_probability=1.0, mixup=mixup, cutmix=cutmix)
    draws = uniform(mix_kind=kind)
    assert (is_cut(draws, how) == expected).all()
    alone = Augmentation(mix_probability=1.0, **{"cutmix" if expected else "mixup": 1.0})
    if (cutmix if expected else mixup) == 1.0:
        np.testing.assert_array_equal(mix_ratios(draws, how), mix_ratios(draws, alone))


def test_too_few_faces_for_one_batch_are_refused():
    with pytest.raises(FerError, match="batch_size: 8 is more than the 7 training faces"):
        epoch_of(7, batch_size=8)
    assert len(epoch_of(8, batch_size=8)) == 1


@pytest.mark.parametrize("passes, steps", [(1, 5), (3, 5), (1, 6)])
def test_an_epoch_drawn_by_windows_is_the_same(passes, steps, monkeypatch):
    keywords = {"how": MIXED, "scales": 2, "passes": passes, "images_per_face": 2}
    whole = epoch_of(**keywords)
    monkeypatch.setattr(module, "WINDOW", steps * 8 + 1)
    lazy = epoch_of(**keywords)
    assert isinstance(lazy.draws, module.Windowed) and len(lazy) == 12 * passes
    names = ("rows", "draws", "targets", "scale")
    for start, stop in ((0, None), (7, 11), (3, None), (5, 6), (12, 12)):
        part, expected = lazy.part(start, stop), whole.part(start, stop)
        windows = list(part.windows())
        assert all(len(window) <= steps for window in windows)
        for name in names:
            value = getattr(expected, name)
            np.testing.assert_array_equal(np.asarray(getattr(part, name)), value)
            for one, other in zip(getattr(part, name), value, strict=True):
                np.testing.assert_array_equal(one, other)
            parts = [getattr(window, name) for window in windows]
            assert all(isinstance(each, np.ndarray) for each in parts)
            np.testing.assert_array_equal(np.concatenate(parts), value)
