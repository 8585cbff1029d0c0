"""The GELU: its definition, its gradient, and the forms in which the exporters know it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fer_tf.layers.pointwise import SQRT_HALF, gelu, scaled_gelu, silu

tf = pytest.importorskip("tensorflow")

POINTS = np.linspace(-8, 8, 1601, dtype=np.float32)
CDF = np.array([math.erfc(-x / math.sqrt(2)) / 2 for x in POINTS])
PDF = np.exp(-0.5 * POINTS.astype(np.float64) ** 2) / math.sqrt(2 * math.pi)


def in_training(x):
    return scaled_gelu(x * SQRT_HALF) * SQRT_HALF


def gradient(function, points):
    x = tf.constant(points)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return y, tape.gradient(y, x)


def test_it_is_x_times_the_normal_distribution():
    np.testing.assert_allclose(gelu(POINTS), POINTS * CDF, atol=1e-6)


def test_both_forms_have_the_gradient_of_the_definition():
    for form in (gelu, in_training):
        value, slope = gradient(form, POINTS)
        np.testing.assert_allclose(value, POINTS * CDF, atol=1e-6)
        np.testing.assert_allclose(slope, CDF + POINTS * PDF, atol=2e-6)


def test_the_gradient_is_multiplied_by_the_one_that_arrives():
    _, slope = gradient(scaled_gelu, POINTS)
    _, scaled = gradient(lambda z: 3.0 * scaled_gelu(2.0 * z), POINTS / 2)
    np.testing.assert_allclose(scaled, 6.0 * slope, atol=1e-5)


@pytest.mark.parametrize("form", [gelu, scaled_gelu])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_rounded_once(form, dtype):
    x = tf.cast(POINTS, dtype)
    y, slope = gradient(form, x)
    wide, wide_slope = gradient(form, tf.cast(x, "float32"))
    assert y.dtype == slope.dtype == x.dtype
    np.testing.assert_array_equal(y, tf.cast(wide, dtype))
    np.testing.assert_array_equal(slope, tf.cast(wide_slope, dtype))


def test_tflites_converter_sees_one_gelu():
    function = tf.function(gelu).get_concrete_function(tf.TensorSpec((1, 4, 4, 8)))
    content = tf.lite.TFLiteConverter.from_concrete_functions([function]).convert()
    interpreter = tf.lite.Interpreter(model_content=content)
    names = {op["op_name"] for op in interpreter._get_ops_details()} - {"DELEGATE"}
    assert names == {"GELU"}


def test_there_is_no_erfc_which_tf2onnx_lacks():
    graph = tf.function(gelu).get_concrete_function(tf.TensorSpec((None, 4))).graph
    assert not {op.type for op in graph.get_operations()} & {"Erfc"}


def test_silu_is_x_times_the_logistic_function():
    logistic = 1 / (1 + np.exp(-POINTS.astype(np.float64)))
    value, slope = gradient(silu, POINTS)
    np.testing.assert_allclose(value, POINTS * logistic, atol=1e-6)
    np.testing.assert_allclose(slope, logistic + POINTS * logistic * (1 - logistic), atol=2e-6)
