"""What tf2onnx takes apart, put together again as standard operators, fast in every runtime.

ONNX Runtime fuses norms and GELU itself, but not in the form that TensorFlow's graphs have.
A rule whose pattern is not there changes nothing.
"""

from __future__ import annotations

import math

import numpy as np
from onnxscript import ir
from onnxscript.rewriter.pattern import RewriteRule, RewriteRuleSet

TO_NCHW, TO_NHWC = [0, 3, 1, 2], [0, 2, 3, 1]


def _inverse_deviation(op, centred, axes, epsilon):
    variance = op.ReduceMean(centred * centred, axes)
    return op.Reciprocal(op.Sqrt(variance + epsilon))


def _norm(op, x, axes, epsilon, gamma, beta):
    """`fer_tf.layers.normalization.LayerNormalization`."""
    centred = x - op.ReduceMean(x, axes)
    return centred * (_inverse_deviation(op, centred, axes, epsilon) * gamma) + beta


def _keras_norm(op, x, axes, epsilon, gamma, beta):
    """`keras.layers.LayerNormalization`, which older model files hold."""
    mean = op.ReduceMean(x, axes)
    scale = _inverse_deviation(op, x - mean, axes, epsilon) * gamma
    return x * scale + (op.Neg(mean) * scale + beta)


def _unit(op, x, axes, epsilon):
    """`fer_tf.exporting.folding` divides by the root mean square, for its x has mean 0."""
    return x * _inverse_deviation(op, x, axes, epsilon)


def _scaled_unit(op, x, axes, epsilon, gamma, beta):
    return x * (_inverse_deviation(op, x, axes, epsilon) * gamma) + beta


def _layer_normalization(op, x, axes, epsilon, gamma=None, beta=None):
    plain = {"scale": np.ones, "offset": np.zeros}
    weights = [
        op.initializer(
            ir.tensor(
                make(x.shape[-1], np.float32)
                if given is None
                else given.const_value.numpy().ravel()
            ),
            name=f"{epsilon.name}/{x.name}/{name}",
        )
        for (name, make), given in zip(plain.items(), (gamma, beta), strict=True)
    ]
    return op.LayerNormalization(x, *weights, epsilon=float(epsilon.const_value.numpy().item()))


def _over_last_axis(context, x, axes, epsilon, **weights):
    constants = (axes, epsilon, *weights.values())
    if x.shape is None or any(value.const_value is None for value in constants):
        return False
    return axes.const_value.numpy().tolist() in ([-1], [len(x.shape) - 1])


def _erf_gelu(op, x):
    return (0.5 * x) * (1.0 + op.Erf(x * math.sqrt(0.5)))


def _gelu(op, x):
    return op.Gelu(x)


def _transposed_conv(op, x, kernel, bias):
    convolved = op.Conv(op.Transpose(x, perm=TO_NCHW), kernel, _outputs=["convolved"])
    return op.Transpose(convolved, perm=TO_NHWC) + bias


def _biased_conv(op, x, kernel, bias, convolved):
    attributes = convolved.producer().attributes
    convolved = op.Conv(op.Transpose(x, perm=TO_NCHW), kernel, bias, **attributes)
    return op.Transpose(convolved, perm=TO_NHWC)


def _one_a_channel(context, kernel, bias, **_):
    return tuple(bias.shape) == (kernel.shape[0],)


def _dense_conv(op, x, kernel):
    convolved = op.Conv(op.Transpose(x, perm=TO_NCHW), kernel, _outputs=["convolved"])
    return op.Transpose(convolved, perm=TO_NHWC)


def _biased_dense_conv(op, x, kernel, bias):
    convolved = op.Conv(op.Transpose(x, perm=TO_NCHW), kernel, bias, _outputs=["convolved"])
    return op.Transpose(convolved, perm=TO_NHWC)


def _reshaped_gemm(op, x, kernel, convolved, bias=None):
    outputs, inputs = kernel.shape[:2]
    # One constant may be the kernel of several: tf2onnx merges equal ones.
    matrix = op.initializer(
        ir.tensor(kernel.const_value.numpy()[:, :, 0, 0].T.copy()),
        name=f"{kernel.name}/{x.name}/matrix",
    )
    shapes = ([-1, inputs], [-1, *x.shape[1:3], outputs])
    before, after = (op.Constant(value_ints=shape) for shape in shapes)
    biases = () if bias is None else (bias,)
    return op.Reshape(op.Gemm(op.Reshape(x, before), matrix, *biases), after)


def _of_one_position(context, x, kernel, convolved, bias=None):
    if kernel.const_value is None or x.shape is None or kernel.shape[2:] != (1, 1):
        return False
    attributes = convolved.producer().attributes
    steps = attributes["strides"].as_ints() if "strides" in attributes else [1, 1]
    return list(steps) == [1, 1] and all(isinstance(side, int) for side in x.shape[1:])


def _product_and_bias(op, x, matrix, bias):
    return op.MatMul(x, matrix) + bias


def _gemm(op, x, matrix, bias):
    return op.Gemm(x, matrix, bias)


def _of_matrices(context, x, matrix, bias):
    ranks = [None if value.shape is None else len(value.shape) for value in (x, matrix, bias)]
    return ranks == [2, 2, 1]


PASSES = (
    RewriteRuleSet(
        [
            RewriteRule(_norm, _layer_normalization, _over_last_axis),
            RewriteRule(_keras_norm, _layer_normalization, _over_last_axis),
            RewriteRule(_scaled_unit, _layer_normalization, _over_last_axis),
            RewriteRule(_erf_gelu, _gelu),
            RewriteRule(_transposed_conv, _biased_conv, _one_a_channel, remove_nodes=False),
            RewriteRule(_product_and_bias, _gemm, _of_matrices),
        ]
    ),
    RewriteRuleSet(
        [
            RewriteRule(_unit, _layer_normalization, _over_last_axis),
            RewriteRule(_dense_conv, _reshaped_gemm, _of_one_position, remove_nodes=False),
            RewriteRule(_biased_dense_conv, _reshaped_gemm, _of_one_position, remove_nodes=False),
        ]
    ),
)
"""To be applied in this order, at opset 20: the second begin with what the first leave over."""
