"""One contract for every method that `evaluate` compares: auto-encoders and baselines."""

from typing import Any

import numpy as np
import pytest
import torch
from graphs import graph_of, random_graph
from numpy.typing import NDArray
from scipy import sparse

from vgae.data.graph import Graph
from vgae.data.split import HeldOut, Split, TrainingView, split_edges
from vgae.ground.errors import InputError
from vgae.learning.baselines import BASELINES, baseline
from vgae.learning.evaluation import link_scores
from vgae.learning.scores import Scores, VectorScores
from vgae.people.api import METHODS, VGAE, Candidate, candidates, evaluate
from vgae.people.estimators import MODELS

HEURISTICS = (
    "common-neighbors",
    "adamic-adar",
    "resource-allocation",
    "directed-common-neighbors",
    "directed-resource-allocation",
    "preferential-attachment",
    "degree",
    "popularity",
    "item-knn",
    "katz",
    "pagerank",
    "propagated-features",
    "random-projection",
)
"""Methods that learn nothing, and so read the edges that carry messages."""
OF_SIGNS = ("balance",)
"""Methods that take signed graphs alone: see tests/learning/baselines/test_balance.py."""
METHODS_OF_LINKS = tuple(name for name in METHODS if name not in OF_SIGNS)
QUICK: dict[str, Any] = {"latent_dim": 1, "steps": 5, "epochs": 2}


def with_features(graph: Graph) -> Graph:
    random = np.random.default_rng(0)
    return graph.with_features(random.integers(2, size=(graph.n_nodes, 6)).astype(np.float32))


GRAPHS = {
    "undirected": random_graph(40, 0.15, 0),
    "disconnected": Graph.from_edges([(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3)]),
    "isolated nodes": Graph.from_edges([(1, 2), (2, 4), (4, 1), (4, 5)], n_nodes=9),
    "one edge": Graph.from_edges([(0, 1)]),
    "weighted": Graph.from_edges([(0, 1), (1, 2), (2, 3), (3, 0)], weights=[0.1, 1.0, 9.0, 1e3]),
    "complete": random_graph(12, 1.0, 0),
}


def candidate(name: str, **settings: Any) -> Candidate:
    fields = BASELINES[name].model_fields if name in BASELINES else {"latent_dim", "steps"}
    overrides = {key: value for key, value in QUICK.items() if key in fields} | settings
    return candidates([name], overrides=overrides)[name]


def test_the_contract_runs_over_every_method() -> None:
    assert set(METHODS) == set(MODELS) | set(BASELINES)


@pytest.mark.parametrize("kind", GRAPHS)
@pytest.mark.parametrize("name", METHODS_OF_LINKS)
def test_scores_every_pair_of_any_graph(name: str, kind: str) -> None:
    graph = with_features(GRAPHS[kind])
    method = candidate(name)
    method = method.on(graph)
    view = Split.without_holdout(graph).training
    scores = method.method(view, 3)
    n_nodes = graph.n_nodes
    assert scores.n_nodes == n_nodes
    pairs = np.array([(i, j) for i in range(n_nodes) for j in range(n_nodes) if i != j])
    found = scores.pairs(pairs)
    assert found.shape == (len(pairs),)
    assert np.isfinite(found).all()
    # Both directions and both ways of asking agree.
    close: Any = {"rtol": 1e-4, "atol": 1e-6 * max(1.0, float(np.abs(found).max()))}
    np.testing.assert_allclose(scores.pairs(pairs[:, ::-1].copy()), found, **close)
    rows = scores.rows(np.arange(n_nodes))
    np.testing.assert_allclose(rows[pairs[:, 0], pairs[:, 1]], found, **close)
    for since in range(n_nodes + 1):
        others = scores.rows(np.arange(n_nodes), since)
        np.testing.assert_allclose(others, rows[:, since:], **close)
    assert scores.pairs(np.empty((0, 2), dtype=np.int64)).shape == (0,)
    if scores.vectors is not None:
        dim = {"als": 2, "strap": 2, "propagated-features": 6}.get(
            name, 1
        )  # two vectors; the features
        assert scores.vectors.shape == (n_nodes, dim)
        assert scores.vectors.dtype == np.float32
    assert np.array_equal(method.method(view, 3).pairs(pairs), found)


@pytest.mark.parametrize("name", METHODS_OF_LINKS)
def test_pairs_are_checked_whatever_gives_the_scores(name: str) -> None:
    view = Split.without_holdout(with_features(GRAPHS["weighted"])).training
    scores = candidate(name).method(view, 0)
    for pairs in ([[-1, 0]], [[0, 4]], [[[0, 1]]], [[0, 1, 2], [1, 2, 3]], [[0.0, 1.0]]):
        with pytest.raises(InputError, match="^pairs"):
            scores.pairs(pairs)
    with pytest.raises(InputError, match="^rows"):
        scores.rows([-1])
    for since in (-1, 5):
        with pytest.raises(InputError, match="^since"):
            scores.rows([0], since)
    assert scores.pairs(np.array([[0, 1]], dtype=np.uint16)).shape == (1,)


@pytest.mark.parametrize("name", [name for name in BASELINES if name not in OF_SIGNS])
def test_a_baseline_takes_a_split_and_sees_its_view_alone(name: str) -> None:
    graph = with_features(GRAPHS["undirected"])
    split = split_edges(graph, seed=0, validation=0.1, test=0.1, protocol="TV")
    settings = {key: value for key, value in QUICK.items() if key in BASELINES[name].model_fields}
    made, rows = baseline(name, **settings), np.arange(graph.n_nodes)
    expected = candidate(name).method(split.training, 0).rows(rows)
    for data in (split, split.training):
        assert np.array_equal(made.fit(data).rows(rows), expected)
    with pytest.raises(InputError, match="cannot make a graph of int"):
        made.fit(7)


@pytest.mark.parametrize("name", METHODS_OF_LINKS)
def test_takes_a_graph_without_features_or_says_that_it_needs_some(name: str) -> None:
    graph, method = GRAPHS["undirected"], candidate(name)
    if method.reads_features(graph):
        with pytest.raises(InputError, match=f"{name}: learns from node features and the graph"):
            method.on(graph)
    else:
        assert np.isfinite(
            method.method(Split.without_holdout(graph).training, 0).rows(np.arange(3))
        ).all()


@pytest.mark.parametrize("protocol", ["T", "TV"])
@pytest.mark.parametrize("name", METHODS_OF_LINKS)
def test_nothing_held_out_is_reached(name: str, protocol: Any) -> None:
    graph = with_features(GRAPHS["undirected"])
    split = split_edges(graph, seed=0, test=0.2, validation=0.1, protocol=protocol)
    # A graph with other test edges, where the true ones are none, must give the same scores.
    kept = np.concatenate([split.train.edges, split.validation.positives, split.test.negatives])
    other = Graph.from_edges(kept, n_nodes=graph.n_nodes, features=graph.features)
    swapped = HeldOut(split.test.negatives, split.test.positives)
    train = other.with_edges(split.train.edges)
    blind = Split(other, train, split.validation, swapped, split.settings, split.seed)
    first, second = (
        candidate(name).method(one.training, 0).rows(np.arange(graph.n_nodes))
        for one in (split, blind)
    )
    assert np.array_equal(first, second)
    assert set(link_scores(split, candidate(name).method(split.training, 0))) >= {"auc", "mrr"}


@pytest.mark.parametrize("name", METHODS_OF_LINKS)
def test_an_empty_training_graph_is_one_clear_line(name: str) -> None:
    empty = with_features(Graph.from_edges(np.empty((0, 2), dtype=np.int64), n_nodes=5))
    with pytest.raises(InputError, match="the training graph has no edges"):
        candidate(name).method(Split.without_holdout(empty).training, 0)


@pytest.mark.parametrize("name", METHODS_OF_LINKS)
def test_a_directed_graph_is_scored(name: str) -> None:
    graph = with_features(graph_of("directed", 0))
    view = Split.without_holdout(graph).training
    settings = {"latent_dim": 2} if name in MODELS else {}
    found = candidate(name, **settings).method(view, 0).rows(np.arange(graph.n_nodes))
    assert np.isfinite(found).all()
    alike = np.allclose(found, found.T, rtol=1e-4, atol=1e-5)
    assert alike != (name in MODELS or "directed" in BASELINES[name].kinds)


@pytest.mark.parametrize("name", METHODS)
def test_a_signed_graph_is_one_clear_line(name: str) -> None:
    graph = with_features(graph_of("signed", 0))
    if name in (*MODELS, *OF_SIGNS):
        settings = {"latent_dim": 2} if name in MODELS else {}
        scores = candidate(name, **settings).method(Split.without_holdout(graph).training, 0)
        assert np.isfinite(scores.rows(np.arange(graph.n_nodes))).all()
        assert scores.signs is not None
        assert 0.0 < scores.signs.pairs([(0, 1)])[0] < 1.0
        return
    with pytest.raises(InputError, match="takes .* graphs, and this one is signed"):
        candidate(name).method(Split.without_holdout(graph).training, 0)


@pytest.mark.parametrize("name", [name for name in METHODS_OF_LINKS if name != "vae"])
def test_who_reads_the_protocols_messages(name: str, karate: Graph) -> None:
    graph = with_features(karate)
    plain = split_edges(graph, seed=0, validation=0.2)
    more = split_edges(graph, seed=0, validation=0.2, protocol="TV")
    assert np.array_equal(plain.train.edges, more.train.edges)
    first, second = (
        candidate(name).method(split.training, 0).rows(np.arange(34)) for split in (plain, more)
    )
    # Vectors that are what was trained know the training edges alone, under both.
    assert np.array_equal(first, second) == (
        name in ("spectral", "gsvd", "als", "strap", "deepwalk", "strength")
    )
    if name in HEURISTICS:
        whole = Split.without_holdout(more.message_graph()).training
        assert np.array_equal(second, candidate(name).method(whole, 0).rows(np.arange(34)))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"methods": ["vgea"]}, "unknown method 'vgea': did you mean 'vgae'"),
        ({"methods": ["gae"], "overrides": {"window": 5}}, "window: gae has no such setting"),
        ({"methods": ["gae"], "settings": {"katz": {}}}, "settings of katz: it is not among"),
        (
            {"methods": ["katz"], "settings": {"katz": {"beta": 1}}},
            "unknown setting of katz 'beta'",
        ),
        ({"methods": ["katz"], "settings": {"katz": {"attenuation": 2.0}}}, "katz: attenuation: "),
        ({"methods": ["deepwalk"], "settings": {"deepwalk": {"p": 0.0}}}, "deepwalk: p: "),
        ({"methods": ["spectral"], "settings": {"spektral": {}}}, "unknown method 'spektral'"),
        ({"methods": ["deepwalk"], "settings": {"deepwalk": {"p": 1e9}}}, "less than or equal"),
        (
            {"methods": ["deepwalk"], "settings": {"deepwalk": {"window": 10**20}}},
            "less than or eq",
        ),
        ({"methods": ["sdne"], "overrides": {"hidden_dim": 10**14}}, "sdne: hidden_dim: "),
        ({"methods": ["gae"], "overrides": {"latent_dim": 10**14}}, "network.latent_dim: "),
    ],
)
def test_names_and_settings_are_checked_before_any_work(
    arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        candidates(**arguments)


def test_a_setting_goes_to_every_method_that_has_it() -> None:
    made = candidates(["gae", "spectral", "katz"], overrides={"latent_dim": 7})
    assert made["gae"].settings["latent_dim"] == made["spectral"].settings["latent_dim"] == 7
    assert made["katz"].overrides == {}


# -------------------------------------------------------------- methods of one's own


def by_number(view: TrainingView, seed: int) -> Any:  # noqa: ARG001
    return np.arange(1.0, view.train.n_nodes + 1.0)[:, None]


def scores_of(answer: Any, graph: Graph, **options: Any) -> list[float | None]:
    found = evaluate(graph, {"mine": lambda *_: answer}, runs=2, metrics="auc", **options)
    return found.metrics["mine"]["auc"].values


def test_names_estimators_baselines_and_functions_run_on_the_same_splits(karate: Graph) -> None:
    wide = VGAE(latent_dim=8, steps=5, seed=99)
    found = evaluate(
        karate,
        {"a": "katz", "wide": wide, "near": baseline("katz", attenuation=0.1), "mine": by_number},
        runs=2,
        seed=3,
    )
    assert list(found.results) == ["a", "wide", "near", "mine"]
    assert [one.kind for one in found.results.values()] == ["katz", "vgae", "katz", "function"]
    assert found.results["wide"].overrides == {"latent_dim": 8, "steps": 5}
    assert found.results["wide"].settings["latent_dim"] == 8
    assert found.results["near"].settings["attenuation"] == 0.1
    assert found.results["near"].overrides == {"attenuation": 0.1}
    assert found.results["mine"].features is None
    # The estimator is copied, and its seed is the run's.
    split = split_edges(karate, seed=4)
    alone = VGAE(latent_dim=8, steps=5, seed=4).fit(split)
    assert found.metrics["wide"]["auc"].values[1] == alone.metrics_["test"]["auc"]
    assert wide.seed == 99
    assert not hasattr(wide, "embedding_")
    own = link_scores(split, VectorScores(by_number(split.training, 4)))
    assert found.metrics["mine"]["auc"].values[1] == own["auc"]
    assert found.compare("wide", "mine", metric="mrr").first == "wide"
    listed = evaluate(karate, ["katz"], runs=2, seed=3)
    assert found.metrics["a"] == listed.metrics["katz"]


def test_a_function_sees_the_view_and_the_runs_seed_and_no_test_pair(karate: Graph) -> None:
    seen = []

    def mine(view: TrainingView, seed: int) -> Any:
        seen.append((type(view), view.known.n_edges, seed))
        return by_number(view, seed)

    evaluate(karate, {"mine": mine}, runs=2, seed=7)
    assert seen == [(TrainingView, 78 - 7, 7), (TrainingView, 78 - 7, 8)]


def test_a_function_returns_scores_an_embedding_or_a_function_of_pairs(karate: Graph) -> None:
    numbers = np.arange(34.0)[:, None]
    expected = scores_of(VectorScores(numbers), karate)

    def product(pairs: Any) -> Any:
        assert pairs.dtype == np.int64
        assert (pairs[:, 0] < pairs[:, 1]).all()  # so a pair scores the same in both directions
        return numbers[pairs[:, 0], 0] * numbers[pairs[:, 1], 0]

    leaf = torch.tensor(numbers, requires_grad=True)
    for answer in (numbers, numbers.astype(int), numbers.tolist(), leaf, product):
        assert scores_of(answer, karate) == expected
    full = {"metrics": "full_average_precision", "runs": 1}
    first, second = (
        evaluate(karate, {"mine": lambda *_, answer=answer: answer}, **full)  # type: ignore[arg-type]
        for answer in (numbers, product)
    )
    assert first.metrics == second.metrics
    tasks = evaluate(karate, {"mine": lambda *_: product}, runs=1, tasks=["links", "nodes"])
    assert tasks.metrics["mine"]["accuracy"].mean is None  # no embedding


def missing(pairs: Any) -> Any:
    return np.where(np.arange(len(pairs)) == 1, np.nan, 1.0)


class Broken(Scores):
    """Scores without a number."""

    vectors = None

    def __init__(self) -> None:
        self.n_nodes = 34

    def _pairs(self, pairs: Any) -> Any:
        return np.full(len(pairs), np.nan)

    def _rows(self, rows: Any) -> Any:
        return np.full((len(rows), 34), np.nan)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "returned NoneType, not an array of numbers"),
        ("katz", "returned str, not an array"),
        ([["a"]] * 34, "returned list of <U1, not an array of numbers"),
        ([[1.0], [1.0, 2.0]], "returned list, not an array of numbers"),
        (np.ones((34, 2), dtype=complex), "not an array of numbers"),
        (np.ones(34), r"returned an array of shape \(34,\); return an embedding with a row for"),
        (np.ones((33, 4)), r"shape \(33, 4\); return an embedding with a row for each of the 34"),
        (np.ones((34, 0)), r"shape \(34, 0\)"),
        (np.ones((34, 34)), "returned a square array, which could be an embedding or the scores"),
        (sparse.csr_array(np.ones((34, 4))), r"not an array of numbers; toarray\(\) makes one"),
        (np.full((34, 2), np.nan), "row 0 of the embedding holds NaN, infinity or huge numbers"),
        (np.where(np.arange(34) == 5, np.inf, 1.0)[:, None], "row 5 of the embedding holds NaN"),
        (np.full((34, 1), 1e30), "row 0 of the embedding holds NaN, infinity or huge numbers"),
        (VectorScores(np.ones((33, 1))), "returned scores of 33 nodes, but the graph has 34"),
        (missing, "the function of pairs returned NaN for 1 of 14 pairs"),
        (lambda pairs: pairs, r"the function of pairs returned shape \(14, 2\) for 14 pairs"),
        (lambda _: 1.0, r"returned shape \(\) for 14 pairs; return one score per pair, shape \(1"),
        (lambda _: None, "the function of pairs returned NoneType, not an array of numbers"),
        (lambda pairs: -np.arange(len(pairs)), "depend on the pair alone"),
        (VGAE, "returned the class VGAE, not scores"),
        (VGAE(), r"returned VGAE; return its scores\(\)"),
        (torch.ones(34, 2).to_sparse(), r"to_dense\(\) makes one"),
        (np.ma.array(np.ones((34, 2))), "returned a masked array"),
        (Broken(), "a score is NaN; every pair needs a number"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("error")
def test_what_are_no_scores_is_one_line_with_the_methods_label(
    karate: Graph, answer: Any, said: str
) -> None:
    with pytest.raises(InputError, match=f"^mine, run 0: .*{said}"):
        scores_of(answer, karate)


@pytest.mark.parametrize(
    ("models", "options", "said"),
    [
        ({"mine": 7}, {}, "mine: is int, not a method; give a name, an estimator such as VGAE()"),
        ({"mine": VGAE}, {}, r"mine: is the class VGAE; give an instance, as in VGAE\(\)"),
        ({"mine": lambda view: view}, {}, "mine: must take two arguments, the training view and"),
        ({"mine": "kats"}, {}, "unknown method 'kats': did you mean 'katz'"),
        ({"": "katz"}, {}, "models: the label '' is not a name"),
        ({3: "katz"}, {}, "models: the label 3 is not a name"),
        ({}, {}, "models: name at least one"),
        ([VGAE()], {}, "models: VGAE is not a name; give it a label"),
        (VGAE(), {}, "models: VGAE is not a name; give it a label"),
        ({"w": VGAE(patience=30)}, {"validation": 0.0}, "early stopping needs validation pairs"),
        ({"w": VGAE()}, {"steps": 3}, "steps: only methods given by name take settings here"),
        ({"w": VGAE(), "k": "katz"}, {"steps": 3}, "steps: k has no such setting"),
        ({"w": VGAE()}, {"settings": {"w": {"steps": 3}}}, "settings of w: it brings its own"),
        ({"k": "katz"}, {"settings": {"k": {"beta": 3}}}, "unknown setting of k 'beta'"),
        ({"k": "katz"}, {"settings": {"katz": {}}}, "settings of katz: it is not among"),
    ],
)
def test_what_is_no_method_is_refused_before_any_run(
    karate: Graph, models: Any, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        evaluate(karate, models, runs=1, **options)


def test_settings_go_to_methods_given_by_name_and_by_label(karate: Graph) -> None:
    found = evaluate(
        karate,
        {"a": "katz", "b": "katz", "g": "gae", "own": VGAE(steps=7)},
        runs=1,
        steps=3,
        settings={"b": {"attenuation": 0.9}},
    )
    assert found.results["a"].settings["attenuation"] == 0.5
    assert found.results["b"].settings["attenuation"] == 0.9
    assert (found.results["g"].settings["steps"], found.results["own"].settings["steps"]) == (3, 7)


def test_an_error_within_a_function_passes_with_the_methods_label(karate: Graph) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        evaluate(karate, {"mine": broken}, runs=1)
    assert caught.value.__notes__ == ["raised by method 'mine' in run 0"]


def test_the_order_of_the_pairs_tells_nothing(karate: Graph) -> None:
    """Pairs with and without an edge are asked for together, in the order of their nodes."""
    asked: list[NDArray[np.int64]] = []

    def nothing(view: TrainingView, seed: int) -> Any:  # noqa: ARG001
        def scores(pairs: NDArray[np.int64]) -> Any:
            asked.append(pairs.copy())
            return np.zeros(len(pairs))

        return scores

    evaluate(karate, {"nothing": nothing}, runs=1, test=0.2, metrics="auc")
    assert asked[0].tolist() == sorted(asked[0].tolist())
    positives = set(map(tuple, split_edges(karate, seed=0, test=0.2).test.positives.tolist()))
    assert positives < set(map(tuple, asked[0].tolist()))


def test_ranks_within_what_is_asked_for_are_no_scores(karate: Graph) -> None:
    def ranked(view: TrainingView, seed: int) -> Any:  # noqa: ARG001
        return lambda pairs: np.argsort(np.argsort(view.train.degrees[pairs].sum(axis=1)))

    with pytest.raises(InputError, match="must depend on the pair alone"):
        evaluate(karate, {"ranked": ranked}, runs=1, test=0.2)


def test_what_a_method_does_to_its_view_changes_nothing(karate: Graph) -> None:
    def rude(view: TrainingView, seed: int) -> Any:  # noqa: ARG001
        assert view.train.labels is None  # labels score a method, and are not shown to it
        adjacency = view.train.adjacency
        adjacency.setdiag(1)
        adjacency.data = adjacency.data * 0
        return np.ones((view.train.n_nodes, 1))

    options: dict[str, Any] = {"runs": 2, "test": 0.2, "tasks": ["links", "nodes"], "steps": 3}
    together = evaluate(karate, {"rude": rude, "katz": "katz", "gae": "gae"}, **options)
    alone = evaluate(karate, ["katz", "gae"], **options)
    for name in ("katz", "gae"):
        assert together.metrics[name] == alone.metrics[name]
    assert (karate.n_edges, karate.adjacency.nnz) == (78, 156)


def test_a_class_of_your_own_is_no_method_of_ours() -> None:
    class Mine(VGAE):  # type: ignore[misc]
        """A model with another way to score."""

    made = candidates({"mine": Mine(), "plain": VGAE()})
    assert made["mine"].kind == "function"
    assert made["plain"].kind == "vgae"
    with pytest.raises(InputError, match="5 is not a dictionary of settings"):
        candidates(["katz"], settings={"katz": 5})  # type: ignore[dict-item]
