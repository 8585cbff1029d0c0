"""Attention rollout through the four stages of a Mix Transformer."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from fer_tf.errors import FerError
from fer_tf.explanations.gradients import batches, compiled, network_input
from fer_tf.layers.attention import EfficientAttention
from fer_tf.layers.patch_embedding import OverlapPatchEmbedding
from fer_tf.layers.transformer_block import TransformerBlock


def attention_weights(layer: EfficientAttention, inputs):
    """The weights that a layer gives its keys, computed again from its inputs.

    Args:
        layer: built.
        inputs: [n, h, w, c], what the layer is called on.

    Returns:
        [n, heads, h * w, keys], rows sum to 1; the keys are the windows of `key_windows`.
    """
    _, height, width, channels = ops.shape(inputs)
    depth = channels // layer.heads
    coarse = inputs
    if layer.reduction > 1:
        coarse = layer.shrink_norm(layer.shrink(layer._whole_windows(inputs, height, width)))
    key, _ = ops.split(layer.key_value(coarse), 2, axis=-1)
    query, key = (
        ops.transpose(
            ops.reshape(x, (-1, x.shape[1] * x.shape[2], layer.heads, depth)), (0, 2, 1, 3)
        )
        for x in (layer.query(inputs), key)
    )
    scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) * depth**-0.5
    # One key has weight 1; Keras warns of such a softmax.
    return ops.ones_like(scores) if scores.shape[-1] == 1 else ops.softmax(scores)


def key_windows(height: int, width: int, reduction: int) -> np.ndarray:
    """Which cells a key summarises: float32 [keys, height * width], rows sum to 1.

    The keys are the whole windows of `reduction` x `reduction` cells, row by row, each spread
    evenly; a map smaller than one window has one key, of all its cells there are.
    """
    rows, columns = max(height // reduction, 1), max(width // reduction, 1)
    down = _spread([range(i * reduction, (i + 1) * reduction) for i in range(rows)], height)
    across = _spread([range(i * reduction, (i + 1) * reduction) for i in range(columns)], width)
    return np.kron(down, across)


def patch_footprints(height: int, width: int, patch_size: int, stride: int) -> np.ndarray:
    """Which cells a patch covers: float32 [patches, height * width], rows sum to 1.

    The patches are those of `OverlapPatchEmbedding` on a map of height x width, row by row, each
    spread evenly over its cells that lie in the map.
    """

    def axis(length: int) -> np.ndarray:
        pad = patch_size // 2
        count = (length + 2 * pad - patch_size) // stride + 1
        starts = [i * stride - pad for i in range(count)]
        return _spread([range(start, start + patch_size) for start in starts], length)

    return np.kron(axis(height), axis(width))


def attention_rollout(
    model: keras.Model, faces: np.ndarray, size: tuple[int, int], *, even: bool = False
) -> np.ndarray:
    """Where the last stage's cells look, followed back to the pixels; of no class in particular.

    Attention rollout (Abnar and Zuidema, ACL 2020, section 3), extended to stages: a block is
    0.5 A + 0.5 I, A its attention averaged over the heads with each key spread over the cells it
    summarises; a patch embedding is the footprint of its patches. All rows sum to 1, and so does
    a map: the mean over the cells of the last stage, as the network pools them. The shortcuts
    of the fusion block from the earlier stages are not followed.

    Args:
        model: from pixels in [0, 255], [n, height, width, 3], with the encoder `mix_transformer`.
        faces: uint8 [n, h, w], grey, or [n, h, w, 3], RGB.
        size: (height, width) to resize to.
        even: what it would be if every query gave all keys the same weight.

    Returns:
        float32 [n, height, width], at least 0, each of sum 1.

    Raises:
        FerError: the model has no such encoder.
    """
    layers = [x for x in model.layers if isinstance(x, (OverlapPatchEmbedding, TransformerBlock))]
    blocks = [x for x in layers if isinstance(x, TransformerBlock)]
    if not blocks or not isinstance(layers[0], OverlapPatchEmbedding):
        raise FerError(
            f"{model.name}: has no blocks of a Mix Transformer, whose attention a rollout follows"
        )
    inputs = keras.Model(model.inputs, [layer.input for layer in layers])
    see = compiled(lambda x: inputs(network_input(x, size), training=False))
    maps = [_follow_back(layers, see(faces[rows]), even=even) for rows in batches(len(faces))]
    return np.concatenate(maps)


def excess_rollout(model: keras.Model, faces: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """By what share each pixel gets more than even attention would give it.

    The windows of patches overlap, so that some pixels are in more of them than others: without
    this, that grid is all one sees. Arguments are those of `attention_rollout`.

    Returns:
        float32 [n, height, width], at least -1.
    """
    even = attention_rollout(model, faces[:1], size, even=True)
    return attention_rollout(model, faces, size) / np.maximum(even, 1e-12) - 1


def _follow_back(layers: list[keras.layers.Layer], inputs: list, *, even: bool) -> np.ndarray:
    """From an even share for each cell of the last map to a share for each pixel."""
    count, rows, columns = inputs[-1].shape[:3]
    shares = np.full((count, rows * columns), 1 / (rows * columns), np.float32)
    for layer, x in zip(reversed(layers), reversed(inputs), strict=True):
        height, width = x.shape[1:3]
        if isinstance(layer, OverlapPatchEmbedding):
            shares = shares @ patch_footprints(height, width, layer.patch_size, layer.stride)
            continue
        spread = key_windows(height, width, layer.attention.reduction)
        shares = 0.5 * shares + 0.5 * _attended(layer, x, shares, len(spread), even=even) @ spread
    return shares.reshape(count, *inputs[0].shape[1:3])


def _attended(
    block: TransformerBlock, x, shares: np.ndarray, keys: int, *, even: bool
) -> np.ndarray:
    """The shares [n, h * w] of a block's queries, handed on to its keys, [n, keys]."""
    if even:
        return np.repeat(shares.sum(axis=1, keepdims=True), keys, axis=1) / keys
    weights = attention_weights(block.attention, block.attention_norm(x))
    mean = ops.convert_to_numpy(ops.cast(ops.mean(weights, axis=1), "float32"))
    return np.einsum("nq,nqk->nk", shares, mean)


def _spread(cells: list[range], length: int) -> np.ndarray:
    """float32 [len(cells), length]: each range evenly over its cells in [0, length)."""
    matrix = np.zeros((len(cells), length), np.float32)
    for row, each in zip(matrix, cells, strict=True):
        row[max(each.start, 0) : each.stop] = 1
    return matrix / matrix.sum(axis=1, keepdims=True)
