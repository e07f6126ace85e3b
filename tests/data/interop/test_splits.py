import copy
import logging
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from foreign import library

from vgae import VGAE
from vgae.data.adjacency import pair_codes
from vgae.data.graph import Graph
from vgae.data.interop import as_graph, as_split, as_training_split, to_pyg
from vgae.data.split import Split, split_edges
from vgae.ground.errors import InputError

# Of 250,000 pairs some 40 are drawn: seldom one of them in both directions.
RING = Graph.from_edges(
    [(i, (i + 1) % 500) for i in range(500)],
    ids=[f"n{i:03}" for i in range(500)],
    features=np.random.default_rng(0).normal(size=(500, 2)),
    labels=np.arange(500) % 3,
)


@pytest.fixture(autouse=True)
def _global_random_state() -> Iterator[None]:
    """PyG draws from all three global sources; give them back as they were."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    yield
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])


def drawn(graph: Graph | Any = RING, seed: int = 0, **options: Any) -> list[Any]:
    """A split by PyG, with its own defaults but for the sizes."""
    options = {"num_val": 0.04, "num_test": 0.04, "is_undirected": True, **options}
    transform = library("torch_geometric.transforms").RandomLinkSplit(**options)
    source = to_pyg(graph) if isinstance(graph, Graph) else graph
    library("torch_geometric").seed_everything(seed)
    return list(transform(source))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"add_negative_train_samples": False},
        {"split_labels": True},
        {"split_labels": True, "add_negative_train_samples": False},
        {"disjoint_train_ratio": 0.3},
    ],
    ids=str,
)
def test_what_random_link_split_drew(options: dict[str, Any]) -> None:
    parts = drawn(**options)
    split = as_split(parts)
    assert split.graph.fingerprint == RING.fingerprint
    assert split.train.n_edges == 460
    assert split.graph.labels is not None
    assert split.graph.labels.tolist() == (np.arange(500) % 3).tolist()
    assert split.settings.protocol == "TV"
    assert split.settings.proportions == {"train": 0.92, "validation": 0.04, "test": 0.04}
    if "split_labels" in options:
        wanted = [parts[2].pos_edge_label_index, parts[2].neg_edge_label_index]
    else:
        is_edge = parts[2].edge_label > 0
        wanted = [parts[2].edge_label_index[:, is_edge], parts[2].edge_label_index[:, ~is_edge]]
    assert split.test.positives.tolist() == wanted[0].T.tolist()
    assert split.test.negatives.tolist() == wanted[1].T.tolist()
    message = pair_codes(as_graph(parts[2]).edges, 500)
    assert np.array_equal(pair_codes(split.message_graph().edges, 500), message)


def test_a_test_part_without_validation_edges_is_protocol_t() -> None:
    train, validation, test = drawn()
    test.edge_index = train.edge_index
    split = as_split((train, validation, test))
    assert split.settings.protocol == "T"
    assert split.message_graph() is split.train
    assert as_split(drawn(num_val=0)).settings.protocol == "T"
    nothing = as_split(drawn(num_val=0, num_test=0))
    assert nothing.train.n_edges == nothing.graph.n_edges == 500
    test.edge_index = torch.cat([train.edge_index, validation.edge_label_index[:, :3]], dim=1)
    with pytest.raises(InputError, match="some validation edges and not over others"):
        as_split((train, validation, test))


def test_graphs_in_which_an_edge_has_one_direction() -> None:
    one_way = to_pyg(RING)
    one_way.edge_index = torch.from_numpy(RING.edges[1:].T.copy())
    split = as_split(drawn(one_way, is_undirected=False))
    assert split.graph.fingerprint == RING.with_edges(RING.edges[1:]).fingerprint


def leak_test_messages(parts: list[Any]) -> None:
    parts[2].edge_index = torch.cat([parts[2].edge_index, parts[2].edge_label_index], dim=1)


def leak_validation_messages(parts: list[Any]) -> None:
    parts[1].edge_index = parts[2].edge_index


def train_on_a_test_edge(parts: list[Any]) -> None:
    parts[0].edge_index = torch.cat([parts[0].edge_index, parts[2].edge_label_index[:, :1]], dim=1)


def score_a_validation_edge_twice(parts: list[Any]) -> None:
    parts[2].edge_label_index[:, 0] = parts[1].edge_label_index[:, 0].flip(0)


def score_an_edge_as_none(parts: list[Any]) -> None:
    parts[1].edge_label_index[:, -1] = parts[0].edge_index[:, 0]


def score_a_node_with_itself(parts: list[Any]) -> None:
    parts[2].edge_label_index[:, 0] = 7


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (leak_test_messages, "test: messages run over .* is_undirected=True"),
        (leak_validation_messages, "validation: messages run over 20 edges"),
        (train_on_a_test_edge, "in both the training edges and the test edges"),
        (score_a_validation_edge_twice, "in both the validation edges and the test edges"),
        (score_an_edge_as_none, "in both the training edges and the validation negatives"),
        (score_a_node_with_itself, "test edges contain a self loop; .*without self loops"),
    ],
)
def test_a_leak_is_a_clear_error(spoil: Callable[[list[Any]], None], said: str) -> None:
    parts = copy.deepcopy(drawn())
    spoil(parts)
    with pytest.raises(InputError, match=said) as caught:
        as_split(parts)
    assert "\n" not in str(caught.value)


def test_forgetting_that_a_graph_is_undirected_is_a_leak() -> None:
    """Then (a, b) trains the model and (b, a) tests it."""
    with pytest.raises(InputError, match="is_undirected=True"):
        as_split(drawn(is_undirected=False))


def test_a_leak_is_named_before_negatives_that_were_drawn_twice() -> None:
    """Both follow from a forgotten is_undirected=True, and the leak says so."""
    parts = copy.deepcopy(drawn())
    train_on_a_test_edge(parts)
    parts[2].edge_label_index[:, -1] = parts[1].edge_label_index[:, -1].flip(0)
    with pytest.raises(InputError, match="in both the training .* and the test .* is_undirected=T"):
        as_split(parts)


def test_negatives_that_are_not_one_for_each_positive() -> None:
    for ratio, n_negatives in ((0.0, "0 negatives"), (2.0, "40 negatives")):
        with pytest.raises(InputError, match=f"{n_negatives} for 20 positives; .*=1.0"):
            as_split(drawn(neg_sampling_ratio=ratio))
    parts = copy.deepcopy(drawn())
    parts[2].edge_label_index[:, -1] = parts[1].edge_label_index[:, -1].flip(0)
    with pytest.raises(InputError, match="1 negative of 40 drawn a second time"):
        as_split(parts)


def test_what_is_no_split_is_refused() -> None:
    hetero = library("torch_geometric.data").HeteroData
    with pytest.raises(InputError, match="cannot make a split of list"):
        as_split([("a", "b"), ("b", "c"), ("c", "d")])
    with pytest.raises(InputError, match="cannot make a split of Graph"):
        as_split(RING)
    with pytest.raises(InputError, match="HeteroData"):
        as_split([hetero(), hetero(), hetero()])
    with pytest.raises(InputError, match="training: neither edge_label_index nor pos"):
        as_split(drawn(key="link"))
    weighted = Graph.from_edges(RING.edges, weights=np.full(500, 2.0))
    with pytest.raises(InputError, match="does not keep the weights"):
        as_split(drawn(weighted))
    train, validation, test = drawn()
    test.edge_label_index[0, 0] = 500
    with pytest.raises(InputError, match="test: a pair names a node outside the 500 nodes"):
        as_split([train, validation, test])
    test.edge_label = test.edge_label[:3]
    test.edge_label_index[0, 0] = 0
    with pytest.raises(InputError, match="test: edge_label is not one number for each pair"):
        as_split([train, validation, test])


def test_training_negatives_that_are_not_used_are_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="vgae"):
        as_split(drawn())
    assert "training: 460 negatives not used" in caplog.messages


def test_what_fit_is_given() -> None:
    split = split_edges(RING, seed=0)
    assert as_split(split) is split
    assert as_training_split(split) is split
    whole = as_training_split(RING)
    assert whole.train is RING
    assert not whole.test
    parts = drawn()
    assert isinstance(as_training_split(parts), Split)
    model = VGAE(steps=2).fit(parts)
    assert model.metrics_["protocol"] == "TV"
    assert model.split_.train.n_edges == 460
    assert model.ids_.tolist() == RING.ids.tolist()


def test_cora_as_it_is_usually_split(cora: Graph) -> None:
    split = as_split(drawn(cora, seed=1, num_val=0.05, num_test=0.1))
    assert split.graph.fingerprint == cora.fingerprint
    assert (split.train.n_edges, len(split.test.positives)) == (4488, 527)
