"""A self-contained HTML page: cards, tables and pictures, for narrow and wide, light and dark."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from fer_tf.report.figure_theme import DARK, LIGHT, png
from fer_tf.report.metrics import Metrics

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """A figure of the page, as PNG bytes for light and for dark paper."""

    title: str
    caption: str
    light: bytes
    dark: bytes


def drawn(draw: Callable[..., Figure], title: str, caption: str, dpi: int = 150) -> Picture:
    """The picture of a figure, which `draw(theme=...)` draws."""
    return Picture(title, caption, png(draw(theme=LIGHT), dpi), png(draw(theme=DARK), dpi))


def render(template: str, **values: Any) -> str:
    """A page of a template that begins with `HEAD` and must get every value that it names."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["percent"] = lambda share: f"{share:.1%}"
    environment.filters["thousands"] = lambda number: f"{number:,}"
    environment.filters["base64"] = lambda data: b64encode(data).decode("ascii")
    page = environment.from_string(template)
    text = page.render(light=asdict(LIGHT), dark=asdict(DARK), **values)
    # A path that is not UTF-8 has lone surrogates, which can't be written.
    return text.encode(errors="backslashreplace").decode()


def report_page(
    title: str, metrics: Metrics, pictures: Sequence[Picture], facts: Mapping[str, str]
) -> str:
    """The HTML of an evaluation report, which needs no other file and no network.

    Args:
        title: heading of the page.
        metrics: what to tell.
        pictures: in the order of the page.
        facts: what was evaluated on what, as names and values.
    """
    return render(
        TEMPLATE,
        title=title,
        metrics=metrics,
        headlines=headlines(metrics),
        pictures=pictures,
        facts=facts,
    )


def headlines(metrics: Metrics) -> list[tuple[str, str, str]]:
    """Name, value and 95 % interval of each headline score, as people read them."""
    rows = [
        ("Accuracy", metrics.accuracy),
        ("Top-2 accuracy", metrics.top2_accuracy),
        ("Macro-F1", metrics.macro_f1),
        ("Calibration error", metrics.ece),
    ]
    shares = [(name, f"{e.value:.1%}", f"{100 * e.low:.1f} to {e.high:.1%}") for name, e in rows]
    agreement = [("Cohen's kappa", metrics.kappa), ("Krippendorff's alpha", metrics.alpha)]
    concordance = [(f"{value.name.capitalize()}, CCC", value.ccc) for value in metrics.values]
    numbers = [
        (name, f"{e.value:.3f}", f"{e.low:.3f} to {e.high:.3f}")
        for name, e in (*agreement, *concordance)
    ]
    return [*shares[:3], *numbers[:2], shares[3], *numbers[2:]]


HEAD = """\
{% macro image(picture) %}
<picture>
<source media="(prefers-color-scheme: dark)"
  srcset="data:image/png;base64,{{ picture.dark|base64 }}">
<img src="data:image/png;base64,{{ picture.light|base64 }}" alt="{{ picture.title }}">
</picture>
{% endmacro %}
{% macro colours(theme) %}
{% for name, value in theme.items() %}--{{ name }}: {{ value }}; {% endfor %}
{% endmacro %}
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="fer_tf">
<title>{{ title }}</title>
<style>
:root { {{ colours(light) }} }
@media (prefers-color-scheme: dark) { :root { {{ colours(dark) }} } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: clamp(16px, 4vw, 48px); }
h1 { font-size: clamp(1.5rem, 4vw, 2.1rem); line-height: 1.2; margin: 0 0 4px;
  overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 0 0 4px; }
p { margin: 0; color: var(--faint); }
figure { margin: 0; }
img { display: block; width: 100%; max-width: 720px; height: auto; margin: 12px auto 0; }
.grid { display: grid; gap: 16px; margin-top: 16px; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 12px;
  padding: 18px; min-width: 0; }
.note { font-size: .85rem; }
.scroll { overflow-x: auto; margin-top: 10px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; border-top: 1px solid var(--line); }
thead th { border: 0; color: var(--faint); font-weight: 500; font-size: .85rem; }
th:first-child, td:first-child { text-align: left; padding-left: 0; font-weight: 500; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 20px; margin: 8px 0 0; }
dt { color: var(--faint); }
dd { margin: 0; overflow-wrap: anywhere; }
"""
"""How every page begins: with its colours, by `light` and `dark`, and the look of its text, cards,
tables, lists and `Picture`s, to which a page adds its own."""

TEMPLATE = (
    HEAD
    + """\
.scores { grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); margin-top: 28px; }
.pictures { grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); }
.score { font-size: 1.7rem; font-weight: 650; line-height: 1.25;
  font-variant-numeric: tabular-nums; white-space: nowrap; }
.score + p { font-size: .85rem; }
img { border-radius: 6px; }
th, td { padding: 7px 10px; white-space: nowrap; }
.bar { width: 34%; min-width: 110px; }
.track { height: 8px; border-radius: 4px; background: var(--line); overflow: hidden; }
.track div { height: 100%; border-radius: 4px; background: var(--accent); }
@media (max-width: 600px) { .scores { grid-template-columns: 1fr 1fr; gap: 10px; }
  .scores .card:last-child:nth-child(odd) { grid-column: 1 / -1; }
  .card { padding: 14px; } .score { font-size: 1.35rem; } .bar { display: none; }
  th, td { padding: 7px 6px; } td:last-child, th:last-child { padding-right: 0; } }
@media print { .card { break-inside: avoid; } }
</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
<p>{{ metrics.rows|thousands }} faces. Below each score is its 95% bootstrap interval
over faces.</p>
<section class="grid scores">
{% for name, value, interval in headlines %}
<div class="card"><h2>{{ name }}</h2><div class="score">{{ value }}</div><p>{{ interval }}</p></div>
{% endfor %}
</section>
<section class="grid">
<div class="card">
<h2>By class</h2>
<p class="note">Each class against the rest.</p>
<div class="scroll"><table>
<thead><tr><th>class</th><th>precision</th><th>recall</th><th>F1</th><th class="bar"></th>
<th>faces</th></tr></thead>
<tbody>
{% for c in metrics.classes %}
{% if c.support %}
<tr><td>{{ c.name }}</td><td>{{ c.precision|percent }}</td><td>{{ c.recall|percent }}</td>
<td>{{ c.f1|percent }}</td>
<td class="bar"><div class="track">
<div style="width: {{ (100 * c.f1)|round(1) }}%"></div></div></td>
<td>{{ c.support|thousands }}</td></tr>
{% else %}
<tr><td>{{ c.name }}</td><td>-</td><td>-</td><td>-</td><td class="bar"></td><td>0</td></tr>
{% endif %}
{% endfor %}
</tbody></table></div>
<p class="note" style="margin-top: 12px">
Mean F1 weighted by faces {{ metrics.weighted_f1|percent }}; macro-F1 is over the classes that
have faces. Negative log-likelihood
{{ "%.3f"|format(metrics.nll) }} nats.</p>
</div>
</section>
{% if metrics.values %}
<section class="grid"><div class="card">
<h2>By value</h2>
<p class="note">Of faces that have it. CCC is the concordance correlation, SAGR the share of faces
whose signs agree. A constant has a CCC of 0; beside it is what the mean of each face's true class
would reach.</p>
<div class="scroll"><table>
<thead><tr><th>value</th><th>RMSE</th><th>MAE</th><th>Pearson</th><th>CCC</th>
<th>CCC of the class's mean</th><th>SAGR</th><th>faces</th></tr></thead>
<tbody>
{% for v in metrics.values %}
<tr><td>{{ v.name }}</td>
{% for score in (v.rmse, v.mae, v.pearson, v.ccc) %}
<td>{{ "%.3f"|format(score.value) }}</td>
{% endfor %}
<td>{{ "-" if v.class_mean_ccc is none else "%.3f"|format(v.class_mean_ccc) }}</td>
<td>{{ v.sagr.value|percent }}</td><td>{{ v.rows|thousands }}</td></tr>
{% endfor %}
</tbody></table></div>
</div></section>
{% endif %}
<section class="grid pictures">
{% for picture in pictures %}
<figure class="card">
<h2>{{ picture.title }}</h2>
<p class="note">{{ picture.caption }}</p>
{{ image(picture) }}
</figure>
{% endfor %}
</section>
{% if facts %}
<section class="grid"><div class="card">
<h2>What was measured</h2>
<dl>
{% for name, value in facts.items() %}
<dt>{{ name }}</dt><dd>{{ value }}</dd>
{% endfor %}
</dl>
</div></section>
{% endif %}
</main>
</body>
</html>
"""
)
