"""The methods by name, and what an explanation is; imports neither Keras nor a backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from fer_tf.tasks import Task

Method = Literal[
    "gradient",
    "smoothgrad",
    "integrated",
    "occlusion",
    "gradcam-stage4",
    "gradcam-fused",
    "rollout",
]

METHODS: Mapping[str, str] = MappingProxyType(
    {
        "gradient": "size of the input gradient (Simonyan et al., 2014)",
        "smoothgrad": "size of the mean gradient of noisy copies (Smilkov et al., 2017)",
        "integrated": "integrated gradients, smoothed (Sundararajan et al., 2017)",
        "occlusion": "what the answer loses when a window is blurred (Zeiler and Fergus, 2014)",
        "gradcam-stage4": "Grad-CAM of the last stage (Selvaraju et al., 2017)",
        "gradcam-fused": "Grad-CAM of the fused map (Selvaraju et al., 2017)",
        "rollout": "attention rollout of the four stages, of no class (Abnar and Zuidema, 2020)",
    }
)
"""What each method draws. Its measured faithfulness: docs/explanations/explanations.txt."""

TITLES: Mapping[str, str] = MappingProxyType(
    {
        "gradient": "the input gradient",
        "smoothgrad": "SmoothGrad",
        "integrated": "integrated gradients",
        "occlusion": "occlusion",
        "gradcam-stage4": "Grad-CAM of the last stage",
        "gradcam-fused": "Grad-CAM of the fused map",
        "rollout": "attention rollout",
    }
)
"""Their names in pictures."""

DEFAULT_METHOD: Method = "integrated"
"""The most faithful of those that hold the sanity check (the same file, made by
scripts/measure_explanations.py)."""


@dataclass(frozen=True)
class Explanation:
    """Why a network answered as it did, for one face.

    Attributes:
        map: float32 [h, w], the face's pixels, 0 to 1: 1 is the most salient one. All 0 where
            nothing speaks for the target.
        method: a key of `METHODS`.
        target: what is explained: the index of a class or, from the number of classes on, of a
            value.
        probabilities: of all classes, in [0, 1]; their sum is 1.
        task: names the classes and the values.
        values: of the task's values, in [-1, 1].
    """

    map: np.ndarray
    method: str
    target: int
    probabilities: tuple[float, ...]
    task: Task
    values: tuple[float, ...] = ()
