"""Functions of one position of a map: the dense projection and the exact GELU."""

from __future__ import annotations

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable("fer_tf")
class Projection(keras.layers.Dense):
    """A Dense layer with bias over the channels of a map, [n, ..., c] -> [n, ..., units].

    Same weights and result as `keras.layers.Dense`, by `affine`.
    """

    def call(self, inputs):
        return affine(inputs, self.kernel, self.bias)


def affine(inputs, kernel, bias):
    """inputs @ kernel + bias: [n, ..., c], [c, units], [units] -> [n, ..., units].

    All positions form one matrix: a product of a 3-D tensor with a matrix makes
    TensorFlow compute one weight gradient per image and then sum them.
    """
    shape = ops.shape(inputs)
    x = ops.add(ops.matmul(ops.reshape(inputs, (-1, shape[-1])), kernel), bias)
    return ops.reshape(x, (-1, *shape[1:-1], x.shape[-1]))


def gelu(x):
    """Exact GELU, x * Phi(x), of a float tensor of any shape (Hendrycks and Gimpel, 2016).

    Written with erf because tf2onnx has no Erfc, which `keras.ops.gelu` emits,
    and in the order of operations in which TFLite's converter sees one GELU:
    in another it finds an Erf, which TFLite lacks. With a gradient of its own
    because the automatic one reads and writes a third more tensors of the
    widest shape in the network. float16 and bfloat16 are computed in float32,
    which is more exact and, on CPUs, twice as fast.
    """
    wide = keras.backend.result_type(x.dtype, "float32")
    return ops.cast(_gelu(ops.cast(x, wide)), x.dtype)


@ops.custom_gradient
def _gelu(x):
    z = x * (1.0 / math.sqrt(2.0))
    twice_cdf = 1.0 + ops.erf(z)

    def grad(*args, upstream=None):
        (upstream,) = args if upstream is None else (upstream,)
        # x * pdf(x), its constant factor in the exponent: one pass less.
        x_pdf = z * ops.exp(-0.5 * math.log(math.pi) - ops.square(z))
        return upstream * (0.5 * twice_cdf + x_pdf)

    return (0.5 * x) * twice_cdf, grad
