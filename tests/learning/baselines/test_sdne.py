import tracemalloc

import numpy as np
import pytest
import torch
from graphs import random_graph
from numpy.typing import NDArray
from scipy import sparse

from vgae.data.graph import Graph
from vgae.data.split import HeldOut, TrainingView, split_edges
from vgae.ground.errors import InputError
from vgae.learning.baselines.sdne import Sdne, SdneLoss, SdneNetwork, sdne_loss
from vgae.learning.metrics import link_metrics

ALPHA, BETA, L2_PENALTY = 0.7, 5.0, 0.3

quick = Sdne(latent_dim=8, hidden_dim=16, epochs=3, batch_size=16)


def fitted(data: Graph | TrainingView, *, seed: int = 0) -> NDArray[np.float32]:
    vectors = quick.fit(data, seed=seed).vectors
    assert vectors is not None
    return vectors


def weighted_graph() -> Graph:
    """Thirty nodes; the last five are isolated."""
    edges = random_graph(25, 0.2, 0).edges
    weights = np.random.default_rng(1).uniform(0.1, 1.0, size=len(edges))
    return Graph.from_edges(edges, weights=weights, n_nodes=30)


def communities() -> Graph:
    """Two groups of thirty; half of the pairs within a group are edges, a fiftieth across."""
    random = np.random.default_rng(3)
    source, target = np.triu_indices(60, k=1)
    chance = np.where((source < 30) == (target < 30), 0.5, 0.02)
    kept = random.random(source.size) < chance
    return Graph.from_edges(np.stack([source[kept], target[kept]], axis=1), n_nodes=60)


@pytest.fixture
def adjacency() -> sparse.csr_array:
    return weighted_graph().adjacency.astype(np.float64)


@pytest.fixture
def network() -> SdneNetwork:
    generator = torch.Generator().manual_seed(0)
    network = SdneNetwork(30, hidden_dim=7, latent_dim=4, generator=generator).double()
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator).double()
    return network


def loss_of(network: SdneNetwork, adjacency: sparse.csr_array, rows: NDArray[np.int64]) -> SdneLoss:
    return sdne_loss(network, adjacency, rows, alpha=ALPHA, beta=BETA, l2_penalty=L2_PENALTY)


def terms(loss: SdneLoss) -> NDArray[np.float64]:
    parts = (loss.second_order, loss.first_order, loss.penalty)
    return np.array([part.item() for part in parts])


def reference(network: SdneNetwork, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The paper's equations, written out over all pairs."""
    w, b, v, c = (
        [parameter.detach().numpy() for parameter in parameters]
        for part in (network.encoder, network.decoder)
        for parameters in (part.weights, part.biases)
    )
    y = np.tanh(np.maximum(x @ w[0] + b[0], 0) @ w[1] + b[1])
    rebuilt = np.maximum(y @ v[0] + c[0], 0) @ v[1] + c[1]
    second = (((rebuilt - x) * np.where(x > 0, BETA, 1.0)) ** 2).sum()
    first = sum(x[i, j] * ((y[i] - y[j]) ** 2).sum() for i in range(len(x)) for j in range(len(x)))
    squares = sum((weight**2).sum() for weight in (*w, *v))
    return np.array([second, ALPHA * first, L2_PENALTY / 2 * squares])


def test_loss_of_all_rows_is_the_papers(network: SdneNetwork, adjacency: sparse.csr_array) -> None:
    loss = loss_of(network, adjacency, np.arange(30))
    expected = reference(network, adjacency.toarray())
    np.testing.assert_allclose(terms(loss), expected, rtol=1e-12)
    assert loss.total.item() == pytest.approx(expected.sum(), rel=1e-12)


@pytest.mark.parametrize("size", [1, 4, 29])
def test_losses_and_gradients_of_batches_add_up(
    network: SdneNetwork, adjacency: sparse.csr_array, size: int
) -> None:
    order = np.random.default_rng(0).permutation(30)
    added = np.zeros(3)
    for start in range(0, 30, size):
        loss = loss_of(network, adjacency, order[start : start + size])
        added += terms(loss)
        loss.total.backward()  # type: ignore[no-untyped-call]
    np.testing.assert_allclose(added, reference(network, adjacency.toarray()), rtol=1e-12)
    whole = torch.autograd.grad(
        loss_of(network, adjacency, np.arange(30)).total, list(network.parameters())
    )
    for parameter, expected in zip(network.parameters(), whole, strict=True):
        torch.testing.assert_close(parameter.grad, expected, rtol=1e-10, atol=1e-12)


def test_gradient_is_exact() -> None:
    graph = Graph.from_edges([[0, 1], [1, 2], [2, 3]], weights=[0.5, 1.0, 0.25], n_nodes=5)
    adjacency, rows = graph.adjacency.astype(np.float64), np.array([0, 2, 4])
    network = SdneNetwork(5, 3, 2, torch.Generator().manual_seed(1)).double()
    # gradcheck moves the numbers of its inputs in place: the network's own parameters.
    parameters = tuple(network.parameters())
    for parameter in parameters:
        parameter.data += 0.05

    def total(*_: torch.Tensor) -> torch.Tensor:
        return loss_of(network, adjacency, rows).total

    assert torch.autograd.gradcheck(total, parameters)


def test_memory_is_that_of_a_batch() -> None:
    n_nodes = 6000
    ring = Graph.from_edges([(i, (i + 1) % n_nodes) for i in range(n_nodes)])
    made: list[int] = []

    class Recorder(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            result = func(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor) and result.layout == torch.strided:
                made.append(result.numel())
            return result

    tracemalloc.start()
    try:
        with Recorder():
            Sdne(latent_dim=2, hidden_dim=4, epochs=1, batch_size=1000).fit(ring)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert max(made) == 1000 * n_nodes
    assert peak < 2 * 4 * 1000 * n_nodes


def test_same_seed_same_vectors() -> None:
    graph = weighted_graph()
    before = torch.get_rng_state()
    first, again, other = (fitted(graph, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    "graph",
    [
        Graph.from_edges([[0, 1]]),
        Graph.from_edges([[0, 1]], n_nodes=40),
        Graph.from_edges([[0, 1], [1, 2], [3, 4], [4, 5]], n_nodes=7),
        Graph.from_edges([[0, 1], [1, 2]], weights=[1000.0, 1e-3]),
        Graph.from_edges([[0, 1], [1, 2]], weights=[1e38, 1e-38]),
    ],
    ids=["one edge", "isolated", "disconnected", "weighted", "extreme weights"],
)
def test_vectors_are_finite_and_of_unit_length(graph: Graph) -> None:
    vectors = fitted(graph)
    assert vectors.shape == (graph.n_nodes, 8)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-5)


def test_unit_of_weights_does_not_matter() -> None:
    graph = weighted_graph()
    assert graph.weights is not None
    larger = Graph.from_edges(graph.edges, weights=1024.0 * graph.weights, n_nodes=30)
    assert np.array_equal(fitted(graph), fitted(larger))


def test_weights_matter() -> None:
    graph = weighted_graph()
    plain = Graph.from_edges(graph.edges, n_nodes=30)
    assert not np.array_equal(fitted(graph), fitted(plain))


def test_messages_are_read_when_pairs_are_scored() -> None:
    messages = Graph.from_edges(
        [[0, 1], [1, 2], [2, 3], [3, 4]], weights=[1.0, 1.0, 1.0, 1e38], n_nodes=5
    )
    training = messages.with_edges([[0, 1], [1, 2], [2, 3]])
    view = TrainingView(training, messages, HeldOut([(3, 4)], [(0, 4)]), "TV")
    alone, read = fitted(training), fitted(view)
    changed = (alone != read).any(axis=1)
    assert changed.tolist() == [False, False, False, True, True]
    assert np.isfinite(read).all()


def test_divergence_is_an_error() -> None:
    wild = Sdne(latent_dim=4, hidden_dim=8, epochs=20).model_copy(update={"learning_rate": 1e30})
    with pytest.raises(InputError, match="lower learning_rate"):
        wild.fit(weighted_graph())


@pytest.mark.parametrize(
    ("key", "value"),
    [("latent_dim", 0), ("beta", 1.0), ("alpha", -1.0), ("l2_penalty", -0.1), ("batch_size", 0)],
)
def test_settings_are_checked(key: str, value: float) -> None:
    with pytest.raises(InputError, match=key):
        Sdne.parse({key: value})


def held_out_auc(settings: Sdne, graph: Graph) -> float:
    split = split_edges(graph, seed=0, test=0.2)
    scores = settings.fit(split.train)
    found = link_metrics(scores.pairs(split.test.positives), scores.pairs(split.test.negatives))
    assert found["auc"] is not None
    return found["auc"]


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_learns_communities(alpha: float) -> None:
    settings = Sdne(latent_dim=8, hidden_dim=32, alpha=alpha, epochs=60, batch_size=20)
    assert held_out_auc(settings, communities()) > 0.7


def test_first_order_term_draws_neighbours_together() -> None:
    graph = communities()
    apart = []
    for alpha in (0.0, 10.0):
        settings = Sdne(latent_dim=8, hidden_dim=32, alpha=alpha, epochs=30, batch_size=20)
        apart.append(1.0 - settings.fit(graph).pairs(graph.edges).mean())
    assert apart[1] < apart[0] / 4


def test_cora_is_ranked_well_above_chance(cora: Graph) -> None:
    assert held_out_auc(Sdne(hidden_dim=64, latent_dim=32, epochs=8), cora) > 0.7
