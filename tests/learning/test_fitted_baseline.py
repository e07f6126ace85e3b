"""A fitted baseline, in memory and from its files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graphs import random_graph
from run_folders import seal
from safetensors.numpy import load_file, save_file
from scipy import sparse
from shared_words import registered

from vgae.data.graph import Graph
from vgae.data.split import Split, split_edges
from vgae.ground.errors import InputError
from vgae.learning.baselines import BASELINES, baseline
from vgae.learning.fitted_baseline import FittedBaseline, with_inputs
from vgae.learning.fitting import fit_baseline
from vgae.learning.scores import FactorScores, VectorScores
from vgae.learning.store import load_fitted, save_fitted, staged_run

QUICK: dict[str, dict[str, Any]] = {
    "deepwalk": {"latent_dim": 4, "walks_per_node": 1, "walk_length": 5},
    "sdne": {"latent_dim": 4, "hidden_dim": 4, "epochs": 1},
    "vae": {"latent_dim": 2, "epochs": 1},
}


def weighted_graph() -> Graph:
    """With weights, features and ids that are not the rows."""
    graph, random = random_graph(40, 0.15, 0), np.random.default_rng(1)
    return Graph.from_edges(
        graph.edges,
        weights=random.integers(1, 9, size=graph.n_edges) / 8,
        ids=[f"n{i:02}" for i in range(40)],
        features=sparse.csr_array(random.integers(2, size=(40, 6)).astype(np.float32)),
    )


def split_of(graph: Graph, protocol: Any = "T") -> Split:
    return split_edges(graph, validation=0.1, test=0.1, seed=3, protocol=protocol)


def kept(fitted: FittedBaseline, folder: Path) -> FittedBaseline:
    """The same from its files."""
    with staged_run(folder, overwrite=False) as staged:
        save_fitted(fitted, staged)
    back = load_fitted(folder)
    assert isinstance(back, FittedBaseline)
    return back


def check_same(one: FittedBaseline, other: FittedBaseline) -> None:
    every = np.arange(one.scores.n_nodes)
    np.testing.assert_array_equal(one.scores.rows(every), other.scores.rows(every))
    assert (one.vectors is None) == (other.vectors is None)
    assert (one.method, one.seed, one.calibrator) == (other.method, other.seed, other.calibrator)
    assert dict(one.metrics) == dict(other.metrics)
    assert dict(one.graph) == dict(other.graph)
    known = one.split.graph
    for a, b in zip(one.scores.top(9, known), other.scores.top(9, known), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("protocol", ["T", "TV"])
@pytest.mark.parametrize("name", sorted(BASELINES))
def test_every_baseline_answers_from_its_files_as_before(
    name: str, protocol: str, tmp_path: Path
) -> None:
    if name == "deepwalk":
        pytest.importorskip("gensim", reason="DeepWalk needs gensim")
    method = baseline(name, **QUICK.get(name, {}))
    graph = weighted_graph()
    if "signed" in method.takes():
        signs = np.where(np.arange(graph.n_edges) % 3, 1.0, -1.0)
        graph = Graph.from_edges(graph.edges, n_nodes=graph.n_nodes, weights=signs, kind="signed")
    fitted = fit_baseline(split_of(graph, protocol), method, seed=7)
    back = kept(fitted, tmp_path / "run")
    check_same(fitted, back)
    check_same(fitted, kept(back, tmp_path / "again"))  # also one that was loaded


@pytest.mark.parametrize("dense", [False, True])
def test_features_are_kept_where_scores_need_them_again(dense: bool, tmp_path: Path) -> None:
    graph = weighted_graph()
    features: Any = graph.features
    graph = graph.with_features(features.toarray()) if dense else graph
    with registered() as name:
        fitted = fit_baseline(split_of(graph), baseline(name, own=2.0))
        back = kept(fitted, tmp_path / "run")
        check_same(fitted, back)
        assert sparse.issparse(back.split.graph.features) is not dense
        assert back.split.graph.fingerprint == graph.fingerprint

        arrays = load_file(tmp_path / "run" / "baseline.safetensors")
        narrow = {n: a for n, a in arrays.items() if not n.startswith("features")}
        narrow["features"] = np.ones((40, 5), np.float32)
        save_file(narrow, tmp_path / "run" / "baseline.safetensors")
        seal(tmp_path / "run")
        with pytest.raises(InputError, match="is damaged: its features are not those of the graph"):
            load_fitted(tmp_path / "run")


def test_factors_that_differ_by_side_are_kept(tmp_path: Path) -> None:
    split, random = split_of(weighted_graph()), np.random.default_rng(0)
    one = fit_baseline(split, baseline("spectral"))
    left = random.normal(size=(40, 3)).astype(np.float32)
    both = replace(one, found=FactorScores(np.hstack([left, left]), np.hstack([left, 2 * left])))
    check_same(both, kept(both, tmp_path / "run"))
    arrays = load_file(tmp_path / "run" / "baseline.safetensors")
    save_file({"right": arrays["right"][:, :3].copy()}, tmp_path / "run" / "baseline.safetensors")
    seal(tmp_path / "run")
    with pytest.raises(InputError, match="factors: do not match the embedding; fit again"):
        load_fitted(tmp_path / "run")


def test_calibration_sees_no_validation_edge_as_a_message() -> None:
    graph = weighted_graph()
    train_only, with_validation = (
        fit_baseline(split_of(graph, protocol), baseline("resource-allocation"))
        for protocol in ("T", "TV")
    )
    assert train_only.calibrator == with_validation.calibrator
    assert train_only.metrics["validation"] == with_validation.metrics["validation"]
    pairs = graph.edges
    assert (train_only.scores.pairs(pairs) != with_validation.scores.pairs(pairs)).any()


def test_no_test_pair_reaches_a_fit() -> None:
    split = split_of(weighted_graph())
    honest = fit_baseline(split, baseline("katz"))
    blind = fit_baseline(split.training.as_split(), baseline("katz"))
    every = np.arange(40)
    np.testing.assert_array_equal(honest.scores.rows(every), blind.scores.rows(every))
    assert honest.calibrator == blind.calibrator


def test_wrong_parts_are_refused() -> None:
    fitted = fit_baseline(split_of(weighted_graph()), baseline("spectral"))
    for change, said in [
        ({"seed": -1}, "seed"),
        ({"found": VectorScores(np.ones((3, 1)))}, "as many nodes as the split"),
        ({"found": VectorScores(np.full((40, 1), np.nan))}, "not finite"),
        ({"found": FactorScores(np.ones((40, 1)), np.full((40, 1), np.inf))}, "not finite"),
    ]:
        with pytest.raises(InputError, match=said):
            replace(fitted, **change)  # type: ignore[arg-type]


def test_inputs_that_do_not_fit_are_refused() -> None:
    graph = random_graph(5, 0.5, 0)
    assert with_inputs(graph, {}) is graph
    csr = sparse.csr_array(np.eye(5, dtype=np.float32))
    parts: dict[str, Any] = {
        f"features_{name}": np.array(getattr(csr, name))
        for name in ("data", "indices", "indptr", "shape")
    }
    assert with_inputs(graph, parts).n_features == 5
    for wrong in (
        {"edge_weights": np.ones(1, np.float32)},
        {"edge_weights": np.full(graph.n_edges, -1, np.float32)},
        parts | {"features_indices": np.array([0, 1, 2, 3, 9])},
        parts | {"features_indptr": np.array([0, 9, 2, 3, 4, 5])},
        parts | {"features_shape": np.array([5])},
    ):
        with pytest.raises((ValueError, TypeError)):
            with_inputs(graph, wrong)
