"""The benchmark of the objective compares like with like, and says what it skips."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from formulas import propagation
from graphs import random_graph
from noises import GivenNoise
from places import ROOT
from torch.nn import functional

from vgae.data.graph import Graph
from vgae.model.kernels import choose_engine
from vgae.model.network import GraphAutoEncoder
from vgae.model.settings import ModelSettings
from vgae.people.api import make_model

BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture(autouse=True)
def _benchmarks_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripts import each other as siblings."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def run(*options: str, data: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ) if data is None else os.environ | {"VGAE_DATA": data}
    return subprocess.run(
        [sys.executable, str(BENCHMARKS / "objective.py"), *options],
        capture_output=True,
        text=True,
        env=environment,
    )


def test_plain_torch_computes_our_loss_in_linear_time() -> None:
    import linear_time

    graph = random_graph(60, 0.1, seed=0)
    inputs, weight = torch.randn(
        2, 60, 8, generator=torch.Generator().manual_seed(0)
    ).unbind()  # 8 inputs, 8 dimensions
    ours = linear_time.our_epoch(graph, inputs, weight[:8].clone())
    plain = linear_time.torch_epoch(graph, inputs, weight[:8].clone())
    for _ in range(3):  # the second loss depends on the first gradient
        assert ours() == pytest.approx(plain(), rel=1e-5)


def test_dense_torch_computes_our_loss_and_gradient() -> None:
    import cases
    import dense

    edges = random_graph(60, 0.1, seed=0).edges
    features = np.random.default_rng(0).normal(size=(60, 7)).astype(np.float32)
    graph = Graph.from_edges(edges, features=features)
    ours = GraphAutoEncoder(ModelSettings(), n_inputs=7, seed=0)
    noise = torch.randn(60, 16, generator=torch.Generator().manual_seed(0))
    loss = ours.loss(
        ours.prepare(graph, graph.features),
        ours.targets(graph),
        noise=GivenNoise(noise),
        engine=choose_engine("tiles"),
    ).total
    loss.backward()  # type: ignore[no-untyped-call]
    weights = propagation(ours.encoder).weight

    case = cases.Case(graph.edges, features)
    theirs = dense.DenseVGAE(7)
    theirs.load_state_dict({name: weight.detach() for name, weight in weights.items()})
    expected = dense.DenseTargets(case).loss(*theirs(*dense.inputs_of(case), noise))
    expected.backward()  # type: ignore[no-untyped-call]

    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    for name, weight in theirs.named_parameters():
        assert weight.grad is not None
        gradient = weights[name].grad
        assert gradient is not None
        error = torch.linalg.vector_norm(gradient - weight.grad)
        assert error <= 1e-5 * torch.linalg.vector_norm(weight.grad)


def test_exact_values_are_those_of_the_definition() -> None:
    import exactness

    vectors = torch.tensor(np.random.default_rng(1).normal(size=(300, 4)))
    edges = torch.tensor(random_graph(300, 0.02, seed=1).edges)
    factor = vectors.clone().requires_grad_()
    logits = factor @ factor.T
    total, gradient = exactness.exact_sum(vectors)
    everywhere = functional.softplus(logits).sum()
    (slope,) = torch.autograd.grad(everywhere, factor, retain_graph=True)
    assert total.item() == pytest.approx(everywhere.item(), rel=1e-8)
    assert torch.allclose(gradient, slope, rtol=1e-8)

    target = torch.eye(300, dtype=torch.float64)
    target[edges[:, 0], edges[:, 1]] = target[edges[:, 1], edges[:, 0]] = 1.0
    n_positive = 2 * len(edges)
    weight = torch.tensor((300**2 - n_positive) / n_positive)
    loss = functional.binary_cross_entropy_with_logits(logits, target, pos_weight=weight)
    loss = loss * 300**2 / (2 * (300**2 - n_positive))
    (slope,) = torch.autograd.grad(loss, factor)
    total, gradient = exactness.exact_loss(vectors, edges)
    assert total.item() == pytest.approx(loss.item(), rel=1e-6)
    assert torch.allclose(gradient, slope, rtol=1e-6)


def test_random_graphs_have_ten_edges_a_node(tmp_path: Path) -> None:
    import cases

    size = cases.prepare("random-100", str(tmp_path / "graph.npz"))
    case = cases.load(str(tmp_path / "graph.npz"))
    assert (size["nodes"], size["edges"], size["features"]) == (100, 1000, 64)
    assert np.array_equal(Graph.from_edges(case.edges, n_nodes=100).edges, case.edges)
    assert cases.n_random_nodes("random-30k") == 30_000


def test_new_nodes_are_placed_by_their_features_alone(cora: Graph) -> None:
    import new_nodes

    case = new_nodes.hold_out(cora, seed=1)
    hidden = np.concatenate([case.positives, case.negatives, case.given])
    assert not set(hidden[:, 0].tolist()) & set(case.rest.ids.tolist())
    assert np.isin(hidden[:, 1], case.rest.ids).all()
    linked = np.asarray(cora.adjacency[hidden[:, 0], hidden[:, 1]]) > 0
    n_pairs = len(case.positives)
    assert linked.tolist() == [True] * n_pairs + [False] * n_pairs + [True] * len(case.given)
    assert len(np.unique(hidden, axis=0)) == len(hidden)
    model = make_model("gae", preset="unit", seed=1).fit(case.rest)
    auc, _ = new_nodes.scored(case, new_nodes.placed(case, model, None))
    assert auc >= 0.85


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import cases
    import measure
    import objective

    monkeypatch.delenv("VGAE_DATA", raising=False)
    for name in ("cora", "dblp"):
        with pytest.raises(cases.MissingError, match="VGAE_DATA"):
            cases.make(name)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(cases.MissingError, match="extra `bench`"):
        measure.contestant("pyg")
    assert objective.too_large("dense", {"nodes": 10**6}) == {"skipped": "needs 20000 GB"}
    assert objective.too_large("pyg", {"nodes": 10**6}) is None


def test_bars_say_by_how_much_they_are_missed() -> None:
    import bars

    rows = [
        {"graph": "cora", "implementation": "numba", "seconds": 0.01},
        {"graph": "cora", "implementation": "dense", "seconds": 0.08},
        {"graph": "cora", "implementation": "pyg", "seconds": 0.03},
        {"graph": "cora", "implementation": "pyg-tuned", "seconds": 0.02},
    ]
    found = {row["what"]: row for row in bars.judged({"engines": ["numba"], "epochs": rows})}
    assert found["Cora, exact epoch against dense torch"]["verdict"] == "missed by 2 x"
    sampled = found["Cora, exact epoch against PyG's epoch of sampled negatives"]
    assert sampled["measured"] == "2 x (0.01 s against 0.02 s of PyG, tuned)"
    assert sampled["verdict"] == "met"
    assert sum(row["measured"].startswith("not measured") for row in found.values()) == 9


def test_growth_is_the_slope_of_the_largest_three() -> None:
    import bars

    rows = [
        {
            "graph": f"random-{size}",
            "implementation": "tiles",
            "nodes": size,
            "seconds": 1.0 if size == 10 else size**2.0,
            "peak_mb": float(size),
        }
        for size in (10, 100, 1000, 10_000)
    ]
    (line,) = bars.growth({"epochs": rows})
    assert line["nodes"] == [100, 1000, 10_000]
    assert (line["seconds"], line["peak_mb"]) == pytest.approx((2.0, 1.0))


@pytest.mark.slow
def test_quick_run_prints_the_bars_and_writes_the_figures(tmp_path: Path) -> None:
    path = tmp_path / "results" / "objective.json"
    answer = run("--quick", "--engines", "tiles", "--graphs", "random-300", "--out", str(path))
    assert answer.returncode == 0, answer.stderr
    assert "| what | bar | measured | met |" in answer.stdout
    results = json.loads(path.read_text())
    timed = {row["implementation"] for row in results["epochs"] if "seconds" in row}
    assert timed >= {"tiles", "dense"}
    assert all(row["peak_mb"] > 0 for row in results["epochs"] if "seconds" in row)
    assert len(results["bars"]) == 11
    exact = next(row for row in results["bars"] if "float64" in row["what"])
    assert exact["verdict"] == "met"
    if importlib.util.find_spec("matplotlib") is not None:
        assert path.with_suffix(".png").stat().st_size > 0


@pytest.mark.slow
def test_real_graphs_are_skipped_without_their_files(tmp_path: Path) -> None:
    path = tmp_path / "objective.json"
    options = ("--graphs", "cora,dblp", "--engines", "nonsense", "--parts", "epochs,gpu")
    answer = run(*options, "--quick", "--out", str(path), data="")
    assert answer.returncode == 0, answer.stderr
    assert "there is no engine nonsense" in answer.stderr
    rows = json.loads(path.read_text())["epochs"]
    assert [row["skipped"] for row in rows] == ["VGAE_DATA names no folder with real graphs"] * 2


def test_reading_is_measured_beside_others(tmp_path: Path) -> None:
    pytest.importorskip("pandas", reason="pandas, which reading is compared with, is missing")
    pairs = np.random.default_rng(0).integers(50, size=(200, 2))
    np.savez(tmp_path / "small.npz", src=pairs[:, 0], dst=pairs[:, 1])
    command = [
        sys.executable,
        str(BENCHMARKS / "reading.py"),
        "--graph",
        str(tmp_path / "small.npz"),
    ]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [line.split("|")[1:-1] for line in answer.stdout.splitlines() if line.startswith("| ")]
    assert [row[1].strip() for row in rows[1:]] == ["vgae", "pandas", "networkx"] * 2
    assert all(row[5].strip().endswith("met") for row in rows[1:] if row[1].strip() == "vgae")


@pytest.mark.slow
def test_heuristics_are_measured_beside_sparse_products() -> None:
    command = [sys.executable, str(BENCHMARKS / "heuristics.py"), "--quick"]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    rows = [line.split("|")[1:-1] for line in answer.stdout.splitlines() if line.startswith("| ")]
    methods = ["common-neighbors", "adamic-adar", "resource-allocation", "katz", "pagerank"]
    assert [row[0].strip() for row in rows[1:]] == methods
    assert all(float(row[1]) < 10 and float(row[4].split()[0]) < 100 for row in rows[1:])


@pytest.mark.slow
def test_memory_of_a_fit_is_told_by_stage_and_bounded() -> None:
    if not Path("/proc/self/status").is_file():
        pytest.skip("memory is read from /proc")
    command = [sys.executable, str(BENCHMARKS / "memory.py"), "--quick"]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    rows = [line.split("|")[1:-1] for line in answer.stdout.splitlines() if line.startswith("| ")]
    assert [row[0].strip() for row in rows[1:-1]] == [
        "import torch",
        "imports",
        "reading the edges",
        "reading the features",
        "splitting",
        "first step",
        "training and scoring",
        "saving",
    ]
    # A small graph: libraries alone. Pages of files depend on what the system has cached.
    # With pandas, which no command needs, another 20.
    own, resident, peak = map(float, rows[-2][1:])
    assert own + peak - resident <= 130


@pytest.mark.slow
def test_calibration_is_measured_raw_and_calibrated() -> None:
    command = [sys.executable, str(BENCHMARKS / "calibration.py"), "--quick"]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    rows = [line.split("|")[1:-1] for line in answer.stdout.splitlines() if line.startswith("| ")]
    errors, frequencies = rows[1:5], rows[6:]
    assert [row[1].strip() for row in errors] == ["raw", "calibrated"] * 2
    assert all(0.9 < float(row[2].split()[0]) < 1.1 for row in frequencies)


def test_rows_of_a_card_that_is_not_there_say_so() -> None:
    import card

    if torch.cuda.is_available():
        pytest.skip("there is a card")
    rows = card.measured(card.FULL, budget=card.BUDGET)
    assert len(rows) == 9 + 6 + 2
    assert {row["why"] for row in rows} == {"no GPU"}
    assert card.report(rows).count("not measured: no GPU") == len(rows)


def test_a_card_is_tried_in_the_interpreter() -> None:
    pytest.importorskip("triton", reason="triton, which the engine for GPUs needs, is missing")
    command = [sys.executable, str(BENCHMARKS / "gpu.py"), "--interpret"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [line for line in answer.stdout.splitlines() if line.startswith("| ")]
    rows = [line.split("|")[1:-1] for line in lines if "---" not in line]
    parity = {(row[0].strip(), row[1].strip()): float(row[3]) for row in rows[1:7]}
    assert parity["triton", "40"] < 1e-5
    assert parity["triton", "40"] < parity["triton-bf16", "40"] < 0.1
    epochs = rows[8:]
    assert [row[3].strip() for row in epochs] == ["triton", "triton-tf32", "triton-bf16", "none"]
    assert all(float(row[4]) > 0 for row in epochs)


def test_no_row_is_begun_once_the_time_is_used_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import card

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    rows = card.measured(card.TINY, budget=-1.0)
    assert {row["why"] for row in rows} == {"the time was used up"}


@pytest.mark.slow  # it measures this machine at several sizes
def test_predictions_are_set_against_measurements(tmp_path: Path) -> None:
    if not Path("/proc/self/clear_refs").is_file():
        pytest.skip("peaks of memory are read from /proc")
    path = tmp_path / "plan.json"
    command = [sys.executable, str(BENCHMARKS / "plan.py"), "--quick", "--one-thread"]
    command += ["--models", "linear, bernoulli-poisson", "--out", str(path)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(path.read_text())
    (row,) = found["rows"]
    assert (row["nodes"], row["edges"]) == (2000, 10_000)
    assert 0.2 < row["predicted_seconds"] / row["seconds"] < 5
    assert 0.67 < row["predicted_bytes"] / row["bytes"] < 1.5
    assert [plan["edges"] for plan in found["plans"]][-1] == 10**9
    assert "| 100,000,000 | 1,000,000,000 | 16 |" in answer.stdout


def test_figures_of_peers_that_are_measured_again_replace_the_old(tmp_path: Path) -> None:
    import peers

    def row(graph: str, method: str, seconds: float) -> dict[str, Any]:
        return {"graph": graph, "method": method, "seconds": seconds}

    path = tmp_path / "peers.json"
    path.write_text(json.dumps([row("dblp", "als", 1.0), row("cora", "ALS", 2.0)]))
    found = peers.merged(path, [row("cora", "als", 3.0), row("dblp", "als", 4.0)])
    assert found == [row("cora", "als", 3.0), row("cora", "ALS", 2.0), row("dblp", "als", 4.0)]
    assert peers.merged(tmp_path / "none.json", found[::-1]) == found


def test_imports_are_compared_on_the_same_rows(tmp_path: Path) -> None:
    pytest.importorskip("duckdb", reason="importing in blocks needs duckdb")
    import importing

    for text in (0, 1):
        place, sizes = tmp_path / str(text), (3000, 200, "1GB", text)
        place.mkdir()
        importing.write(place, *sizes)
        _, one = importing.duckdb(place, *sizes)
        _, other = importing.polars(place, *sizes)
        assert one == other > 0


def test_a_fit_is_measured_with_more_and_fewer_steps(tmp_path: Path) -> None:
    import convergence

    seconds, *scores = convergence.STAGES["5 steps"](tmp_path, 300, 1500, 8)
    assert seconds > 0.0
    assert all(50.0 < score <= 100.0 for score in scores)


def test_peers_that_cannot_run_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    import peers

    monkeypatch.setattr(importlib, "import_module", _missing)
    row = peers.case("generated-small", "Spectral")
    assert row == {"skipped": "not measured: no sknetwork.embedding"}
    assert peers.measured("generated-small", "als", limit=0.01)["skipped"] == "stopped after 0.01 s"
    ours = {"graph": "g", "method": "als", "library": "vgae", "seconds": 1.0, "bytes": 1e8}
    ours |= {"auc": 0.9, "average_precision": 0.8, "mrr": None}
    other = {"graph": "g", "method": "Spectral", "library": "scikit-network", **row}
    lines = peers.report([ours, other]).splitlines()
    assert "| g | als | vgae | 1 | 100 | 90.0 | 80.0 | - |" in lines
    assert "not measured: no sknetwork.embedding" in lines[3]
    assert lines[-1].startswith("Not measured: grape (")


def _missing(name: str) -> object:
    raise ImportError(f"no {name}")


def test_a_peer_and_a_baseline_learn_from_the_same_split() -> None:
    import peers

    row = peers.case("generated-small", "als")
    assert (row["nodes"], row["edges"]) == (300, 1500)
    assert 0.5 < row["auc"] <= 1.0
    assert row["bytes"] > 1e7


def test_cells_are_measured_at_the_smallest_sizes(tmp_path: Path) -> None:
    pytest.importorskip("h5py", reason="h5py, which .h5ad files need, is missing")
    import cells

    sizes = (8, 3, 0.05)  # fewer counts than a chunk of the file holds, and less than one a spot
    for name, stage in cells.STAGES.items():
        wall, computed = stage(tmp_path, *sizes)
        assert wall >= 0, name
        assert computed >= 0, name
    from vgae import load, read_graph

    assert read_graph(tmp_path / "spots.h5ad", neighbors=cells.NEIGHBORS).n_features == 3
    assert len(load(tmp_path / "run").ids_) == 8
