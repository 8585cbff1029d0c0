"""Mix Transformer (MiT), the encoder of SegFormer: images to four feature maps.

Xie et al., "SegFormer: Simple and Efficient Design for Semantic Segmentation
with Transformers", NeurIPS 2021, section 3.1 and table 6. No positional
embedding: one set of weights runs at any input size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fer_tf.layers.initializers import DenseNormal, FanOutNormal
from fer_tf.layers.normalization import LayerNormalization
from fer_tf.layers.patch_embedding import OverlapPatchEmbedding
from fer_tf.layers.transformer_block import TransformerBlock
from fer_tf.models.heads import fusion_head
from fer_tf.models.network import Network


def mix_transformer(
    images,
    *,
    dims: Sequence[int],
    depths: Sequence[int],
    heads: Sequence[int] = (1, 2, 5, 8),
    reductions: Sequence[int] = (8, 4, 2, 1),
    ratio: int = 4,
    drop_path: float = 0.1,
    dtype: str | None = None,
    seed: int | None = None,
) -> list:
    """Build the encoder on `images` and return its four maps, finest first.

    Args:
        images: KerasTensor [n, h, w, c], already scaled.
        dims: channels of each stage.
        depths: blocks of each stage.
        heads: attention heads of each stage.
        reductions: spatial-reduction ratio of each stage.
        ratio: width of the Mix-FFN over the channels.
        drop_path: rate of the last block; the others rise linearly from 0.
        dtype: Keras dtype policy of the layers.
        seed: of the drop paths.

    Returns:
        Maps [n, ceil(h / s), ceil(w / s), dims[i]] for s = 4, 8, 16, 32.

    Raises:
        ValueError: sequences of different lengths, a rate outside [0, 1), or heads that do not
            divide the channels.
    """
    lengths = [len(each) for each in (dims, depths, heads, reductions)]
    if len(set(lengths)) > 1:
        raise ValueError(f"dims, depths, heads and reductions must be as long, got {lengths}")
    if not 0.0 <= drop_path < 1.0:
        raise ValueError(f"drop_path must be in [0, 1), got {drop_path}")
    rates = iter(np.linspace(0.0, drop_path, sum(depths)).tolist())
    x, maps = images, []
    for stage, (channels, depth) in enumerate(zip(dims, depths, strict=True), start=1):
        x = OverlapPatchEmbedding(
            channels,
            patch_size=7 if stage == 1 else 3,
            stride=4 if stage == 1 else 2,
            kernel_initializer=FanOutNormal(),
            dtype=dtype,
            name=f"stage{stage}_embedding",
        )(x)
        for block in range(1, depth + 1):
            x = TransformerBlock(
                heads=heads[stage - 1],
                reduction=reductions[stage - 1],
                ratio=ratio,
                drop_path=next(rates),
                dense_initializer=DenseNormal(),
                kernel_initializer=FanOutNormal(),
                dtype=dtype,
                seed=None if seed is None else seed + 100 * stage + block,
                name=f"stage{stage}_block{block}",
            )(x)
        x = LayerNormalization(epsilon=1e-6, dtype=dtype, name=f"stage{stage}_norm")(x)
        maps.append(x)
    return maps


NETWORKS: dict[str, Network] = {
    "mit_b0_fusion": Network(
        family=mix_transformer,
        head=fusion_head,
        parameters=3_452_519,
        multiply_adds=458_635_520,
        source="Safavi, Patel, Vinjamuri, IEEE BSN 2023; MiT-B0: Xie et al., NeurIPS 2021",
        arguments={"dims": (32, 64, 160, 256), "depths": (2, 2, 2, 2)},
        imagenet="mit_b0_imagenet",
    ),
}
