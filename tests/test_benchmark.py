"""`python -m fer_tf.benchmark`, with a tiny network at tiny sizes."""

from __future__ import annotations

import csv
import subprocess
from dataclasses import replace
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
from tiny import tiny_csv

from fer_tf import FerError, benchmark, cli
from fer_tf.benchmark import Benchmark, main
from fer_tf.benchmarking import candidates, first_answer, timing
from fer_tf.benchmarking.candidates import Candidate, found_candidates
from fer_tf.benchmarking.comparison import make_rows
from fer_tf.benchmarking.first_answer import FirstAnswer
from fer_tf.benchmarking.multiply_adds import multiply_adds, network_multiply_adds, precision
from fer_tf.benchmarking.timing import Job, Times, score
from fer_tf.report.latency import COLUMNS, NAMES, latency_figure
from fer_tf.tasks import FER2013, TASKS

FILES = ((32, "float32"), (48, "float32"), (48, "float16"))


@pytest.fixture(scope="module")
def model(small_network, tmp_path_factory) -> Path:
    """A .keras file of a network with two blocks that takes any size."""
    from fer_tf.models.registry import create_model
    from fer_tf.models.saving import save_model

    path = tmp_path_factory.mktemp("model") / "net.keras"
    save_model(create_model("short", input_shape=(None, None, 3)), path)
    return path


@pytest.fixture(scope="module")
def export(model, tmp_path_factory) -> Path:
    """An export folder with TFLite files: float32 at 32 and 48 px, float16 at 48 px."""
    from fer_tf.exporting.tflite import write_tflite
    from fer_tf.models.saving import load_model

    folder = tmp_path_factory.mktemp("export")
    (folder / "tflite").mkdir()
    for side, kind in FILES:
        path = folder / "tflite" / f"fer_{side}_{kind}.tflite"
        write_tflite(
            load_model(model), path, size=(side, side), precision=kind, task=TASKS["fer2013"]
        )
    return folder


@pytest.fixture
def one_start(monkeypatch):
    """The cold start is measured once."""
    monkeypatch.setattr(first_answer, "REPEATS", 1)


def rows_of(directory: Path) -> list[dict[str, str]]:
    with (directory / "benchmark.csv").open() as file:
        return list(csv.DictReader(file))


def test_an_export_folder(export, one_start, tmp_path, capsys):
    out = tmp_path / "out"
    sizes = ["--sizes", "32", "48", "64", "--threads", "1", "2", "--rounds", "3"]
    main([str(export), *sizes, "--out", str(out)])
    rows = rows_of(out)
    assert tuple(rows[0]) == COLUMNS
    rows = [row for row in rows if row["format"] != "openvino"]  # where it is installed
    found = {(row["format"], row["size"], row["threads"]) for row in rows}
    assert found == {(f"litert-{kind}", str(side), n) for side, kind in FILES for n in "12"}
    for row in rows:
        assert float(row["latency_ms"]) > 0
        assert float(row["latency_p95_ms"]) >= float(row["latency_ms"])
        assert float(row["ratio_q1"]) <= float(row["ratio"]) <= float(row["ratio_q3"])
        assert (row["ratio"] == "1") == (row["format"] == "litert-float32")
        assert row["images_per_second_64"] == row["accuracy"] == ""
        assert 1e6 < float(row["peak_memory_bytes"]) < 1e9
    sides = {row["size"]: int(row["multiply_adds"]) for row in rows}
    assert sides["48"] > 2 * sides["32"] > 0
    picture = cv2.imread(str(out / "benchmark.png"))
    assert picture is not None and np.ptp(picture) > 100
    text = (out / "benchmark.txt").read_text()
    assert text in capsys.readouterr().out
    assert text.startswith("machine:") and "LiteRT float32" in text


@pytest.mark.parametrize(
    "first", ["litert-float32", pytest.param("keras-graph", marks=pytest.mark.slow)]
)
def test_a_model_is_exported_at_each_size(first, model, one_start, tmp_path, monkeypatch):
    monkeypatch.setenv("FER_TF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(benchmark, "CALIBRATION_FACES", 4)
    data = tiny_csv(tmp_path / "faces.csv")
    forms = [first, "litert-int8", "onnx"]
    out = tmp_path / "out"
    flags = ["--sizes", "32", "--threads", "1", "--rounds", "2", "--baseline", "onnx"]
    main([str(model), *flags, "--formats", *forms, "--data", str(data), "--out", str(out)])
    rows = {row["format"]: row for row in rows_of(out)}
    assert set(rows) == set(forms)
    assert rows["onnx"]["ratio"] == "1"
    assert int(rows["onnx"]["multiply_adds"]) > 1e5
    assert float(rows["onnx"]["images_per_second_64"]) > 0
    assert len({row["parameters"] for row in rows.values()}) == 1
    assert rows[first]["accuracy"] == rows["onnx"]["accuracy"]
    assert 0 <= float(rows["onnx"]["accuracy"]) <= 1
    assert {path.name for path in out.iterdir()} == {
        "benchmark.csv",
        "benchmark.png",
        "benchmark.txt",
    }


def test_cold_start_is_of_fresh_processes(export, monkeypatch):
    started = []

    class Spy(subprocess.Popen):
        def __init__(self, command, **keywords):
            started.append(command)
            super().__init__(command, **keywords)

    monkeypatch.setattr(subprocess, "Popen", Spy)
    path = export / "tflite" / "fer_32_float32.tflite"
    found = first_answer.first_answer(Candidate("m", "litert-float32", path, (32, 32), (32, 32)))
    assert len(started) in range(1, first_answer.REPEATS + 1)
    assert all("fer_tf.benchmarking.first_answer" in command for command in started)
    assert 0.01 < found.seconds < 60


def test_a_process_that_fails_is_told_in_one_sentence(tmp_path):
    bad = tmp_path / "bad.tflite"
    bad.write_bytes(b"not a model")
    candidate = Candidate("m", "litert-float32", bad, (32, 32), (32, 32))
    with pytest.raises(FerError, match=r"could not answer: .*bad\.tflite: litert cannot open"):
        first_answer.first_answer(candidate)
    with pytest.raises(FerError, match=r"ended with exit code 2: .*bad\.tflite: litert"):
        timing.time_candidates([candidate], tmp_path, threads=1, rounds=1)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["none"], "none: no such file or folder"),
        (["."], "expected an export folder, an exported file, a run folder"),
        (["a.keras"], "not a .keras file"),
        (["a.txt"], "expected an export folder, an exported file, a run folder"),
        (["a.keras", "--rounds", "0"], "--rounds: found 0"),
        (["a.keras", "--sizes", "32", "0"], "--sizes: found 32 0"),
        (["a.keras", "--threads", "-1"], "--threads: found -1"),
        (["a.keras", "--sizes", "32", "48", "32"], "--sizes: found 32 48 32, expected each once"),
        (["a.keras", "a.keras"], "MODEL_OR_DIR: found a.keras a.keras, expected each once"),
        (["a.keras", "--formats", "onnx"], "--baseline: found litert-float32, expected one of"),
        (["a.keras", "--out", "a.txt"], "--out: a.txt is a file"),
        ([], "MODEL_OR_DIR"),
        (["a.keras", "--sizes", "big"], "Value error"),
        (["a.keras", "--baseline", "fastest"], "baseline"),
        (["a.keras", "--speed", "1"], "nrecognized"),
    ],
)
def test_refuses_flags_and_paths(tmp_path, monkeypatch, capsys, flags, words):
    monkeypatch.chdir(tmp_path)
    for name in ("a.keras", "a.txt"):
        Path(name).write_text("not a model")
    with pytest.raises(SystemExit) as stopped:
        cli.run(lambda: main(flags))
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert words in said and "Traceback" not in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.keras", "a.txt"]


def test_refuses_other_sizes_than_the_network_takes(tmp_path):
    images = keras.Input((24, 24, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(7, 3)(images))
    keras.Model(images, pooled).save(tmp_path / "fixed.keras")
    with pytest.raises(FerError, match=r"24x24 pixels only.* found 32x32"):
        main([str(tmp_path / "fixed.keras"), "--sizes", "24", "32"])


def test_nothing_left_to_measure(export, tmp_path):
    with pytest.raises(FerError, match="nothing left to measure with --formats"):
        main([str(export), "--sizes", "64", "--out", str(tmp_path / "out")])


def test_a_folder_of_one_size_brings_its_saved_model(export, tmp_path):
    (tmp_path / "tflite").mkdir()
    (tmp_path / "serving/fer/1").mkdir(parents=True)
    (tmp_path / "serving/fer/1/saved_model.pb").touch()
    source = (export / "tflite" / "fer_32_float32.tflite").read_bytes()
    (tmp_path / "tflite" / "a.tflite").write_bytes(source)
    found = found_candidates("m", tmp_path, sizes=(32,), formats=tuple(NAMES))  # type: ignore[arg-type]
    assert {c.format for c in found} - {"openvino"} == {"litert-float32", "savedmodel"}
    assert found[-1].size == (32, 32) and found[-1].face == (48, 48)


def test_files_for_grey_faces_are_left_out_beside_others(export, tmp_path, monkeypatch):
    """They take 48 pixels, whatever the network's size: it would stand in the wrong row."""
    task = TASKS["fer2013"].with_face(40, 40)
    (tmp_path / "tflite").mkdir()
    for name in ("fer_32_float32.tflite", "fer_48_float32.tflite"):
        (tmp_path / "tflite" / name).write_bytes((export / "tflite" / name).read_bytes())
    assets = tmp_path / "serving/fer/1/assets"
    assets.mkdir(parents=True)
    (assets.parent / "saved_model.pb").touch()
    (assets / "task.json").write_text(task.to_json())

    def opened(path, opener=candidates.open_runner):
        runner = opener(path)
        runner.channels = 1 if "48" in path.name else 3
        return runner

    monkeypatch.setattr(candidates, "open_runner", opened)
    found = found_candidates("m", tmp_path, sizes=(32, 48), formats=tuple(NAMES))  # type: ignore[arg-type]
    assert {candidate.size for candidate in found} == {(32, 32)}
    assert found[-1].format == "savedmodel" and found[-1].face == (40, 40)


def test_each_network_of_weights_alone_has_a_file_of_its_own(model, tmp_path, monkeypatch):
    from fer_tf.models.saving import load_model

    class Shipped:
        path, is_keras = Path("float16.weights.h5"), True

        def network(self):
            return load_model(model)

        def size(self, asked):
            return asked

    monkeypatch.setattr(benchmark, "open_trained", lambda given: Shipped())
    args = Benchmark(("nano",), shipped=True, sizes=(32,), formats=("keras-eager",))
    nano, other = benchmark.collect(args, tmp_path, None, lambda text: None)
    assert nano.path != other.path and nano.path.is_file() and other.path.is_file()


def test_multiply_adds_are_counted_by_hand(tmp_path):
    import tensorflow as tf

    def answer(image):
        x = tf.nn.conv2d(tf.cast(image, tf.float32), tf.ones([3, 3, 3, 8]), 2, "SAME")
        x = tf.nn.depthwise_conv2d(x, tf.ones([3, 3, 8, 1]), [1, 1, 1, 1], "SAME")
        x = tf.nn.conv2d_transpose(x, tf.ones([2, 2, 6, 8]), [1, 8, 8, 6], 2)
        x = tf.reshape(tf.nn.avg_pool2d(x, 2, 2, "SAME"), [1, 16, 6])
        x = tf.matmul(tf.nn.softmax(tf.matmul(x, x, transpose_b=True)), x)
        return tf.reshape(x, [1, 96]) @ tf.ones([96, 7])

    root = tf.Module()
    signature = tf.TensorSpec([1, 8, 8, 3], tf.uint8)
    root.f = tf.function(answer, input_signature=[signature]).get_concrete_function()
    path = tmp_path / "net.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([root.f], root).convert())
    assert multiply_adds(path) == {
        "convolution": 4 * 4 * 3 * 3 * 3 * 8 + 4 * 4 * 2 * 2 * 8 * 6,
        "depthwise": 4 * 4 * 3 * 3 * 8,
        "attention products": 2 * 16 * 16 * 6,
        "dense": 96 * 7,
    }
    assert precision(path) == "float32"


def test_multiply_adds_of_a_network_are_counted_by_hand():
    layers = keras.layers
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, 2, padding="same")(image)
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.Conv2DTranspose(4, 2, 2)(x)
    x = layers.Reshape((64, 4))(layers.Conv2D(4, 1, groups=2)(x))
    x = layers.MultiHeadAttention(2, 3)(x, x)
    network = keras.Model(image, layers.Dense(7)(layers.Flatten()(x)))
    convolutions = 4 * 4 * 3 * 3 * 3 * 8 + 4 * 4 * 2 * 2 * 8 * 4 + 8 * 8 * 2 * 4
    depthwise, attention_products = 4 * 4 * 3 * 3 * 8, 2 * 2 * 64 * 64 * 3
    dense = 4 * 64 * 4 * 2 * 3 + 64 * 4 * 7
    found = network_multiply_adds(network, (8, 8))
    assert found == convolutions + depthwise + attention_products + dense


def test_precision_is_read_from_the_file(export):
    for side, kind in FILES:
        assert precision(export / "tflite" / f"fer_{side}_{kind}.tflite") == kind


class Bright:
    """Answers with the class of a face's brightness."""

    name, size, channels, batch = "bright", (48, 48), 3, None
    task = TASKS["fer2013"]

    def __call__(self, images):
        assert images.shape[1:] == (48, 48, 3) and not np.ptp(images, axis=3).any()
        return np.eye(7, dtype=np.float32)[images[:, 0, 0, 2]]


def job_of(labels, classes, place, colour: bool = False) -> Job:
    """Of faces whose brightness is FER2013's class: 0 to 6 and again."""
    faces = np.broadcast_to(np.arange(140)[:, None, None] % 7, (140, 48, 48)).astype(np.uint8)
    faces = np.repeat(faces[..., None], 3, axis=3) if colour else faces
    np.save(place / "48x48.npy", faces)
    return Job([], 1, 1, {"48x48": str(place / "48x48.npy")}, list(labels), classes)


@pytest.mark.parametrize("colour", [False, True])
def test_score(tmp_path, colour):
    labels = np.arange(140) % 7
    wrong = np.where(np.arange(140) < 14, (labels + 1) % 7, labels)
    job = job_of(wrong, FER2013, tmp_path, colour)
    assert score(Bright(), job) == pytest.approx(0.9)
    assert np.isnan(score(Bright(), Job([], 1, 1)))


def test_classes_are_matched_by_their_names(tmp_path):
    classes = TASKS["ferplus"].labels  # "anger", not "Angry", and in another order
    labels = [TASKS["ferplus"].index(FER2013[i % 7]) for i in range(140)]
    assert score(Bright(), job_of(labels, classes, tmp_path)) == 1
    contempt = [classes.index("contempt") if i < 70 else each for i, each in enumerate(labels)]
    assert score(Bright(), job_of(contempt, classes, tmp_path)) == 1
    with pytest.raises(FerError, match="has the classes cat, dog: expected at least two"):
        score(Bright(), job_of(labels, ("cat", "dog"), tmp_path))


def made_up(milliseconds: dict[tuple[str, int], float], tmp_path: Path, noise: list[float]):
    """Candidates whose times are as said, each round slowed alike."""
    (tmp_path / "f").write_bytes(b"12345")
    candidates = [
        Candidate("m", form, tmp_path / "f", (side, side), (side, side), 7, 500_000_000)  # type: ignore[arg-type]
        for form, side in milliseconds
    ]
    slow = np.array(noise)[:, None]
    latency = slow[:, :, None] * np.array(list(milliseconds.values()))[None, :, None] / 1e3
    times = Times(
        latency=np.repeat(latency, 3, axis=2),
        batch={8: np.full((2, len(candidates)), 0.1), 64: np.full((2, len(candidates)), np.nan)},
        accuracy=np.full(len(candidates), np.nan),
    )
    return candidates, times


def test_ratios_hold_on_a_noisy_machine(tmp_path):
    at = {("litert-float32", 224): 12.0, ("litert-int8", 224): 6.0, ("litert-float32", 64): 2.0}
    candidates, times = made_up(at, tmp_path, noise=[1, 5, 1, 3, 1])
    starts = [FirstAnswer(0.5, 10)] * 3
    rows = make_rows(candidates, starts, {1: times}, "litert-float32")
    assert [row.ratio for row in rows] == pytest.approx([1, 0.5, 1])
    assert [row.ratio_q3 for row in rows] == pytest.approx([1, 0.5, 1])
    assert rows[0].latency_ms == pytest.approx(12) and rows[0].latency_p95_ms > 50
    assert rows[0].images_per_second_8 == pytest.approx(80)
    assert rows[0].images_per_second_64 is None and rows[0].file_bytes == 5


def test_each_network_has_its_own_count(tmp_path):
    (candidate,), times = made_up({("onnx", 48): 12.0}, tmp_path, noise=[1, 1])
    (row,) = make_rows([candidate], [FirstAnswer(0.5, None)], {1: times}, "onnx")
    other = replace(row, model="runs/[b]", multiply_adds=2_000_000)
    text = benchmark.as_text([row, other], "onnx")
    assert "in the files of m (" in text and "500.0 M at 48 px" in text
    assert "2.0 M at 48 px" in text and text.count("runs/[b]") == 3


def test_without_the_baseline_there_is_no_ratio(tmp_path):
    candidates, times = made_up({("onnx", 224): 12.0}, tmp_path, noise=[1, 1])
    row = make_rows(candidates, [FirstAnswer(0.5, None)], {2: times}, "litert-int8")[0]
    assert row.ratio is None and row.accuracy is None


@pytest.mark.parametrize(("sizes", "bars"), [((96,), 3), ((64, 96), 0)])
def test_one_size_is_drawn_as_bars(tmp_path, sizes, bars):
    """Of a form, too, that somebody has added to `exporting.formats`."""
    at = {(form, size): 5.0 for form in ("new", "litert-float32", "onnx") for size in sizes}
    candidates, times = made_up(at, tmp_path, noise=[1, 1])
    rows = make_rows(candidates, [FirstAnswer(0.5, 10)] * len(at), {1: times}, "onnx")
    (axes,) = latency_figure(rows).axes
    assert len(axes.patches) == bars and len(axes.lines) == (0 if bars else 3)
    assert "over that of new" in benchmark.as_text(rows, "new")
    if bars:
        assert {text.get_text() for text in axes.texts} == {"5.00 ms"}
