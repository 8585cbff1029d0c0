"""The Mix Transformer and its fusion head rearranged for inference: the same answers in less time.

Nothing is approximated; each step is linear algebra on the trained weights, done once, in float64:

- Every layer that writes to the residual stream of a stage gets weights whose outputs have mean 0
  over the channels. The stream then has mean 0, and a LayerNorm of it is only a division by its
  root mean square (Ashkboos et al., SliceGPT, ICLR 2024, section 3.1 uses the same identity).
- The scale and offset of a LayerNorm go into the layer that reads it.
- The bias of the keys adds the same to all scores of a query, so that the softmax drops it; the
  values' bias goes into that of the output projection, because the softmax has sum 1.
- With one head (stage 1, which has the most queries) the projections of query and key are one
  matrix, and so are those of value and output: both are applied to the few keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from fer_tf.layers.attention import EfficientAttention
from fer_tf.layers.fusion import StageFusion
from fer_tf.layers.mix_ffn import MixFFN
from fer_tf.layers.patch_embedding import OverlapPatchEmbedding
from fer_tf.layers.transformer_block import TransformerBlock

Step = Callable[[tf.Tensor], tf.Tensor]


def can_fold(model: keras.Model) -> bool:
    """Is this `mix_transformer` with `fusion_head`, of a size at which every key has its window?"""
    kinds = [type(layer) for layer in model.layers]
    heads = len(model.outputs)
    head = [StageFusion, keras.layers.GlobalAveragePooling2D, *heads * [keras.layers.Dense]]
    start = [keras.layers.InputLayer, keras.layers.Rescaling]
    if kinds[:2] != start or kinds[-len(head) :] != head:
        return False
    stages = list(_stages(model))
    used = sum(2 + len(blocks) for _, blocks, _ in stages) + len(start + head)
    if not stages or used != len(kinds):
        return False
    for embedding, blocks, _ in stages:
        side = min(embedding.output.shape[1:3])
        if any(side < block.attention.reduction for block in blocks):
            return False
    return True


def folded(model: keras.Model) -> Step:
    """The network as a function of TensorFlow, for a model that `can_fold` says yes to.

    Args:
        model: a network of known size, from pixels [n, h, w, c] to logits, or to them and values.

    Returns:
        A function from float32 pixels in [0, 255], [n, h, w, c], to float32 logits [n, classes], or
        a dict of them and of the values, equal to the model's to rounding.
    """
    rescaling, fusion = model.layers[1], model.layers[-2 - len(model.outputs)]
    encoder = [
        (_embedding(embedding), [_block(block) for block in blocks], _stage_norm(norm))
        for embedding, blocks, norm in _stages(model)
    ]
    fuse, heads = _fusion(fusion), [_head(layer) for layer in model.layers[-len(model.outputs) :]]
    names = [layer.name for layer in model.layers[-len(heads) :]]

    def network(pixels):
        x, maps = pixels * _constant(rescaling.scale) + _constant(rescaling.offset), []
        for embed, blocks, norm in encoder:
            x = embed(x)
            for block in blocks:
                x = block(x)
            x = norm(x)
            maps.append(x)
        pooled = tf.reduce_mean(fuse(maps), axis=(1, 2), keepdims=True)
        answers = [head(pooled) for head in heads]
        return dict(zip(names, answers, strict=True)) if len(answers) > 1 else answers[0]

    return network


def _head(layer: keras.layers.Dense) -> Step:
    """A dense layer on a pooled map, [n, 1, 1, c], to [n, units]."""
    apply = _dense(_array(layer.kernel), _array(layer.bias))
    return lambda pooled: layer.activation(tf.reshape(apply(pooled), (-1, layer.units)))


def _stages(
    model: keras.Model,
) -> Iterator[
    tuple[OverlapPatchEmbedding, list[TransformerBlock], keras.layers.LayerNormalization]
]:
    """Embedding, blocks and norm of each stage, in order; stops at a layer out of order."""
    layers = iter(model.layers[2:])
    for embedding in layers:
        blocks = []
        norm = next(layers, None)
        while isinstance(norm, TransformerBlock):
            blocks.append(norm)
            norm = next(layers, None)
        if not (
            isinstance(embedding, OverlapPatchEmbedding)
            and isinstance(norm, keras.layers.LayerNormalization)
        ):
            return
        yield embedding, blocks, norm


def _array(weight) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(weight), np.float64)


def _constant(array) -> tf.Tensor:
    return tf.constant(np.asarray(array, np.float32))


def _centred(weights: np.ndarray) -> np.ndarray:
    """Weights, [..., outputs], whose outputs have mean 0."""
    return weights - weights.mean(axis=-1, keepdims=True)


def _conv(kernel: np.ndarray, bias: np.ndarray, stride: int = 1, pad: int = 0) -> Step:
    def apply(x):
        if pad:
            x = tf.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
        return tf.nn.conv2d(x, _constant(kernel), stride, "VALID") + _constant(bias)

    return apply


def _dense(kernel: np.ndarray, bias: np.ndarray) -> Step:
    """Over the channels of a map; as a convolution, so that no reshape parts it from the next."""
    return _conv(kernel[None, None], bias)


def _unit(x, epsilon: float):
    """x over its root mean square: the LayerNorm of what has mean 0."""
    return x * tf.math.rsqrt(tf.reduce_mean(tf.square(x), axis=-1, keepdims=True) + epsilon)


def _embedding(layer: OverlapPatchEmbedding) -> Step:
    kernel, bias = _array(layer.projection.kernel), _array(layer.projection.bias)
    project = _conv(_centred(kernel), _centred(bias), layer.stride, layer.patch_size // 2)
    gamma, beta = _array(layer.norm.gamma), _array(layer.norm.beta)
    to_stream = _dense(_centred(np.diag(gamma)), _centred(beta))
    return lambda x: to_stream(_unit(project(x), layer.epsilon))


def _stage_norm(layer: keras.layers.LayerNormalization) -> Step:
    """With its scale and offset: the zeros that pad the next convolution come after them."""
    gamma, beta = _array(layer.gamma), _array(layer.beta)
    return lambda x: _unit(x, layer.epsilon) * _constant(gamma) + _constant(beta)


def _block(layer: TransformerBlock) -> Step:
    attend = _attention(layer.attention, layer.attention_norm)
    feed = _ffn(layer.ffn, layer.ffn_norm)

    def block(x):
        x = x + attend(_unit(x, layer.epsilon))
        return x + feed(_unit(x, layer.epsilon))

    return block


def _ffn(layer: MixFFN, norm: keras.layers.LayerNormalization) -> Step:
    kernel = _array(layer.expand.kernel)
    gamma, beta = _array(norm.gamma), _array(norm.beta)
    expand = _dense(gamma[:, None] * kernel, _array(layer.expand.bias) + beta @ kernel)
    contract = _dense(
        _centred(_array(layer.contract.kernel)), _centred(_array(layer.contract.bias))
    )
    depthwise, bias = _array(layer.depthwise.kernel), _array(layer.depthwise.bias)

    def ffn(x):
        hidden = tf.nn.depthwise_conv2d(expand(x), _constant(depthwise), (1, 1, 1, 1), "SAME")
        hidden = hidden + _constant(bias)
        # In the order in which TFLite's converter sees one GELU, as in `layers.pointwise.gelu`.
        half = tf.constant(np.float32(0.5)) * hidden
        return contract(half * (1.0 + tf.math.erf(hidden * np.float32(np.sqrt(0.5)))))

    return ffn


def _attention(layer: EfficientAttention, norm: keras.layers.LayerNormalization) -> Step:
    """From the unit map, [n, h, w, c], to what attention adds to the stream, the same shape."""
    gamma, beta = _array(norm.gamma), _array(norm.beta)
    channels, heads = len(gamma), layer.heads
    depth = channels // heads
    reduce, key_gamma, key_beta = (lambda x: x), gamma, beta
    if layer.reduction > 1:
        kernel, bias = _array(layer.shrink.kernel), _array(layer.shrink.bias)
        bias = bias + np.einsum("hwio,i->o", kernel, beta)
        shrink = _conv(_centred(kernel * gamma[:, None]), _centred(bias), stride=layer.reduction)
        key_gamma, key_beta = _array(layer.shrink_norm.gamma), _array(layer.shrink_norm.beta)

        def reduce(x):
            return _unit(shrink(x), layer.epsilon)

    query = _array(layer.query.kernel) * depth**-0.5
    query_bias = _array(layer.query.bias) * depth**-0.5 + beta @ query
    query = gamma[:, None] * query
    key, value = np.split(_array(layer.key_value.kernel), 2, axis=1)
    value_bias = _array(layer.key_value.bias)[channels:] + key_beta @ value
    key, value = key_gamma[:, None] * key, key_gamma[:, None] * value
    output = _centred(_array(layer.output_projection.kernel))
    output_bias = _centred(_array(layer.output_projection.bias)) + value_bias @ output
    parts = (query, query_bias, key, value, output, output_bias)
    attend = _one_head(*parts) if heads == 1 else _many_heads(*parts, heads)
    return lambda x: attend(x, reduce(x))


def _one_head(query, query_bias, key, value, output, output_bias):
    """Keys and values, [n, keys, c], in the space of the queries' inputs and of the stream."""
    channels = len(query)
    make_key = _dense(key @ query.T, np.zeros(channels))
    make_offset = _dense((key @ query_bias)[:, None], np.zeros(1))
    make_value = _dense(value @ output, np.zeros(channels))

    def attend(x, coarse):
        _, height, width, _ = x.shape
        count = coarse.shape[1] * coarse.shape[2]
        if count == 1:
            # One key has weight 1 whatever the query.
            return make_value(coarse) * tf.ones_like(x) + _constant(output_bias)
        key = tf.reshape(make_key(coarse), (-1, count, channels))
        offset = tf.reshape(make_offset(coarse), (-1, 1, count))
        value = tf.reshape(make_value(coarse), (-1, count, channels))
        scores = tf.matmul(tf.reshape(x, (-1, height * width, channels)), key, transpose_b=True)
        mixed = tf.matmul(tf.nn.softmax(scores + offset), value)
        return tf.reshape(mixed, (-1, height, width, channels)) + _constant(output_bias)

    return attend


def _many_heads(query, query_bias, key, value, output, output_bias, heads: int):
    """Scaled dot-product attention, without the biases that make no difference."""
    channels = len(query)
    make_query, project = _dense(query, query_bias), _dense(output, output_bias)
    make_key = _dense(key, np.zeros(channels))
    make_value = _dense(value, np.zeros(channels))

    def attend(x, coarse):
        _, height, width, _ = x.shape

        def by_head(x):
            positions = x.shape[1] * x.shape[2]
            x = tf.reshape(x, (-1, positions, heads, channels // heads))
            return tf.transpose(x, (0, 2, 1, 3))

        query, key, value = (
            by_head(make_query(x)),
            by_head(make_key(coarse)),
            by_head(make_value(coarse)),
        )
        weights = tf.nn.softmax(tf.matmul(query, key, transpose_b=True))
        mixed = tf.transpose(tf.matmul(weights, value), (0, 2, 1, 3))
        return project(tf.reshape(mixed, (-1, height, width, channels)))

    return attend


def _fusion(layer: StageFusion):
    project = _conv(_array(layer.project.kernel), _array(layer.project.bias))

    def fuse(maps):
        last = maps[-1]
        strides = [2 ** (len(maps) - 1 - i) for i in range(len(maps) - 1)]
        pooled = [
            tf.nn.max_pool2d(x, stride, stride, "SAME")
            for x, stride in zip(maps[:-1], strides, strict=True)
        ]
        return project(tf.concat([*pooled, last], axis=-1)) * last + last

    return fuse
