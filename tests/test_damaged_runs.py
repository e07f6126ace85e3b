"""Damaged run folders of every kind: each is read right or refused with one line."""

from __future__ import annotations

import json
import resource
import shutil
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from places import RUNS
from run_folders import damage
from shared_words import registered

import vgae
from vgae.data.graph import Graph
from vgae.data.io import read_graph
from vgae.data.split import split_edges
from vgae.ground.errors import InputError
from vgae.learning.store import FORMAT_VERSION

EARLIER = ("format-1", "format-2", "format-3", "format-3-joined", "format-4")


def n_features(model: Any) -> int:
    return int(model.fitted_.n_features)


def numbers_of(model: Any) -> dict[str, Any]:
    """Every kind of answer, as arrays of numbers."""
    ids = model.ids_.tolist()
    pairs = list(pairwise(ids))
    found = {
        "predict": model.predict_proba(pairs),
        "recommend": [link.probability for link in model.recommend(5)],
        "partners": [link.probability for link in model.recommend(2, nodes=ids[:2])],
    }
    if isinstance(model, vgae.LinkBaseline):
        return found | {"vectors": [] if model.embedding_ is None else model.embedding_}
    features = np.ones((1, n_features(model))) if n_features(model) else None
    other = Graph.from_pairs(pairs)
    if features is not None:
        other = other.with_features(np.ones((other.n_nodes, features.shape[1])))
    found |= {
        "embed": model.embed(other),
        "vectors": model.embedding_,
        "deviations": [] if model.embedding_std_ is None else model.embedding_std_,
    }
    if model.states_ is not None:
        new = "new" if isinstance(ids[0], str) else 10**6
        found["new"] = model.embed_new(features, [(new, ids[0]), (new, ids[3])], ids=[new])
    return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    """Runs of all formats, with features and without, of models and of baselines."""
    folder = tmp_path_factory.mktemp("runs")
    rows = [(f"n{i:02}", f"n{(i + k) % 30:02}") for i in range(30) for k in (1, 4)]
    (folder / "e.csv").write_text("source,target\n" + "".join(f"{a},{b}\n" for a, b in rows))
    table = "".join(f"n{i:02},{20 + i},{['red', 'blue'][i % 2]}\n" for i in range(30))
    (folder / "x.csv").write_text("id,age,colour\n" + table)
    graph = read_graph(folder / "e.csv", features=folder / "x.csv")
    options: dict[str, Any] = {"steps": 12, "latent_dim": 4, "hidden_dim": 6, "engine": "tiles"}
    with_features = vgae.VGAE(features="unit", bias=True, **options)
    with_features.fit(split_edges(graph, seed=3, validation=0.1, test=0.1)).save(folder / "a")
    vgae.GAE(features="none", **options).fit(graph).save(folder / "b")
    weighted = Graph.from_edges(graph.edges, ids=graph.ids, weights=np.arange(graph.n_edges) + 1.0)
    arcs = Graph.from_edges(graph.edges, ids=graph.ids, directed=True, weights=weighted.weights)
    vgae.GAE.from_preset("fast", steps=2).fit(graph).save(folder / "fast")
    vgae.GAE.from_preset("counts", **options).fit(
        split_edges(weighted.with_weight_means("count"), seed=3, validation=0.2)
    ).save(folder / "counts")
    vgae.GAE(steps=3).fit(arcs).save(folder / "arcs")
    with registered() as reads_features:
        baselines = {"katz": weighted, "spectral": weighted, reads_features: graph}
        for name, data in baselines.items():
            split = split_edges(data, seed=3, validation=0.1, test=0.1)
            vgae.LinkBaseline(name).fit(split).save(folder / name)
        made = [folder / name for name in ("a", "b", "fast", "counts", "arcs", *baselines)]
        yield [*made, *(RUNS / name for name in EARLIER)]


@pytest.mark.parametrize("name", EARLIER)
def test_runs_of_earlier_formats_answer_as_they_did(name: str) -> None:
    told = json.loads((RUNS / f"{name}.json").read_text())
    model: Any = vgae.load(RUNS / name)
    pairs = [tuple(pair) for pair in told["pairs"]]
    # What is computed anew from what was kept differs in the last digits between processors.
    np.testing.assert_allclose(model.predict_proba(pairs), told["probabilities"], rtol=1e-5)
    for link, (source, target, probability) in zip(model.recommend(3), told["links"], strict=True):
        assert [link.source, link.target] == [source, target]
        assert link.probability == pytest.approx(probability, rel=1e-5)
    assert model.embedding_[5].tolist() == told["vector"]
    deviations = None if model.embedding_std_ is None else model.embedding_std_[5].tolist()
    assert deviations == told["std"]
    assert model.metrics_["test"]["auc"] == told["auc"]
    assert model.history_[-1]["loss"] == told["loss"]
    assert (model.states_ is None) == (name == "format-1")
    if "new" in told:
        features = np.ones((1, n_features(model))) if n_features(model) else None
        links = [("new", "n00"), ("new", "n03")]
        assert model.embed_new(features, links, ids=["new"])[0].tolist() == pytest.approx(
            told["new"], rel=1e-5
        )


@pytest.mark.parametrize("name", EARLIER)
def test_runs_of_earlier_formats_are_saved_in_this_one(name: str, tmp_path: Path) -> None:
    model = vgae.load(RUNS / name)
    model.save(tmp_path / "run")
    assert (
        json.loads((tmp_path / "run" / "run.json").read_text())["format_version"] == FORMAT_VERSION
    )
    assert vgae.load(tmp_path / "run").recommend(3) == model.recommend(3)


def check_damaged(runs: list[Path], tmp_path: Path, seeds: range) -> dict[str, int]:
    """Damage run after run; each loads right or says one line, and quickly."""
    outcomes = {"refused": 0, "read": 0}
    for seed in seeds:
        random = np.random.default_rng(seed)
        run = tmp_path / "run"
        shutil.copytree(runs[random.integers(len(runs))], run)
        what = f"seed {seed}: {damage(run, random)}"
        started = time.perf_counter()
        try:
            model = vgae.load(run)
            for name, numbers in numbers_of(model).items():
                assert np.isfinite(numbers).all(), f"{what}: {name} is no number"
            outcomes["read"] += 1
        except InputError as error:
            outcomes["refused"] += 1
            assert len(str(error).splitlines()) == 1, what
            assert len(str(error)) < 500, what
        except Exception as error:
            raise AssertionError(what) from error
        assert time.perf_counter() - started < 20, what
        shutil.rmtree(run)
    return outcomes


def test_damaged_runs_load_right_or_say_one_line(runs: list[Path], tmp_path: Path) -> None:
    outcomes = check_damaged(runs, tmp_path, range(200))
    assert outcomes["refused"] > 120


@pytest.mark.slow
def test_two_thousand_damaged_runs(runs: list[Path], tmp_path: Path) -> None:
    check_damaged(runs, tmp_path, range(20))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes = check_damaged(runs, tmp_path, range(1000, 3000))
    assert outcomes["refused"] > 1200
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20 < 1.0  # GB
