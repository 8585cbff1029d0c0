"""The registry's networks as parameters of tests, and what is slow among them."""

from __future__ import annotations

import pytest

from fer_tf.models.registry import NETWORKS

LARGE = 20_000_000
"""Networks of more weights are slow: seconds to build, gigabytes to train."""

WITHOUT_ONNX = 100_000_000
"""Networks of more weights are not exported to ONNX in tests: of VGG16's 134 million, which are 0.5
GB, tf2onnx makes more than 15 GB. LiteRT's converter takes 6.2 GB."""

DEEP = {"densenet121"}
"""Half a minute in the converters, for its 427 layers."""


def networks() -> list:
    """Every network's name; the large ones are marked slow."""
    return [_parameter(name, slow=row.parameters > LARGE) for name, row in NETWORKS.items()]


def one_a_family() -> list:
    """Every network's name; all but the smallest of a family and head are marked slow."""
    smallest: dict[tuple, str] = {}
    for name, row in sorted(NETWORKS.items(), key=lambda item: item[1].parameters):
        smallest.setdefault((row.family, getattr(row.head, "func", row.head)), name)
    quick = {name for name in smallest.values() if NETWORKS[name].parameters <= LARGE} - DEEP
    return [_parameter(name, slow=name not in quick) for name in NETWORKS]


def with_onnx() -> list:
    """As `one_a_family`; those that are too large for tf2onnx are skipped."""
    too_large = pytest.mark.skip(reason="too large for tf2onnx")
    return [
        pytest.param(each.id, id=each.id, marks=too_large)
        if NETWORKS[each.id].parameters > WITHOUT_ONNX
        else each
        for each in one_a_family()
    ]


def _parameter(name: str, *, slow: bool):
    return pytest.param(name, id=name, marks=[pytest.mark.slow] if slow else [])
