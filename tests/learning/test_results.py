"""Means, their uncertainty, and how results are shown."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

from vgae.data.graph import Graph
from vgae.ground.errors import InputError
from vgae.learning.judge import LINK_METRICS
from vgae.learning.results import Evaluation, MethodResult, compare, summarize
from vgae.people.api import evaluate


def test_standard_error_and_interval_are_those_of_the_mean() -> None:
    values = [0.5, 0.7, 0.9, 0.6]
    summary = summarize(list(values))
    assert summary.mean == pytest.approx(np.mean(values))
    assert summary.standard_error == pytest.approx(np.std(values, ddof=1) / 2)
    assert summary.interval is not None
    # Student's t with three degrees of freedom has 95 % within 3.1824.
    reach = 3.182446 * np.std(values, ddof=1) / 2
    assert summary.interval == pytest.approx((0.675 - reach, 0.675 + reach), abs=1e-6)
    assert summary.as_dict()["values"] == values


def test_one_run_has_no_standard_error_and_undefined_stays_undefined() -> None:
    assert summarize([0.5]).standard_error is None
    assert summarize([0.5]).interval is None
    assert summarize([0.5, None]).mean is None
    assert summarize([]).mean is None


def test_a_comparison_is_paired_by_split() -> None:
    easy_and_hard = [0.5, 0.9, 0.4, 0.8]
    metrics = {
        "a": {"auc": summarize([value + 0.01 for value in easy_and_hard])},
        "b": {"auc": summarize(list(easy_and_hard))},
        "c": {"auc": summarize([0.5, None, 0.4, 0.8])},
    }
    found = compare("a", "b", metrics, metric="auc")
    assert found.difference.mean == pytest.approx(0.01)
    # The splits differ widely, the methods on one split do not.
    assert found.difference.standard_error == pytest.approx(0.0, abs=1e-12)
    assert found.wins == 4
    assert compare("a", "c", metrics, metric="auc").difference.mean is None
    with pytest.raises(InputError, match="unknown method 'd'"):
        compare("a", "d", metrics, metric="auc")
    with pytest.raises(InputError, match="unknown metric 'mrr'"):
        compare("a", "b", metrics, metric="mrr")


# ------------------------------------------------------------------- intervals


def test_there_is_no_interval_below_three_runs() -> None:
    assert summarize([0.5, 0.7]).interval is None
    assert summarize([0.5, 0.7]).standard_error == pytest.approx(0.1)
    assert summarize([0.5, 0.7, 0.6]).interval is not None


def test_the_interval_of_a_metric_is_the_logits_mapped_back() -> None:
    values = [0.9, 0.95, 0.99, 0.97]
    mean, error = np.mean(values), np.std(values, ddof=1) / 2
    centre, reach = np.log(mean / (1 - mean)), 3.182446 * error / (mean * (1 - mean))
    expected = [1 / (1 + np.exp(-(centre + side * reach))) for side in (-1, 1)]
    summary = summarize(values, metric="auc")
    assert summary.interval == pytest.approx(expected, abs=1e-6)
    assert summary.mean == summarize(values).mean
    assert summary.standard_error == summarize(values).standard_error


@pytest.mark.parametrize(
    "values",
    [
        [1.0, 0.99, 0.7],
        [0.0, 0.0, 0.01],
        [1.0, 1.0, 1.0 - 1e-16],
        [0.0, 1.0, 0.0, 1.0],
        [0.5, 0.5, 0.5 + 1e-12],
        [1e-300, 0.0, 0.0],
    ],
)
@pytest.mark.filterwarnings("error")
def test_the_interval_of_a_metric_stays_within_its_bounds(values: list[float]) -> None:
    summary = summarize(values, metric="average_precision")
    assert summary.interval is not None
    assert summary.mean is not None
    low, high = summary.interval
    assert 0.0 <= low <= summary.mean <= high <= 1.0


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_runs_that_agree_have_an_interval_of_one_value(value: float) -> None:
    assert summarize([value] * 5, metric="auc").interval == (value, value)


def test_the_rand_index_may_be_negative_and_differences_have_no_bounds() -> None:
    around_zero = [-0.02, 0.01, 0.0, -0.01]
    interval = summarize(around_zero, metric="ari").interval
    assert interval is not None
    assert -0.5 < interval[0] < 0.0 < interval[1]
    wide = summarize([0.9, -0.9, 0.95]).interval
    assert wide is not None
    assert wide[1] > 1.0


def test_intervals_near_a_bound_cover_the_mean_about_as_often_as_they_say() -> None:
    random = np.random.default_rng(0)
    runs = random.beta(30.0, 1.5, size=(2000, 10))
    true = 30.0 / 31.5
    found = [summarize(row, metric="auc").interval for row in runs.tolist()]
    covered = np.mean([low <= true <= high for low, high in filter(None, found)])
    assert 0.92 < covered < 0.97


# ----------------------------------------------------------------------- shown


@pytest.fixture
def result(karate: Graph) -> Evaluation:
    return evaluate(karate, {"k": "katz", "<b>|mine": "pagerank"}, runs=3, seed=5)


def test_frames_hold_a_row_per_method_and_metric_or_run(result: Evaluation) -> None:
    frame = result.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert len(frame) == 2 * len(LINK_METRICS)
    row = frame.set_index(["method", "metric"]).loc[("k", "auc")]
    summary = result.metrics["k"]["auc"]
    assert summary.interval is not None
    assert (row["mean"], row["standard_error"]) == (summary.mean, summary.standard_error)
    assert (row["low"], row["high"], row["n_runs"]) == (*summary.interval, 3)
    assert frame["mean"].dtype == float
    assert frame.set_index(["method", "metric"]).loc[("k", "hits@10"), "mean"] is not None
    assert frame["mean"].isna().sum() == 2 * 3  # Hits@K of seven pairs
    runs = result.to_frame(per_run=True)
    assert len(runs) == 2 * len(LINK_METRICS) * 3
    own = runs[(runs["method"] == "k") & (runs["metric"] == "auc")]
    assert own["value"].tolist() == summary.values
    assert own["seed"].tolist() == [5, 6, 7]


def test_a_frame_without_pandas_is_one_line(
    result: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match="pandas is not installed; pip install pandas"):
        result.to_frame()


def test_the_text_is_a_short_table_of_means_and_standard_errors(result: Evaluation) -> None:
    title, header, first, second = repr(result).splitlines()
    assert title == (
        "Evaluation: 3 runs from seed 5, protocol T, split 85 / 5 / 10; percent, mean ± standard "
        "error"
    )
    assert header.split()[:3] == ["method", "auc", "average_precision"]
    auc = result.metrics["k"]["auc"]
    assert auc.mean is not None
    assert auc.standard_error is not None
    assert first.split()[:4] == [
        "k",
        f"{100 * auc.mean:.1f}",
        "±",
        f"{100 * auc.standard_error:.1f}",
    ]
    assert second.startswith("<b>|mine")
    assert str(result) == repr(result)


def test_html_is_escaped_and_has_no_colours(result: Evaluation) -> None:
    text = result._repr_html_()
    assert "<td>&lt;b&gt;|mine</td>" in text
    assert "<b>" not in text
    assert "color" not in text
    assert text.count("<tr>") == 3


def test_labels_cannot_steer_a_terminal_or_break_the_table(karate: Graph) -> None:
    text = repr(evaluate(karate, {"a\nb\x1b[31m": "katz"}, runs=1, metrics="auc"))
    assert "\x1b" not in text
    assert len(text.splitlines()) == 3


def test_results_are_json_and_say_what_each_method_was(result: Evaluation) -> None:
    found = json.loads(json.dumps(result.as_dict(graph="karate")))
    assert [(row["model"], row["kind"]) for row in found["results"]] == [
        ("k", "katz"), ("<b>|mine", "pagerank"),
    ]  # fmt: skip
    assert found["comparisons"][0]["first"] == "<b>|mine"
    assert result.table(graph="karate")["model"][:7] == ["k"] * 7
    assert MethodResult("function", None, {}, {}, None, {}).features is None


def test_the_interval_of_the_rand_index_is_that_of_its_share_of_the_range() -> None:
    values = [0.1, 0.3, 0.35, 0.2]
    shares = [(value + 0.5) / 1.5 for value in values]
    low, high = summarize(values, metric="ari").interval or (0.0, 0.0)
    low_share, high_share = summarize(shares, metric="auc").interval or (0.0, 0.0)
    assert low == pytest.approx(1.5 * low_share - 0.5)
    assert high == pytest.approx(1.5 * high_share - 0.5)


def test_the_best_simple_method_is_a_baseline_and_errors_count_downwards() -> None:
    def made(kind: str, mean: float, metric: str) -> MethodResult:
        return MethodResult(kind, None, {}, {}, None, {metric: summarize([mean])})

    def evaluation(metric: str) -> Evaluation:
        means = {"vgae": 0.9, "katz": 0.7, "degree": 0.6, "function": 0.95}
        results = {kind: made(kind, mean, metric) for kind, mean in means.items()}
        return Evaluation("T", {}, 1, 0, ["links"], results)

    assert evaluation("auc").ranking() == ["function", "vgae", "katz", "degree"]
    assert evaluation("auc").best_simple() == "katz"
    assert evaluation("ece").ranking() == ["degree", "katz", "vgae", "function"]
    assert evaluation("ece").best_simple() == "degree"
    assert evaluation("ece").compare("degree", "katz", metric="ece").wins == 1
    found = evaluation("auc").comparisons("katz")
    assert [(one.first, one.second) for one in found] == [
        ("vgae", "katz"), ("degree", "katz"), ("function", "katz"),
    ]  # fmt: skip
    with pytest.raises(InputError, match="unknown method 'kats': did you mean 'katz'"):
        evaluation("auc").comparisons("kats")
