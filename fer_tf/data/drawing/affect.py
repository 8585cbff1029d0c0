"""Valence and arousal of a drawn face, from its action units alone.

The weights are ours; their signs are the usual ones: the cheek's muscle (AU 12, with 6) rises and
the brow's (AU 4) falls with valence (Lang et al., 1993, "Looking at pictures", Psychophysiology
30), and wide eyes and an open mouth (AU 5, 26, 27) show arousal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

VALENCE: Mapping[int, float] = MappingProxyType(
    {4: -0.4, 6: 0.3, 9: -0.4, 10: -0.3, 12: 0.6, 15: -0.5, 20: -0.4, 23: -0.3, 24: -0.3}
)
"""Valence of each action unit at full strength; of the others, 0."""

AROUSAL: Mapping[int, float] = MappingProxyType(
    {2: 0.2, 5: 0.4, 9: 0.2, 15: -0.4, 17: -0.1, 20: 0.3, 23: 0.3, 25: 0.1, 26: 0.2, 27: 0.4}
)
"""Arousal of each action unit at full strength; of the others, 0."""


ONE_SIDED = 0.8
"""What a smile in one half of the face alone takes from valence: it shows contempt."""


def valence_and_arousal(left: Sequence[float], right: Sequence[float]) -> tuple[float, float]:
    """Valence and arousal of a face: sums over its action units, each cut to [-1, 1].

    Args:
        left: intensities of the action units of one half of the face, `sketch.UNITS` values in
            [0, 1].
        right: the same of the other half; what counts is their mean, and how unlike they smile.
    """
    one_sided = abs(left[12] - right[12])
    valence, arousal = (
        sum(weight * (left[unit] + right[unit]) / 2 for unit, weight in weights.items())
        for weights in (VALENCE, AROUSAL)
    )
    valence -= ONE_SIDED * one_sided
    return max(-1.0, min(1.0, valence)), max(-1.0, min(1.0, arousal))
