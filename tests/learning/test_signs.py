"""Signs end to end: no leak, files, metrics, and camps that are found."""

from pathlib import Path

import numpy as np
import pytest
from graphs import graph_of
from sklearn.metrics import f1_score, roc_auc_score

from vgae import GAE, VGAE, Graph, InputError, LinkBaseline, Split, load, split_edges
from vgae.data.split import SplitSettings
from vgae.learning.fitting import fit
from vgae.learning.settings import FitSettings, named_preset
from vgae.learning.signs import SignScores, sign_metrics


def camps(n_camps: int, seed: int, n_nodes: int = 120, degree: int = 24) -> Graph:
    """Positive edges within camps, negative ones between them, a tenth flipped."""
    random = np.random.default_rng(seed)
    camp = random.integers(n_camps, size=n_nodes)
    pairs = np.stack(np.triu_indices(n_nodes, 1), axis=1)
    pairs = pairs[random.permutation(len(pairs))[: n_nodes * degree // 2]]
    signs = np.where(camp[pairs[:, 0]] == camp[pairs[:, 1]], 1.0, -1.0)
    signs *= np.where(random.random(len(pairs)) < 0.1, -1, 1)
    return Graph.from_edges(pairs, n_nodes=n_nodes, weights=signs, kind="signed")


def turned(split: Split) -> Split:
    """The same split of a graph in which the signs of all test edges are flipped."""
    weights = np.array(split.graph.weights)
    places = split.graph.places(split.test.positives)
    weights[places] = -weights[places]
    graph = split.graph.with_pairs(split.graph.edges, weights=weights)
    train = graph.with_edges(split.train.edges)
    return Split(graph, train, split.validation, split.test, split.settings, split.seed)


@pytest.mark.parametrize("protocol", ["T", "TV"])
@pytest.mark.parametrize("preset", ["paper", "signs"])
def test_the_sign_of_a_test_edge_changes_no_bit_of_a_fit(protocol: str, preset: str) -> None:
    settings = FitSettings.of("gae", **(named_preset(preset).settings | {"steps": 6}))
    made = SplitSettings.parse({"protocol": protocol}, where="split")
    split = split_edges(camps(2, 0), seed=0, **made.model_dump())
    one, other = fit(split, settings), fit(turned(split), settings)
    assert np.array_equal(one.embedding, other.embedding)
    for name, array in one.network.arrays().items():
        assert np.array_equal(array, other.network.arrays()[name]), name
    assert one.metrics["validation"] == other.metrics["validation"]
    auc, flipped = (found.metrics["test"]["sign_auc"] for found in (one, other))
    assert flipped == pytest.approx(1.0 - auc)


@pytest.mark.parametrize("settings", [{}, {"ensemble": 2}])
def test_a_run_folder_keeps_what_signs_need(tmp_path: Path, settings: dict[str, int]) -> None:
    split = split_edges(camps(2, 1), seed=0)
    for model in (VGAE(steps=3, **settings), LinkBaseline("balance")):
        model.fit(split)
        model.save(tmp_path / model.name)
        back = load(tmp_path / model.name)
        every = [(0, 5), (9, 3), (7, 8)]
        assert np.array_equal(back.predict_sign_proba(every), model.predict_sign_proba(every))
        assert back.recommend(4) == model.recommend(4)
        assert [x.p_positive for x in back.links(every)] == model.predict_sign_proba(every).tolist()
        assert back.graph_["kind"] == "signed"


def test_answers_name_the_sign() -> None:
    model = GAE.from_preset("signs", steps=3).fit(camps(2, 1))
    frame = model.recommend(3, as_frame=True)
    assert frame.columns.tolist() == ["source", "target", "probability", "p_positive"]
    for source, target, probability, p_positive in model.recommend(3):
        assert p_positive == model.predict_sign_proba([(source, target)])[0]
        assert 0.0 <= probability <= 1.0
        assert model.predict_sign_proba([(source, target)]) == model.predict_sign_proba(
            [(target, source)]
        )
    with pytest.raises(InputError, match="gae: was fitted to a graph without signs; read one"):
        GAE(steps=1).fit([("a", "b"), ("b", "c")]).predict_sign_proba([("a", "c")])
    with pytest.raises(InputError, match="encoder signed: cannot place new nodes"):
        model.with_nodes(edges=[(500, 0)])
    assert model.embed(camps(2, 1)).shape == model.embedding_.shape
    with pytest.raises(InputError, match="takes signed graphs"):
        model.embed([(0, 1), (1, 2)])


def test_edges_of_one_sign_are_refused() -> None:
    graph = Graph.from_edges([(0, 1), (1, 2), (2, 3)], weights=[1, 2, 3], kind="signed")
    with pytest.raises(InputError, match="encoder signed: all training edges are positive"):
        VGAE(steps=1).fit(graph)
    with pytest.raises(InputError, match="balance: all training edges are positive"):
        LinkBaseline("balance").fit(graph)


class Given(SignScores):
    """Probabilities by the number of the first node."""

    def __init__(self, values: np.ndarray) -> None:
        self.n_nodes, self._values = len(values), values

    def _pairs(self, pairs: np.ndarray) -> np.ndarray:
        found: np.ndarray = self._values[pairs[:, 0]]
        return found


def test_metrics_are_those_of_scikit_learn() -> None:
    graph = graph_of("signed", 0)
    signs = Given(np.random.default_rng(1).integers(11, size=24) / 10.0)
    assert graph.weights is not None
    positive, found = graph.weights > 0, signs.pairs(graph.edges)
    metrics = sign_metrics(graph, graph.edges, signs)
    assert metrics["sign_auc"] == pytest.approx(roc_auc_score(positive, found))
    f1 = f1_score(positive, found >= 0.5, average="macro")
    assert metrics["sign_f1_macro"] == pytest.approx(f1)
    nothing = {"sign_auc": None, "sign_f1_macro": None}
    assert sign_metrics(graph, graph.edges, None) == nothing
    assert sign_metrics(graph, graph.edges[positive], signs) == nothing
    assert sign_metrics(graph, graph.edges[:0], signs) == nothing


@pytest.mark.parametrize("n_camps", [2, 4])
def test_camps_are_found_where_common_neighbours_do_not_suffice(n_camps: int) -> None:
    split = split_edges(camps(n_camps, 3), seed=0)
    model = GAE.from_preset("signs").fit(split)
    found = model.metrics_["test"]["sign_auc"]
    known = LinkBaseline("balance").fit(split).metrics_["test"]["sign_auc"]
    assert found > 0.7
    assert found > known
    assert "sign" in model.history_[-1]
