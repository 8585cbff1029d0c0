"""Functions of one position of a map: the dense projection, the exact GELU and SiLU."""

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
    """inputs @ kernel + bias: [n, ..., c], [c, units], [units] or None -> [n, ..., units].

    All positions form one matrix: a product of a 3-D tensor with a matrix makes
    TensorFlow compute one weight gradient per image and then sum them.
    """
    shape = ops.shape(inputs)
    x = ops.matmul(ops.reshape(inputs, (-1, shape[-1])), kernel)
    x = x if bias is None else ops.add(x, bias)
    return ops.reshape(x, (-1, *shape[1:-1], x.shape[-1]))


SQRT_HALF = math.sqrt(0.5)


def gelu(x):
    """Exact GELU, x * Phi(x), of a float tensor of any shape (Hendrycks and Gimpel, 2016).

    Written with erf because tf2onnx has no Erfc, which `keras.ops.gelu` emits,
    and in the order of operations in which TFLite's converter sees one GELU:
    in another it finds an Erf, which TFLite lacks. float16 and bfloat16 are
    computed in float32, which is more exact and, on CPUs, twice as fast.
    """
    wide = _wide(x)
    return ops.cast((0.5 * wide) * (1.0 + ops.erf(wide * SQRT_HALF)), x.dtype)


def scaled_gelu(z):
    """z * (1 + erf(z)): the GELU without its factors, gelu(x) = f(x * SQRT_HALF) * SQRT_HALF.

    For training, where the factors go into the weights before and after it: on
    the widest tensors of the network each pass counts. So the gradient is
    written out, too; the automatic one makes half as many passes again.
    """
    return ops.cast(_scaled_gelu(_wide(z)), z.dtype)


@ops.custom_gradient
def _scaled_gelu(z):
    twice_cdf = 1.0 + ops.erf(z)

    def grad(*args, upstream=None):
        (upstream,) = args if upstream is None else (upstream,)
        # erf'(z) = 2 / sqrt(pi) exp(-z^2), its constant factor in the exponent.
        slope = ops.exp(math.log(2.0 / math.sqrt(math.pi)) - ops.square(z))
        return upstream * (twice_cdf + z * slope)

    return z * twice_cdf, grad


@keras.saving.register_keras_serializable("fer_tf")
def silu(x):
    """SiLU or swish, x * sigmoid(x), of a float tensor of any shape (Ramachandran et al., 2017).

    Keras' is TensorFlow's, whose gradient a SavedModel of constants can't hold.
    """
    return x * ops.sigmoid(x)


def _wide(x):
    return ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
