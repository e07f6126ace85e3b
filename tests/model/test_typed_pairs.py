"""Objectives over pairs that types allow, against a dense float64 evaluation of all pairs."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from graphs import dense, graph_of
from numpy.typing import NDArray

from vgae.data.graph import Graph
from vgae.ground.errors import InputError
from vgae.model.decoders import Factors, Offsets, score_pairs
from vgae.model.kernels import choose_engine
from vgae.model.likelihoods import LIKELIHOODS, Bernoulli
from vgae.model.network import GraphAutoEncoder
from vgae.model.network import _random_pairs as random_pairs
from vgae.model.noise import CounterNoise
from vgae.model.objective import (
    Targets,
    expected_edges,
    reconstruction,
    sampled_reconstruction,
)
from vgae.model.settings import ClassWeight, ModelSettings
from vgae.model.typed_pairs import TypedPairs

KINDS = ("bipartite", "typed")
ALL_KINDS = (*KINDS, "typed and directed")


def allowed(graph: Graph) -> NDArray[np.bool_]:
    """Whether each ordered pair of different nodes can be an edge."""
    every = np.argwhere(np.ones((graph.n_nodes, graph.n_nodes)))
    return graph.pair_space.allows(every).reshape(graph.n_nodes, graph.n_nodes)


def counted(graph: Graph) -> Graph:
    counts = np.random.default_rng(0).integers(1, 6, size=graph.n_edges)
    return graph.with_pairs(graph.edges, weights=counts)


def dense_loss(
    likelihood: Any, scores: torch.Tensor, graph: Graph, class_weight: ClassWeight
) -> torch.Tensor:
    """The published formulas over all pairs that can be edges, one after the other."""
    possible, table = allowed(graph), dense(graph)
    # A node with itself counts in the number of pairs, as in a graph without types.
    own = graph.pair_space.type_table.diagonal()[graph.node_types]
    n_pairs, positive = possible.sum() + own.sum(), (table > 0).sum()
    pos_weight = (n_pairs - positive) / positive if class_weight == "balanced" else 1.0
    norm = n_pairs / (2 * (n_pairs - positive)) if class_weight == "balanced" else 1.0
    edges = torch.tensor(table > 0)
    counts = torch.tensor(table)[edges] if likelihood.counts else None
    total = pos_weight * likelihood.edge(scores[edges], counts).sum()
    total = total + likelihood.nonedge(scores[torch.tensor(possible) & ~edges]).sum()
    loss: torch.Tensor = norm / n_pairs * total
    return loss


@pytest.mark.parametrize("offset", [False, True])
@pytest.mark.parametrize(
    ("name", "engine"),
    [*((name, "numba") for name in sorted(LIKELIHOODS)), ("bernoulli", "tiles")],
)
@pytest.mark.parametrize("class_weight", ["balanced", "none"])
@pytest.mark.parametrize("kind", ALL_KINDS)
def test_loss_and_gradient_are_those_of_the_pairs_that_can_be_edges(
    kind: str, class_weight: ClassWeight, name: str, offset: bool, engine: str
) -> None:
    likelihood = LIKELIHOODS[name]()
    graph = graph_of(kind, 0)
    graph = counted(graph) if likelihood.counts else graph
    start = np.random.default_rng(1).uniform(0.1, 1.0, size=(graph.n_nodes, 4))
    vectors = torch.tensor(start, dtype=torch.float32, requires_grad=True)
    offsets = Offsets("node", n_nodes=graph.n_nodes, initial=0.3, positive=likelihood.rates)
    # The scores of arcs have an order.
    factors = Factors(vectors, vectors.roll(1, 1) if graph.directed else None)
    factors = offsets.added_to(factors) if offset else factors
    targets = Targets.from_graph(graph, class_weight, counts=likelihood.counts)
    loss = reconstruction(likelihood, factors.joined(), targets, engine=choose_engine(engine))
    exact = torch.tensor(vectors.detach().double().numpy(), requires_grad=True)
    scores = exact @ (exact.roll(1, 1) if graph.directed else exact).T
    if offset:
        amount = offsets.amount().detach().double()
        scores = scores + amount[:, None] + amount[None, :]
    expected = dense_loss(likelihood, scores, graph, class_weight)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    loss.backward()  # type: ignore[no-untyped-call]
    expected.backward()  # type: ignore[no-untyped-call]
    assert vectors.grad is not None
    assert exact.grad is not None
    difference = (vectors.grad.double() - exact.grad).norm()
    assert difference <= 1e-5 * exact.grad.norm() + 1e-7


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_is_the_derivative(kind: str) -> None:
    targets = Targets.from_graph(graph_of(kind, 3, n_nodes=9, n_rows=30), "balanced")

    def total(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        factors = left, torch.cat([right, left[:, 2:]], 1)
        return reconstruction(Bernoulli(), factors, targets, engine=choose_engine("reference"))

    left = torch.randn(9, 3, dtype=torch.float64, requires_grad=True)
    # The same on both sides, so that scores have no order.
    assert torch.autograd.gradcheck(lambda z: total(z, z[:, :2]), [left])


def test_a_bipartite_graph_is_a_rectangle() -> None:
    """Two users and three items by hand: 3 of 6 pairs are edges."""
    rows = [("a", "x"), ("a", "y"), ("b", "z")]
    graph = Graph.from_pairs(rows, kind="bipartite")
    targets = Targets.from_graph(graph, "balanced")
    assert (targets.pos_weight, targets.norm, targets.self_pairs) == (1.0, 1.0, False)
    zero = torch.zeros(5, 2)
    loss = reconstruction(Bernoulli(), (zero, None), targets, engine=choose_engine("auto"))
    assert loss.item() == pytest.approx(np.log(2))


@pytest.mark.parametrize(
    ("graph_kind", "kind"),
    [
        *(("bipartite", kind) for kind in sorted(LIKELIHOODS)),
        ("typed", "poisson"),
        *(
            pytest.param("typed", kind, marks=pytest.mark.slow)
            for kind in sorted(set(LIKELIHOODS) - {"poisson"})
        ),
    ],
)
def test_the_mean_over_samples_is_the_exact_loss(graph_kind: str, kind: str) -> None:
    likelihood = LIKELIHOODS[kind]()
    graph = graph_of(graph_kind, 0)
    graph = counted(graph) if likelihood.counts else graph
    targets = Targets.from_graph(graph, "balanced", counts=likelihood.counts)
    factor = torch.tensor(np.random.default_rng(1).uniform(0.1, 1.0, size=(24, 3)))
    exact = reconstruction(likelihood, (factor, None), targets, engine=choose_engine("reference"))
    noise = CounterNoise(0, torch.device("cpu"))
    draws = []
    for step in range(1, 301):
        noise.begin(step)
        drawn = random_pairs(targets, noise)
        found = sampled_reconstruction(
            likelihood, lambda pairs: score_pairs(factor, factor, pairs), targets, drawn
        )
        draws.append(found.item())
    error = np.std(draws) / np.sqrt(len(draws))
    assert error < 0.05 * abs(exact.item())
    assert abs(np.mean(draws) - exact.item()) <= 4 * error + 1e-12


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_drawn_pairs_are_those_that_can_be_edges_and_equally_often(kind: str) -> None:
    graph = graph_of(kind, 0)
    typed = TypedPairs.of(graph.pair_space)
    assert typed is not None
    uniform = torch.rand(100_000, 2, generator=torch.Generator().manual_seed(0))
    drawn = typed.drawn(uniform).numpy()
    counts = np.zeros((24, 24))
    np.add.at(counts, tuple(drawn.T), 1)
    possible = allowed(graph)
    assert (counts[~possible] == 0).all()
    mean = len(drawn) / possible.sum()
    chi_square = ((counts[possible] - mean) ** 2 / mean).sum()
    assert chi_square < possible.sum() + 5 * np.sqrt(2 * possible.sum())
    # The ends of the range too.
    ends = torch.tensor(list(pairwise([0.0, 0.0, 1.0 - 2**-24, 1.0 - 2**-24, 0.0])))
    assert graph.pair_space.allows(typed.drawn(ends).numpy()).all()


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
@pytest.mark.parametrize("kind", KINDS)
def test_expected_edges_are_summed_over_the_pairs_that_can_be(
    kind: str, name: str, right: bool
) -> None:
    likelihood, graph = LIKELIHOODS[name](), graph_of(kind, 0)
    vectors = torch.rand(24, 3, generator=torch.Generator().manual_seed(0))
    factors = Factors(vectors)
    if right:
        factors = Offsets("node", n_nodes=24, initial=0.2, positive=True).added_to(factors)
    left, columns = factors.joined()
    scores = left.double() @ (left if columns is None else columns).double().T
    table = likelihood.probability(scores.detach().numpy())
    found = expected_edges(likelihood, (left, columns), graph.pair_space, choose_engine("auto"))
    assert found == pytest.approx(table[allowed(graph)].sum() / 2, rel=1e-5)


def test_types_that_rule_nothing_out_change_nothing() -> None:
    edges = [(0, 1), (0, 2), (1, 3), (2, 3)]  # a-b, a-a, b-b and a-b
    typed = Graph.from_edges(edges, node_types=["a", "b", "a", "b"])
    assert typed.pair_space.typed
    assert TypedPairs.of(typed.pair_space) is None
    one, other = (
        Targets.from_graph(graph, "balanced") for graph in (typed, Graph.from_edges(edges))
    )
    assert (one.pos_weight, one.self_pairs, one.n_cells) == (other.pos_weight, True, 16)


def test_a_graph_that_has_every_pair_has_nothing_to_weigh() -> None:
    full = Graph.from_pairs([("a", "x"), ("a", "y")], kind="bipartite")
    with pytest.raises(InputError, match="every pair that can be an edge is one"):
        Targets.from_graph(full, "balanced")
    assert Targets.from_graph(full, "none").norm == 1.0


def test_divergence_is_divided_by_the_pairs_that_can_be_edges() -> None:
    graph = graph_of("bipartite", 0)
    model = GraphAutoEncoder(ModelSettings(latent_dim=2), n_inputs=24, seed=0)
    prepared = model.prepare(graph, None)
    targets = model.targets(graph)
    noise = CounterNoise(0, torch.device("cpu"))
    noise.begin(1)
    loss = model.loss(prepared, targets, noise=noise, engine=choose_engine("auto"))
    noise.begin(1)
    latent = model.encode(prepared, noise)
    assert loss.terms["kl"].item() == pytest.approx(
        latent.kl().sum().item() / (2 * graph.pair_space.n_pairs), rel=1e-5
    )
