"""New nodes and other graphs, against the equations written out densely in float64."""

import itertools
import logging
from typing import Any

import numpy as np
import pytest
import torch
from formulas import by_definition, mixing, propagation, wide
from graphs import dense
from numpy.typing import NDArray
from scipy import sparse

from vgae.data.graph import Graph
from vgae.data.split import split_edges
from vgae.ground.errors import InputError
from vgae.model.encoders import ENCODERS
from vgae.people.api import LinkModel, load, make_model

NAMES, BIASES, WEIGHTED = ("vgae", "gae"), (False, True), (False, True)
FEATURES = ("none", "raw", "unit", "raw sparse", "unit sparse")
COMBINATIONS = list(itertools.product(NAMES, BIASES, WEIGHTED, FEATURES))

EDGES = [("x", "n01"), ("n05", "x"), ("y", "n05"), ("y", "x"), ("z", "y")]
WEIGHTS = [0.5, 2.0, 1.5, 1.0, 3.0]
NEW = ["x", "y", "z"]


def example(weighted: bool, features: str) -> tuple[Graph, Any]:
    """A graph of forty nodes, and features of three new ones."""
    random = np.random.default_rng(3)
    pairs = [(i, (i + 1) % 40) for i in range(40)] + [(0, 20), (1, 25), (5, 30)]
    weights = random.uniform(0.2, 3.0, size=len(pairs)) if weighted else None
    values = random.normal(size=(43, 6)).astype(np.float32)
    values[:, 2] = 0.0
    rows = sparse.csr_array(values) if "sparse" in features else values
    graph = Graph.from_edges(
        pairs,
        ids=[f"n{i:02}" for i in range(40)],
        weights=weights,
        features=None if features == "none" else rows[:40],
    )
    return graph, None if features == "none" else rows[40:]


def fitted(name: str, bias: bool, features: str, graph: Graph) -> LinkModel:
    model = make_model(name, bias=bias, features=features.split()[0], steps=15, latent_dim=4)
    return model.fit(graph)


def in_float64(
    model: LinkModel, graph: Graph, features: Any, weights: list[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Means and deviations of x, y and z by the equations; `graph` is the message graph."""
    network = model.network_
    state = {name: value.double().numpy() for name, value in network.state_dict().items()}

    def layer(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
        total: NDArray[np.float64] = values + state.get(f"encoder.bias.{name}", 0.0)
        return total

    x: Any = np.eye(43, 40)
    if features is not None:
        both = [sparse.csr_array(part) for part in (graph.features, features)]
        x = sparse.vstack(both).toarray().astype(np.float64)
        if network.settings.features == "unit":
            x /= np.linalg.norm(x, axis=1, keepdims=True)
    known = graph.adjacency.toarray().astype(np.float64)
    adjacency = np.zeros((43, 43))
    adjacency[:40, :40] = known
    place = {name: row for row, name in enumerate([*graph.ids.tolist(), *NEW])}
    for (a, b), weight in zip(EDGES, weights, strict=True):
        adjacency[place[a], place[b]] = adjacency[place[b], place[a]] = weight
    degrees = 1.0 + adjacency.sum(axis=1)
    degrees[:40] = 1.0 + known.sum(axis=1)  # those of nodes that were there stay
    adjacency += np.eye(43)
    normalized = adjacency / np.sqrt(degrees[:, None] * degrees[None, :])
    normalized[:40, 40:] = 0.0  # nor do they hear of the new ones
    inputs = x @ state["encoder.weight.hidden"]
    hidden = np.maximum(layer("hidden", normalized @ inputs), 0.0)
    outputs = [
        layer(name, normalized @ hidden @ state[f"encoder.weight.{name}"])[40:]
        for name in propagation(network.encoder).outputs
    ]
    return outputs[0], np.exp(outputs[1]) if len(outputs) > 1 else None


@pytest.mark.parametrize(("name", "bias", "weighted", "features"), COMBINATIONS)
def test_new_nodes_follow_the_equations_and_leave_others_alone(
    name: str, bias: bool, weighted: bool, features: str
) -> None:
    graph, rows = example(weighted, features)
    model = fitted(name, bias, features, graph)
    before = model.embedding_.copy()
    weights = WEIGHTS if weighted else None
    made = model.with_nodes(rows, EDGES, weights=weights, ids=None if rows is None else NEW)
    mean, std = in_float64(model, graph, rows, WEIGHTS if weighted else [1.0] * len(EDGES))
    assert np.abs(mean).max() > 1e-3
    np.testing.assert_array_equal(made.embedding_[:40], before)
    np.testing.assert_array_equal(model.embedding_, before)
    np.testing.assert_allclose(made.embedding_[40:], mean, rtol=1e-4, atol=1e-6)
    assert made.ids_.tolist() == [*graph.ids.tolist(), *NEW]
    if std is None:
        assert made.embedding_std_ is None
    else:
        assert made.embedding_std_ is not None
        np.testing.assert_allclose(made.embedding_std_[40:], std, rtol=1e-4)
    alone = model.embed_new(rows, EDGES, weights=weights, ids=NEW)
    np.testing.assert_array_equal(alone, made.embedding_[40:])


@pytest.mark.parametrize(("name", "bias", "weighted", "features"), COMBINATIONS)
def test_the_graph_of_training_embeds_as_it_did(
    name: str, bias: bool, weighted: bool, features: str
) -> None:
    graph, _ = example(weighted, features)
    model = fitted(name, bias, features, graph)
    np.testing.assert_array_equal(model.embed(graph), model.embedding_)


@pytest.mark.parametrize("features", ["none", "raw"])
@pytest.mark.parametrize("protocol", ["T", "TV"])
def test_messages_are_those_of_the_protocol(features: str, protocol: Any) -> None:
    graph, rows = example(True, features)
    split = split_edges(graph, validation=0.2, test=0.1, protocol=protocol, seed=0)
    model = make_model("gae", steps=5, latent_dim=4).fit(split)
    np.testing.assert_array_equal(model.embed(split.message_graph()), model.embedding_)
    mean, _ = in_float64(model, split.message_graph(), rows, WEIGHTS)
    found = model.embed_new(rows, EDGES, weights=WEIGHTS, ids=NEW)
    np.testing.assert_allclose(found, mean, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("features", FEATURES)
def test_a_graph_of_other_nodes_is_encoded_by_the_same_layers(features: str) -> None:
    graph, _ = example(False, features)
    model = fitted("gae", True, features, graph)
    order = np.random.default_rng(0).permutation(40)
    place = np.argsort(order)
    other = Graph.from_edges(
        place[graph.edges],
        ids=graph.ids[order],
        features=None if graph.features is None else graph.features[order],
    )
    np.testing.assert_allclose(model.embed(other), model.embedding_[order], rtol=1e-4, atol=1e-6)
    if features != "none":  # ids mean nothing then
        renamed = Graph.from_edges(graph.edges, features=graph.features)
        np.testing.assert_array_equal(model.embed(renamed), model.embedding_)


def test_without_features_unknown_nodes_are_placed_by_their_links() -> None:
    graph, _ = example(False, "none")
    model = fitted("gae", False, "none", graph)
    vectors = model.embed([("n01", "n02"), ("new", "n01"), ("far", "new"), ("n02", "n03")])
    assert vectors.shape == (5, 4)
    ids = ["far", "n01", "n02", "n03", "new"]
    weight = model.network_.state_dict()["encoder.weight.hidden"].double().numpy()
    x = np.stack([weight[int(name[1:])] if name[1:].isdigit() else 0 * weight[0] for name in ids])
    a = np.eye(5)
    for i, j in [(1, 2), (4, 1), (0, 4), (2, 3)]:
        a[i, j] = a[j, i] = 1.0
    a /= np.sqrt(np.outer(a.sum(axis=1), a.sum(axis=1)))
    mean = model.network_.state_dict()["encoder.weight.mean"].double().numpy()
    expected = a @ np.maximum(a @ x, 0.0) @ mean
    np.testing.assert_allclose(vectors, expected, rtol=1e-4, atol=1e-6)
    for pairs in ([("n01", "n02"), ("u", "v")], [("n01", "a"), ("a", "b"), ("b", "lost")]):
        with pytest.raises(InputError, match="node '(u|lost)' has no link to a known node"):
            model.embed(pairs)


def test_nodes_that_links_cannot_place_are_named() -> None:
    graph, _ = example(False, "none")
    for bias in BIASES:
        model = fitted("gae", bias, "none", graph)
        with pytest.raises(InputError, match="node 'y' has no link to a known node"):
            model.embed_new(edges=[("x", "n01")], ids=["x", "y"])
        chain = [("a", "n01"), ("b", "a"), ("c", "b")]
        with pytest.raises(InputError, match="node 'c' has no link"):
            model.embed_new(edges=chain)
        first = model.with_nodes(edges=chain[:2])
        with pytest.raises(InputError, match="node 'c' has no link"):
            first.embed_new(edges=chain[2:])
        # What was added counts as known, with its hidden state but no weights of its own.
        assert first.embed_new(edges=[("c", "a")]).shape == (1, 4)


def test_adding_one_after_the_other_is_adding_to_what_is_known() -> None:
    graph, rows = example(False, "raw")
    model = fitted("vgae", False, "raw", graph)
    first = model.with_nodes(rows[:1], [("x", "n01")], ids=["x"])
    second = first.with_nodes(rows[1:2], [("y", "x")], ids=["y"])
    np.testing.assert_array_equal(second.embedding_[:41], first.embedding_)
    both = model.embed_new(rows[:2], [("x", "n01"), ("y", "x")], ids=["x", "y"])
    # Known to each other from the start, x has one link more.
    assert not np.allclose(both[0], first.embedding_[40], rtol=1e-3)
    assert second.graph_["n_added_nodes"] == second.graph_["n_added_edges"] == 2
    assert second.graph_["n_nodes"] == 40


def test_features_alone_need_no_ids_to_be_encoded() -> None:
    graph, rows = example(False, "unit")
    model = fitted("vgae", True, "unit", graph)
    np.testing.assert_array_equal(model.embed_new(rows), model.embed_new(rows, ids=NEW))
    with pytest.raises(InputError, match="ids: name the rows"):
        model.with_nodes(rows)
    with pytest.raises(InputError, match="ids: name the rows"):
        model.embed_new(rows, EDGES)
    made = model.with_nodes(rows, ids=NEW)
    np.testing.assert_array_equal(made.embedding_[40:], model.embed_new(rows))


def test_cleaning_of_links_is_said(caplog: pytest.LogCaptureFixture) -> None:
    graph, _ = example(False, "none")
    model = fitted("gae", False, "none", graph)
    rows = [("x", "n01"), ("n01", "x"), ("x", "x"), ("x", "n01")]
    with caplog.at_level(logging.WARNING, "vgae"):
        found = model.embed_new(edges=rows)
    assert "dropped 1 self loop, merged 1 duplicate row, merged 1 reversed row" in caplog.text
    np.testing.assert_array_equal(found, model.embed_new(edges=rows[:1]))


def test_ids_take_the_type_of_the_graphs() -> None:
    model = make_model("gae", steps=2).fit(Graph.from_edges([(0, 1), (1, 2)]))
    made = model.with_nodes(edges=[("7", "1"), ("0", "7")])
    assert made.ids_.dtype == np.int64
    assert made.ids_.tolist() == [0, 1, 2, 7]
    with pytest.raises(InputError, match="new node 'x': ids of this graph are integers"):
        model.with_nodes(edges=[("x", "1")])
    texts = make_model("gae", steps=2).fit(Graph.from_pairs([("a", "b")]))
    assert texts.with_nodes(edges=[("a", "5")]).ids_.tolist() == ["a", "b", "5"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"ids": ["n01"]}, "new node 'n01' is in the graph already"),
        ({"ids": ["x", "x"], "rows": 2}, "node id 'x' occurs more than once"),
        ({"ids": ["x", "y"]}, "features: 1 row for 2 new nodes"),
        ({"ids": ["x"], "edges": [("n01", "n02")]}, "'n01' and 'n02' are both in the graph"),
        ({"ids": ["x"], "edges": [("x", "n02"), ("q", "x")]}, "node 'q' is neither in the graph"),
        ({"ids": ["x"], "edges": [("x",)]}, "not a pair of node ids"),
        ({"ids": ["x"], "edges": [("x", "n02")], "weights": [-1.0]}, "not a positive finite"),
        ({"ids": ["x"], "weights": [1.0]}, r"weights: shape \(1,\) for 0 rows"),
        ({"ids": ["x"], "features": np.ones((1, 5))}, "fitted with 6 per node, but these have 5"),
        ({"ids": ["x"], "features": np.full((1, 6), np.nan)}, "features, row 0, column 0: nan"),
        ({"ids": ["x"], "features": None}, "fitted with 6 per node; give those of the new nodes"),
    ],
)
def test_bad_new_nodes_are_one_clear_line(arguments: dict[str, Any], said: str) -> None:
    graph, rows = example(False, "raw")
    model = fitted("vgae", False, "raw", graph)
    given = {"features": rows[: arguments.pop("rows", 1)]} | arguments
    for ask in (model.with_nodes, model.embed_new):
        with pytest.raises(InputError, match=said) as caught:
            ask(**given)
        assert "\n" not in str(caught.value)


def test_bad_questions_without_features_are_one_clear_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    graph, _ = example(False, "none")
    model = fitted("vgae", False, "raw", graph)
    with pytest.raises(InputError, match="fitted without any; omit them"):
        model.embed_new(np.ones((1, 6)), ids=["x"])
    nothing: list[Any] = [None, []]
    for edges in nothing:
        with pytest.raises(InputError, match="no new node is given"):
            model.embed_new(edges=edges)
    with caplog.at_level(logging.WARNING, "vgae"):
        model.embed(graph.with_features(np.ones((40, 2))))
    assert "ignored 2 features per node" in caplog.text


def test_bad_graphs_are_one_clear_line() -> None:
    graph, _ = example(False, "raw")
    model = fitted("vgae", False, "raw", graph)
    with pytest.raises(InputError, match="fitted with 6 per node; this graph has none"):
        model.embed(graph.with_features(None))
    with pytest.raises(InputError, match="fitted with 6 per node, but these have 2"):
        model.embed(graph.with_features(np.ones((40, 2))))
    with pytest.raises(InputError, match="undirected"):
        model.embed(Graph.from_edges([(0, 1)], features=np.ones((2, 6)), directed=True))


# ---------------------------------------------------------------------- every encoder

NEAR = [*zip(EDGES, WEIGHTS, strict=True), (("z", "n30"), 0.7)]
"""Links with weights, one of each new node to a known one: within the reach of one layer."""

ENCODED: list[dict[str, Any]] = [
    {"encoder": "gcn", "layers": 1},
    {"encoder": "gcn", "layers": 4, "residual": True},
    {"encoder": "linear", "layers": 1},
    {"encoder": "linear", "layers": 3},
    {"encoder": "appnp", "layers": 4},
    {"encoder": "sage", "layers": 1},
    {"encoder": "sage", "layers": 3, "residual": True},
    {"encoder": "multi-hop", "layers": 2, "latent_dim": 14},
]


def name_of(value: Any) -> str:
    return "-".join(map(str, value.values())) if isinstance(value, dict) else str(value)


def test_every_encoder_places_new_nodes_here_or_says_that_it_cannot() -> None:
    assert {shape["encoder"] for shape in ENCODED} == {
        name for name, kind in ENCODERS.items() if kind.places_new_nodes
    }


def joined_mixing(encoder: str, known: Graph, groups: list[list[tuple[int, int, float]]]) -> Any:
    """The propagation where nodes join group by group, and those that were there stay as they are.

    A group is a list of links of its nodes, which follow those of the groups before.
    """
    n_nodes = known.n_nodes
    weights = dense(known)
    mix = mixing(torch.tensor(weights), encoder).numpy()
    loops = float(encoder != "sage")
    degrees = loops + weights.sum(axis=1)
    for links in groups:
        n_new = 1 + max(max(a, b) for a, b, _ in links) - n_nodes
        wider = np.zeros((n_nodes + n_new,) * 2)
        for a, b, weight in links:
            wider[a, b] = wider[b, a] = weight
        rows = wider[n_nodes:] + loops * np.eye(n_new, n_nodes + n_new, k=n_nodes)
        degrees = np.concatenate([degrees, rows.sum(axis=1)])
        scale = degrees[n_nodes:, None] * (1.0 if encoder == "sage" else 0.0)
        if encoder != "sage":
            scale = np.sqrt(degrees[n_nodes:, None] * degrees[None, :])
        mix = np.block(
            [[mix, np.zeros((n_nodes, n_new))], [rows / np.where(scale > 0, scale, 1.0)]]
        )
        n_nodes += n_new
    return torch.tensor(mix)


@pytest.mark.parametrize("unit_norm", [False, True])
@pytest.mark.parametrize("features", ["none", "raw", "raw sparse"])
@pytest.mark.parametrize("shape", ENCODED, ids=name_of)
def test_new_nodes_get_what_a_full_encode_with_frozen_states_gives(
    shape: dict[str, Any], features: str, unit_norm: bool
) -> None:
    graph, rows = example(True, features)
    model = make_model(
        "vgae", bias=True, unit_norm=unit_norm, features=features.split()[0], steps=8,
        hidden_dim=5, **({"latent_dim": 4} | shape),
    ).fit(graph)  # fmt: skip
    np.testing.assert_array_equal(model.embed(graph), model.embedding_)
    place = {name: row for row, name in enumerate([*graph.ids.tolist(), *NEW])}
    links = [(place[a], place[b], weight) for (a, b), weight in NEAR]
    edges, weights = zip(*NEAR, strict=True)
    groups = [
        [link for link in links if max(link[:2]) == place[name]] for name in NEW
    ]  # one by one: y links to x, and z to y
    together = model.with_nodes(rows, edges, weights=weights, ids=NEW)
    one_by_one = model
    for number, name in enumerate(NEW):
        own = [row for row, (a, b, _) in enumerate(links) if max(a, b) == place[name]]
        one_by_one = one_by_one.with_nodes(
            None if rows is None else rows[number : number + 1],
            [edges[row] for row in own],
            weights=[weights[row] for row in own],
            ids=[name],
        )
    x: Any = np.eye(43, 40)
    if rows is not None:
        x = sparse.vstack([sparse.csr_array(graph.features), sparse.csr_array(rows)]).toarray()
    encoder = propagation(model.network_.encoder)
    with torch.no_grad():
        for made, joining in ((together, [links]), (one_by_one, groups)):
            mix = joined_mixing(shape["encoder"], graph, joining)
            for output, found in (
                ("mean", made.embedding_),
                ("log_std", np.log(np.asarray(made.embedding_std_))),
            ):
                expected = by_definition(
                    encoder.settings, wide(encoder), mix, torch.tensor(x).double(), output
                )
                np.testing.assert_allclose(found, expected, rtol=2e-4, atol=5e-6)
    np.testing.assert_array_equal(together.embedding_[:40], model.embedding_)
    assert not np.allclose(together.embedding_, one_by_one.embedding_, rtol=1e-3)


@pytest.mark.parametrize("features", ["none", "raw"])
@pytest.mark.parametrize("shape", ENCODED, ids=name_of)
def test_states_are_the_same_from_a_file(
    shape: dict[str, Any], features: str, tmp_path: Any
) -> None:
    graph, rows = example(True, features)
    settings: dict[str, Any] = {"steps": 3, "latent_dim": 4, "bias": True, "features": features}
    model = make_model("gae", **(settings | shape)).fit(graph)
    model.save(tmp_path / "run")
    back = load(tmp_path / "run")
    edges, weights = zip(*NEAR, strict=True)
    joined = [one.with_nodes(rows, edges, weights=weights, ids=NEW) for one in (model, back)]
    np.testing.assert_array_equal(joined[1].embedding_, joined[0].embedding_)
    joined[1].save(tmp_path / "more")
    more = [("w", "z"), ("w", "n07")]
    new = None if rows is None else rows[:1]
    np.testing.assert_array_equal(
        load(tmp_path / "more").embed_new(new, more, ids=["w"]),
        joined[0].embed_new(new, more, ids=["w"]),
    )


@pytest.mark.parametrize("shape", [{}, *ENCODED], ids=name_of)
def test_without_features_a_node_is_placed_as_far_as_messages_reach(shape: dict[str, Any]) -> None:
    graph, _ = example(False, "none")
    model = make_model("gae", steps=2, **({"latent_dim": 4} | shape)).fit(graph)
    reach = model.settings.network.layers_used
    chain = [("c1", "n01"), *((f"c{i}", f"c{i + 1}") for i in range(1, reach + 1))]
    assert model.embed_new(edges=chain[:reach]).shape == (reach, shape.get("latent_dim", 4))
    with pytest.raises(InputError, match=f"node 'c{reach + 1}' has no link to a known node"):
        model.embed_new(edges=chain)
