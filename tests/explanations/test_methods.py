"""The methods by name, without Keras."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

from fer_tf.explanations import METHODS
from fer_tf.explanations.methods import TITLES, Method


def test_the_methods_are_the_flags():
    assert get_args(Method) == tuple(METHODS) == tuple(TITLES)


def test_the_methods_names_need_no_keras():
    code = (
        "import sys, fer_tf.explain; assert not {'keras', 'cv2', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
