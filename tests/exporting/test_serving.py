"""The servable: its answers against the network's own, what it refuses, and the server's files."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import exported
import keras
import numpy as np
import pytest
import tensorflow as tf
import yaml
from exported import FACES, SIZE, file
from google.protobuf import text_format
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from serving_client import messages
from tensorflow_serving.apis import prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2

from fer_tf import FerError
from fer_tf.data.synthetic import draw
from fer_tf.exporting.pixel_function import LUMA
from fer_tf.exporting.serving import WARM_UP, write_serving
from fer_tf.exporting.serving_graph import MAX_PIXELS
from fer_tf.tasks import FER2013, Task

COLOURS = np.random.default_rng(0).integers(0, 256, (60, 44, 3), np.uint8)
GREY = np.array(Image.fromarray(COLOURS).convert("L"))
PNG, JPEG = file(FACES[0]), file(FACES[1], ".jpg")


@pytest.fixture(scope="module")
def model(small_network):
    return exported.network()


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory) -> Path:
    return exported.write(model, tmp_path_factory.mktemp("servable"))


@pytest.fixture(scope="module")
def run(folder):
    """Run a signature on its one input."""
    signatures = tf.saved_model.load(str(folder)).signatures

    def run(name: str, values) -> dict[str, np.ndarray]:
        ((argument, _),) = signatures[name].structured_input_signature[1].items()
        outputs = signatures[name](**{argument: tf.constant(values)})
        return {key: value.numpy() for key, value in outputs.items()}

    run.signatures = signatures
    return run


def probabilities(run, files: list[bytes]) -> np.ndarray:
    return run("serving_default", files)["probabilities"]


def test_signatures(run):
    shapes = {
        name: (
            {key: (spec.dtype, spec.shape.as_list()) for key, spec in inputs.items()},
            {key: (spec.dtype, spec.shape.as_list()) for key, spec in outputs.items()},
        )
        for name, function in run.signatures.items()
        for inputs, outputs in [
            (function.structured_input_signature[1], function.structured_outputs)
        ]
    }
    answers = {
        "probabilities": (tf.float32, [None, 7]),
        "class_index": (tf.int64, [None]),
        "label": (tf.string, [None]),
    }
    files = {"image_bytes": (tf.string, [None])}
    pixels = {"pixels": (tf.uint8, [None, None, None, None])}
    features = {"features": (tf.float32, [None, 16])}
    assert shapes == {
        "serving_default": (files, answers),
        "predict_pixels": (pixels, answers),
        "embed": (files, features),
    }


@pytest.mark.parametrize("count", [1, 3, 64])
def test_agrees_with_the_network(run, model, count):
    expected = exported.expected(model)[:count]
    assert np.ptp(expected, axis=0).max() > 0.05 or count == 1
    for name, values in (
        ("serving_default", [file(face) for face in FACES[:count]]),
        ("predict_pixels", FACES[:count, ..., None]),
        ("predict_pixels", np.repeat(FACES[:count, ..., None], 3, axis=-1)),
    ):
        found = run(name, values)
        np.testing.assert_allclose(found["probabilities"], expected, atol=1e-4, rtol=0)
        assert found["class_index"].tolist() == expected.argmax(axis=1).tolist()
        assert [label.decode() for label in found["label"]] == [
            FER2013[index] for index in expected.argmax(axis=1)
        ]


def test_embeds_what_the_last_layer_classifies(run, model):
    files = [file(face) for face in FACES[:3]]
    kernel, bias = model.get_layer("logits").get_weights()
    logits = run("embed", files)["features"] @ kernel + bias
    found = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, probabilities(run, files), atol=1e-5)


def saved(picture: Image.Image, kind: str, **options) -> bytes:
    data = io.BytesIO()
    picture.save(data, kind, **options)
    return data.getvalue()


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("PNG", "L", {}),
        ("PNG", "RGB", {}),
        ("PNG", "RGBA", {}),
        ("PNG", "LA", {}),
        ("PNG", "P", {}),
        ("PNG", "1", {}),
        ("PNG", "I;16", {}),
        ("JPEG", "L", {}),
        ("JPEG", "RGB", {}),
        ("JPEG", "RGB", {"progressive": True}),
        ("JPEG", "CMYK", {}),
    ],
)
def test_reads_every_kind_of_file(run, kind, mode, options):
    if mode == "I;16":
        picture = Image.fromarray(GREY.astype(np.uint16) * 257)
    else:
        picture = Image.fromarray(COLOURS).convert(mode)
    data = saved(picture, kind, **options)
    if mode == "I;16":
        pixels = np.repeat(GREY[..., None], 3, axis=-1)
    else:
        pixels = np.array(Image.open(io.BytesIO(data)).convert("RGB"))
    expected = run("predict_pixels", pixels[None])["probabilities"]
    np.testing.assert_allclose(probabilities(run, [data]), expected, atol=1e-6)


def test_sees_the_luma_of_a_colour(run, model):
    faces = np.random.default_rng(1).integers(0, 256, (3, 48, 48, 3), np.uint8)
    luma = faces @ np.float32(LUMA)
    found = run("predict_pixels", faces)["probabilities"]
    grey = run("predict_pixels", np.rint(luma[..., None]).astype(np.uint8))["probabilities"]
    np.testing.assert_allclose(found, grey, atol=0.01)


@pytest.mark.parametrize("shape", [(200, 120), (30, 400), (20, 33), (1, 1)])
def test_reduces_what_is_larger_than_the_network_has_seen(run, model, shape):
    """Pillow reduces with antialiasing as well, on its own."""
    picture = np.array(Image.fromarray(COLOURS).convert("F").resize(shape[::-1]))
    picture = np.rint(picture).astype(np.uint8)
    seen = Image.fromarray(picture.astype(np.float32)).resize(
        (min(shape[1], 48), min(shape[0], 48)), Image.Resampling.BILINEAR
    )
    resized = tf.image.resize(np.array(seen)[None, ..., None], SIZE)
    logits = model(keras.ops.repeat(resized, 3, axis=-1))
    expected = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    np.testing.assert_allclose(probabilities(run, [file(picture)]), expected, atol=1e-3)


def claiming(data: bytes, width: int, height: int) -> bytes:
    """A file whose header claims another size."""
    changed = bytearray(data)
    if data.startswith(b"\x89PNG"):
        changed[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    else:
        frame = data.index(b"\xff\xc0")
        changed[frame + 5 : frame + 9] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(changed)


GIF = saved(
    Image.fromarray(GREY), "GIF", save_all=True, append_images=[Image.fromarray(255 - GREY)]
)
BROKEN = "a broken or truncated file"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"hello", "neither JPEG nor PNG"),
        (b"\xff", "neither JPEG nor PNG"),
        (GIF, "neither JPEG nor PNG"),
        (saved(Image.fromarray(GREY), "BMP"), "neither JPEG nor PNG"),
        (saved(Image.fromarray(GREY), "WEBP"), "neither JPEG nor PNG"),
        (PNG[:8], BROKEN),
        (PNG[:200], BROKEN),
        (PNG[:-20], BROKEN),
        (JPEG[:3], BROKEN),
        (JPEG[:300], BROKEN),
        (JPEG[:-20], BROKEN),
        (claiming(PNG, 0, 48), BROKEN),
        (claiming(PNG, 2**31, 48), BROKEN),
        (claiming(PNG, 60000, 50000), f"60000x50000 pixels: expected at most {MAX_PIXELS}"),
        (claiming(JPEG, 60000, 50000), f"60000x50000 pixels: expected at most {MAX_PIXELS}"),
    ],
)
def test_names_the_bad_picture(run, data, message):
    for name in ("serving_default", "embed"):
        with pytest.raises(tf.errors.InvalidArgumentError) as raised:
            run(name, [PNG, JPEG, data, PNG])
        assert f"[image_bytes[2]: {message}" in raised.value.message
        assert raised.value.message.count("image_bytes[") == 1


def test_names_all_bad_pictures(run):
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        run("serving_default", [b"", PNG, JPEG[:99]])
    assert "[image_bytes[0]: empty: expected a JPEG or PNG file; " in raised.value.message
    assert f"; image_bytes[2]: {BROKEN}: expected a whole JPEG or PNG]" in raised.value.message


def test_largest_picture(run):
    grey = np.full((4096, 4096), 90, np.uint8)
    found = run("predict_pixels", grey[None, :48, :48, None])["probabilities"]
    np.testing.assert_allclose(probabilities(run, [file(grey)]), found, atol=1e-3)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"\[0\]: 4097x4096 pixels"):
        run("serving_default", [file(np.pad(grey, ((0, 0), (0, 1))))])


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=60),
        st.builds(
            lambda data, place, new: (
                data[: place % len(data)] + new + data[place % len(data) :][1:]
            ),
            st.sampled_from([PNG, JPEG]),
            st.integers(0, 10**6),
            st.binary(max_size=3),
        ),
        st.builds(lambda data, end: data[:end], st.sampled_from([PNG, JPEG]), st.integers(0, 3000)),
    )
)
def test_any_bytes_are_answered_or_named(run, data):
    try:
        found = probabilities(run, [PNG, data, JPEG])
    except tf.errors.InvalidArgumentError as error:
        assert "image_bytes[1]: " in error.message
        assert error.message.count("image_bytes[") == 1
    else:
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found[[0, 2]], probabilities(run, [PNG, JPEG]), atol=1e-5)


def test_refuses_nothing_and_other_channels(run):
    with pytest.raises(tf.errors.InvalidArgumentError, match="image_bytes: found none"):
        run("serving_default", tf.zeros([0], tf.string))
    for shape in ((0, 48, 48, 1), (1, 0, 48, 3), (1, 48, 48, 2), (1, 48, 48, 4)):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"expected \[n, h, w, 1 or 3\]"):
            run("predict_pixels", np.zeros(shape, np.uint8))


def test_labels_among_the_assets(folder):
    assert (folder / "assets" / "labels.txt").read_text().split() == list(FER2013)


def test_holds_no_path_of_this_machine(folder, tmp_path_factory):
    graph = (folder / "saved_model.pb").read_bytes()
    repository = Path(__file__).parents[2]
    for path in (repository, tmp_path_factory.getbasetemp(), folder):
        assert str(path).encode() not in graph


def warmup(folder: Path) -> list:
    records = tf.data.TFRecordDataset(str(folder / WARM_UP)).as_numpy_iterator()
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    return [log.predict_log.request for log in logs]


def test_warm_up_requests(run, folder):
    requests = warmup(folder)
    assert {request.model_spec.name for request in requests} == {"fer"}
    assert {request.model_spec.signature_name for request in requests} == set(run.signatures)
    assert {value.dtype for request in requests for value in request.inputs.values()} == {
        tf.string.as_datatype_enum,
        tf.uint8.as_datatype_enum,
    }
    for request in requests:
        ((name, value),) = request.inputs.items()
        array = tf.make_ndarray(value)
        signature = run.signatures[request.model_spec.signature_name]
        outputs = signature(**{name: tf.constant(array)})
        assert {len(output) for output in outputs.values()} == {len(array)}


def test_warm_up_ships_drawn_faces(folder):
    pixels = [r.inputs["pixels"] for r in warmup(folder) if "pixels" in r.inputs]
    largest = max(map(tf.make_ndarray, pixels), key=np.size)
    assert np.array_equal(largest[..., 0], draw(np.arange(7)))


def test_the_next_version(model, folder, tmp_path):
    names = ("compose.yaml", "models.config", "batching.config", "monitoring.config")
    assert folder.name == "1"
    assert sorted(path.name for path in folder.parent.parent.iterdir()) == sorted([*names, "fer"])
    (tmp_path / "serving" / "fer" / "9").mkdir(parents=True)
    (tmp_path / "serving" / "fer" / "notes").mkdir()
    (tmp_path / "serving" / "fer" / ".new").mkdir()
    (tmp_path / "serving" / "models.config").write_text("edited")
    version = exported.write(model, tmp_path)
    assert version == tmp_path / "serving" / "fer" / "10"
    assert {path.name for path in version.parent.iterdir()} == {"9", "notes", "10"}
    assert (tmp_path / "serving" / "models.config").read_text() == "edited"
    assert not list((tmp_path / "serving").glob(".*"))


def test_what_cannot_be_served_leaves_nothing(model, tmp_path):
    headless = keras.Model(model.input, model.get_layer("features").output)
    plain = keras.Sequential([keras.Input((None, None, 3)), keras.layers.GlobalMaxPooling2D()])
    for network, labels, message in (
        (plain, FER2013, "no layer 'features'"),
        (headless, FER2013, "has 16 classes and 0 values: expected as many as its task names, 7"),
        (model, FER2013[:6], "has 7 classes and 0 values: expected as many as its task names, 6"),
    ):
        with pytest.raises(FerError, match=message):
            write_serving(network, tmp_path, size=SIZE, task=Task("own", labels))
    assert not list(tmp_path.iterdir())
    (tmp_path / "serving").write_text("a file")
    with pytest.raises(FerError, match="serving: the servable cannot be written"):
        exported.write(model, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["serving"]


LOAD = """
import json, sys
for name in ("keras", "tf_keras", "fer_tf"):
    sys.modules[name] = None
import numpy as np
import tensorflow as tf
run = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
files = np.load(sys.argv[2], allow_pickle=True)
answers = [run(image_bytes=tf.constant(files[:n]))["probabilities"] for n in (1, 3, 64)]
imported = {name.split(".")[0] for name, module in sys.modules.items() if module}
print(json.dumps([[a.numpy().tolist() for a in answers], sorted(imported)]))
"""


def test_loads_where_there_is_tensorflow_and_nothing_of_ours(folder, model, tmp_path):
    np.save(tmp_path / "files.npy", np.array([file(face) for face in FACES], object))
    child = subprocess.run(
        [sys.executable, "-I", "-c", LOAD, str(folder), str(tmp_path / "files.npy")],
        capture_output=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    found, imported = json.loads(child.stdout)
    assert "tensorflow" in imported and not {"keras", "tf_keras", "fer_tf"} & set(imported)
    for count, answer in zip((1, 3, 64), found, strict=True):
        np.testing.assert_allclose(answer, exported.expected(model)[:count], atol=1e-4)


SERVER_MESSAGES = {
    "Int64": {"value": (1, "int64")},
    "BatchingParameters": {
        "max_batch_size": (1, "Int64"),
        "batch_timeout_micros": (2, "Int64"),
        "max_enqueued_batches": (3, "Int64"),
        "num_batch_threads": (4, "Int64"),
    },
    "PrometheusConfig": {"enable": (1, "bool"), "path": (2, "string")},
    "MonitoringConfig": {"prometheus_config": (1, "PrometheusConfig")},
}
"""Of session_bundle_config.proto and monitoring_config.proto, which tensorflow-serving-api leaves
out."""


def test_server_files_parse(folder):
    directory = folder.parent.parent
    models = model_server_config_pb2.ModelServerConfig()
    text_format.Parse((directory / "models.config").read_text(), models)
    (config,) = models.model_config_list.config
    assert (config.name, config.base_path) == ("fer", "/models/fer")
    assert config.model_platform == "tensorflow"
    kinds = messages(SERVER_MESSAGES)
    batching, monitoring = kinds["BatchingParameters"](), kinds["MonitoringConfig"]()
    text_format.Parse((directory / "batching.config").read_text(), batching)
    text_format.Parse((directory / "monitoring.config").read_text(), monitoring)
    assert batching.max_batch_size.value == 64
    assert batching.batch_timeout_micros.value == 2000
    assert batching.max_enqueued_batches.value > 0 and batching.num_batch_threads.value > 0
    assert monitoring.prometheus_config.enable
    assert monitoring.prometheus_config.path == "/monitoring/prometheus/metrics"


def test_compose_file(folder):
    directory = folder.parent.parent
    service = yaml.safe_load((directory / "compose.yaml").read_text())["services"]["fer"]
    name, version = service["image"].split(":")
    assert name == "tensorflow/serving"
    assert version.split(".")[:2] == tf.__version__.split(".")[:2]
    (mount,) = service["volumes"]
    assert (mount["source"], mount["target"], mount["read_only"]) == (".", "/models", True)
    flags = [word for word in service["command"].split() if "=/models/" in word]
    assert len(flags) == 2
    for flag in flags:
        assert (directory / Path(flag.partition("=")[2]).relative_to("/models")).is_file()
    assert service["ports"] == ["127.0.0.1:8500:8500", "127.0.0.1:8501:8501"]
    assert service["deploy"]["resources"]["limits"] == {"cpus": "2", "memory": "2g"}
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][:3] == ["CMD", "bash", "-c"]
