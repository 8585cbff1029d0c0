import subprocess
import sys
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from fer_tf.errors import FerError
from fer_tf.report.figure_theme import DARK, png
from fer_tf.report.figures import (
    confusion_figure,
    curves_figure,
    examples_figure,
    read_history,
    reliability_figure,
    surest_mistakes,
)
from fer_tf.report.metrics import evaluate
from fer_tf.tasks import FER2013

HEADER = (
    "epoch,size,steps,learning_rate,loss,accuracy,val_loss,val_accuracy,images_per_second,seconds"
)
EPOCHS = (
    "1,48,10,1e-3,1.8,0.30,1.7,0.35,900,3",
    "2,48,20,8e-4,1.6,0.40,1.5,0.45,900,3",
    "3,64,30,5e-4,1.4,0.45,1.6,0.41,700,4",
)


def texts(figure):
    from matplotlib.text import Text

    return [found.get_text() for found in figure.findobj(Text)]


@pytest.fixture
def history(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("\n".join((HEADER, *EPOCHS)) + "\n")
    return path


def test_confusion_shows_counts_and_row_shares():
    labels = np.array([0] * 8 + [1] * 2)
    guesses = np.array([0] * 6 + [1] * 2 + [1] * 2)
    figure = confusion_figure(evaluate(labels, np.eye(3)[guesses], ("a", "b", "c")))
    cells = [text.get_text() for text in figure.axes[0].texts]
    assert cells[:6] == ["75%", "6", "25%", "2", "0%", "0"]
    assert cells[12:] == ["-", "0"] * 3


@pytest.mark.parametrize("classes, side, cells", [(30, 24, 1800), (31, 24, 0), (256, 24, 0)])
def test_a_confusion_matrix_of_many_classes_fits_into_memory(classes, side, cells):
    names = [f"class {number}" for number in range(classes)]
    metrics = evaluate(np.arange(classes), np.eye(classes), names, bootstrap=1)
    figure = confusion_figure(metrics)
    assert figure.get_size_inches().tolist() == [side, side]
    assert len(figure.axes[0].texts) == cells and names[-1] in texts(figure)


def test_names_of_classes_are_no_formulas():
    names = ("a$_$", "$x$", "b")
    figure = confusion_figure(evaluate(np.arange(3), np.eye(3), names, bootstrap=1))
    assert png(figure) and {*names} < {*texts(figure)}
    assert not any(text.get_parse_math() for text in figure.axes[0].get_xticklabels())


def test_long_names_of_classes_do_not_run_into_each_other():
    for names, turned in ((FER2013, 0), ((*FER2013[:6], "Überraschung"), 45)):
        figure = confusion_figure(evaluate(np.arange(7), np.eye(7), names, bootstrap=1))
        assert {text.get_rotation() for text in figure.axes[0].get_xticklabels()} == {turned}
    images = np.zeros((1, 48, 48), np.uint8)
    shown = texts(examples_figure(np.array([0]), np.array([[0.1, 0.9]]), images, ("a", names[6])))
    assert "Überraschung\n90.0%" in shown


@pytest.mark.filterwarnings("error")
def test_the_longest_names_of_classes_leave_room():
    names = ["x" * 100, "y" * 100]
    labels, probabilities = np.array([0, 1]), np.array([[0.1, 0.9], [0.8, 0.2]])
    figure = confusion_figure(evaluate(labels, probabilities, names, bootstrap=1))
    assert "x" * 23 + "…" in texts(figure) and png(figure)
    figure = examples_figure(labels, probabilities, np.zeros((2, 48, 48), np.uint8), names)
    assert "true: " + "y" * 11 + "…" in texts(figure) and png(figure)


def test_confusion_text_stands_out_of_its_cell():
    from matplotlib.colors import to_rgb

    figure = confusion_figure(evaluate(np.arange(3), np.eye(3), "abc"), DARK)
    sure, none = figure.axes[0].texts[0], figure.axes[0].texts[2]
    assert to_rgb(sure.get_color()) == to_rgb(DARK.paper)
    assert to_rgb(none.get_color()) == to_rgb(DARK.ink)


def test_reliability_bars_are_the_bins(made_up):
    metrics = evaluate(*made_up(300), FER2013)
    heights = [bar.get_height() for bar in reliability_figure(metrics).axes[0].patches]
    filled = [b for b in metrics.calibration if b.rows]
    assert heights[: len(filled)] == pytest.approx([b.accuracy for b in filled])
    assert heights[len(filled) :] == pytest.approx([b.confidence - b.accuracy for b in filled])


def test_curves_mark_the_stages_and_the_best_epoch(history):
    table = read_history(history)
    shown = texts(curves_figure(table))
    assert "48 px" in shown and "64 px" in shown
    assert "Best validation accuracy 45.0%, epoch 2" in shown


def test_curves_of_one_epoch_and_of_a_missing_validation(history):
    history.write_text(f"{HEADER}\n1,48,10,1e-3,1.8,0.3,,,900,3\n")
    assert png(curves_figure(read_history(history)))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("epoch,size\n1,48\n", "'learning_rate' is missing"),
        (f"{HEADER}\n{EPOCHS[0]}\n2,48,20,1e-3,high,1,1,1,1,1\n", "row 3, column 'loss' is 'high'"),
        ("", "cannot be read"),
        (f"{HEADER}\n1,2,3,4,5,6,7,8,9,10,11,12,13\n{EPOCHS[0]},1,2,3,4,5,6\n", "history.csv"),
    ],
)
def test_refuses_a_broken_history(history, text, says):
    history.write_text(text)
    with pytest.raises(FerError, match=says):
        read_history(history)


def test_refuses_a_missing_history(tmp_path):
    with pytest.raises(FerError, match=r"none\.csv"):
        read_history(tmp_path / "none.csv")


def test_surest_mistakes_are_wrong_and_sorted(predictions):
    labels, probabilities, _ = predictions
    rows = surest_mistakes(labels, probabilities)
    confidence = probabilities.max(axis=1)
    wrong = probabilities.argmax(axis=1) != labels
    assert len(rows) == 16 and wrong[rows].all()
    assert (np.diff(confidence[rows]) <= 0).all()
    assert confidence[rows].min() >= np.sort(confidence[wrong])[-16]


def test_examples_name_label_and_guess():
    images = np.zeros((2, 48, 48), np.uint8)
    figure = examples_figure(
        np.array([0, 1]), np.array([[0.1, 0.9], [0.00005, 0.99995]]), images, ("sad", "happy")
    )
    shown = texts(figure)
    assert "happy 90.0%" in shown and "true: sad" in shown
    none = examples_figure(np.array([1]), np.array([[0.0, 1.0]]), images[:1], ("sad", "happy"))
    assert texts(none) == ["No mistakes"]


def test_certainty_is_never_rounded_up_to_one():
    figure = examples_figure(
        np.array([0]), np.array([[0.0001, 0.9999]]), np.zeros((1, 48, 48), np.uint8), "ab"
    )
    assert "b >99.9%" in texts(figure)


def test_png_opens(predictions):
    labels, probabilities, images = predictions
    data = png(examples_figure(labels, probabilities, images, FER2013))
    with Image.open(BytesIO(data)) as picture:
        assert picture.format == "PNG" and picture.width == 960


def test_figures_leave_matplotlib_alone():
    code = """
import sys, numpy as np, matplotlib
before = matplotlib.rcParams.copy()
from fer_tf.report import evaluate
from fer_tf.report.figures import confusion_figure
from fer_tf.report.figure_theme import png
png(confusion_figure(evaluate(np.arange(3), np.eye(3), "abc")))
assert "matplotlib.pyplot" not in sys.modules
assert matplotlib.rcParams.copy() == before
"""
    subprocess.run([sys.executable, "-c", code], check=True)
