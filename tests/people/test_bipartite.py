"""Bipartite graphs end to end: models fit, evaluate, predict and recommend."""

import json
from pathlib import Path

import numpy as np
import pytest
from command import Caller
from graphs import graph_of

from vgae import GAE, VGAE, split_edges
from vgae.learning.judge import link_scores
from vgae.people.estimators import make_model


def test_items_are_recommended_to_a_user_of_a_file(call: Caller, folder: Path) -> None:
    """A file as MovieLens writes it: numbers of users and items, ratings and times."""
    rows = [(1 + i % 9, 1 + i * i % 23, 1 + i % 5, 881_250_000 + i) for i in range(60)]
    (folder / "u.data").write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    for model in ("als", "gae"):
        fit = ("fit", "u.data", "--bipartite", "--model", model, "--out", model, "--quiet")
        assert call(*fit).status == 0
        found = call("recommend", model, "--node", "source:1", "--top", 5, "--json")
        assert found.status == 0, found.err
        links = [json.loads(line) for line in found.out.splitlines()]
        known = {f"target:{item}" for user, item, *_ in rows if user == 1}
        assert len(links) == 5
        for link in links:
            assert link["source"] == "source:1"
            assert link["target"].startswith("target:")
            assert link["target"] not in known


@pytest.mark.parametrize("offset", ["none", "constant", "node"])
@pytest.mark.parametrize("model", [GAE, VGAE])
def test_models_answer_about_the_pairs_of_two_sides(model: type[GAE], offset: str) -> None:
    graph = graph_of("bipartite", 0, n_nodes=40, n_rows=300)
    split = split_edges(graph, seed=0, test=0.2, validation=0.1)
    fitted = model(steps=20, latent_dim=4, offset=offset, class_weight="none").fit(split)
    metrics = link_scores(split, fitted.scores(), ["auc", "recall@20", "ndcg@10", "auc_by_node"])
    assert all(value is not None for value in metrics.values())
    links = fitted.recommend(k=1000)
    pairs = np.array([graph.index([link.source, link.target]) for link in links])
    assert len(links) == graph.pair_space.n_pairs - graph.n_edges
    assert graph.pair_space.allows(pairs).all()
    assert (graph.places(pairs) < 0).all()
    if offset != "none":
        every = graph.pair_space.pairs_of(graph.pair_space.every_code())
        total = fitted.fitted_.uncalibrated(fitted.scores().pairs(every)).sum()
        assert total == pytest.approx(split.train.n_edges, rel=0.01)
        assert fitted.expected_edges_ == pytest.approx(total, rel=1e-3)


def test_the_preset_strong_takes_a_bipartite_graph() -> None:
    graph = graph_of("bipartite", 0, n_nodes=60, n_rows=600)
    split = split_edges(graph, seed=0, test=0.1)
    small = {"steps": 2, "latent_dim": 32, "layers": 2, "ensemble": 1, "folds": 1}
    found = make_model("gae", preset="strong", **small).fit(split).scores()
    pairs, _ = found.top(20, graph)
    assert graph.pair_space.allows(pairs).all()
    names = found.combiner.columns  # type: ignore[attr-defined]
    assert "degree of u of class 3" in names
    assert "learned similarity, 1 step" in names
