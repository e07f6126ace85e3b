"""One page in HTML that shows several runs side by side, with nothing to load from elsewhere."""

from __future__ import annotations

import io
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from vgae.ground.notebook import library
from vgae.learning.fitted import Fitted
from vgae.learning.fitted_baseline import FittedBaseline
from vgae.learning.results import figure
from vgae.learning.run_comparison import RunComparison
from vgae.people.html.page import Report
from vgae.people.plot import (
    COLORS,
    PrecisionRecallDisplay,
    RocDisplay,
    TrainingDisplay,
    figure_of,
    plain_text,
)

__all__ = ["comparison_page"]

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ runs|length }} runs compared</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: 0.25rem 0.75rem; text-align: left; border-bottom: 1px solid #ddd }
td.number { font-variant-numeric: tabular-nums; text-align: right }
figure { display: inline-block; margin: 0.5rem 0; max-width: 100% }
figure svg { max-width: 100%; height: auto }
</style>
</head>
<body>
<h1>{{ runs|length }} runs compared</h1>
{% if comparison.why_no_differences %}
<p>{{ comparison.why_no_differences[0]|upper }}{{ comparison.why_no_differences[1:] }}.</p>
{% endif %}
{% if comparison.metrics %}
<h2>Test pairs</h2>
<table>
<tr><th>run</th>{% for name in comparison.metrics %}<th>{{ name }}</th>{% endfor %}</tr>
{% for run in runs %}
<tr><th>{{ run }}</th>
{% for name, values in comparison.metrics.items() -%}
<td class="number">{{ figure(name, values[rows[run]]) }}</td>
{%- endfor %}</tr>
{% endfor %}
</table>
{% endif %}
{% if comparison.differences %}
<h2>Differences to {{ runs[0] }}</h2>
<table>
<tr><th>run</th><th>metric</th><th>difference</th><th>95 % interval</th></tr>
{% for one in comparison.differences %}
<tr><th>{{ one.run }}</th><td>{{ one.metric }}</td>
<td class="number">{{ figure(one.metric, one.amount) }}</td>
<td class="number">{% if one.interval %}{{ figure(one.metric, one.interval[0]) }} to
{{ figure(one.metric, one.interval[1]) }}{% endif %}</td></tr>
{% endfor %}
</table>
<p>In percent. Intervals come from test pairs that are drawn again, the same for both runs. They say
nothing of other splits and seeds, which differ more.</p>
{% endif %}
<h2>Settings that differ</h2>
{% if comparison.settings %}
<table>
<tr><th>setting</th>{% for run in runs %}<th>{{ run }}</th>{% endfor %}</tr>
{% for name, values in comparison.settings.items() %}
<tr><th>{{ name }}</th>{% for value in values %}<td>{{ "" if value is none else value }}</td>
{% endfor %}</tr>
{% endfor %}
</table>
{% else %}
<p>None.</p>
{% endif %}
{% if pictures %}
<h2>Curves</h2>
{% for picture in pictures %}<figure>{{ picture|safe }}</figure>
{% endfor %}
{% endif %}
</body>
</html>
"""


def comparison_page(
    comparison: RunComparison, runs: Mapping[str, Fitted | FittedBaseline]
) -> Report:
    """The page, with curves where matplotlib is installed.

    Parameters
    ----------
    comparison
        What `compare_runs` found.
    runs
        The runs by the same names.

    Raises
    ------
    InputError
        Jinja2 is not installed.

    Examples
    --------
    >>> from vgae import GAE, load_dataset, split_edges
    >>> from vgae.learning.run_comparison import compare_runs
    >>> split = split_edges(load_dataset("karate"), seed=0)
    >>> runs = {name: GAE(steps=2).fit(split).fitted_ for name in ("one", "<two>")}
    >>> page = comparison_page(compare_runs(runs), runs).html
    >>> "&lt;two&gt;" in page, "<two>" in page, 'href="http' in page
    (True, False, False)
    """
    environment = library("jinja2", "Jinja2").Environment(autoescape=True, trim_blocks=True)
    return Report(
        environment.from_string(PAGE).render(
            comparison=comparison,
            runs=comparison.runs,
            rows={name: row for row, name in enumerate(comparison.runs)},
            figure=figure,
            pictures=_pictures(comparison, runs) if find_spec("matplotlib") else [],
        )
    )


def _pictures(comparison: RunComparison, runs: Mapping[str, Fitted | FittedBaseline]) -> list[str]:
    """Curves of all runs on the same axes, as SVG."""
    found = []
    if comparison.same_pairs and all(run.split.test for run in runs.values()):
        for kind in (RocDisplay, PrecisionRecallDisplay):
            first, *others = (kind.of(run) for run in runs.values())
            drawn = figure_of(first)
            (axes,) = drawn.axes
            for line in axes.get_lines():
                line.remove()
            for place, (name, display) in enumerate(zip(runs, (first, *others), strict=True)):
                label = f"{plain_text(name)}: {display.figure}"
                display.plot(axes, label=label, color=COLORS[place % len(COLORS)])
            found.append(_svg(drawn))
    for name, run in runs.items():
        if getattr(run, "history", ()):
            drawn = figure_of(TrainingDisplay.of(run))
            drawn.axes[0].set_title(f"Training of {plain_text(name)}")
            found.append(_svg(drawn))
    return found


def _svg(drawn: Any) -> str:
    """A figure as an element of a page; its text is paths, which no page can be tricked by."""
    content = io.StringIO()
    with library("matplotlib").rc_context({"svg.hashsalt": "vgae", "svg.fonttype": "path"}):
        drawn.savefig(content, format="svg", metadata={"Date": None})
    text = content.getvalue()
    return text[text.index("<svg") :]
