"""Parts add up to the score, of every kind of model."""

from __future__ import annotations

import numpy as np
import pytest

import vgae
from vgae.data.split import Split
from vgae.learning.baselines import baseline
from vgae.learning.fitting import fit, fit_baseline
from vgae.learning.score_parts import parts_of, scale_of
from vgae.learning.settings import FitSettings
from vgae.people.api import make_estimator

PAIRS = np.array([(0, 9), (3, 30), (33, 4)])


@pytest.mark.parametrize(
    ("settings", "kinds"),
    [
        ({}, ["embedding"]),
        ({"offset": "constant"}, ["constant", "embedding"]),
        ({"offset": "node"}, ["embedding", "offset"]),
        ({"decoder": "distance", "offset": "node"}, ["embedding", "offset"]),
        ({"decoder": "bilinear-diagonal"}, ["embedding"]),
        ({"decoder": "cosine"}, ["embedding"]),
        ({"likelihood": "bernoulli-poisson"}, ["constant", "embedding"]),
        ({"likelihood": "poisson", "offset": "node"}, ["embedding", "offset"]),
    ],
    ids=str,
)
def test_parts_add_up_to_the_score(settings: dict[str, object], kinds: list[str]) -> None:
    graph = vgae.load_dataset("karate").with_weight_means("propagation")
    given = {"steps": 20, **settings}
    fitted = fit(Split.without_holdout(graph), FitSettings.of("vgae", **given))
    for score, parts in zip(fitted.scores.pairs(PAIRS), parts_of(fitted, PAIRS), strict=True):
        assert sum(part.amount for part in parts) == pytest.approx(score, rel=1e-4, abs=1e-5)
        assert sorted({part.kind for part in parts}) == kinds
    assert scale_of(fitted) == ("rate" if settings.get("likelihood") else "logit")


def test_members_of_an_ensemble_add_up() -> None:
    fitted = make_estimator("gae", ensemble=2, steps=5).fit(vgae.load_dataset("karate")).fitted_
    for score, parts in zip(fitted.scores.pairs(PAIRS), parts_of(fitted, PAIRS), strict=True):
        assert [part.name for part in parts] == ["member 1", "member 2"]
        assert sum(part.amount for part in parts) == pytest.approx(score, abs=1e-5)


def test_what_is_no_sum_has_no_parts() -> None:
    split = Split.without_holdout(vgae.load_dataset("karate"))
    adamic = fit_baseline(split, baseline("adamic-adar"))
    mlp = fit(split, FitSettings.of("gae", decoder="mlp", steps=1))
    assert parts_of(adamic, PAIRS) == parts_of(mlp, PAIRS) == [()] * 3
    assert (scale_of(adamic), scale_of(mlp)) == ("score", "logit")
    assert parts_of(mlp, PAIRS[:0]) == []
