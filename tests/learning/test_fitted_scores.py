"""What fitted models and fitted baselines have in common."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from vgae.data.graph import Graph
from vgae.data.split import split_edges
from vgae.ground.errors import InputError
from vgae.learning.baselines import baseline
from vgae.learning.fitted_scores import FittedScores
from vgae.learning.fitting import fit, fit_baseline
from vgae.learning.precision import expected_precision
from vgae.learning.settings import FitSettings


@pytest.fixture(params=["gae", "katz", "spectral"])
def fitted(request: pytest.FixtureRequest, ring: Graph) -> FittedScores:
    split = split_edges(ring, validation=0.1, test=0.1, seed=2)
    if request.param == "gae":
        return fit(split, FitSettings.of("gae", steps=3, latent_dim=2, seed=5))
    return fit_baseline(split, baseline(request.param), seed=5)


def test_all_answer_alike(fitted: FittedScores) -> None:
    assert fitted.ids.tolist() == fitted.split.graph.ids.tolist()
    assert fitted.random_seed == 5
    scores = fitted.scores.pairs([(0, 2), (0, 20)])
    assert fitted.calibrator is not None
    np.testing.assert_array_equal(
        fitted.probabilities(scores), fitted.calibrator.probabilities(scores)
    )
    own = fitted.uncalibrated(np.sort(fitted.scores.rows([0])[0]))
    assert (np.diff(own) >= 0).all()
    assert own.min() >= 0
    assert own.max() <= 1
    np.testing.assert_array_equal(
        fitted.probabilities(scores, calibrated=False), fitted.uncalibrated(scores)
    )
    assert "calibrated on 4 held-out edges" in fitted.meaning
    assert fitted.expected_precision(3) == expected_precision(
        fitted.split.training, fitted.scores, 3
    )
    assert fitted.named("a\nb").graph["name"] == r"a\nb"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: {"graph": {**one.graph, "n_nodes": 41}}, "graph: has 41 nodes, but its split"),
        (lambda one: {"graph": {**one.graph, "fingerprint": "x"}}, "graph: fingerprint"),
        (lambda one: {"metrics": {**one.metrics, "protocol": "TV"}}, "differ from those of the sp"),
        (lambda one: {"metrics": {**one.metrics, "test": None}}, "test does not match the split"),
        (lambda one: {"metrics": {**one.metrics, "simple": {"model": 2}}}, "simple.model"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(
    fitted: FittedScores, change: Any, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        replace(fitted, **change(fitted))
