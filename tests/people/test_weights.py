"""Meanings of weights in every command, and what held-out weights must not do."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import Caller

from vgae import GAE, VGAE, Graph, LinkBaseline, WeightedLink, load, split_edges
from vgae.data.kinds import WEIGHT_MEANS
from vgae.data.split import Split
from vgae.ground.errors import InputError

COMMANDS = ("inspect", "split", "fit", "fit a baseline", "evaluate", "recommend", "predict")


def counts(seed: int = 0, n_nodes: int = 40) -> Graph:
    random = np.random.default_rng(seed)
    pairs = np.unique(np.sort(random.integers(n_nodes, size=(260, 2)), axis=1), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    weights = random.integers(1, 6, size=len(pairs))
    return Graph.from_edges(pairs, n_nodes=n_nodes, weights=weights, weight_means="count")


def table(folder: Path) -> None:
    graph = counts()
    assert graph.weights is not None
    rows = [f"n{i},n{j},{w:g}" for (i, j), w in zip(graph.edges, graph.weights, strict=True)]
    (folder / "edges.csv").write_text("source,target,weight\n" + "\n".join(rows) + "\n")
    (folder / "pairs.csv").write_text("n0,n1\nn2,n3\n")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("meaning", WEIGHT_MEANS)
def test_each_command_works_with_each_meaning(
    call: Caller, folder: Path, meaning: str, command: str
) -> None:
    table(folder)
    graph = ("edges.csv", "--weight-means", meaning)
    model = ("fit", *graph, "--steps", 3, "--out", "run", "--json")
    metrics = "auc,log_likelihood,spearman,rmse"
    line: tuple[object, ...] = {
        "inspect": ("inspect", *graph, "--json"),
        "split": ("split", *graph, "--out", "parts", "--json"),
        "fit": model,
        "fit a baseline": ("fit", *graph, "--model", "strength", "--out", "run", "--json"),
        "evaluate": (
            *("evaluate", *graph, "--models", "gae,strength,als", "--steps", 3, "--runs", 2),
            *("--metrics", metrics, "--json"),
        ),
        "recommend": ("recommend", "run", "--top", 5, "--json"),
        "predict": ("predict", "run", "pairs.csv", "--json"),
    }[command]
    if command in ("recommend", "predict"):
        assert call(*model).status == 0
    result = call(*line)
    assert result.status == 0, result.err
    if command.startswith("fit"):
        assert f"weights mean {meaning}" in result.err
        found = json.loads(result.out)
        expects = meaning in ("count", "value") or command != "fit"
        assert (found.get("weights") is not None) == expects
    if command in ("recommend", "predict"):
        rows = [json.loads(row) for row in result.out.splitlines()]
        assert all(("expected_weight" in row) == (meaning in ("count", "value")) for row in rows)
    if command == "evaluate":
        (gae, strength, _) = json.loads(result.out)["results"]
        assert strength["metrics"]["log_likelihood"]["mean"] < 0
        has = gae["metrics"]["rmse"]["mean"] is not None
        assert has == (meaning in ("count", "value"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("count", "--likelihood", "bernoulli"), "says nothing of weights that mean count"),
        (("value", "--likelihood", "poisson"), "says nothing of weights that mean value"),
        (("confidence", "--likelihood", "poisson"), "has no place for weights that mean confid"),
        (("count", "--preset", "strong"), "use the preset counts"),
        (("value", "--combiner", "logistic"), "combiner logistic: gives probabilities of edges"),
    ],
)
def test_contradictions_are_one_line(
    call: Caller, folder: Path, options: tuple[str, ...], said: str
) -> None:
    table(folder)
    result = call("fit", "edges.csv", "--weight-means", *options, "--out", "run", "--quiet")
    assert result.status == 2
    assert said in result.err
    assert result.err.count("\n") == 1
    assert not (folder / "run").exists()


def test_a_weight_that_is_no_count_is_named_by_its_ids(call: Caller, folder: Path) -> None:
    (folder / "e.csv").write_text("source,target,weight\na,b,2\nb,c,1.5\n")
    result = call("fit", "e.csv", "--weight-means", "count", "--out", "run", "--quiet")
    assert result.status == 2
    assert "('b', 'c'): 1.5 is no count" in result.err


def test_one_word_is_enough_for_counts(call: Caller, folder: Path) -> None:
    table(folder)
    result = call("fit", "edges.csv", "--preset", "counts", "--steps", 5, "--out", "run")
    assert result.status == 0, result.err
    assert "weights mean count" in result.err
    model = load("run")
    assert model.graph_["weight_means"] == "count"
    ring = [(i, (i + 1) % 30) for i in range(30)]
    plain = GAE.from_preset("counts", steps=5).fit(ring)
    assert (plain.predict_weight([(0, 2), (0, 1)]) > 0).all()


def with_other_weights(split: Split, name: str) -> Split:
    """The same split, in which held-out edges of a part have other weights."""
    graph, part = split.graph, getattr(split, name)
    assert graph.weights is not None
    weights = graph.weights.copy()
    weights[graph.places(part.positives)] += 7
    whole = graph.with_pairs(graph.edges, weights=weights)
    return Split(
        whole,
        whole.with_edges(split.train.edges),
        split.validation,
        split.test,
        split.settings,
        split.seed,
    )


@pytest.mark.parametrize("meaning", ["count", "value"])
def test_weights_of_test_edges_never_reach_a_fit(meaning: Any) -> None:
    graph = counts().with_weight_means(meaning)
    split = split_edges(graph, seed=0, validation=0.1)
    every = graph.pair_space.pairs_of(graph.pair_space.every_code())
    settings: dict[str, Any] = {"steps": 10, "rate_link": "square"}
    one, other = (GAE(**settings).fit(made) for made in (split, with_other_weights(split, "test")))
    for name, array in one.network_.arrays().items():
        assert np.array_equal(array, other.network_.arrays()[name])
    assert np.array_equal(one.predict_weight(every), other.predict_weight(every))
    assert one.metrics_["weights"] != other.metrics_["weights"]
    # Those of validation edges are seen by the map alone.
    changed = GAE(**settings).fit(with_other_weights(split, "validation"))
    assert np.array_equal(one.embedding_, changed.embedding_)
    assert not np.array_equal(one.predict_weight(every), changed.predict_weight(every))


@pytest.mark.parametrize("meaning", WEIGHT_MEANS)
def test_a_run_folder_answers_as_the_model(meaning: Any, folder: Path) -> None:
    assert folder.is_dir()
    graph = counts().with_weight_means(meaning)
    model = VGAE(steps=5).fit(split_edges(graph, seed=0))
    model.save("run")
    back = load("run")
    assert back.graph_["weight_means"] == meaning
    assert back.recommend(5) == model.recommend(5)
    assert back.metrics_ == model.metrics_
    weights = back.split_.graph.weights
    assert (weights is None) == (meaning == "propagation")
    if weights is not None and graph.weights is not None:
        assert np.array_equal(weights, graph.weights)


def test_expected_weights_in_every_form() -> None:
    model = GAE.from_preset("counts", steps=20).fit(split_edges(counts(), seed=0))
    links = model.recommend(5)
    assert all(isinstance(link, WeightedLink) for link in links)
    pairs = [link[:2] for link in links]
    found = model.predict_weight(pairs)
    assert [link.expected_weight for link in links] == pytest.approx(found)
    assert model.links(pairs) == links
    assert [link.probability for link in links] == sorted(
        (link.probability for link in links), reverse=True
    )
    frame = model.recommend(5, as_frame=True)
    assert frame["expected_weight"].tolist() == pytest.approx(found)
    for other in (LinkBaseline("katz"), VGAE(steps=1)):
        with pytest.raises(InputError, match="says nothing of the weights of edges.*preset counts"):
            other.fit(counts().with_weight_means("propagation")).predict_weight(pairs)


def test_expected_weights_are_in_tables(call: Caller, folder: Path) -> None:
    table(folder)
    call("fit", "edges.csv", "--preset", "counts", "--steps", 5, "--out", "run", "--quiet")
    call("predict", "run", "pairs.csv", "--out", "found.csv", "--quiet")
    header, *rows = (folder / "found.csv").read_text().splitlines()
    assert header.replace('"', "") == "source,target,probability,expected_weight"
    assert len(rows) == 2
    assert call("recommend", "run", "--out", "all.graphml", "--quiet").status == 0


def test_confident_edges_matter_more() -> None:
    """Two cliques that differ in their weights alone."""
    pairs = [(i, j) for first in (0, 10) for i in range(first, first + 10) for j in range(i, i + 5)]
    pairs = [(i, j) for i, j in pairs if i != j and j < (10 if i < 10 else 20)]
    weights = [9.0 if i < 10 else 1.0 for i, _ in pairs]
    graph = Graph.from_edges(pairs, weights=weights, weight_means="confidence")
    fit = {"steps": 60, "encoder": "linear", "latent_dim": 2, "class_weight": "none"}
    model = GAE(confidence=20.0, **fit).fit(graph)
    plain = GAE(confidence=1e-6, **fit).fit(graph)
    sure, unsure = ([pair for pair in pairs if (pair[0] < 10) == first] for first in (True, False))

    def lead(one: GAE) -> float:
        return float(one.predict_proba(sure).mean() - one.predict_proba(unsure).mean())

    assert lead(model) > lead(plain)
