"""The self-contained HTML page of a comparison, for narrow and wide, light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fer_tf.comparing.comparison_figures import (
    COSTS,
    curves_side_by_side,
    pareto_figure,
    small_confusion_figure,
)
from fer_tf.comparing.comparison_text import Shown
from fer_tf.comparing.table import ComparedRow
from fer_tf.comparing.trials import read_metrics
from fer_tf.report.evaluation_page import HEAD, Picture, drawn, render
from fer_tf.report.figures import read_history
from fer_tf.trained.run_folder import Run


@dataclass(frozen=True)
class Confusion:
    """A row's confusion matrix, and the report that it is from, relative to the page."""

    picture: Picture
    report: str


@dataclass(frozen=True)
class Pictures:
    """All pictures of a comparison.

    Attributes:
        costs: accuracy against what an answer costs.
        curves: the trainings side by side; one picture, or none.
        confusions: a matrix for each row.
    """

    costs: tuple[Picture, ...]
    curves: tuple[Picture, ...]
    confusions: tuple[Confusion, ...]

    def files(self) -> dict[str, Picture]:
        """The large ones, by the name of a file, such as accuracy-against-latency.png."""
        large = (*self.costs, *self.curves)
        return {f"{picture.title.lower().replace(' ', '-')}.png": picture for picture in large}


def draw_pictures(rows: Sequence[ComparedRow], runs: Path) -> Pictures:
    """Draw them.

    Args:
        rows: of the tables.
        runs: the folder of the run folders.

    Raises:
        FerError: a run's history or metrics are damaged.
    """
    return Pictures(_costs(rows), _curves(rows, runs), _confusions(rows, runs))


def comparison_page(
    title: str, told: Shown, trained: int, pictures: Pictures, facts: Mapping[str, str]
) -> str:
    """The HTML of a comparison, which needs no other file and no network.

    Args:
        title: heading of the page.
        told: the tables.
        trained: number of trainings.
        pictures: of the same rows.
        facts: what was measured on what, as names and values.
    """
    return render(
        TEMPLATE,
        title=title,
        told=told,
        trained=trained,
        pictures=pictures,
        facts=facts,
    )


def _costs(rows: Sequence[ComparedRow]) -> tuple[Picture, ...]:
    """Accuracy against latency, LiteRT's where it is known, and against multiply-adds.

    Of networks: an experiment's settings cost all the same.
    """
    rows = [row for row in rows if row.experiment == "networks"]
    known = [
        cost
        for cost in COSTS
        if sum(row.accuracy is not None and bool(getattr(row, cost)) for row in rows) > 1
    ]
    if "litert_ms" in known and "keras_ms" in known:
        known.remove("keras_ms")
    caption = "Bars are 95 % intervals over faces. To the left is cheaper."
    return tuple(
        _drawn(
            partial(pareto_figure, rows, cost),
            f"Accuracy against {'multiply-adds' if cost == 'multiply_adds' else 'latency'}",
            caption,
        )
        for cost in known
    )


def _curves(rows: Sequence[ComparedRow], runs: Path) -> tuple[Picture, ...]:
    histories = {
        row.short: [read_history(Run(runs / name).history_file) for name in row.runs]
        for row in rows
        if row.runs
    }
    if not histories:
        return ()
    caption = "Accuracy by epoch. Validation is on PublicTest, training on augmented faces."
    return (_drawn(partial(curves_side_by_side, histories), "Training", caption),)


def _confusions(rows: Sequence[ComparedRow], runs: Path) -> tuple[Confusion, ...]:
    """Of each row's first run."""
    found = []
    for row in rows:
        metrics = read_metrics(runs / row.runs[0]) if row.runs else None
        if metrics is not None:
            names = [score["name"] for score in metrics["classes"]]
            draw = partial(small_confusion_figure, metrics["confusion"], names)
            picture = _drawn(draw, row.short, f"{100 * metrics['accuracy']['value']:.1f} %")
            found.append(Confusion(picture, f"{runs.name}/{row.runs[0]}/report/report.html"))
    return tuple(found)


_drawn = partial(drawn, dpi=130)


TEMPLATE = (
    HEAD
    + """\
{% macro kind(name) %}
{% if name == "note" %} class="words bad"
{% elif name == "augmentation" %} class="words"
{% elif "published" in name or name == "source" %} class="published"{% endif %}
{% endmacro %}
main { max-width: 1440px; }
.pictures { grid-template-columns: repeat(auto-fit, minmax(min(100%, 520px), 1fr)); }
.small { grid-template-columns: repeat(auto-fill, minmax(min(100%, 300px), 1fr)); }
img { max-width: 1000px; }
.scroll { margin-top: 12px; }
table, dl { font-size: .9rem; }
.wide img { min-width: 620px; }
th, td { padding: 7px 9px; white-space: nowrap; }
thead th { font-size: .8rem; line-height: 1.25; vertical-align: bottom; white-space: normal;
  min-width: 62px; }
th:first-child, td:first-child { position: sticky; left: 0; background: var(--paper); }
td.words, th.words { text-align: left; white-space: normal; min-width: 210px;
  font-size: .82rem; }
td.bad { color: var(--bad); }
.published { font-style: italic; color: var(--second); }
thead th.published { color: var(--second); }
ol { margin: 8px 0 0; padding-left: 26px; font-size: .9rem; }
li { margin: 4px 0; overflow-wrap: anywhere; }
a { color: var(--accent); }
@media (max-width: 600px) { .card { padding: 14px; } th, td { padding: 7px 6px; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: 8px; } }
@media print { .card { break-inside: avoid; } .scroll { overflow: visible; } }
</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
<p>{{ trained }} training{{ "s" if trained != 1 }}. What a source states is in
<span class="published">italics</span> under "published", and was not measured here.</p>
{% for table in told.tables %}
<section class="grid"><div class="card">
<h2>{{ table.title }}</h2>
{% if table.note %}<p class="note">{{ table.note }}</p>{% endif %}
<div class="scroll"><table>
<thead><tr>
{% for name in table.header %}<th{{ kind(name) }}>{{ name }}</th>{% endfor %}
</tr></thead>
<tbody>
{% for row in table.rows %}
<tr>{% for cell in row %}<td{{ kind(table.header[loop.index0]) }}>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}
</tbody></table></div>
</div></section>
{% endfor %}
{% if told.remarks %}
<section class="grid"><div class="card">
<h2>Of the published figures</h2>
<ol>{% for remark in told.remarks %}<li>{{ remark }}.</li>{% endfor %}</ol>
</div></section>
{% endif %}
{% if pictures.costs %}
<section class="grid pictures">
{% for picture in pictures.costs %}
<figure class="card">
<h2>{{ picture.title }}</h2><p class="note">{{ picture.caption }}</p>{{ image(picture) }}
</figure>
{% endfor %}
</section>
{% endif %}
{% for picture in pictures.curves %}
<section class="grid"><figure class="card">
<h2>{{ picture.title }}</h2><p class="note">{{ picture.caption }}</p>
<div class="scroll wide">{{ image(picture) }}</div>
</figure></section>
{% endfor %}
{% if pictures.confusions %}
<section class="grid"><div class="card">
<h2>Confusion matrices</h2>
<p class="note">Where the faces of each class (row) were put, in percent of the class.</p>
<div class="grid small">
{% for confusion in pictures.confusions %}
<figure>
<p class="note"><a href="{{ confusion.report }}">{{ confusion.picture.title }}</a>,
{{ confusion.picture.caption }}</p>{{ image(confusion.picture) }}
</figure>
{% endfor %}
</div></div></section>
{% endif %}
<section class="grid"><div class="card">
<h2>What was measured</h2>
<dl>{% for name, value in facts.items() %}<dt>{{ name }}</dt><dd>{{ value }}</dd>{% endfor %}</dl>
</div></section>
</main>
</body>
</html>
"""
)
