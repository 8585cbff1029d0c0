"""`scripts/profile_litert.py`, which calls LiteRT's C functions: their shapes must still hold."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "profile_litert.py"


def profile(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_profile_by_operator(tmp_path):
    import tensorflow as tf

    kernel = tf.ones([3, 3, 3, 7])

    def answer(image):
        pixels = tf.nn.conv2d(tf.cast(image, tf.float32), kernel, strides=2, padding="SAME")
        return tf.nn.softmax(tf.reduce_mean(pixels, (1, 2)))

    root = tf.Module()
    signature = tf.TensorSpec([1, 64, 64, 3], tf.uint8, name="image")
    root.f = tf.function(answer, input_signature=[signature]).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([root.f], root)
    file = tmp_path / "net.tflite"
    file.write_bytes(converter.convert())
    done = profile(str(file), "--runs", "4", "--top", "1")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for kind in ("Convolution", "Softmax"):
        assert sum(line.startswith(kind) for line in lines) == 1
    shares = [float(line.split()[-1][:-1]) for line in lines if line.endswith("%")]
    assert abs(sum(shares) - 100) < 1


def test_refuses_a_file(tmp_path):
    assert "no such file" in profile(str(tmp_path / "none.tflite")).stderr
    (tmp_path / "bad.tflite").write_bytes(b"not a model")
    done = profile(str(tmp_path / "bad.tflite"))
    assert done.returncode == 1
    assert "bad.tflite: LiteRtCreateModelFromFile refused" in done.stderr
