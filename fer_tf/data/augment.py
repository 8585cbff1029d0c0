"""Augmentation: pure functions of an image batch and a row of random numbers for each image.

Float32 images [n, h, w, c] in [0, 255], grey or RGB; numbers in [0, 1), [n], from
`fer_tf.data.draws`. Written with keras.ops: the same code runs eagerly, inside
tf.data and on an accelerator. Changes of the grey levels, and the grid's
distortion, which is no affine map, come first, on the small 48x48 picture; all
other geometry, and the resize, is then one warp.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from fer_tf.data import geometry, hashed, rand_augment
from fer_tf.data.corruptions import add_noise, blur, jpeg, per_image, spoil_light, stretch_levels
from fer_tf.data.draws import COLUMN, is_cut
from fer_tf.recipes.schema import Augmentation

Warp = Callable[..., Any]


def to_rgb(images):
    """[n, h, w, 1] to [n, h, w, 3], equal channels."""
    return ops.repeat(images, 3, axis=-1)


def with_channels(images):
    """uint8 or float32 [n, h, w] or [n, h, w, 3] as float32 [n, h, w, 1 or 3]."""
    x = ops.cast(images, "float32")
    return x if len(x.shape) == 4 else ops.expand_dims(x, -1)


def augment(
    images,
    draws,
    ratios,
    size: tuple[int, int],
    how: Augmentation,
    warp: Warp,
    to_rgb: Callable = to_rgb,
    *,
    ten_crops: bool = False,
):
    """Apply a recipe's augmentation to a batch, and resize it.

    Args:
        images: uint8 or float32, 0 to 255: [n, h, w], grey, or [n, h, w, 3], RGB.
        draws: float32 [n, columns] in [0, 1) (`fer_tf.data.draws.COLUMNS`).
        ratios: float32 [n], share of itself that each image keeps (`draws.mix_ratios`).
        size: (height, width) of the result.
        how: ranges and probabilities.
        warp: `warp_by_gather`, or the same function made faster for one backend.
        to_rgb: likewise.
        ten_crops: each face gives ten images, `geometry.of_ten_crops` of its whole.

    Returns:
        float32 [n, height, width, 3], or [10 n, height, width, 3], 0 to 255; of grey faces, three
        equal channels.
    """

    def draw(name):
        return draws[:, COLUMN[name]]

    source = images.shape[1:3]
    x = with_channels(images)
    if how.grid_distortion:
        numbers = hashed.uniform(draw("grid"), 2 * geometry.STRIPS)
        strips = 1.0 + symmetric(numbers) * how.grid_distortion
        x = geometry.distort(
            x, columns=strips[:, : geometry.STRIPS], rows=strips[:, geometry.STRIPS :]
        )
    changes = rand_augment.drawn(draw("changes")) if how.rand_augment else None
    if changes is not None:
        kinds, signs = changes
        x = rand_augment.change_levels(x, kinds, signs, how.rand_augment)
    x = _change_levels(x, draw, how)
    if how.erasing and not ten_crops:
        x = _erase_some(x, [draw(name) for name in ERASING], how.erasing)
    frame = tuple(side / geometry.CROP for side in size) if ten_crops else size
    matrices = _drawn_matrices(draw, how, source, frame)
    whole = (0.0, 0.0, float(source[1]), float(source[0]))
    seen: Sequence[Any] = whole
    if how.crop_area != (1.0, 1.0) or how.crop_aspect != (1.0, 1.0):
        numbers = hashed.uniform(draw("crop"), 2 * geometry.TRIES + 2)
        seen = geometry.random_crop(numbers, source, area=how.crop_area, aspect=how.crop_aspect)
        matrices = geometry.of_crop(matrices, seen, source)
    if ten_crops:
        x, *seen = (_ten_times(each) for each in (x, *seen))
        matrices = geometry.of_ten_crops(matrices, size)
    there = geometry.inside(matrices, size, seen) if how.border == "black" else 1.0
    if changes is not None:
        kinds, signs = map(_ten_times, changes) if ten_crops else changes
        matrices = rand_augment.of_changes(matrices, kinds, signs, how.rand_augment, source)
        if how.border == "black":
            there = there * geometry.inside(matrices, size, whole)
    x = warp(x, matrices, size, how.border)
    if how.border == "black":
        x = x * there
    if how.erasing and ten_crops:
        numbers = hashed.uniform(draw("crops"), geometry.CROPS * len(ERASING))
        numbers = ops.reshape(numbers, (-1, len(ERASING)))
        x = _erase_some(x, [numbers[:, i] for i in range(len(ERASING))], how.erasing)
    if how.mix_probability:
        x = mix(x, ratios, cut=is_cut(draws, how), cut_x=draw("cut_x"), cut_y=draw("cut_y"))
    return to_rgb(x) if x.shape[-1] == 1 else x


def _change_levels(x, draw: Callable, how: Augmentation):
    """What the recipe does to the grey levels of a face, float32 [n, h, w, c], in its own size."""
    if how.auto_contrast:
        x = stretch_levels(x, chosen=draw("stretched") < how.auto_contrast)
    if how.brightness or how.contrast:
        x = adjust_levels(
            x,
            brightness=symmetric(draw("brightness")) * (how.brightness * 255.0),
            contrast=1.0 + symmetric(draw("contrast")) * how.contrast,
        )
    if how.light:
        chosen = draw("light") < how.light
        x = spoil_light(
            x,
            gain=ops.where(chosen, ops.power(2.0, -4.0 * draw("gain")), 1.0),
            gamma=ops.where(chosen, ops.power(2.0, symmetric(draw("gamma"))), 1.0),
            haze=ops.where(chosen, 0.7 * draw("haze") ** 2, 0.0),
        )
    if how.blur:
        x = blur(x, width=ops.where(draw("blur") < how.blur, 1.5 * draw("blur_width"), 0.0))
    if how.noise:
        x = add_noise(x, width=255.0 * how.noise, seeds=draw("noise"))
    if how.jpeg:
        quality = 10.0 + 60.0 * draw("jpeg_quality")
        x = ops.where(per_image(draw("jpeg") < how.jpeg), jpeg(x, quality=quality), x)
    return x


def _drawn_matrices(draw: Callable, how: Augmentation, source, size):
    """`warp_matrices` by the recipe, but for the random crop."""
    angle = symmetric(draw("rotation")) * math.radians(how.rotation)
    zoom = 1.0 + symmetric(draw("zoom")) * how.zoom
    shift_x = symmetric(draw("shift_x")) * how.shift
    shift_y = symmetric(draw("shift_y")) * how.shift
    # Not asked where the answer is known: TensorFlow would compile, and round, the rest otherwise.
    if how.rotation_probability < 1:
        angle = ops.where(draw("rotated") < how.rotation_probability, angle, 0.0)
    if how.shift_probability < 1:
        moved = draw("shifted") < how.shift_probability
        shift_x, shift_y = (ops.where(moved, shift, 0.0) for shift in (shift_x, shift_y))
    if how.magnify != 1:
        zoom = zoom * how.magnify
    return warp_matrices(
        flip=ops.cast(draw("flip") < (0.5 if how.flip else 0.0), "float32"),
        angle=angle,
        zoom=zoom,
        shift_x=shift_x,
        shift_y=shift_y,
        source=source,
        size=size,
    )


ERASING = ("erase", "erase_area", "erase_aspect", "erase_x", "erase_y", "erase_level")
"""The numbers that random erasing needs."""


def _erase_some(images, numbers, share: float):
    """Erase a box from a share of the images, by the numbers of `ERASING`, each float32 [n]."""
    erased, area, aspect, x, y, level = numbers
    chosen = ops.cast(erased < share, "float32")
    return erase(images, erasing_box(area, aspect, x, y), level=level * 255.0, chosen=chosen)


def _ten_times(values):
    """[n, ...] as [10 n, ...], each ten times in a row; a number as it is."""
    return values if isinstance(values, float) else ops.repeat(values, geometry.CROPS, axis=0)


def resize(images, size: tuple[int, int], warp: Warp, *, flip: bool = False, crop=None):
    """Resize without augmenting, by the same warp.

    Args:
        images: uint8 or float32, 0 to 255: [n, h, w], grey, or [n, h, w, 3], RGB.
        size: (height, width) of the result.
        warp: as in `augment`.
        flip: mirror left to right.
        crop: (zoom, shift_x, shift_y) as in `warp_matrices`: what part to see; None for all.

    Returns:
        float32 [n, height, width, 3], 0 to 255; of grey faces, three equal channels.
    """
    x = with_channels(images)
    one = ops.ones_like(x[:, 0, 0, 0])
    zoom, shift_x, shift_y = crop or (1.0, 0.0, 0.0)
    matrices = warp_matrices(
        flip=one * float(flip),
        angle=one * 0.0,
        zoom=one * zoom,
        shift_x=one * shift_x,
        shift_y=one * shift_y,
        source=images.shape[1:3],
        size=size,
    )
    x = warp(x, matrices, size)
    return to_rgb(x) if x.shape[-1] == 1 else x


def symmetric(uniform):
    """From [0, 1) to [-1, 1)."""
    return 2.0 * uniform - 1.0


def adjust_levels(images, *, brightness, contrast):
    """Scale each image about its mean by `contrast`, add `brightness`, clip to [0, 255].

    Args:
        images: float32 [n, h, w, c].
        brightness: float32 [n], grey levels.
        contrast: float32 [n], 1 for none.
    """
    brightness, contrast = (per_image(v) for v in (brightness, contrast))
    mean = ops.mean(images, axis=(1, 2, 3), keepdims=True)
    return ops.clip(images * contrast + (mean * (1.0 - contrast) + brightness), 0.0, 255.0)


def erasing_box(area, aspect, x, y):
    """The box of random erasing (Zhong et al., 2020, algorithm 1), wholly inside the image.

    Args:
        area: float32 [n] in [0, 1): 2 % to 25 % of the image.
        aspect: float32 [n] in [0, 1): height over width, 0.3 to 1 / 0.3, log-uniform.
        x, y: float32 [n] in [0, 1): where.

    Returns:
        (top, left, bottom, right), each float32 [n], shares of the sides.
    """
    share = 0.02 + area * 0.23
    ratio = ops.exp(symmetric(aspect) * math.log(1 / 0.3))
    height = ops.sqrt(share * ratio)
    width = ops.sqrt(share / ratio)
    return _box(height, width, x, y)


def erase(images, box, *, level, chosen):
    """Fill `box` of the chosen images with one grey level.

    Args:
        images: float32 [n, h, w, c].
        box: (top, left, bottom, right), shares of the sides, each [n].
        level: float32 [n], 0 to 255.
        chosen: float32 [n], 1 to erase and 0 to leave.
    """
    rows, columns = box_sides(box, images.shape[1:3])
    return images + rows * per_image(chosen) * columns * (per_image(level) - images)


def box_sides(box, size):
    """The rows and the columns of a box: 1 where a pixel's centre lies in it, else 0.

    Args:
        box: (top, left, bottom, right), shares of the sides, each [n].
        size: (h, w).

    Returns:
        float32 [n, h, 1, 1] and [n, 1, w, 1]; their product is the box.
    """
    top, left, bottom, right = (ops.expand_dims(edge, -1) for edge in box)
    y = ops.expand_dims((ops.arange(size[0], dtype="float32") + 0.5) / size[0], 0)
    x = ops.expand_dims((ops.arange(size[1], dtype="float32") + 0.5) / size[1], 0)
    rows = ops.cast(ops.logical_and(y >= top, y < bottom), "float32")
    columns = ops.cast(ops.logical_and(x >= left, x < right), "float32")
    return rows[:, :, None, None], columns[:, None, :, None]


def mix(images, ratios, *, cut, cut_x, cut_y):
    """Mix each image with the one before it in the batch (the first with the last).

    Mixup (Zhang et al., 2018) blends; cutmix (Yun et al., 2019) pastes a box
    of the image's shape and of (1 - ratio) of its area, wholly inside it.

    Args:
        images: float32 [n, h, w, c].
        ratios: float32 [n], the share that each image keeps; 1 leaves it as it is.
        cut: bool [n], cutmix instead of mixup.
        cut_x, cut_y: float32 [n] in [0, 1), where the box is.
    """
    side = ops.sqrt(1.0 - ratios)
    rows, columns = box_sides(_box(side, side, cut_x, cut_y), images.shape[1:3])
    cut = per_image(cut)
    rows = ops.where(cut, rows, per_image(1.0 - ratios))
    columns = ops.where(cut, columns, 1.0)
    return images + rows * columns * (ops.roll(images, 1, axis=0) - images)


def warp_matrices(*, flip, angle, zoom, shift_x, shift_y, source, size):
    """The affine maps from output to input pixels that do all geometry and the resize at once.

    The content is mirrored (`flip`), magnified (`zoom`), turned counter-clockwise
    (`angle`) and moved right and down (`shift_x`, `shift_y`), in this order, about the
    centre. Pixel centres lie at half-integers, as everywhere in OpenCV, TensorFlow and JAX.

    Args:
        flip: float32 [n], 1 to mirror left to right, 0 not to.
        angle: float32 [n], radians.
        zoom: float32 [n], above 0; 2 doubles what is seen.
        shift_x, shift_y: float32 [n], shares of the width and height.
        source: (h, w) of the input.
        size: (height, width) of the output.

    Returns:
        float32 [n, 6]: (a, b, c, d, e, f), input x = a x + b y + c, input y = d x + e y + f,
        where x and y are indices of pixels.
    """
    (h, w), (height, width) = source, size
    mirror = 1.0 - 2.0 * flip
    cosine, sine = ops.cos(angle) / zoom, ops.sin(angle) / zoom
    # Output index -> offset from the centre, in input pixels -> back through shift, turn, mirror.
    step_x, step_y = w / width, h / height
    start_x, start_y = (0.5 - width / 2) * step_x, (0.5 - height / 2) * step_y
    from_x, from_y = start_x - shift_x * w, start_y - shift_y * h
    a, b = mirror * cosine * step_x, -mirror * sine * step_y
    d, e = sine * step_x, cosine * step_y
    c = mirror * (cosine * from_x - sine * from_y) + (w - 1) / 2
    f = sine * from_x + cosine * from_y + (h - 1) / 2
    return ops.stack([a, b, c, d, e, f], axis=-1)


def warp_by_gather(images, matrices, size: tuple[int, int], border: str = "repeat"):
    """Resample bilinearly.

    Args:
        images: float32 [n, h, w, c].
        matrices: float32 [n, 6] from `warp_matrices`.
        size: (height, width) of the result.
        border: with "reflect" the picture is mirrored about its outermost pixels, beyond which
            they else go on.

    Returns:
        float32 [n, height, width, c].
    """
    h, w, channels = images.shape[1:]
    x, y = geometry.positions(matrices, size)
    if border == "reflect":
        x, y = geometry.mirrored(x, w), geometry.mirrored(y, h)
    left, right, across = _neighbours(x, w)
    above, below, down = _neighbours(y, h)
    across, down = across[..., None], down[..., None]
    pixels = ops.reshape(images, (-1, h * w, channels))

    def at(row, column):
        index = ops.reshape(row * w + column, (-1, size[0] * size[1], 1))
        index = ops.repeat(index, channels, axis=-1)
        return ops.reshape(ops.take_along_axis(pixels, index, axis=1), (-1, *size, channels))

    top = at(above, left) * (1.0 - across) + at(above, right) * across
    bottom = at(below, left) * (1.0 - across) + at(below, right) * across
    return top * (1.0 - down) + bottom * down


def _neighbours(position, length: int):
    """The two indices around a position in [0, length - 1], and the share of the second."""
    position = ops.clip(position, 0.0, length - 1.0)
    first = ops.floor(position)
    second = ops.minimum(first + 1.0, length - 1.0)
    return ops.cast(first, "int32"), ops.cast(second, "int32"), position - first


def _box(height, width, x, y):
    top, left = y * (1.0 - height), x * (1.0 - width)
    return top, left, top + height, left + width
