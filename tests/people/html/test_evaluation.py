"""The page of an evaluation: all of it is there, with the right figures, and names are text."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest
from report_runs import HOSTILE

import vgae
from vgae.ground.errors import InputError
from vgae.learning.results import Evaluation, MethodResult, figure, summarize
from vgae.people.html.evaluation import evaluation_report

METRICS = ["hits@10", "auc", "precision@100", "average_precision", "mrr"]


def found(kinds: dict[str, str], *, runs: int = 3, metrics: list[str] | None = None) -> Evaluation:
    """An evaluation with made-up figures: every method is worse than the one before."""
    return Evaluation(
        protocol="TV",
        proportions={"train": 0.85, "validation": 0.05, "test": 0.1},
        runs=runs,
        seed=4,
        tasks=["links"],
        results={
            label: MethodResult(
                kind=kind,
                preset=None,
                overrides={},
                settings={},
                features=False,
                metrics={
                    metric: summarize(
                        [0.9 - 0.1 * place - 0.01 * run**2 for run in range(runs)], metric=metric
                    )
                    for metric in metrics or METRICS
                },
                objective="sampled" if kind == "gae" else None,
            )
            for place, (label, kind) in enumerate(kinds.items())
        },
    )


KINDS = {"mine": "gae", "katz": "katz", "degree": "degree", "own": "function"}


def text_of(html: str) -> str:
    body = re.sub(r"<(script|style)>.*?</\1>", "", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub("<[^>]+>", " ", body)).split())


def test_scores_come_with_errors_intervals_runs_and_protocol() -> None:
    result = found(KINDS)
    text = text_of(evaluation_report(result).html)
    summary = result.metrics["katz"]["mrr"]
    assert summary.interval is not None
    assert figure("mrr", summary.mean, summary.standard_error) in text
    assert " to ".join(figure("mrr", end) for end in summary.interval) in text
    assert "3 runs (seed and split change together)" in text
    assert "protocol TV, split 85 / 5 / 10" in text
    assert "mine: without features, objective sampled" in text
    assert "method AUC AP P@100 MRR Hits@10" in text


def test_differences_are_to_the_best_simple_method_run_by_run() -> None:
    result = found(KINDS)
    html = evaluation_report(result).html
    assert '<h2 id="differences-title">Differences to katz</h2>' in html
    section = text_of(html[html.index('<section id="differences"') :])
    gap = result.compare("mine", "katz", metric="auc").difference
    assert f"{figure('auc', gap.mean, gap.standard_error)}" in section
    assert "ahead in 3 of 3" in section
    assert "ahead in 0 of 3" in section
    assert "The difference to the best simple method, katz, is 10.0" in text_of(html)


def test_without_a_baseline_differences_are_to_the_first_method() -> None:
    html = evaluation_report(found({"a": "gae", "b": "vgae"})).html
    assert "Differences to a" in html
    assert "best simple method" not in html
    assert "Differences" not in evaluation_report(found({"alone": "gae"})).html


def test_one_run_has_no_intervals_and_claims_none() -> None:
    text = text_of(evaluation_report(found(KINDS, runs=1)).html)
    assert "±" not in text.partition("Differences to")[0]
    assert "interval of the mean" not in text
    assert "a single run, in percent, without a standard error" in text


def test_every_chart_has_its_figures_in_words_and_its_marks() -> None:
    html = evaluation_report(found(KINDS)).html
    charts = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    assert len(charts) == len(METRICS)
    for chart in charts:
        assert chart.count("<circle") == len(KINDS)
        assert chart.count('class="interval') == len(KINDS)
        assert "mine 8" in chart.partition("<desc")[2].partition("</desc>")[0]


def test_a_metric_that_is_never_defined_is_a_dash_and_has_no_chart() -> None:
    result = found({"katz": "katz", "own": "function"}, metrics=["auc", "hits@10"])
    nothing = summarize([None] * 3)
    result = replace(
        result,
        results={
            label: replace(one, metrics={**one.metrics, "hits@10": nothing})
            for label, one in result.results.items()
        },
    )
    html = evaluation_report(result).html
    assert html.count("<svg") == 1
    assert '<td class="number">-</td>' in html


def test_the_data_card_says_what_was_read_and_the_command_stands_whole() -> None:
    graph = vgae.load_dataset("karate")
    command = "vgae evaluate 'a <b>.csv' --report page.html"
    for data in (graph, vgae.split_edges(graph, seed=0)):
        text = text_of(evaluation_report(found(KINDS), data, name="karate", command=command).html)
        assert command in text
        assert "Nodes 34, of which 0 without an edge" in text
        assert graph.fingerprint[:16] in text
    with pytest.raises(InputError):
        evaluation_report(found(KINDS), 3)


@pytest.mark.parametrize("name", [HOSTILE, "a" * 300, "{{ 7 * 7 }}", "&lt;b&gt;", "\x1b[31m\u202e"])
def test_hostile_names_are_text(name: str) -> None:
    html = evaluation_report(
        found({name: "gae", f"katz {name}": "katz"}), name=name, command=f"vgae evaluate {name}"
    ).html
    assert html.count("<script>") == 1
    assert "<img" not in html
    assert "49" not in text_of(html).partition("Scores")[0].replace("49 %", "")
    assert "\x1b" not in html.partition('<code id="command">')[0]
    for word in ('src="', 'href="http', "@import", "url(http"):
        assert word not in html, word


def test_the_same_evaluation_gives_the_same_bytes() -> None:
    assert evaluation_report(found(KINDS)) == evaluation_report(found(KINDS))
