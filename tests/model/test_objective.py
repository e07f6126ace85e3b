"""The loss and its gradient against a dense float64 evaluation of the published formulas."""

from typing import Any

import numpy as np
import pytest
import torch
from graphs import dense, graphs, random_arcs, random_graph
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from number import examples
from numpy.typing import NDArray

from vgae.data.graph import Graph
from vgae.ground.errors import InputError
from vgae.model.decoders import score_pairs
from vgae.model.kernels import choose_engine
from vgae.model.latents import Gaussian
from vgae.model.likelihoods import LIKELIHOODS, Bernoulli
from vgae.model.network import _random_pairs as random_pairs
from vgae.model.noise import CounterNoise
from vgae.model.objective import Loss, Targets, reconstruction, sampled_reconstruction
from vgae.model.settings import ClassWeight


def dense_reconstruction(
    vectors: NDArray[Any], graph: Graph, class_weight: ClassWeight
) -> tuple[float, NDArray[np.float64]]:
    """Value and gradient of the reconstruction term, with arrays of all pairs."""
    z = vectors.astype(np.float64)
    n_pairs, edges = graph.n_nodes**2, dense(graph)
    positive = (edges > 0).sum()
    pos_weight = (n_pairs - positive) / positive if class_weight == "balanced" else 1.0
    norm = n_pairs / (2 * (n_pairs - positive)) if class_weight == "balanced" else 1.0
    target = (edges > 0) + np.eye(graph.n_nodes)
    logits = z @ z.T
    sigmoid = np.exp(-np.logaddexp(0, -logits))
    value = pos_weight * target * np.logaddexp(0, -logits)
    value += (1 - target) * np.logaddexp(0, logits)
    slope = pos_weight * target * (sigmoid - 1) + (1 - target) * sigmoid
    return norm * value.mean(), 2 * norm / n_pairs * slope @ z


@pytest.mark.parametrize("engine", ["numba", "tiles", "reference"])
@pytest.mark.parametrize("class_weight", ["balanced", "none"])
@settings(deadline=None, max_examples=examples(60))
@given(graphs(), st.sampled_from([1e-2, 1.0, 30.0, 1e3, 1e4]), st.integers(0, 2**16))
def test_loss_and_gradient_are_the_formula(
    engine: str, class_weight: ClassWeight, graph: Graph, largest: float, seed: int
) -> None:
    assume(graph.n_edges > 0)
    vectors = np.random.default_rng(seed).normal(size=(graph.n_nodes, 8))
    vectors *= np.sqrt(largest / (vectors**2).sum(axis=1).max())
    factor = torch.tensor(vectors, dtype=torch.float32, requires_grad=True)
    value, gradient = dense_reconstruction(factor.detach().numpy(), graph, class_weight)
    targets = Targets.from_graph(graph, class_weight)
    loss = reconstruction(Bernoulli(), (factor, None), targets, engine=choose_engine(engine))
    loss.backward()  # type: ignore[no-untyped-call]
    assert factor.grad is not None
    # Where all positives fit and their logits are huge, softplus(s) of the sweep and of the
    # positives cancel: what is left of them is bounded by the rounding of the logits themselves.
    rounding = 2e-7 * largest * targets.norm
    assert loss.item() == pytest.approx(value, rel=1e-5, abs=rounding)
    error = np.linalg.norm(factor.grad.numpy() - gradient)
    scale = 2e-6 * np.linalg.norm(vectors) * targets.norm / graph.n_nodes
    assert error <= max(1e-5 * np.linalg.norm(gradient), scale)


def test_relative_error_on_plain_random_graphs() -> None:
    """The bar without any allowance: 1e-5 relative, logits up to 1e4."""
    for seed in range(20):
        for largest in (1.0, 1e2, 1e4):
            graph = random_graph(150, 0.05, seed)
            vectors = np.random.default_rng(seed).normal(size=(150, 16))
            vectors *= np.sqrt(largest / (vectors**2).sum(axis=1).max())
            factor = torch.tensor(vectors, dtype=torch.float32, requires_grad=True)
            value, gradient = dense_reconstruction(factor.detach().numpy(), graph, "balanced")
            targets = Targets.from_graph(graph, "balanced")
            loss = reconstruction(
                Bernoulli(), (factor, None), targets, engine=choose_engine("auto")
            )
            loss.backward()  # type: ignore[no-untyped-call]
            assert factor.grad is not None
            assert loss.item() == pytest.approx(value, rel=1e-5)
            difference = np.linalg.norm(factor.grad.numpy() - gradient)
            assert difference <= 1e-5 * np.linalg.norm(gradient)


@pytest.mark.parametrize("class_weight", ["balanced", "none"])
def test_gradient_is_the_derivative_in_all_parameters(class_weight: ClassWeight) -> None:
    targets = Targets.from_graph(random_graph(9, 0.4, 0), class_weight)
    noise = torch.randn(9, 3, dtype=torch.float64, generator=torch.Generator())

    def total(mean: torch.Tensor, log_std: torch.Tensor) -> torch.Tensor:
        latent = Gaussian(mean, log_std)
        factors = latent.rsample(noise), None
        loss = reconstruction(Bernoulli(), factors, targets, engine=choose_engine("auto"))
        return Loss({"reconstruction": loss, "kl": latent.kl().sum() / 81}).total

    parameters = tuple(
        torch.randn(9, 3, dtype=torch.float64, generator=torch.Generator(), requires_grad=True)
        for _ in range(2)
    )
    assert torch.autograd.gradcheck(total, parameters)


def test_weights_do_not_change_the_targets() -> None:
    plain = Graph.from_edges([(0, 1), (1, 2)])
    heavy = Graph.from_edges([(0, 1), (1, 2)], weights=[5.0, 0.1])
    one, other = (Targets.from_graph(graph, "balanced") for graph in (plain, heavy))
    assert one.pos_weight == other.pos_weight == (9 - 4) / 4
    assert one.norm == 9 / (2 * (9 - 4))
    assert torch.equal(one.positive.columns, other.positive.columns)


def test_the_total_is_the_sum_of_any_terms() -> None:
    terms = {name: torch.tensor(value) for name, value in (("a", 0.5), ("b", 0.25), ("c", 2.0))}
    assert Loss(terms).total.item() == 2.75
    assert Loss({"alone": terms["a"]}).total.item() == 0.5


def test_a_graph_without_edges_has_nothing_to_learn_from() -> None:
    with pytest.raises(InputError, match="no edges"):
        Targets.from_graph(Graph.from_edges([], n_nodes=3), "balanced")


def test_two_nodes_that_are_all_there_is() -> None:
    targets = Targets.from_graph(Graph.from_edges([(0, 1)]), "balanced")
    factor = torch.tensor([[1.0], [2.0]], requires_grad=True)
    loss = reconstruction(Bernoulli(), (factor, None), targets, engine=choose_engine("auto"))
    value, _ = dense_reconstruction(factor.detach().numpy(), Graph.from_edges([(0, 1)]), "balanced")
    assert loss.item() == pytest.approx(value, rel=1e-6)


# ------------------------------------------------------------- pairs, counts, samples


@pytest.mark.parametrize("self_pairs", [True, False])
def test_positive_pairs_are_those_of_the_graph(self_pairs: bool) -> None:
    graph = random_graph(20, 0.2, 1)
    targets = Targets.from_graph(graph, "none", self_pairs=self_pairs)
    expected = dense(graph) + self_pairs * np.eye(20)
    rows = np.repeat(np.arange(20), targets.positive.row_starts.diff())
    found = np.zeros((20, 20))
    found[rows, targets.positive.columns] = 1.0
    assert np.array_equal(found, expected)
    assert np.array_equal(targets.pairs(), graph.edges)
    assert targets.pair_counts() is None


def test_counts_are_the_weights_of_both_directions() -> None:
    graph = Graph.from_edges([(0, 1), (1, 2), (0, 3)], weights=[3.0, 1.0, 12.0])
    targets = Targets.from_graph(graph, "none", self_pairs=False, counts=True)
    assert targets.counts is not None
    rows = np.repeat(np.arange(4), targets.positive.row_starts.diff())
    adjacency = np.zeros((4, 4))
    adjacency[rows, targets.positive.columns] = targets.counts
    assert np.array_equal(adjacency, dense(graph))
    counts = targets.pair_counts()
    assert counts is not None
    pairs = [tuple(pair) for pair in targets.pairs().tolist()]
    assert dict(zip(pairs, counts.tolist(), strict=True)) == {(0, 1): 3, (1, 2): 1, (0, 3): 12}
    moved = targets.to(torch.device("meta")).counts
    assert moved is not None
    assert moved.device.type == "meta"
    plain = Targets.from_graph(Graph.from_edges([(0, 1)]), "none", self_pairs=False, counts=True)
    assert plain.counts is None


@pytest.mark.parametrize("weight", [0.5, 2.5, 1e-3])
def test_a_weight_that_is_no_count_is_named(weight: float) -> None:
    graph = Graph.from_edges([(0, 1), (1, 2)], ids=["a", "b", "c"], weights=[2.0, weight])
    said = rf"the edge \('b', 'c'\) has weight {weight:g}: poisson takes counts"
    with pytest.raises(InputError, match=said) as caught:
        Targets.from_graph(graph, "balanced", self_pairs=False, counts=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", sorted(LIKELIHOODS))
@pytest.mark.parametrize("class_weight", ["balanced", "none"])
def test_the_mean_over_samples_of_pairs_is_the_loss_of_all_pairs(
    kind: str, class_weight: ClassWeight
) -> None:
    likelihood = LIKELIHOODS[kind]()
    graph = random_graph(25, 0.2, 3)
    if likelihood.counts:
        counts = np.random.default_rng(0).integers(1, 6, size=graph.n_edges)
        graph = Graph.from_edges(graph.edges, n_nodes=25, weights=counts)
    targets = Targets.from_graph(graph, class_weight, self_pairs=False, counts=likelihood.counts)
    factor = torch.tensor(np.random.default_rng(1).uniform(0.1, 1.0, size=(25, 3)))
    factor = factor if likelihood.rates else factor - 0.5
    exact = reconstruction(likelihood, (factor, None), targets, engine=choose_engine("reference"))
    noise = CounterNoise(0, torch.device("cpu"))
    draws = []
    for step in range(1, 401):
        noise.begin(step)
        draws.append(
            sampled_reconstruction(
                likelihood,
                lambda pairs: score_pairs(factor, factor, pairs),
                targets,
                random_pairs(targets, noise),
            ).item()
        )
    error = np.std(draws) / np.sqrt(len(draws))
    assert error < 0.05 * abs(exact.item())
    assert abs(np.mean(draws) - exact.item()) <= 4 * error + 1e-12  # gaussian: no noise at all


def test_random_pairs_are_any_two_different_nodes_and_equally_often() -> None:
    targets = Targets.from_graph(random_graph(7, 1.0, 0), "none", self_pairs=False)
    noise = CounterNoise(1, torch.device("cpu"))
    counts = np.zeros((7, 7))
    for step in range(1000):
        noise.begin(step)
        drawn = random_pairs(targets, noise)
        assert len(drawn) == 42  # one per direction of an edge
        np.add.at(counts, tuple(drawn.T.numpy()), 1)
    assert (np.diag(counts) == 0).all()
    open_pairs = counts[~np.eye(7, dtype=bool)]
    assert ((open_pairs - 1000) ** 2 / 1000).sum() < 90  # chi-square, 41 degrees of freedom


# ---------------------------------------------------------------------------- arcs


def dense_loss_of_arcs(
    left: NDArray[Any], right: NDArray[Any], graph: Graph, class_weight: ClassWeight, name: str
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Value and gradients over all ordered pairs of different nodes."""
    left, right, arcs = left.astype(np.float64), right.astype(np.float64), dense(graph) > 0
    n_pairs, positive = graph.n_nodes**2, arcs.sum()
    w = (n_pairs - positive) / positive if class_weight == "balanced" else 1.0
    norm = n_pairs / (2 * (n_pairs - positive)) if class_weight == "balanced" else 1.0
    s = left @ right.T
    if name == "bernoulli":
        value = np.where(arcs, w * np.logaddexp(0, -s), np.logaddexp(0, s))
        sigmoid = np.exp(-np.logaddexp(0, -s))
        slope = np.where(arcs, w * (sigmoid - 1), sigmoid)
    elif name == "squared":
        value = np.where(arcs, w * (1 - s) ** 2, s**2)
        slope = np.where(arcs, -2 * w * (1 - s), 2 * s)
    else:
        with np.errstate(all="ignore"):
            value = np.where(arcs, -w * np.log(-np.expm1(-s)), s)
            slope = np.where(arcs, -w * np.exp(-s) / -np.expm1(-s), 1.0)
    apart = ~np.eye(graph.n_nodes, dtype=bool)
    value, slope = value * apart, slope * apart
    scale = norm / n_pairs
    return scale * value.sum(), scale * slope @ right, scale * slope.T @ left


@pytest.mark.parametrize("engine", ["numba", "tiles", "reference"])
@pytest.mark.parametrize("name", ["bernoulli", "squared", "bernoulli-poisson"])
@pytest.mark.parametrize("class_weight", ["balanced", "none"])
@settings(deadline=None, max_examples=examples(15))
@given(
    st.integers(2, 150),
    st.sampled_from([0.02, 0.3, 1.0]),
    st.sampled_from([1e-2, 1.0, 30.0, 1e3]),
    st.integers(0, 2**16),
)
def test_the_loss_of_arcs_and_both_gradients_are_the_formula(
    engine: str,
    name: str,
    class_weight: ClassWeight,
    n_nodes: int,
    density: float,
    largest: float,
    seed: int,
) -> None:
    graph = random_arcs(n_nodes, density, seed)
    positive = graph.n_edges
    assume(positive > 0 and (class_weight == "none" or 2 * positive < n_nodes**2))
    random = np.random.default_rng(seed)
    sides = [random.normal(size=(n_nodes, 6)) for _ in range(2)]
    if name == "bernoulli-poisson":
        sides = [np.abs(side) + 1e-2 for side in sides]
    longest = np.sqrt([np.square(side).sum(axis=1).max() for side in sides]).prod()
    left, right = (
        torch.tensor(side * np.sqrt(largest / longest), dtype=torch.float32, requires_grad=True)
        for side in sides
    )
    value, by_left, by_right = dense_loss_of_arcs(
        left.detach().numpy(), right.detach().numpy(), graph, class_weight, name
    )
    targets = Targets.from_graph(graph, class_weight, self_pairs=False)
    likelihood = LIKELIHOODS[name]()
    loss = reconstruction(likelihood, (left, right), targets, engine=choose_engine(engine))
    loss.backward()  # type: ignore[no-untyped-call]
    size = largest**2 if name == "squared" else largest  # of a term, from which another is taken
    assert loss.item() == pytest.approx(value, rel=2e-5, abs=2e-6 * size * targets.norm)
    for side, exact in ((left, by_left), (right, by_right)):
        assert side.grad is not None
        scale = np.linalg.norm(exact) + max(1.0, size / largest) * targets.norm / n_nodes * (
            np.linalg.norm(left.detach()) + np.linalg.norm(right.detach())
        )
        assert np.linalg.norm(side.grad.numpy() - exact) <= 1e-5 * scale


def test_arcs_are_targets_in_their_direction_alone() -> None:
    graph = Graph.from_edges([(0, 1), (1, 0), (2, 1)], n_nodes=4, directed=True)
    targets = Targets.from_graph(graph, "balanced", self_pairs=False)
    assert targets.ordered
    assert targets.pairs().tolist() == [[0, 1], [1, 0], [2, 1]]
    assert (targets.pos_weight, targets.norm) == ((16 - 3) / 3, 16 / (2 * (16 - 3)))
    counted = Graph.from_edges([(1, 0), (2, 1)], weights=[3.0, 2.0], directed=True)
    counts = Targets.from_graph(counted, "none", self_pairs=False, counts=True).pair_counts()
    assert counts is not None
    assert counts.tolist() == [3.0, 2.0]


def test_counts_of_arcs_reach_both_gradients() -> None:
    """Targets of the transposed pattern are in another order."""
    graph = Graph.from_edges(
        [(0, 1), (0, 2), (2, 1), (3, 0)], weights=[1.0, 5.0, 2.0, 7.0], directed=True
    )
    targets = Targets.from_graph(graph, "none", self_pairs=False, counts=True)
    random = np.random.default_rng(0)
    left, right = (torch.tensor(random.random((4, 2)) + 0.5, requires_grad=True) for _ in range(2))

    def total(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return reconstruction(
            LIKELIHOODS["poisson"](), (left, right), targets, engine=choose_engine("tiles")
        )

    assert torch.autograd.gradcheck(total, (left, right))
    s, counts = (left @ right.T).detach().numpy(), dense(graph)
    terms = np.where(counts > 0, s - counts * np.log(s), s) * ~np.eye(4, dtype=bool)
    assert total(left, right).item() == pytest.approx(terms.sum() / 16)


def test_sampled_pairs_estimate_the_loss_of_arcs_without_bias() -> None:
    graph = random_arcs(12, 0.2, seed=1)
    targets = Targets.from_graph(graph, "balanced", self_pairs=False)
    random = np.random.default_rng(0)
    left, right = (torch.tensor(random.normal(size=(12, 3))) for _ in range(2))
    every = torch.tensor(np.argwhere(~np.eye(12, dtype=bool)))

    def scores(pairs: torch.Tensor) -> torch.Tensor:
        return (left[pairs[:, 0]] * right[pairs[:, 1]]).sum(dim=1)

    exact = reconstruction(Bernoulli(), (left, right), targets, engine=choose_engine("reference"))
    found = sampled_reconstruction(Bernoulli(), scores, targets, every)
    assert found.item() == pytest.approx(exact.item())


@pytest.mark.parametrize("class_weight", ["balanced", "none"])
@pytest.mark.parametrize("self_pairs", [True, False])
@pytest.mark.parametrize("name", ["bernoulli", "bernoulli-poisson", "squared"])
@pytest.mark.parametrize("largest", [1e-2, 1.0, 1e4])
def test_confident_edges_have_the_loss_of_the_formula(
    name: str, self_pairs: bool, class_weight: ClassWeight, largest: float
) -> None:
    random = np.random.default_rng(0)
    graph = random_graph(20, 0.2, 0)
    weights = random.integers(1, 9, size=graph.n_edges)
    graph = Graph.from_edges(graph.edges, n_nodes=20, weights=weights)
    targets = Targets.from_graph(graph, class_weight, self_pairs=self_pairs, confidence=2.5)
    likelihood = LIKELIHOODS[name]()
    vectors = random.uniform(0.1, 1.0, size=(20, 4))
    vectors *= np.sqrt(largest / np.square(vectors).sum(axis=1).max())
    leaf = torch.tensor(vectors, dtype=torch.float32, requires_grad=True)
    loss = reconstruction(likelihood, (leaf, None), targets, engine=choose_engine("auto"))
    loss.backward()  # type: ignore[no-untyped-call]
    exact = leaf.detach().double().requires_grad_()
    scores, table = exact @ exact.T, torch.tensor(dense(graph)).double()
    sure = torch.where(table > 0, 1.0 + 2.5 * table / weights.mean(), torch.ones(()).double())
    itself = torch.eye(20, dtype=torch.bool)
    positive = (table > 0) | (itself & self_pairs)
    sums = targets.pos_weight * (sure * likelihood.edge(scores, None))[positive].sum()
    sums = sums + likelihood.nonedge(scores)[~positive & ~itself].sum()
    expected = targets.norm / 400 * sums
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=2e-5)
    assert leaf.grad is not None
    assert exact.grad is not None
    assert (leaf.grad.double() - exact.grad).norm() <= 1e-4 * exact.grad.norm()


def test_a_sample_of_pairs_weighs_confident_edges_alike() -> None:
    graph = random_graph(20, 0.2, 0)
    weights = np.random.default_rng(0).integers(1, 9, size=graph.n_edges)
    graph = Graph.from_edges(graph.edges, n_nodes=20, weights=weights)
    targets = Targets.from_graph(graph, "none", self_pairs=False, confidence=2.5)
    factor = torch.tensor(np.random.default_rng(1).normal(size=(20, 3)))
    exact = reconstruction(
        LIKELIHOODS["bernoulli"](), (factor, None), targets, engine=choose_engine("reference")
    )
    every = torch.combinations(torch.arange(20))
    sampled = sampled_reconstruction(
        LIKELIHOODS["bernoulli"](),
        lambda pairs: score_pairs(factor, factor, pairs),
        targets,
        every,
    )
    assert sampled.item() == pytest.approx(exact.item(), rel=1e-9)


@pytest.mark.parametrize("ordered", [False, True])
def test_the_mean_over_parts_of_the_edges_is_that_of_all_edges(ordered: bool) -> None:
    graph = random_arcs(20, 0.2, 0) if ordered else random_graph(20, 0.2, 0)
    targets = Targets.from_graph(graph, "balanced", self_pairs=False)
    vectors = torch.tensor(np.random.default_rng(1).normal(size=(20, 3)))
    drawn = torch.tensor([[0, 1], [2, 3]])

    def loss(targets: Targets) -> float:
        def scores(pairs: torch.Tensor) -> torch.Tensor:
            return score_pairs(vectors, vectors, pairs)

        return sampled_reconstruction(Bernoulli(), scores, targets, drawn).item()

    ends = np.linspace(0, len(targets.positive.columns), 6).astype(np.int64)
    spans = np.stack([ends[:-1], ends[1:]], axis=1)
    parts = [loss(targets.part(span[None], share=1 / 5)) for span in spans]
    assert np.std(parts) > 0.0
    assert np.mean(parts) == pytest.approx(loss(targets), rel=1e-9)


def test_values_have_mean_0_and_variance_1() -> None:
    graph = Graph.from_edges([(0, 1), (1, 2), (2, 3)], weights=[1.0, 2.0, 6.0])
    targets = Targets.from_graph(graph, "none", self_pairs=False, values=True)
    counts = targets.pair_counts()
    assert counts is not None
    assert counts.mean().item() == pytest.approx(0.0, abs=1e-6)
    assert counts.std(correction=0).item() == pytest.approx(1.0)
    same = Graph.from_edges([(0, 1), (1, 2)], weights=[2.0, 2.0])
    alike = Targets.from_graph(same, "none", self_pairs=False, values=True).pair_counts()
    assert alike is not None
    assert alike.tolist() == [0.0, 0.0]
    plain = Targets.from_graph(Graph.from_edges([(0, 1)]), "none", self_pairs=False, values=True)
    assert plain.counts is None
