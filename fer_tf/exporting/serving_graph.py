"""What a server runs: pictures as they come over the wire in, answers out, all in one graph.

The faces that a network has learnt from have a size of their own, those of FER2013 48x48 pixels,
and it has never seen finer detail. So whatever is larger is first reduced to that, with
antialiasing, and then resized as in training; smaller faces are only resized. Sides change
independently: a face that is not square is made so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from fer_tf.exporting.pixel_function import LUMA
from fer_tf.tasks import Task

ANSWERS = ("probabilities", "class_index", "label")
"""The outputs of every servable; each value has one of its own name beside them."""

MAX_PIXELS = 4096 * 4096
"""Largest picture that is decoded: 50 MB as RGB. A small file can claim any size."""

PNG_START = b"\x89PNG\r\n\x1a\n"


def servable(
    model: keras.Model, task: Task, assets: Mapping[str, Path]
) -> tuple[tf.Module, dict[str, Callable]]:
    """The network with everything around it.

    Args:
        model: as `fer_tf.models.sizes.at_size` returns it, with a layer "features".
        task: what it answers.
        assets: files to be copied among the assets, by the name of an attribute.

    Returns:
        A module to save, and its signatures:
        serving_default: image_bytes (string [n]) to probabilities (float32 [n, classes]),
            class_index (int64 [n]) and label (string [n]), and each value by its name (float32
            [n], in [-1, 1]).
        predict_pixels: pixels (uint8 [n, h, w, 1 or 3], grey or RGB) to the same.
        embed: image_bytes to features (float32 [n, d]), what the last layer classifies.

        image_bytes are JPEG or PNG files of any size, grey or colour; 16 bits are reduced to 8,
        transparency is dropped. An EXIF orientation is not obeyed: TensorFlow does not read it.
        An error names each bad picture by its position from 0: "image_bytes[3]: ...".
    """
    size = model.input_shape[1:3]
    network = frozen(model)
    names = tf.constant(task.labels)

    def answers(faces):
        _, logits, *values = network(faces)
        probabilities = tf.ensure_shape(tf.nn.softmax(logits), [None, len(task.labels)])
        index = tf.argmax(probabilities, axis=-1)
        found = dict(zip(ANSWERS, (probabilities, index, tf.gather(names, index)), strict=True))
        for i, name in enumerate(task.values):
            found[name] = tf.ensure_shape(values[0][:, i], [None])
        return found

    @signature(tf.TensorSpec([None], tf.string, name="image_bytes"))
    def serving_default(image_bytes):
        return answers(decoded(image_bytes, size, task))

    @signature(tf.TensorSpec([None, None, None, None], tf.uint8, name="pixels"))
    def predict_pixels(pixels):
        return answers(fitted(checked_rgb(pixels), size, task))

    @signature(tf.TensorSpec([None], tf.string, name="image_bytes"))
    def embed(image_bytes):
        return {"features": network(decoded(image_bytes, size, task))[0]}

    module = tf.Module()
    for name, file in assets.items():
        setattr(module, name, tf.saved_model.Asset(str(file)))
    functions = (serving_default, predict_pixels, embed)
    return module, {function.__name__: function for function in functions}


def signature(spec: tf.TensorSpec) -> Callable[[Callable], Any]:
    """Make a function of one tensor a tf.function."""
    return tf.function(input_signature=[spec], autograph=False)


def frozen(model: keras.Model) -> Callable:
    """A function from faces (float32 [n, height, width, 3], 0 to 255) to [features, logits], and
    values as a third where the network has them.

    Its weights are constants, which a server folds and lays out once, when it loads.
    """
    both = keras.Model(model.input, [model.get_layer("features").output, model.output])
    spec = tf.TensorSpec([None, *model.input_shape[1:]], tf.float32, name="faces")
    traced = signature(spec)(lambda faces: both(faces, training=False))
    return convert_variables_to_constants_v2(traced.get_concrete_function())


def fitted(pictures, size: tuple[int, int], task: Task):
    """RGB pictures to faces for the network, in grey where it has seen nothing else.

    Args:
        pictures: uint8 [n, h, w, 3].
        size: (height, width) of the result.
        task: says what faces the network has seen.

    Returns:
        float32 [n, height, width, 3], 0 to 255; three equal channels where the task's are grey.
    """
    height, width, channels = task.face
    seen = tf.minimum(tf.shape(pictures)[1:3], (height, width))
    reduced = tf.image.resize(pictures, seen, antialias=True)
    if channels == 3:
        return tf.image.resize(reduced, size)
    grey = tf.tensordot(reduced, tf.constant(LUMA), 1)[..., None]
    return tf.repeat(tf.image.resize(grey, size), 3, axis=-1)


def checked_rgb(pixels):
    """uint8 [n, h, w, 1 or 3] to [n, h, w, 3].

    Raises:
        InvalidArgumentError: another number of channels, or nothing at all.
    """
    shape = tf.shape(pixels)
    channels = shape[3]
    message = tf.strings.format("pixels: found {}: expected [n, h, w, 1 or 3], n, h, w > 0", shape)
    right = tf.reduce_all(shape > 0) & ((channels == 1) | (channels == 3))
    with tf.control_dependencies([tf.debugging.Assert(right, [message])]):
        rgb = tf.cond(channels == 1, lambda: tf.repeat(pixels, 3, axis=-1), lambda: pixels)
    return tf.ensure_shape(rgb, [None, None, None, 3])


def decoded(files, size: tuple[int, int], task: Task):
    """Encoded pictures to faces for the network.

    Args:
        files: string [n], JPEG or PNG.
        size: (height, width) of the result.
        task: as of `fitted`.

    Returns:
        float32 [n, height, width, 3], as `fitted` returns it.

    Raises:
        InvalidArgumentError: there is no file, or some are bad; the message names each.
    """
    some = tf.debugging.Assert(
        tf.size(files) > 0, ["image_bytes: found none: expected at least one"]
    )
    with tf.control_dependencies([some]):
        files = tf.identity(files)

    def face(file):
        return fitted(picture(file)[None], size, task)[0]

    known = is_jpeg_or_png(files)
    readable, sides = attempt(header_sides, files, tf.zeros([2], tf.int32))
    small = tf.reduce_prod(tf.cast(sides, tf.int64), axis=-1) <= MAX_PIXELS
    # A file that must not be decoded is given as an empty one, which can't be.
    whole, faces = attempt(
        face, tf.where(known & readable & small, files, ""), tf.zeros([*size, 3])
    )
    found = tf.boolean_mask(complaints(files, known, small, sides), ~whole)
    message = tf.strings.reduce_join(found, separator="; ")
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(whole), [message])]):
        return tf.identity(faces)


def complaints(files, known, small, sides):
    """What to say of each file if it turns out to be bad, string [n].

    Args:
        files: string [n].
        known: bool [n], begins as a JPEG or PNG does.
        small: bool [n], claims no more than `MAX_PIXELS`.
        sides: int32 [n, 2], the height and width that it claims.
    """
    texts = tf.strings.as_string(sides)
    claim = tf.strings.join([texts[:, 1], "x", texts[:, 0]])
    large = tf.strings.join([claim, f" pixels: expected at most {MAX_PIXELS} in all"])
    reason = tf.where(small, "a broken or truncated file: expected a whole JPEG or PNG", large)
    reason = tf.where(known, reason, "neither JPEG nor PNG")
    reason = tf.where(files == "", "empty: expected a JPEG or PNG file", reason)
    place = tf.strings.as_string(tf.range(tf.size(files)))
    return tf.strings.join(["image_bytes[", place, "]: ", reason])


def is_jpeg_or_png(files):
    """string [n] to bool [n], by the first bytes."""
    starts = tf.strings.substr(files, 0, len(PNG_START))
    return (starts == PNG_START) | (tf.strings.substr(files, 0, 3) == b"\xff\xd8\xff")


def picture(file):
    """A JPEG or PNG decoded, uint8 [h, w, 3].

    Raises:
        InvalidArgumentError: the file is not whole.
    """
    # Not TensorFlow's default, which is fast and up to 5 levels off: this is what Pillow gives.
    accurate = "INTEGER_ACCURATE"
    return tf.cond(
        tf.io.is_jpeg(file),
        lambda: tf.io.decode_jpeg(file, channels=3, dct_method=accurate),
        lambda: tf.io.decode_png(file, channels=3),
    )


def header_sides(file):
    """A JPEG's or PNG's (height, width) without decoding it, int32 [2].

    Raises:
        InvalidArgumentError: the header is not whole, or claims an impossible size.
    """
    # IHDR is a PNG's first chunk: width and height follow its length and name, big-endian.
    sides = tf.cond(
        tf.io.is_jpeg(file),
        lambda: tf.io.extract_jpeg_shape(file)[:2],
        lambda: tf.io.decode_raw(tf.strings.substr(file, 16, 8), tf.int32, False)[::-1],
    )
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(sides > 0), [sides])]):
        return tf.ensure_shape(sides, [2])


def attempt(function: Callable, items, like):
    """Apply a function to each item; a batch outlives the items for which it raises.

    No decoding operation says which file it choked on, or returns instead of raising. A dataset
    within the graph does: it can leave out what raises.

    Args:
        function: of one item.
        items: [n], n > 0.
        like: zeros of the function's shape and type.

    Returns:
        (bool [n]: whether it did not raise, the results [n, ...], zeros where it did).
    """
    count = tf.size(items, tf.int64)
    numbered = tf.data.Dataset.from_tensor_slices((tf.range(count), items))
    tried = numbered.map(lambda place, item: (place, function(item)), num_parallel_calls=4)
    # One more than there are items: where all raise, there would be no batch.
    end = tf.data.Dataset.from_tensors((count, like))
    places, results = tried.ignore_errors().concatenate(end).batch(count + 1).get_single_element()
    places = places[:, None]
    shape = tf.concat([[count + 1], tf.shape(like, tf.int64)], axis=0)
    right = tf.scatter_nd(places, tf.ones_like(places[:, 0]), [count + 1]) > 0
    results = tf.scatter_nd(places, results, shape)[:-1]
    return right[:-1], tf.ensure_shape(results, [None, *like.shape])
