"""Two functions of one position: the dense projection and the exact GELU, and the layer norm."""

from __future__ import annotations

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable("fer_tf")
class Projection(keras.layers.Dense):
    """A Dense layer over the channels of a map, [n, ..., c] -> [n, ..., units].

    Same weights and result as `keras.layers.Dense`. All positions form one
    matrix: a product of a 3-D tensor with a matrix makes TensorFlow compute
    one weight gradient per image and then sum them.
    """

    def call(self, inputs):
        shape = ops.shape(inputs)
        x = ops.matmul(ops.reshape(inputs, (-1, shape[-1])), self.kernel)
        if self.bias is not None:
            x = ops.add(x, self.bias)
        return ops.reshape(x, (-1, *shape[1:-1], self.units))


def gelu(x):
    """Exact GELU, x * Phi(x), of a float tensor of any shape (Hendrycks and Gimpel, 2016).

    Written with erf because tf2onnx has no Erfc, which `keras.ops.gelu` emits;
    with a gradient of its own because the automatic one reads and writes a
    third more tensors of the widest shape in the network.
    """
    return _gelu(x)


@ops.custom_gradient
def _gelu(x):
    cdf = 0.5 * (1.0 + ops.erf(x * (1.0 / math.sqrt(2.0))))

    def grad(*args, upstream=None):
        (upstream,) = args if upstream is None else (upstream,)
        pdf = ops.exp(-0.5 * ops.square(x)) * (1.0 / math.sqrt(2.0 * math.pi))
        return upstream * (cdf + x * pdf)

    return x * cdf, grad
