"""TFLite files with metadata: MediaPipe reads them, LiteRT answers as before, XNNPACK runs all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_tflite import SIDE, answers, convert, described, faces, quantise

import fer_tf
from fer_tf.exporting.delegation import delegation
from fer_tf.exporting.tflite_metadata import METADATA
from fer_tf.exporting.tflite_model import ALIGNMENT, SIGNATURE, delegate_input, read_tflite, sign
from fer_tf.runtimes.task_files import tflite_task
from fer_tf.tasks import FER2013

FORMATS = ("float32", "float16", "int8")
# int8 is compared with Keras loosely: these weights are random, and accuracy is measured elsewhere.
FROM_KERAS = {"float32": 1e-5, "float16": 5e-3, "int8": 0.15}


@pytest.fixture(scope="module")
def model(small_network):
    """Two stages of the real network, its answers spread so that their order can be told."""
    from fer_tf.models.registry import create_model
    from fer_tf.models.sizes import at_size

    model = create_model("short", input_shape=(SIDE, SIDE, 3))
    rng = np.random.default_rng(1)
    weights = [
        rng.normal(0, np.prod(w.shape[:-1]) ** -0.5, w.shape) if w.ndim > 1 else w
        for w in model.get_weights()
    ]
    model.set_weights(weights)
    return at_size(model, (SIDE, SIDE))


@pytest.fixture(scope="module")
def converted(model) -> dict[str, bytes]:
    """What the converter and the quantiser give."""
    from fer_tf.exporting.pixel_function import pixel_function

    graph = pixel_function(model, batch=1).get_concrete_function()
    float32 = convert(graph)
    grey = convert(pixel_function(model, channels=1, batch=1).get_concrete_function())
    return {
        "float32": float32,
        "float16": convert(graph, half=True),
        "int8": quantise(sign(float32)),
        "grey": grey,
    }


@pytest.fixture(scope="module")
def files(converted, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tflite")
    for name, content in converted.items():
        (folder / f"{name}.tflite").write_bytes(described(delegate_input(sign(content))))
    return folder


@pytest.mark.parametrize("name", FORMATS)
def test_mediapipe_answers_as_litert_and_keras(name, files, model):
    mediapipe = pytest.importorskip("mediapipe")
    from mediapipe.tasks.python import BaseOptions, vision

    from fer_tf.exporting.pixel_function import pixel_function

    images = faces(8)
    litert = answers((files / f"{name}.tflite").read_bytes(), images)
    keras = pixel_function(model)(image=images)["probabilities"].numpy()
    assert keras.std(axis=1).min() > 0.02, "the answers must differ for their order to say much"
    np.testing.assert_allclose(litert, keras, rtol=0, atol=FROM_KERAS[name])
    options = vision.ImageClassifierOptions(
        base_options=BaseOptions(model_asset_path=str(files / f"{name}.tflite"))
    )
    with vision.ImageClassifier.create_from_options(options) as classifier:
        for image, expected in zip(images, litert, strict=True):
            picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=image)
            (head,) = classifier.classify(picture).classifications
            order = np.argsort(-expected, kind="stable")
            assert head.head_name == "probabilities"
            assert [c.index for c in head.categories] == order.tolist()
            assert [c.category_name for c in head.categories] == [FER2013[i] for i in order]
            scores = [c.score for c in head.categories]
            np.testing.assert_allclose(scores, expected[order], rtol=0, atol=1e-6)


@pytest.mark.parametrize(("name", "space"), [("float16", 1), ("grey", 2)])
def test_mediapipes_schema_reads_every_field(name, space, files):
    schema = pytest.importorskip("mediapipe.tasks.metadata.metadata_schema_py_generated")
    model = read_tflite((files / f"{name}.tflite").read_bytes())
    (entry,) = [entry for entry in model.metadata if entry.name == METADATA.encode()]
    content = model.buffers[entry.buffer].data.tobytes()
    assert schema.ModelMetadata.ModelMetadataBufferHasIdentifier(content, 0)
    metadata = schema.ModelMetadataT.InitFromObj(schema.ModelMetadata.GetRootAs(content, 0))
    assert (metadata.name, metadata.license) == (b"fer", b"Apache-2.0")
    assert metadata.description.startswith(b"What a face shows")
    assert metadata.version.decode() == fer_tf.__version__
    assert metadata.minParserVersion == b"1.0.0"
    (graph,) = metadata.subgraphMetadata
    ((image,), (probabilities,)) = graph.inputTensorMetadata, graph.outputTensorMetadata
    assert image.content.contentPropertiesType == schema.ContentProperties.ImageProperties
    assert image.content.contentProperties.colorSpace == space
    (unit,) = image.processUnits
    assert unit.optionsType == schema.ProcessUnitOptions.NormalizationOptions
    assert (unit.options.mean.tolist(), unit.options.std.tolist()) == ([0.0], [1.0])
    assert (image.stats.min.tolist(), image.stats.max.tolist()) == ([0.0], [255.0])
    assert (probabilities.stats.min.tolist(), probabilities.stats.max.tolist()) == ([0.0], [1.0])
    (file,) = probabilities.associatedFiles
    assert (file.name, file.type) == (b"labels.txt", schema.AssociatedFileType.TENSOR_AXIS_LABELS)


@pytest.mark.parametrize("name", FORMATS)
def test_xnnpack_runs_the_whole_file_in_one_partition(name, files):
    assert delegation(files / f"{name}.tflite") == (1, [])


def test_the_converters_own_files_leave_a_node_outside(converted, tmp_path):
    """Which `delegate_input` is for; and without which `delegation` would have nothing to find."""
    for name, partitions in (("float32", 1), ("float16", 2)):
        (tmp_path / name).write_bytes(converted[name])
        assert delegation(tmp_path / name) == (partitions, ["CAST"])


@pytest.mark.parametrize("name", FORMATS)
def test_the_runtime_of_the_app_guides_takes_bytes_and_is_fully_accelerated(name, files, converted):
    """`CompiledModel`, and signed bytes written to the unsigned input, as Kotlin does."""
    from ai_edge_litert.compiled_model import CompiledModel
    from ai_edge_litert.hardware_accelerator import HardwareAccelerator

    file = files / f"{name}.tflite"
    compiled = CompiledModel.from_file(str(file), hardware_accel=HardwareAccelerator.CPU)
    assert compiled.is_fully_accelerated()
    ends = {"inputs": ["image"], "outputs": ["probabilities"]}
    assert compiled.get_signature_list() == {SIGNATURE: ends}
    inputs, outputs = compiled.create_input_buffers(0), compiled.create_output_buffers(0)
    image = faces(1)
    inputs[0].write(image.view(np.int8))
    compiled.run_by_index(0, inputs, outputs)
    found = outputs[0].read(len(FER2013), np.float32)
    np.testing.assert_allclose(found, answers(file.read_bytes(), image)[0], rtol=0, atol=1e-6)
    if name != "int8":
        plain = CompiledModel.from_buffer(converted[name], hardware_accel=HardwareAccelerator.CPU)
        assert not plain.is_fully_accelerated()


@pytest.mark.parametrize("name", [*FORMATS, "grey"])
def test_weights_and_answers_stay_bit_for_bit_and_weights_are_aligned(name, files, converted):
    from ai_edge_litert.schema_py_generated import Model

    content = (files / f"{name}.tflite").read_bytes()
    before, after = (_weights(read_tflite(c)) for c in (converted[name], content))
    assert before == after and len(before) > 20
    images = faces(2, 1 if name == "grey" else 3)
    np.testing.assert_array_equal(answers(content, images), answers(converted[name], images))
    file = Model.GetRootAs(content, 0)
    buffers = [file.Buffers(index) for index in range(file.BuffersLength())]
    places = [b._tab.Vector(b._tab.Offset(4)) for b in buffers if b.DataLength()]
    assert len(places) > 20 and not any(place % ALIGNMENT for place in places)
    assert not any(buffer.Offset() for buffer in buffers), "weights outside the flatbuffer"


def _weights(model) -> dict[bytes, bytes]:
    graph = model.subgraphs[0]
    stored = [(tensor, model.buffers[tensor.buffer].data) for tensor in graph.tensors]
    return {tensor.name: bytes(data) for tensor, data in stored if data is not None}


def test_metadata_is_replaced_not_doubled_and_the_same_each_time(files):
    content = (files / "float32.tflite").read_bytes()
    other = tuple(f"class {index}" for index in range(7))
    renamed = described(content, other)
    assert tflite_task(renamed, files / "float32.tflite").labels == other
    assert described(renamed) == content
    entries = [entry.name for entry in read_tflite(renamed).metadata]
    assert entries.count(METADATA.encode()) == 1
