"""Small steps that bring maps, or what belongs to them, together."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable("fer_tf")
class ChannelStatistics(keras.layers.Layer):
    """The largest and the mean of the channels at each place: [n, h, w, c] to [n, h, w, 2].

    What the spatial attention of CBAM looks at (Woo et al., ECCV 2018, section 3, equation 3).
    """

    def call(self, inputs):
        both = [ops.max(inputs, axis=-1, keepdims=True), ops.mean(inputs, axis=-1, keepdims=True)]
        return ops.concatenate(both, axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:3], 2)


@keras.saving.register_keras_serializable("fer_tf")
class SkipConnection(keras.layers.Layer):
    """A map that was up-sampled beside the one of its grid: channels of both.

    Called on [up, skip], [n, H, W, c] and [n, h, w, d] with H >= h and W >= w; returns
    [n, h, w, c + d]. Where a side had been odd before it was halved, the last row or column of the
    first is left out.
    """

    def call(self, inputs):
        up, skip = inputs
        _, height, width, _ = ops.shape(skip)
        return ops.concatenate([up[:, :height, :width], skip], axis=-1)

    def compute_output_shape(self, input_shape):
        up, skip = input_shape
        return (*skip[:3], up[3] + skip[3])


@keras.saving.register_keras_serializable("fer_tf")
class LargestAttention(keras.layers.Layer):
    """The largest of several attention maps at each place: [n, h, w, k] to [n, h, w, 1].

    TransFER joins its local attentions so (Xue et al., ICCV 2021, section 3).
    """

    def call(self, inputs):
        return ops.max(inputs, axis=-1, keepdims=True)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:3], 1)


@keras.saving.register_keras_serializable("fer_tf")
class AttendedFeatures(keras.layers.Layer):
    """Features, as they are, beside the attention that a centre loss weighs them with.

    Called on [features, attention], [n, d] each; returns the features. So the network that
    computes the attention is part of the model and of its file, although its answers don't need
    it; the training finds both here (`fer_tf.training.centre_loss`).
    """

    def call(self, inputs):
        return inputs[0]

    def compute_output_shape(self, input_shape):
        return input_shape[0]


@keras.saving.register_keras_serializable("fer_tf")
class PairwiseSoftmax(keras.layers.Layer):
    """Of each pair of neighbouring numbers, the second one's softmax: [n, 2 d] to [n, d].

    How DACL decides which features count (Farzaneh and Qi, WACV 2021, section 3).
    """

    def call(self, inputs):
        pairs = ops.reshape(inputs, (-1, inputs.shape[-1] // 2, 2))
        return ops.softmax(pairs)[:, :, 1]

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[1] // 2)
