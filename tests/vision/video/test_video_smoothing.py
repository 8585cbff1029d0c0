"""The exponential average: a distribution stays one, and the frame rate doesn't matter."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fer_tf.vision.video.smoothing import Smoother

SHARES = st.lists(st.floats(0.001, 1), min_size=7, max_size=7).map(
    lambda shares: np.array(shares) / sum(shares)
)
STEPS = st.lists(st.floats(0.001, 3), min_size=1, max_size=20)
TAU = st.floats(0.01, 5)


@given(SHARES, STEPS, TAU)
def test_constant_in_constant_out(shares, steps, tau):
    smoother = Smoother(tau)
    for time in np.cumsum(steps):
        np.testing.assert_allclose(smoother.at(time, shares), shares, atol=1e-12)


@given(st.lists(SHARES, min_size=1, max_size=20), STEPS, TAU)
def test_sum_stays_one_and_shares_stay_between_the_answers(answers, steps, tau):
    smoother, time = Smoother(tau), 0.0
    for index, answer in enumerate(answers):
        time += steps[index % len(steps)]
        mean = smoother.at(time, answer)
        assert abs(mean.sum() - 1) < 1e-9
        seen = np.array(answers[: index + 1])
        assert (mean >= seen.min(axis=0) - 1e-12).all()
        assert (mean <= seen.max(axis=0) + 1e-12).all()


@given(SHARES, SHARES, TAU, st.floats(0.05, 3), st.integers(1, 60), st.integers(1, 60))
def test_independent_of_the_frame_rate(before, after, tau, seconds, few, many):
    ends = []
    for frames in (few, many):
        smoother = Smoother(tau)
        smoother.at(0, before)
        for index in range(1, frames + 1):
            end = smoother.at(seconds * index / frames, after)
        ends.append(end)
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-9)
    share = math.exp(-seconds / tau)
    np.testing.assert_allclose(ends[0], share * before + (1 - share) * after, atol=1e-9)


def test_zero_gives_each_answer_as_it_is():
    smoother = Smoother(0)
    smoother.at(0, [1, 0])
    assert smoother.at(0.1, [0, 1]).tolist() == [0, 1]


def test_a_new_one_knows_nothing_of_the_old():
    assert Smoother(1).at(5, [0.3, 0.7]).tolist() == [0.3, 0.7]
