import subprocess
import sys
import tracemalloc
from itertools import product
from typing import Any, get_args

import numpy as np
import pytest
from graphs import dense, graphs, random_graph
from hypothesis import given, settings
from hypothesis import strategies as st
from number import examples
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from vgae.data.graph import Features, Graph
from vgae.ground.errors import InputError
from vgae.model import inputs
from vgae.model.inputs import InputScaling, StructureKind, node_inputs, structural_inputs
from vgae.model.settings import FeatureUse

KINDS: tuple[StructureKind, ...] = get_args(StructureKind)
every_kind = pytest.mark.parametrize("kind", KINDS)
either_form = pytest.mark.parametrize("sparsely", [False, True])


def some_features(n_nodes: int = 40, *, seed: int = 0, sparsely: bool = False) -> Features:
    random = np.random.default_rng(seed)
    values = random.normal(3.0, 2.0, size=(n_nodes, 6)) * (random.random((n_nodes, 6)) < 0.5)
    values = values.astype(np.float32)
    values[:, 4], values[:, 5] = 0.0, 0.1
    return sparse.csr_array(values) if sparsely else values


def plain(features: Any) -> NDArray[np.float64]:
    array = features.toarray() if sparse.issparse(features) else features
    assert array.dtype == np.float32
    return np.asarray(array, dtype=np.float64)


# ------------------------------------------------------------------------ scaling


@either_form
def test_raw_features_are_taken_as_they_are(sparsely: bool) -> None:
    features = some_features(sparsely=sparsely)
    assert InputScaling.learned(features, "raw").apply(features) is features


@either_form
def test_unit_features_have_length_one_or_zero(sparsely: bool) -> None:
    values = np.array([[3.0, 4.0], [0.0, 0.0], [0.0, 2.0]], dtype=np.float32)
    features = sparse.csr_array(values) if sparsely else values
    scaled = InputScaling.learned(features, "unit").apply(features)
    assert sparse.issparse(scaled) is sparsely
    np.testing.assert_allclose(plain(scaled), [[0.6, 0.8], [0.0, 0.0], [0.0, 1.0]], rtol=1e-6)


@either_form
def test_idf_is_that_of_scikit_learn_and_learned_from_the_training_graph_alone(
    sparsely: bool,
) -> None:
    features, later = (some_features(seed=seed, sparsely=sparsely) for seed in (0, 1))
    theirs = TfidfTransformer().fit(sparse.csr_matrix(plain(features)))
    scaling = InputScaling.learned(features, "idf")
    assert scaling.weights is not None
    np.testing.assert_allclose(scaling.weights, theirs.idf_, rtol=1e-6)
    for some in (features, later):
        scaled = scaling.apply(some)
        assert sparse.issparse(scaled) is sparsely
        expected = theirs.transform(sparse.csr_matrix(plain(some))).toarray()
        np.testing.assert_allclose(plain(scaled), expected, rtol=1e-5, atol=1e-7)


@either_form
def test_standard_is_that_of_scikit_learn_and_centres_dense_features_only(sparsely: bool) -> None:
    features, later = (some_features(seed=seed, sparsely=sparsely) for seed in (0, 1))
    theirs = StandardScaler(with_mean=not sparsely).fit(plain(features))
    scaling = InputScaling.learned(features, "standard")
    assert (scaling.mean is None) is sparsely
    for some in (features, later):
        scaled = scaling.apply(some)
        assert sparse.issparse(scaled) is sparsely
        np.testing.assert_allclose(
            plain(scaled), theirs.transform(plain(some)), rtol=1e-5, atol=1e-6
        )


def test_later_features_are_scaled_alike_in_either_form() -> None:
    for use, first, then in product(get_args(FeatureUse), (False, True), (False, True)):
        scaling = InputScaling.learned(some_features(sparsely=first), use)
        expected = plain(scaling.apply(some_features(seed=1, sparsely=first)))
        found = plain(scaling.apply(some_features(seed=1, sparsely=then)))
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e30, 1e-44])
@either_form
def test_a_constant_column_is_divided_by_one(value: float, sparsely: bool) -> None:
    values = np.full((1000, 1), value, dtype=np.float32)
    features = sparse.csr_array(values) if sparsely else values
    scaling = InputScaling.learned(features, "standard")
    assert scaling.scale is not None
    assert scaling.scale.tolist() == [1.0]


def test_a_deviation_too_small_for_float32_counts_as_none() -> None:
    values = np.zeros((1000, 1), dtype=np.float32)
    values[0] = 1e-44
    scaling = InputScaling.learned(values, "standard")
    assert scaling.scale is not None
    assert scaling.scale.tolist() == [1.0]


@pytest.mark.parametrize("use", ["unit", "idf", "standard"])
@either_form
def test_later_features_beyond_float32_are_refused(use: Any, sparsely: bool) -> None:
    values = np.array([[1.0], [1.0], [1.0 + 1e-6]], dtype=np.float32)
    scaling = InputScaling.learned(sparse.csr_array(values) if sparsely else values, use)
    huge = np.array([[3e38]], dtype=np.float32)
    with pytest.raises(InputError, match="exceed the range of float32"):
        scaling.apply(sparse.csr_array(huge) if sparsely else huge)


@either_form
def test_the_scaling_of_no_nodes_and_of_no_features_is_learned_without_warnings(
    sparsely: bool,
) -> None:
    for use in get_args(FeatureUse):
        nobody = some_features(0, sparsely=sparsely)
        assert InputScaling.learned(nobody, use).apply(nobody).shape == (0, 6)
        assert InputScaling.learned(None, use).arrays() == {}


@pytest.mark.parametrize("use", ["raw", "unit", "idf", "standard", "none"])
@either_form
def test_a_stored_scaling_is_the_same_to_the_bit(use: Any, sparsely: bool) -> None:
    features = some_features(sparsely=sparsely)
    scaling = InputScaling.learned(features, use)
    again = InputScaling.from_arrays(use, scaling.arrays(), n_features=6)
    assert (plain(again.apply(features)) == plain(scaling.apply(features))).all()
    bare = InputScaling.learned(None, use)
    assert InputScaling.from_arrays(use, bare.arrays(), n_features=0) == bare


@pytest.mark.parametrize(
    ("use", "arrays"),
    [
        ("idf", {}),
        ("idf", {"weights": np.ones(3, np.float32)}),
        ("idf", {"weights": np.ones(2, np.float64)}),
        ("idf", {"weights": np.zeros(2, np.float32)}),
        ("idf", {"weights": np.array([1.0, np.nan], np.float32)}),
        ("idf", {"scale": np.ones(2, np.float32)}),
        ("standard", {"mean": np.ones(2, np.float32)}),
        ("standard", {"scale": -np.ones(2, np.float32)}),
        ("standard", {"scale": np.ones(2, np.float32), "mean": np.ones((2, 1), np.float32)}),
        ("raw", {"weights": np.ones(2, np.float32)}),
        ("none", {"scale": np.ones(2, np.float32)}),
    ],
)
def test_arrays_that_no_features_give_are_refused(use: Any, arrays: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="scaling of features: .*; fit again"):
        InputScaling.from_arrays(use, arrays, n_features=2)


def test_arrays_without_features_are_refused() -> None:
    with pytest.raises(InputError, match="weights does not fit 'idf'; fit again"):
        InputScaling.from_arrays("idf", {"weights": np.ones(0, np.float32)}, n_features=0)


# ------------------------------------------------------------------------ structure


@every_kind
@given(graph=graphs(max_nodes=60), dim=st.integers(1, 80), seed=st.integers(0, 3))
@settings(deadline=None, max_examples=examples(25))
def test_structural_inputs_of_any_graph_are_finite_and_of_length_three_on_average(
    kind: StructureKind, graph: Graph, dim: int, seed: int
) -> None:
    found = structural_inputs(graph, kind, dim, seed=seed)
    assert found.shape == (graph.n_nodes, min(dim, graph.n_nodes))
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    length = np.linalg.norm(found, axis=1).mean()
    assert length == (pytest.approx(3.0, rel=1e-4) if graph.n_edges else 0.0)


def matrix_of(graph: Graph, kind: StructureKind) -> NDArray[np.float64]:
    """The matrix that the documentation describes, dense, in float64."""
    links = dense(graph)
    links /= links[links > 0].mean()
    degrees = links.sum(axis=1)
    if kind == "ppr":
        step = links / np.maximum(degrees, 1e-30)[:, None]
        walk, ended = np.eye(len(links)), 0.5 * np.eye(len(links))
        for _ in range(inputs.WALK_STEPS):
            walk = 0.5 * walk @ step
            ended += 0.5 * walk
        shares = np.log(np.maximum(ended / inputs.SMALLEST, 1.0))
        there_and_back: NDArray[np.float64] = shares + shares.T
        return there_and_back
    if kind == "svd":
        links += np.diag(degrees > 0)
        totals = links.sum(axis=1) + degrees.mean()
    else:
        links += 0.5 * degrees.mean() / len(links)
        totals = links.sum(axis=1)
    scaled: NDArray[np.float64] = links / np.sqrt(totals[:, None] * totals)
    return scaled


@pytest.mark.parametrize("weighted", [False, True])
@every_kind
def test_inner_products_of_all_inputs_are_the_matrix(
    kind: StructureKind, weighted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So small that none of the walks of this graph is cut short.
    monkeypatch.setattr(inputs, "SMALLEST", 1e-7)
    monkeypatch.setattr(inputs, "SOURCES", 7)
    drawn = random_graph(24, 0.15, seed=3)
    weights = np.random.default_rng(0).random(drawn.n_edges) + 0.1
    graph = Graph.from_edges(drawn.edges, n_nodes=24, weights=weights if weighted else None)
    found = structural_inputs(graph, kind, 24, seed=0).astype(np.float64)
    values, vectors = np.linalg.eigh(matrix_of(graph, kind))
    kept = np.abs(values) if kind == "svd" else np.maximum(values, 0)
    expected = (vectors * kept) @ vectors.T
    expected *= (3.0 / np.sqrt(np.diag(expected)).mean()) ** 2
    np.testing.assert_allclose(found @ found.T, expected, atol=1e-3)


@every_kind
def test_leading_inputs_are_those_of_the_matrix(kind: StructureKind) -> None:
    """A few of many eigenvectors: of four groups that are dense within and sparse between."""
    random = np.random.default_rng(0)
    group = np.arange(400) % 4
    source, target = np.triu_indices(400, k=1)
    sociable = random.random(400) ** 2
    likely = np.where(group[source] == group[target], 1.0, 0.02)
    likely *= sociable[source] * sociable[target]
    kept = random.random(source.size) < likely
    graph = Graph.from_edges(np.stack([source[kept], target[kept]], axis=1), n_nodes=400)
    found = structural_inputs(graph, kind, 4, seed=0).astype(np.float64)
    values, vectors = np.linalg.eigh(matrix_of(graph, kind))
    basis, _ = np.linalg.qr(found)
    leading = vectors[:, np.argsort(-values)[:4]]
    assert np.linalg.svd(basis.T @ leading, compute_uv=False).min() > 0.995
    assert (np.diff(np.linalg.norm(found, axis=0)) <= 1e-5).all()
    assert (found[np.abs(found).argmax(axis=0), np.arange(4)] > 0).all()


@pytest.mark.parametrize("kind", ["svd", "spectral"])
def test_small_components_do_not_take_the_leading_inputs(kind: StructureKind) -> None:
    """Unless degrees are regularised, each pair alone in the graph has an eigenvector of 1."""
    large = random_graph(100, 0.2, seed=0).edges
    pairs = 100 + np.arange(80).reshape(-1, 2)
    found = structural_inputs(Graph.from_edges(np.concatenate([large, pairs])), kind, 8, seed=0)
    weight = np.square(found).sum(axis=1)
    assert weight[:100].sum() > 0.75 * weight.sum()


@every_kind
def test_same_seed_same_bits_on_any_number_of_threads(kind: StructureKind) -> None:
    graph = random_graph(1200, 0.01, seed=0)
    before: Any = np.random.get_state()
    found = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads):
            found.append(structural_inputs(graph, kind, 64, seed=5))
    assert (found[0] == found[1]).all()
    after: Any = np.random.get_state()
    assert (after[1] == before[1]).all()
    assert not (structural_inputs(graph, kind, 64, seed=6) == found[0]).all()


@every_kind
def test_the_unit_of_weights_does_not_count_but_weights_do(kind: StructureKind) -> None:
    drawn = random_graph(50, 0.2, seed=0)
    weights = np.random.default_rng(0).random(drawn.n_edges) + 0.1
    found = [
        structural_inputs(Graph.from_edges(drawn.edges, n_nodes=50, weights=these), kind, 8, seed=0)
        for these in (weights, 1024 * weights, weights[::-1])
    ]
    assert (found[0] == found[1]).all()
    assert not np.allclose(found[0], found[2], atol=3e-2)


@every_kind
@pytest.mark.parametrize("weights", [[1e-44, 1e-44], [3e38, 3e38], [1e-30, 3e38]])
def test_extreme_weights_give_finite_inputs(kind: StructureKind, weights: list[float]) -> None:
    graph = Graph.from_edges([(0, 1), (1, 2)], n_nodes=4, weights=weights)
    found = structural_inputs(graph, kind, 4, seed=0)
    assert np.isfinite(found).all()
    assert found.any()


@every_kind
def test_memory_grows_with_edges(kind: StructureKind) -> None:
    n_nodes = 20_000
    nodes = np.arange(n_nodes)
    hub = np.stack([np.zeros(n_nodes - 1, np.int64), nodes[1:]], axis=1)
    ring = np.stack([nodes, np.roll(nodes, 1)], axis=1)
    graph = Graph.from_edges(np.concatenate([hub, ring]))
    tracemalloc.start()
    structural_inputs(graph, kind, 4, seed=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6  # a matrix of all pairs would take 1.6 GB


def test_a_directed_graph_and_an_unknown_kind_are_refused() -> None:
    graph = Graph.from_edges([(0, 1)], directed=True)
    with pytest.raises(
        InputError, match="structure svd: takes undirected and bipartite graphs, and this"
    ):
        structural_inputs(graph, "svd", 2, seed=0)
    with pytest.raises(InputError, match="unknown structure 'pper': did you mean 'ppr'"):
        structural_inputs(graph, "pper", 2, seed=0)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="seed -1"):
        structural_inputs(Graph.from_edges([(0, 1)]), "ppr", 2, seed=-1)


# ------------------------------------------------------------------------ together


@either_form
@pytest.mark.parametrize("structure", ["none", *KINDS])
def test_features_and_structure_stand_side_by_side(structure: Any, sparsely: bool) -> None:
    features = some_features(sparsely=sparsely)
    graph = random_graph(40, 0.1, seed=0).with_features(features)
    scaling, found = node_inputs(
        graph, features="idf", structure=structure, structure_dim=8, seed=2
    )
    assert sparse.issparse(found) is sparsely
    parts = [plain(scaling.apply(features))]
    if structure != "none":
        parts.append(plain(structural_inputs(graph, structure, 8, seed=2)))
    assert (plain(found) == np.hstack(parts)).all()


def test_structure_alone_and_nothing_at_all() -> None:
    graph = random_graph(20, 0.2, seed=0)
    others: list[tuple[Graph, FeatureUse]] = [
        (graph, "raw"),
        (graph.with_features(np.ones((20, 2))), "none"),
    ]
    for some, use in others:
        scaling, found = node_inputs(some, features=use, structure="svd", structure_dim=8, seed=0)
        assert (plain(found) == structural_inputs(graph, "svd", 8, seed=0)).all()
        assert scaling.arrays() == {}
        _, nothing = node_inputs(some, features=use, structure="none", structure_dim=8, seed=0)
        assert nothing is None


def test_neither_torch_nor_scikit_learn_is_loaded() -> None:
    code = (
        "import sys, vgae.model.inputs; "
        "assert not {'torch', 'sklearn'} & set(sys.modules), 'loaded'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
