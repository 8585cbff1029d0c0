"""Why a network answers as it does: maps over the face, how faithful they are, and pictures.

Importing this loads no Keras: `saliency_maps` loads it when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fer_tf.explanations.methods import DEFAULT_METHOD, METHODS, Explanation

if TYPE_CHECKING:
    from fer_tf.explanations.maps import saliency_maps

__all__ = ["DEFAULT_METHOD", "METHODS", "Explanation", "saliency_maps"]


def __getattr__(name: str) -> Any:
    if name != "saliency_maps":
        raise AttributeError(f"module 'fer_tf.explanations' has no attribute {name!r}")
    from fer_tf.explanations import maps

    return getattr(maps, name)
