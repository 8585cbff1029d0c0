"""The pictures hold what they are of."""

from __future__ import annotations

import pandas as pd
import pytest

from fer_tf.comparing import comparison_figures as figures
from fer_tf.comparing.table import ComparedRow
from fer_tf.report.figure_theme import DARK, png


def row(
    name: str, accuracy: float | None, adds: int | None, steps: int | None = None
) -> ComparedRow:
    low, high = (None, None) if accuracy is None else (accuracy - 0.02, accuracy + 0.02)
    return ComparedRow(
        "networks",
        name,
        accuracy=accuracy,
        accuracy_low=low,
        accuracy_high=high,
        prior=0.25,
        multiply_adds=adds,
        steps=steps,
    )


def texts(figure) -> set[str]:
    return {text.get_text() for axes in figure.axes for text in axes.texts}


def test_the_front_is_drawn_through_what_no_other_beats():
    rows = [row("cheap", 0.3, 10**6), row("beaten", 0.29, 10**7), row("dear", 0.6, 10**8)]
    figure = figures.pareto_figure([*rows, row("unknown", None, 5), row("uncounted", 0.9, None)],
                                   "multiply_adds")  # fmt: skip
    assert texts(figure) == {"cheap", "beaten", "dear"}
    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    front = next(line for label, line in lines.items() if label.startswith("Pareto"))
    assert list(front.get_xdata()) == [1, 100]
    assert list(front.get_ydata()) == pytest.approx([30, 60])
    assert any("commonest class" in label for label in lines)


def test_what_was_trained_for_less_is_hollow():
    rows = [row("whole", 0.5, 10**6, 900), row("less", 0.4, 10**7, 100)]
    (axes,) = figures.pareto_figure(rows, "multiply_adds").axes
    hollow = [line for line in axes.get_lines() if "less" in str(line.get_label())]
    assert [list(line.get_xdata()) for line in hollow] == [[10]]
    assert "900 steps" in hollow[0].get_label()
    (equal,) = figures.pareto_figure([rows[0]], "multiply_adds").axes
    assert not any("less" in str(line.get_label()) for line in equal.get_lines())


def test_names_of_points_that_lie_close_do_not_meet():
    rows = [row(f"network_{i}", 0.5 + 0.004 * i, 10**6 + 30_000 * i) for i in range(4)]
    figure = figures.pareto_figure([*rows, row("far", 0.2, 10**8)], "multiply_adds")
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == 5
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_a_panel_for_each_network(count):
    table = pd.DataFrame({"epoch": [1, 2], "accuracy": [0.2, 0.4], "val_accuracy": [0.3, 0.35]})
    figure = figures.curves_side_by_side({f"n{i}": [table] for i in range(count)}, DARK)
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == [f"n{i}  35.0%" for i in range(count)]
    assert png(figure, 50)


def test_a_small_confusion_matrix_tells_percent_and_leaves_zeros_out():
    figure = figures.small_confusion_figure([[3, 1], [0, 0]], ("Angry", "Happy"))
    assert texts(figure) == {"75", "25"}
