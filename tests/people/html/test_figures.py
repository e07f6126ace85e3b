"""The charts say in words what they show, also in the smallest and most lopsided cases."""

import numpy as np
import pytest

from vgae.learning.diagnostics import (
    RankedBin,
    ReliabilityBin,
    precision_recall_curve,
    roc_curve,
    scores_by_degree,
)
from vgae.learning.embeddings import SpreadBin
from vgae.people.html.charts import Chart
from vgae.people.html.figures import health_charts, quality_charts, training_charts
from vgae.people.html.values import Health, Quality


def quality(edges: list[float], others: list[float]) -> Quality:
    given = np.array(edges), np.array(others)
    return Quality(
        edges=given[0],
        others=given[1],
        roc=roc_curve(*given),
        precision_recall=precision_recall_curve(*given),
        among_open=precision_recall_curve(*given, others_per_edge=50.0),
        prevalence=0.02,
        by_degree=scores_by_degree(*given, np.arange(len(edges))),
        reliability=[ReliabilityBin(0.1, 0.2, 0.05, 0.4, 9), ReliabilityBin(0.9, 0.5, 0.4, 0.6, 9)],
        deciles=[{"lowest": 0.0, "highest": 0.1, "predicted": 3.0, "actual": 4}],
        simple={"VGAE": 0.9, "degree": 0.95},
    )


def words(charts: list[Chart]) -> dict[str, str]:
    for chart in charts:
        assert "nan" not in chart.svg().lower().replace("nanobot", "")
        assert chart.description in chart.svg() or "&" in chart.svg()
    return {chart.title: chart.description for chart in charts}


@pytest.mark.parametrize(
    ("edges", "others"),
    [([2.0, 1.0, 0.0], [1.0, -1.0]), ([1.0], [0.0]), ([0.0, 0.0], [0.0, 0.0]), ([0.0], [5.0])],
)
def test_every_chart_has_its_words(edges: list[float], others: list[float]) -> None:
    found = words(quality_charts(quality(edges, others)))
    assert list(found) == [
        "ROC curve", "Precision and recall, 1:1", "Precision and recall, all pairs", "Scores",
        "Reliability, 1:1", "Reliability among all open pairs", "Ranking by degree",
        "Against simple methods",
    ]  # fmt: skip
    assert "in 1 of 2 bins" in found["Reliability, 1:1"]
    assert "3 predicted in all, 4 found" in found["Reliability among all open pairs"]
    assert found["Against simple methods"].endswith("VGAE 90.0, degree 95.0. Best: degree.")


def test_the_area_is_the_auc() -> None:
    random = np.random.default_rng(0)
    edges, others = random.normal(1, 1, 400), random.normal(0, 1, 300)
    auc = float((edges[:, None] > others[None]).mean())
    found = words(quality_charts(quality(edges.tolist(), others.tolist())))
    assert f"The area under the curve is {auc:.3f}." in found["ROC curve"]


def test_the_worst_degree_is_named() -> None:
    made = quality([1.0, 2.0], [0.0])
    bins = [RankedBin(0, 0, 5, 0.4), RankedBin(2, 3, 1200, 0.9)]
    found = words(quality_charts(Quality(**{**vars(made), "by_degree": bins})))
    assert "lowest at degree 0, with 0.400 for 5 edges" in found["Ranking by degree"]


def test_training_is_told_by_its_first_and_last_step() -> None:
    history = [
        {"step": step, "loss": 2.0 / step, "reconstruction": 1.5 / step, "kl": 0.5 / step,
         "seconds": 0.1, **({"validation": {"auc": 0.5 + step / 100}} if step % 5 == 0 else {})}
        for step in range(1, 21)
    ]  # fmt: skip
    found = words(training_charts(history))
    assert found["Loss"] == (
        "The loss goes from 2 to 0.1 in 20 steps. At the end: reconstruction 0.075, kl 0.025."
    )
    assert found["Validation"] == "On validation pairs, the highest AUC 70.0 at step 20."
    assert training_charts(history[:1]) == []
    assert training_charts([]) == []


@pytest.mark.parametrize("dims", [1, 40])
def test_health_counts_active_dimensions(dims: int) -> None:
    active = np.arange(dims) % 2 == 0
    spread = [SpreadBin(0, 0, 3, 0.9), SpreadBin(2, 3, 8, 0.5)]
    health = Health(np.linspace(0, 1, dims), active, spread, "words")
    found = words(health_charts(health))
    assert f"{active.sum()} of {dims} are active" in found["Divergence by dimension"]
    assert "0.9 at degree 0, 0.5 at degree 2-3" in found["Uncertainty by degree"]
    alike = [SpreadBin(1, 1, 2, 0.95)]
    once = words(health_charts(Health(np.linspace(0, 1, dims), active, alike, "words")))
    assert "neighbours: 0.95 at degree 1. Numbers" in once["Uncertainty by degree"]
    assert "Uncertainty by degree" not in words(
        health_charts(Health(np.zeros(dims), active, [], "words"))
    )
