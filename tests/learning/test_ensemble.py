"""Ensembles and combiners from fit to file, and what they may see."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from graphs import random_graph

import vgae
from vgae.data.graph import Graph
from vgae.data.split import Split, split_edges
from vgae.ground.errors import InputError
from vgae.learning.combiner import CombinedScores
from vgae.learning.ensemble import MeanScores, member_seed
from vgae.learning.fitting import fit
from vgae.learning.settings import FitSettings

SMALL = {
    **{"encoder": "multi-hop", "decoder": "hops", "latent_dim": 68, "offset": "constant"},
    **{"objective": "sampled", "mask": 0.4, "steps": 5, "features": "unit"},
}
STRONG = SMALL | {"ensemble": 2, "combiner": "logistic"}


@pytest.fixture(scope="module")
def graph() -> Graph:
    features = (np.random.default_rng(0).random((60, 20)) < 0.2).astype(np.float32)
    return random_graph(60, 0.1, seed=5).with_features(features)


@pytest.fixture(scope="module")
def split(graph: Graph) -> Split:
    return split_edges(graph, seed=0, validation=0.1, test=0.1)


@pytest.mark.parametrize("model", ["gae", "vgae"])
@pytest.mark.parametrize("features", ["unit", "none"])
@pytest.mark.parametrize("combiner", ["none", "logistic"])
def test_a_run_answers_as_before_once_it_is_loaded(
    split: Split, tmp_path: Path, model: str, features: str, combiner: str
) -> None:
    kind = vgae.GAE if model == "gae" else vgae.VGAE
    made = kind(**(STRONG | {"features": features, "combiner": combiner})).fit(split)
    expected = CombinedScores if combiner == "logistic" else MeanScores
    assert isinstance(made.fitted_.scores, expected)
    made.save(tmp_path / "run")
    back = vgae.load(tmp_path / "run")
    pairs = split.test.positives
    np.testing.assert_allclose(
        back.scores().pairs(pairs), made.scores().pairs(pairs), rtol=1e-5, atol=1e-5
    )
    assert back.settings_ == made.settings_
    assert [link.source for link in back.recommend(3)] == [
        link.source for link in made.recommend(3)
    ]
    with pytest.raises(InputError, match="cannot place new nodes"):
        made.with_nodes(
            edges=[(100, 0)], features=None if features == "none" else np.ones((1, 20)), ids=[100]
        )


def test_test_pairs_change_nothing_and_validation_pairs_no_weight(split: Split) -> None:
    settings = FitSettings.of("gae", **STRONG)
    first = fit(split, settings)
    swapped = replace(split, validation=split.test, test=split.validation)
    other = fit(swapped, settings)
    assert first.combiner == other.combiner
    for name, array in first.network.arrays().items():
        np.testing.assert_array_equal(array, other.network.arrays()[name])


def test_the_same_seed_gives_the_same_ensemble_and_another_seed_another(split: Split) -> None:
    settings = FitSettings.of("gae", **STRONG)
    one, again, other = (
        fit(split, settings.model_copy(update={"seed": seed})) for seed in (0, 0, 1)
    )
    assert one.combiner == again.combiner != other.combiner
    first, second = one.network.arrays(), one.members[0].arrays()
    assert not np.array_equal(
        first["encoder.weight.projection"], second["encoder.weight.projection"]
    )
    assert member_seed(3, 0) == 3


def test_the_mean_of_scores_is_their_mean(split: Split) -> None:
    fitted = fit(split, FitSettings.of("gae", **(SMALL | {"ensemble": 3})))
    rows = fitted.scores.rows(np.arange(4))
    pairs = np.stack(np.nonzero(np.ones((4, 60))), axis=1)
    np.testing.assert_allclose(fitted.scores.pairs(pairs), rows.ravel(), rtol=1e-4, atol=1e-4)


def test_tiny_graphs_get_what_they_allow() -> None:
    path = Graph.from_edges([(0, 1), (1, 2), (2, 3)])
    fitted = fit(Split.without_holdout(path), FitSettings.of("gae", **STRONG))
    assert np.isfinite(fitted.scores.rows(np.arange(4))).all()
    single = Graph.from_edges([(0, 1)], n_nodes=3)
    fitted = fit(Split.without_holdout(single), FitSettings.of("gae", **STRONG))
    assert fitted.combiner is None  # no edge can be hidden
    assert np.isfinite(fitted.scores.rows(np.arange(3))).all()
