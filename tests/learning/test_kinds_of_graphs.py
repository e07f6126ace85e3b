"""Models and methods on graphs of every kind: they work, or one line says what they take."""

import numpy as np
import pytest
from graphs import KINDS_OF_GRAPHS, graph_of

from vgae.data.graph import Graph
from vgae.data.split import split_edges
from vgae.ground.errors import InputError
from vgae.learning.baselines import BASELINES, baseline
from vgae.learning.fitting import fit, fit_baseline
from vgae.learning.judge import LINK_METRICS, link_scores
from vgae.learning.scores import FunctionScores, VectorScores
from vgae.learning.settings import FitSettings
from vgae.learning.store import load_fitted, save_fitted

SETTINGS = FitSettings.of("gae", steps=2)


@pytest.mark.parametrize("kind", KINDS_OF_GRAPHS)
def test_a_model_fits_a_graph_or_says_what_it_takes(kind: str) -> None:
    split = split_edges(graph_of(kind, 0), seed=0, test=0.2)
    fitted = fit(split, SETTINGS)
    assert fitted.network.decoder.ordered == split.graph.directed
    pairs, _ = fitted.scores.top(10, split.graph)
    assert split.graph.pair_space.allows(pairs).all()
    assert (split.graph.places(pairs) < 0).all()


@pytest.mark.parametrize("name", ["common-neighbors", "katz", "spectral"])
@pytest.mark.parametrize("kind", KINDS_OF_GRAPHS)
def test_a_fitted_method_keeps_the_kind(kind: str, name: str, tmp_path: object) -> None:
    split = split_edges(graph_of(kind, 0), seed=0, test=0.2, validation=0.1)
    if kind == "signed":
        with pytest.raises(InputError, match=f"{name}: takes undirected, bipartite and directed"):
            fit_baseline(split, baseline(name))
        return
    fitted = fit_baseline(split, baseline(name))
    save_fitted(fitted, tmp_path)  # type: ignore[arg-type]
    back = load_fitted(tmp_path)  # type: ignore[arg-type]
    assert back.graph["kind"] == split.graph.kind
    assert back.split.graph.pair_space.n_pairs == split.graph.pair_space.n_pairs
    assert np.array_equal(back.split.graph.edges, split.graph.edges)
    assert back.split.graph.type_names == split.graph.type_names
    every = np.argwhere(np.ones((24, 24)))
    assert np.array_equal(back.scores.pairs(every), fitted.scores.pairs(every))
    assert np.array_equal(back.scores.pairs(every), back.scores.pairs(every[:, ::-1].copy()))


@pytest.mark.parametrize("kind", ["directed", "bipartite", "typed", "typed and directed"])
def test_metrics_of_all_pairs_are_those_of_pairs_that_can_be_edges(kind: str) -> None:
    graph = graph_of(kind, 4)
    split = split_edges(graph, seed=0, test=0.2, validation=0.1)
    table = np.random.default_rng(0).integers(6, size=(24, 24)).astype(float)
    if not graph.directed:
        table = table + table.T
    scores = FunctionScores(lambda pairs: table[pairs[:, 0], pairs[:, 1]], 24, ordered=True)
    found = link_scores(split, scores)
    assert set(found) == set(LINK_METRICS)
    space = graph.pair_space
    every = space.pairs_of(space.every_code())
    free = every[graph.places(every) < 0]
    test = split.test.positives
    value, others = table[tuple(test.T)], table[tuple(free.T)]
    precision = []
    for level in value:
        hits = (value >= level).sum()
        precision.append(hits / (hits + (others >= level).sum()))
    assert found["full_average_precision"] == pytest.approx(np.mean(precision))
    is_open = np.zeros((24, 24), bool)
    is_open[tuple(free.T)] = True
    if not graph.directed:
        is_open |= is_open.T
        test = np.concatenate([test, test[:, ::-1]])
    reciprocal = []
    for i, j in test.tolist():
        rivals = table[i, is_open[i] & (np.arange(24) != j)]
        above, tied = (rivals > table[i, j]).sum(), (rivals == table[i, j]).sum()
        reciprocal.append(1 / (1 + above + tied / 2))
    assert found["mrr_open"] == pytest.approx(np.mean(reciprocal))
    best, values = scores.top(30, graph)
    assert values.tolist() == np.sort(others)[::-1][:30].tolist()
    assert graph.pair_space.allows(best).all()


def test_probabilities_sum_over_the_pairs_that_can_be_edges() -> None:
    from vgae.learning.calibration import expected_edges, fit_calibrator

    for kind in ("directed", "bipartite"):
        graph = graph_of(kind, 1, n_nodes=60, n_rows=500)
        view = split_edges(graph, seed=0, validation=0.2).training
        scores = VectorScores(np.random.default_rng(0).normal(size=(60, 4)))
        calibrator = fit_calibrator(view, scores)
        assert calibrator is not None
        assert calibrator.n_open == graph.pair_space.n_pairs - view.train.n_edges
        total = expected_edges(scores, calibrator, view.train)
        assert total == pytest.approx(len(view.validation.positives), rel=0.01)


def test_every_baseline_takes_a_bipartite_graph_or_says_why_not() -> None:
    graph = graph_of("bipartite", 2).with_features(np.eye(24, dtype=np.float32))
    for name, kind in BASELINES.items():
        if name in ("deepwalk", "sdne", "vae"):
            continue  # they take seconds
        method = kind()
        if "bipartite" not in kind.takes():
            with pytest.raises(InputError, match=f"{name}: takes .*, and this one is bipartite"):
                method.check(graph)
            continue
        method.check(graph)
        assert method.fit(graph).pairs([(0, 1)]).shape == (1,), name


def test_a_directed_graph_is_its_edges_without_directions_to_a_symmetric_method() -> None:
    graph = graph_of("directed", 0)
    plain = Graph.from_edges(graph.edges, n_nodes=graph.n_nodes)
    for name in ("katz", "resource-allocation"):
        one, other = (baseline(name).fit(each).rows(np.arange(24)) for each in (graph, plain))
        assert np.array_equal(one, other)
