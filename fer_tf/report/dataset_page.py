"""The self-contained HTML page that shows a data set."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from fer_tf.data.faces import SPLITS, Faces
from fer_tf.report.dataset import DatasetSummary
from fer_tf.report.dataset_figures import (
    GROUP_COLUMNS,
    counts_figure,
    groups_figure,
    samples_figure,
)
from fer_tf.report.evaluation_page import HEAD, Picture, drawn, render
from fer_tf.tasks import FERPLUS

_EXAMPLES = 2 * GROUP_COLUMNS


def dataset_page(faces: Faces, summary: DatasetSummary, title: str) -> str:
    """The HTML of a data set's page, which needs no other file and no network.

    Args:
        faces: the data set.
        summary: of those faces.
        title: heading of the page.
    """
    disagreeing = summary.equal.disagreeing
    return render(
        TEMPLATE,
        title=title,
        faces=faces,
        tables=count_tables(summary),
        findings=summary.findings(),
        pictures=_pictures(faces, summary),
        groups=[_group(faces, group) for group in disagreeing.first],
        unlisted=len(disagreeing) - len(disagreeing.first),
    )


@dataclass(frozen=True)
class CountTable:
    """Counts by class and split as text; each row starts with its name, the last is the sum."""

    title: str
    header: list[str]
    rows: list[list[str]]


def count_tables(summary: DatasetSummary) -> list[CountTable]:
    """The table of the labels, and that of the votes where there are any."""
    tables = [_count_table("Faces by class and split", summary.counts, summary.labels)]
    if summary.vote_counts is not None:
        title = "Rows by the class with the most FERPlus votes"
        tables.append(_count_table(title, summary.vote_counts, FERPLUS))
    return tables


def _count_table(title: str, counts: np.ndarray, names: tuple[str, ...]) -> CountTable:
    """The table of int [splits, classes]; empty splits are left out."""
    present = np.flatnonzero(counts.any(axis=1)).tolist()
    by_class = counts[present].T
    lines = [*zip(names, by_class, strict=True), ("all", by_class.sum(axis=0))]
    return CountTable(
        title,
        ["class", *(SPLITS[split] for split in present), "all", "share"],
        [
            [name, *(f"{n:,}" for n in (*line, line.sum())), f"{line.sum() / counts.sum():.1%}"]
            for name, line in lines
        ],
    )


def _pictures(faces: Faces, summary: DatasetSummary) -> list[Picture]:
    pictures = [
        drawn(
            partial(counts_figure, summary),
            "Class balance",
            "Faces of each class, by split.",
        ),
        drawn(
            partial(samples_figure, faces),
            "Samples",
            "Faces of each class, chosen at random from all splits.",
        ),
    ]
    disagreeing = summary.equal.disagreeing
    if disagreeing:
        shown = disagreeing.first[:_EXAMPLES]
        pictures.append(
            drawn(
                partial(groups_figure, faces, shown),
                "Duplicates whose labels disagree",
                f"{len(shown)} of {len(disagreeing):,} pictures that different rows "
                "call differently.",
            )
        )
    return pictures


def _group(faces: Faces, group: tuple[int, ...]) -> str:
    rows = (
        f"{row} ({faces.task.labels[faces.labels[row - 1]]}, {SPLITS[faces.split[row - 1]]})"
        for row in group
    )
    return ", ".join(rows)


TEMPLATE = (
    HEAD
    + """\
.cards { columns: 2 460px; column-gap: 16px; margin-top: 20px; }
.card { break-inside: avoid; margin: 0 0 16px; }
th, td { padding: 6px 0 6px 10px; font-size: .94rem; }
tr.sum td { font-weight: 650; }
td.why { text-align: left; color: var(--faint); font-size: .85rem; }
summary { margin-top: 12px; cursor: pointer; }
li { font-size: .85rem; overflow-wrap: anywhere; }
@media (max-width: 600px) { .card { padding: 14px; }
  th, td { padding-left: 6px; font-size: .82rem; } }
</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
<p>{{ faces|length|thousands }}
{{ "grey" if faces.images.ndim == 3 else "colour" }} faces of
{{ faces.images.shape[2] }}x{{ faces.images.shape[1] }} pixels. Rows are numbered from 1.</p>
<section class="cards">
{% for table in tables %}
<div class="card">
<h2>{{ table.title }}</h2>
<div class="scroll"><table>
<thead><tr>{% for name in table.header %}<th>{{ name }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in table.rows %}
<tr{% if loop.last %} class="sum"{% endif %}>
{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}
</tbody></table></div>
</div>
{% endfor %}
<div class="card">
<h2>What to know before training</h2>
<div class="scroll"><table><tbody>
{% for name, number, text in findings %}
<tr><td>{{ name }}</td><td>{{ number }}</td><td class="why">{{ text }}</td></tr>
{% endfor %}
</tbody></table></div>
</div>
{% for picture in pictures %}
<figure class="card">
<h2>{{ picture.title }}</h2>
<p class="note">{{ picture.caption }}</p>
{{ image(picture) }}
{% if loop.last and groups %}
<details><summary class="note">Rows, with label and split</summary>
<ul>
{% for group in groups %}
<li>{{ group }}</li>
{% endfor %}
</ul>
{% if unlisted %}<p class="note">and {{ unlisted|thousands }} more</p>{% endif %}
</details>
{% endif %}
</figure>
{% endfor %}
</section>
</main>
</body>
</html>
"""
)
