"""Splits of directed, bipartite, typed, signed and timed graphs: what is held out, and no leaks."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graphs import KINDS_OF_GRAPHS, graph_of
from hypothesis import given, settings
from hypothesis import strategies as st

from vgae.data.graph import Graph
from vgae.data.split import (
    DRAWN,
    HeldOut,
    Split,
    count_non_edges,
    load_split,
    load_split_edges,
    other_negatives,
    sample_non_edges,
    sample_non_neighbors,
    save_split,
    split_edges,
)
from vgae.data.split.settings import SplitSettings
from vgae.ground.errors import InputError


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(KINDS_OF_GRAPHS), st.integers(0, 1000), st.sampled_from(DRAWN))
def test_nothing_leaks_in_any_kind(kind: str, seed: int, negatives: Any) -> None:
    graph = graph_of(kind, seed)
    try:
        split = split_edges(graph, validation=0.1, test=0.2, negatives=negatives, seed=seed)
    except InputError as error:
        assert "\n" not in str(error)
        return
    space = graph.pair_space
    parts = [split.train.edges, split.validation.positives, split.test.positives]
    codes = [space.codes(part) for part in parts]
    assert sorted(np.concatenate(codes).tolist()) == space.codes(graph.edges).tolist()
    drawn = np.concatenate([split.validation.negatives, split.test.negatives])
    assert space.allows(drawn).all()
    assert (graph.places(drawn) < 0).all()
    assert np.unique(space.codes(drawn)).size == len(drawn)
    assert split.train.same_nodes(graph)
    if graph.weights is not None:
        known = split.train.weights
        kept = graph.weights[graph.places(split.train.edges)]
        assert np.array_equal(np.ones(len(kept)) if known is None else known, kept)
    if not graph.directed:  # an edge in the other direction is the same edge
        turned = split.train.places(split.test.positives[:, ::-1])
        assert (turned < 0).all()


@pytest.mark.parametrize("kind", KINDS_OF_GRAPHS)
@pytest.mark.parametrize("negatives", ["uniform", "degree"])
def test_each_allowed_pair_is_drawn_and_no_other(kind: str, negatives: str) -> None:
    graph = graph_of(kind, 3, n_nodes=12, n_rows=30)
    random, space = np.random.default_rng(0), graph.pair_space
    out, into = np.bincount(graph.edges[:, 0], minlength=12), np.bincount(graph.edges[:, 1])
    into = np.resize(into, 12) * (np.arange(12) < len(into))
    if not graph.directed:
        out = into = out + into
    free = [code for code in space.every_code() if graph.places(space.pairs_of(code[None])) < 0]
    if negatives == "degree":
        free = [code for code in free if out[code // 12] * into[code % 12]]
    assert count_non_edges(graph, with_degree=negatives == "degree") == len(free)
    for n_wanted in (len(free), 1):  # listed, and drawn one by one
        drawn = sample_non_edges(graph, n_wanted, random, advice="", kind=negatives)
        assert set(space.codes(drawn)) <= set(free)
        assert len(drawn) == n_wanted
    times = 3000
    seen = np.zeros(144)
    for _ in range(times):
        seen[space.codes(sample_non_edges(graph, 1, random, advice="", kind=negatives))] += 1
    weight = np.ones(len(free))
    if negatives == "degree":
        weight = np.array([out[code // 12] * into[code % 12] for code in free], dtype=float)
    expected = times * weight / weight.sum()
    assert ((seen[free] - expected) ** 2 / expected).sum() < 2 * len(free)


@pytest.mark.parametrize("kind", KINDS_OF_GRAPHS)
def test_targets_of_a_node_are_drawn_alike(kind: str) -> None:
    graph = graph_of(kind, 5, n_nodes=12, n_rows=40)
    space, random = graph.pair_space, np.random.default_rng(0)
    n_free = space.targets(np.arange(12)) - graph.degrees
    nodes = random.permutation(np.flatnonzero(n_free))
    drawn = sample_non_neighbors(graph, nodes, 1500, random)
    assert np.array_equal(drawn[:, 0], np.repeat(nodes, 1500))
    for node in nodes:
        targets, numbers = np.unique(drawn[drawn[:, 0] == node, 1], return_counts=True)
        pairs = np.stack([np.full(len(targets), node), targets], axis=1)
        assert space.allows(pairs).all()
        assert (graph.places(pairs) < 0).all()
        assert len(targets) == n_free[node]
        expected = 1500 / n_free[node]
        assert ((numbers - expected) ** 2 / expected).sum() < 4 * n_free[node] + 8


def test_the_reverse_of_an_arc_may_be_held_out_or_a_negative_and_is_counted() -> None:
    both = Graph.from_edges(
        [(i, j) for i in range(9) for j in range(9) if i != j and (i + j) % 3], directed=True
    )
    split = split_edges(both, validation=0.1, test=0.1, seed=0)
    train = {tuple(arc) for arc in split.train.edges.tolist()}
    reversed_ = [(j, i) in train for i, j in split.test.positives.tolist()]
    assert split.n_reversed["test"] == sum(reversed_) > 0
    arcs = Graph.from_edges([(0, 1), (1, 2), (2, 0)], directed=True)
    drawn = sample_non_edges(arcs, 3, np.random.default_rng(0), advice="")
    assert sorted(drawn.tolist()) == [[0, 2], [1, 0], [2, 1]]


def test_the_second_direction_of_an_undirected_edge_is_a_leak_but_no_arc() -> None:
    rows = [(0, 1), (1, 0), (1, 2), (2, 3)]
    arcs = Graph.from_edges(rows, directed=True)
    held_out = HeldOut([(1, 0)], [(3, 0)])
    split = Split.of_parts(arcs, validation=HeldOut.nothing(), test=held_out)
    assert split.n_reversed["test"] == 1
    plain = Graph.from_edges(rows)
    with pytest.raises(InputError, match="in both the training edges and the test edges"):
        Split(
            plain,
            plain,
            HeldOut.nothing(),
            held_out,
            SplitSettings.of_sizes(3, test=1, negatives="given"),
            0,
        )


def test_the_rows_of_a_user_and_an_item_are_one_edge_in_one_part() -> None:
    pairs = [(f"user {i % 9}", f"item {i % 7}") for i in range(200)]
    graph = Graph.from_pairs(pairs, kind="bipartite")
    assert graph.n_edges == 63
    assert graph.cleaning.duplicates == 137
    graph = graph.with_edges(graph.edges[:40])
    split = split_edges(graph, seed=0, test=0.2)
    assert (split.train.places(split.test.positives) < 0).all()


@pytest.mark.parametrize("n_times", [10_000, 7])
def test_a_split_by_time_trains_on_nothing_later(
    n_times: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "vgae")
    random = np.random.default_rng(0)
    rows = random.integers(60, size=(400, 2))
    graph = Graph.from_edges(rows, n_nodes=60, times=random.integers(n_times, size=400))
    split = split_edges(graph, seed=0, test=0.2, validation=0.1)
    assert split.settings.order == "time"
    assert graph.times is not None
    parts = [split.train.edges, split.validation.positives, split.test.positives]
    train, validation, test = (graph.times[graph.places(part)] for part in parts)
    assert split.train.times is not None
    assert sorted(split.train.times) == sorted(train)
    assert train.max() <= validation.min()
    assert validation.max() <= test.min()
    assert split.n_tied == {
        "validation": int((train == validation.min()).sum()),
        "test": int((train == test.min()).sum() + (validation == test.min()).sum()),
    }
    assert ("have the time of the earliest" in caplog.text) == (sum(split.n_tied.values()) > 0)
    other = split_edges(graph, seed=1, test=0.2, validation=0.1)
    same = {*map(tuple, split.test.positives)} == {*map(tuple, other.test.positives)}
    assert same == (split.n_tied["test"] == 0)
    assert split_edges(graph, seed=0, order="random").settings.order == "random"


def test_a_future_edge_in_training_is_a_leak() -> None:
    graph = Graph.from_edges([(0, 1), (1, 2), (2, 3), (3, 4)], times=[4, 1, 2, 3])
    settings = SplitSettings(validation=0.0, test=0.25, order="time")
    held_out = HeldOut([(2, 3)], [(0, 4)])
    with pytest.raises(InputError, match="by time, but test holds an edge of time 2, earlier than"):
        train = graph.with_edges([(0, 1), (1, 2), (3, 4)])
        Split(graph, train, HeldOut.nothing(), held_out, settings, 0)
    with pytest.raises(InputError, match="the edges have no times"):
        split_edges(Graph.from_edges(graph.edges), seed=0, test=0.25, order="time")


@pytest.mark.parametrize("kind", KINDS_OF_GRAPHS)
def test_archives_keep_splits_of_every_kind(kind: str, tmp_path: Path) -> None:
    graph, path = graph_of(kind, 1), tmp_path / "split.npz"
    split = split_edges(graph, seed=0, test=0.2)
    save_split(split, path)
    back = load_split(path, graph)
    assert np.array_equal(back.test.negatives, split.test.negatives)
    assert back.train.fingerprint == split.train.fingerprint
    edges = load_split_edges(path, graph.with_edges([]))
    assert np.array_equal(edges.graph.edges, graph.edges)
    assert edges.graph.kind == graph.kind
    if graph.kind != "undirected":
        flat = Graph.from_edges(graph.edges, n_nodes=graph.n_nodes)
        with pytest.raises(InputError, match=f"of a {graph.kind} graph, but the graph is undirec"):
            load_split(path, flat)


@pytest.mark.parametrize("kind", KINDS_OF_GRAPHS)
def test_other_negatives_of_every_kind(kind: str) -> None:
    split = split_edges(graph_of(kind, 2), seed=0, test=0.1)
    for negatives in DRAWN:
        if kind == "bipartite" and negatives == "two-hop":
            with pytest.raises(InputError, match="on the same side; use uniform or degree"):
                other_negatives(split, negatives)
        else:
            assert split.graph.pair_space.allows(other_negatives(split, negatives)).all()
