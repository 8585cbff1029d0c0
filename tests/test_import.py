"""`import fer_tf` is light, and every public name is found when it is first used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import fer_tf

HEAVY = ("tensorflow", "keras", "pandas", "matplotlib", "sklearn", "cv2", "jax")

REPORT_HEAVY = f"""
import sys
loaded = sorted(set({HEAVY!r}) & set(sys.modules))
sys.exit(f"loaded {{', '.join(loaded)}}" if loaded else 0)
"""


@pytest.mark.parametrize("module", ["fer_tf", "fer_tf.cli", "fer_tf.errors", "fer_tf.tasks"])
def test_import_is_light(module: str) -> None:
    code = f"import {module}\n{REPORT_HEAVY}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", fer_tf.__all__)
def test_public_name_is_found(name: str) -> None:
    assert getattr(fer_tf, name) is not None
    assert name in dir(fer_tf)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = fer_tf.no_such_name
