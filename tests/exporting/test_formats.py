"""A new format is a row: `export` and `benchmark` write, open, compare and time it."""

from __future__ import annotations

from pathlib import Path

import exported
import numpy as np
import pytest

from fer_tf import benchmark, export
from fer_tf.errors import FerError
from fer_tf.exporting.formats import FORMATS, ExportFormat, Form, check_installed
from fer_tf.runtimes import runner
from fer_tf.tasks import TASKS

pytestmark = pytest.mark.usefixtures("small_network")


class Table:
    """A toy runtime: the answers of a Keras file whose place stands in a file ".toy"."""

    def __new__(cls, path, threads, size):
        return runner.open_runner(path.read_text(), threads=threads, size=size)


def toy_forms(sizes, grey, task):
    for size in sizes:
        yield Form("toy", f"Toy {size[0]}", f"toy/fer_{size[0]}.toy", "float32", size, size)


def write_toy(form, source, path):
    network = path.with_suffix(".keras")
    source.model.save(network)
    path.write_text(str(network.with_name("kept.keras")))
    network.rename(network.with_name("kept.keras"))
    return path


@pytest.fixture
def toy(monkeypatch):
    row = ExportFormat("toy", toy_forms, write_toy, runtimes=(("toy", "float32", "toy"),))
    monkeypatch.setitem(FORMATS, "toy", row)
    monkeypatch.setitem(runner.KINDS, ".toy", {"toy": Table})
    return row


@pytest.fixture
def model(tmp_path) -> Path:
    exported.network().save(tmp_path / "m.keras")
    return tmp_path / "m.keras"


def test_export_writes_and_compares_it(toy, model, csv_file, tmp_path):
    out = tmp_path / "out"
    common = [str(model), "--to", str(out), "--size", "32", "--data", str(csv_file)]
    export.main([*common, "--formats", "toy"])
    assert (out / "toy" / "fer_32.toy").is_file() and (out / "model_card.md").is_file()
    assert "Toy 32" in (out / "export.json").read_text()


def test_benchmark_writes_it(toy, model, tmp_path):
    from fer_tf.benchmarking.candidates import export_candidates, runtimes
    from fer_tf.models.saving import load_model

    assert runtimes()["toy"] == "toy"
    faces = np.zeros((2, 48, 48), np.uint8)
    network = load_model(model)
    (found,) = export_candidates(
        "m", model, network, tmp_path / "b", sizes=[32], formats=["toy"], calibration=faces
    )
    assert (found.format, found.runtime, found.path.suffix) == ("toy", "toy", ".toy")


def test_predict_opens_it(toy, model, tmp_path):
    from fer_tf import FaceAnalyzer

    file = tmp_path / "net.toy"
    file.write_text(str(model))
    (face,) = FaceAnalyzer(file, size=32, cropped=True).analyze(np.zeros((48, 48), np.uint8)).faces
    assert len(face.probabilities) == 7


def test_the_forms_have_places_of_their_own():
    for row in FORMATS.values():
        forms = [*row.forms([(32, 32), (48, 64)], True, TASKS["fer2013"])]
        assert len({form.path for form in forms}) == len(forms)
        assert {form.format for form in forms} <= {row.name}
        assert {form.path.partition("/")[0] for form in forms} <= {row.name}
        assert {*row.needs} <= {*FORMATS}


def test_an_unknown_format_is_refused(model, tmp_path):
    with pytest.raises(FerError, match="--formats tflit: expected some of serving, tflite"):
        check_installed(["tflit"])
    with pytest.raises(FerError, match="--formats tflit: expected some of keras-eager"):
        benchmark.main([str(model), "--formats", "tflit", "--out", str(tmp_path / "b")])
