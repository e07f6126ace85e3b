"""Every likelihood against a dense float64 reference, and as a likelihood of one's own."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from graphs import dense, graphs, random_graph
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from number import examples
from numpy.typing import NDArray
from torch import Tensor

import vgae.model.likelihoods
from vgae.data.graph import Graph
from vgae.ground.errors import InputError
from vgae.model.decoders import Factors, Offsets, score_pairs
from vgae.model.kernels import choose_engine
from vgae.model.likelihoods import LIKELIHOODS, Bernoulli, Likelihood
from vgae.model.objective import Targets, reconstruction, sampled_reconstruction
from vgae.model.settings import LIKELIHOODS as NAMES
from vgae.model.settings import RATES, ClassWeight, RateLink

Losses = tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]

FORMULAS: dict[str, Losses] = {
    # The loss of a score without an edge, and with one of count a: negative logarithms of
    # sigmoid(-s) and sigmoid(s); exp(-s) and 1 - exp(-s); exp(-s) and exp(-s) s^a; and squares.
    "bernoulli": (
        lambda s: torch.logaddexp(s, torch.zeros_like(s)),
        lambda s, _: torch.logaddexp(-s, torch.zeros_like(s)),
    ),
    "bernoulli-poisson": (lambda s: s, lambda s, _: -torch.log(-torch.expm1(-s))),
    "poisson": (lambda s: s, lambda s, a: s - a * torch.log(s)),
    "squared": (lambda s: s**2, lambda s, _: (1 - s) ** 2),
    "gaussian": (lambda s: 0 * s, lambda s, a: (a - s) ** 2 / 2),
}
EXTREMES = {name: [1e-12, 1e-3, 1.0, 30.0, 1e4] for name in RATES} | {
    name: [-1e4, -30.0, -1.0, 0.0, 1.0, 30.0, 1e4] for name in ("bernoulli", "squared", "gaussian")
}


def test_every_likelihood_has_a_definition() -> None:
    assert set(FORMULAS) == set(EXTREMES) == set(LIKELIHOODS) == set(NAMES)
    assert all(kind.name == name for name, kind in LIKELIHOODS.items())
    assert {name for name, kind in LIKELIHOODS.items() if kind.rates} == set(RATES)
    public = {
        kind
        for kind in (
            getattr(vgae.model.likelihoods, name) for name in vgae.model.likelihoods.__all__
        )
        if isinstance(kind, type) and issubclass(kind, Likelihood)
    }
    assert public == {Likelihood, *LIKELIHOODS.values()}


# ------------------------------------------------------------------- pair by pair


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_losses_of_a_pair_are_the_definition(name: str) -> None:
    likelihood, (nonedge, edge) = LIKELIHOODS[name](), FORMULAS[name]
    scores = torch.tensor(EXTREMES[name], dtype=torch.float64)
    counts = torch.arange(1.0, len(scores) + 1, dtype=torch.float64)
    for kind, relative in ((torch.float64, 1e-12), (torch.float32, 2e-6)):
        given, one = scores.to(kind), torch.ones(())
        for found, expected in (
            (likelihood.nonedge(given), nonedge(scores)),
            (likelihood.edge(given, None), edge(scores, one)),
        ):
            torch.testing.assert_close(found.double(), expected, rtol=relative, atol=1e-12)
    if likelihood.counts or likelihood.values:
        torch.testing.assert_close(likelihood.edge(scores, counts), edge(scores, counts))


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_gradients_of_a_pair_are_exact_and_finite(name: str) -> None:
    likelihood = LIKELIHOODS[name]()
    moderate = [score for score in EXTREMES[name] if 1e-3 <= abs(score) <= 30]
    scores = torch.tensor(moderate, dtype=torch.float64, requires_grad=True)
    counts = torch.full((len(moderate),), 3.0, dtype=torch.float64)
    assert torch.autograd.gradcheck(likelihood.nonedge, scores, atol=1e-4)
    assert torch.autograd.gradcheck(lambda s: likelihood.edge(s, counts), scores, atol=1e-4)
    extreme = torch.tensor(EXTREMES[name], requires_grad=True)
    (likelihood.nonedge(extreme) + likelihood.edge(extreme, None)).sum().backward()
    assert extreme.grad is not None
    assert torch.isfinite(extreme.grad).all()


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_a_probability_rises_with_the_score(name: str) -> None:
    likelihood = LIKELIHOODS[name]()
    scores = np.sort([*EXTREMES[name], *np.linspace(min(EXTREMES[name]), 20.0, 2001)])
    for kind in (np.float64, np.float32):
        found = likelihood.probability(scores.astype(kind))
        assert found.dtype == np.float64
        assert ((found >= 0) & (found <= 1)).all()
        assert (np.diff(found) >= 0).all()
    assert likelihood.probability(np.empty(0)).shape == (0,)


@pytest.mark.parametrize("name", LIKELIHOODS)
@pytest.mark.usefixtures("every_warning")
def test_scores_that_may_not_be_written_to_have_probabilities(name: str) -> None:
    scores = np.array(EXTREMES[name])
    expected = LIKELIHOODS[name]().probability(scores)
    scores.flags.writeable = False
    assert np.array_equal(LIKELIHOODS[name]().probability(scores), expected)


@pytest.mark.parametrize("name", ["bernoulli", "bernoulli-poisson"])
def test_probabilities_are_those_of_the_losses(name: str) -> None:
    likelihood = LIKELIHOODS[name]()
    scores = np.array([score for score in EXTREMES[name] if abs(score) <= 30])
    given = torch.from_numpy(scores)
    probabilities = likelihood.probability(scores)
    edge, nonedge = likelihood.edge(given, None).numpy(), likelihood.nonedge(given).numpy()
    np.testing.assert_allclose(probabilities, np.exp(-edge), rtol=1e-12)
    np.testing.assert_allclose(1 - probabilities, np.exp(-nonedge), rtol=0, atol=1e-12)


# ------------------------------------------------------------ links and expectations


@pytest.mark.parametrize("link", ["relu", "square", "exp"])
@pytest.mark.parametrize("name", RATES)
def test_factors_of_rates_are_not_negative(name: str, link: RateLink) -> None:
    likelihood = LIKELIHOODS[name](link)
    latent = torch.tensor([-2.0, -0.0, 0.5])
    functions = {"relu": [0.0, 0.0, 0.5], "square": [4.0, 0.0, 0.25]}
    expected = functions.get(link, np.exp([-2.0, 0.0, 0.5]).tolist())
    assert likelihood.link(latent).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("name", [name for name in LIKELIHOODS if name not in RATES])
def test_other_likelihoods_leave_embeddings_as_they_are(name: str) -> None:
    likelihood, latent = LIKELIHOODS[name](), torch.tensor([[-2.0, 0.5]])
    assert torch.equal(likelihood.link(latent), latent)
    assert torch.equal(likelihood.factors_of(latent, torch.ones(1, 2)), latent)


@pytest.mark.parametrize("link", ["square", "exp"])
@pytest.mark.parametrize("name", RATES)
def test_expected_factors_are_the_mean_over_samples(name: str, link: RateLink) -> None:
    likelihood = LIKELIHOODS[name](link)
    mean = torch.tensor([[-1.0, 0.0, 0.7]], dtype=torch.float64)
    std = torch.tensor([[0.5, 0.3, 0.1]], dtype=torch.float64)
    noise = torch.randn(200_000, 3, generator=torch.Generator().manual_seed(0)).double()
    samples = likelihood.link(mean + std * noise)
    error = samples.std(dim=0) / len(samples) ** 0.5
    found = likelihood.factors_of(mean, std)[0]
    assert ((samples.mean(dim=0) - found).abs() <= 4 * error).all()
    assert ((likelihood.link(mean)[0] - found).abs() > 10 * error).all()
    assert torch.equal(likelihood.factors_of(mean, None), likelihood.link(mean))


@pytest.mark.parametrize("name", RATES)
def test_rectified_factors_are_those_of_the_mean(name: str) -> None:
    likelihood, mean = LIKELIHOODS[name]("relu"), torch.tensor([[-1.0, 2.0]])
    assert likelihood.factors_of(mean, torch.ones(1, 2)).tolist() == [[0.0, 2.0]]


# -------------------------------------------------------------- the loss of all pairs


def by_definition(
    name: str, scores: Tensor, graph: Graph, targets: Targets
) -> tuple[Tensor, float]:
    """The loss of all ordered pairs with arrays of them, and the sum of its absolute terms."""
    nonedge, edge = FORMULAS[name]
    weights, loops = torch.tensor(dense(graph)), torch.eye(graph.n_nodes, dtype=torch.bool)
    positive = (weights > 0) | loops if targets.self_pairs else weights > 0
    counts = weights[positive] if name == "poisson" else torch.ones(())
    share = targets.norm / graph.n_nodes**2
    terms = share * targets.pos_weight * edge(scores[positive], counts)
    others = share * nonedge(scores[~positive & ~loops])
    size = terms.abs().sum() + share * nonedge(scores).abs().sum()
    return terms.sum() + others.sum(), size.item()


def weights_of(n_nodes: int, n_positive: int, class_weight: ClassWeight) -> tuple[float, float]:
    """Weight of an edge, and factor of the mean, as in the paper."""
    if class_weight == "none":
        return 1.0, 1.0
    n_others = n_nodes**2 - n_positive
    return n_others / n_positive, n_nodes**2 / (2 * n_others)


@pytest.mark.parametrize("offsets", ["none", "constant", "node"])
@pytest.mark.parametrize("class_weight", ["balanced", "none"])
@pytest.mark.parametrize("name", LIKELIHOODS)
@settings(deadline=None, max_examples=examples(15))
@given(
    graphs(), st.sampled_from([1e-8, 1e-2, 1.0, 30.0, 1e4]), st.booleans(), st.integers(0, 2**16)
)
def test_loss_and_gradients_are_those_of_all_pairs(
    name: str,
    class_weight: ClassWeight,
    offsets: Any,
    graph: Graph,
    largest: float,
    self_pairs: bool,
    seed: int,
) -> None:
    assume(graph.n_edges > 0)
    likelihood, random = LIKELIHOODS[name](), np.random.default_rng(seed)
    if likelihood.counts:  # which are those of edges, and not of nodes with themselves
        self_pairs = False
        counts = random.integers(1, 100, size=graph.n_edges)
        graph = Graph.from_edges(graph.edges, n_nodes=graph.n_nodes, weights=counts)
    targets = Targets.from_graph(
        graph, class_weight, self_pairs=self_pairs, counts=likelihood.counts
    )
    expected_weights = weights_of(graph.n_nodes, 2 * graph.n_edges, class_weight)
    assert (targets.pos_weight, targets.norm) == pytest.approx(expected_weights, rel=1e-12)

    vectors: NDArray[Any] = random.normal(size=(graph.n_nodes, 6))
    vectors = np.abs(vectors) + 0.1 if likelihood.rates else vectors
    vectors *= np.sqrt(largest / (vectors**2).sum(axis=1).max())
    leaves = [torch.tensor(vectors, dtype=torch.float32, requires_grad=True)]
    factors, exact = Factors(leaves[0]), [leaves[0].detach().double().requires_grad_()]
    scores = exact[0] @ exact[0].T
    if offsets != "none":
        added = Offsets(
            offsets, n_nodes=graph.n_nodes, initial=0.3 * largest, positive=likelihood.rates
        )
        with torch.no_grad():
            added.value.add_(torch.tensor(random.normal(size=added.value.shape)))
        leaves.append(added.value)
        exact.append(added.value.detach().double().requires_grad_())
        factors = added.added_to(factors)
        amount = exact[1].exp() if likelihood.rates else exact[1]
        ends = amount[:, None] + amount[None, :] if offsets == "node" else amount
        scores = scores + ends

    loss = reconstruction(likelihood, factors.joined(), targets, engine=choose_engine("auto"))
    loss.backward()  # type: ignore[no-untyped-call]
    expected, size = by_definition(name, scores, graph, targets)
    expected.backward()  # type: ignore[no-untyped-call]
    # Scores are known to the rounding of float32, and terms of all pairs and of edges may cancel.
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5, abs=1e-6 * size)
    steepest = steepness(name, scores.detach(), graph, targets)
    reach = [steepest @ exact[0].detach().abs()]
    if offsets != "none":
        slope = exact[1].detach().exp() if likelihood.rates else torch.ones(())
        reach.append((steepest.sum(dim=1) if offsets == "node" else steepest.sum()) * slope)
    for leaf, same, absolute in zip(leaves, exact, reach, strict=True):
        assert leaf.grad is not None
        assert same.grad is not None
        allowed = 1e-5 * same.grad.norm() + 2e-6 * absolute.norm()
        assert (leaf.grad.double() - same.grad).norm() <= allowed


def steepness(name: str, scores: Tensor, graph: Graph, targets: Targets) -> Tensor:
    """Absolute derivatives of the terms of each pair, in both directions."""
    nonedge, edge = FORMULAS[name]
    positive = torch.tensor(dense(graph) > 0)
    leaf = scores.clone().requires_grad_()
    (slopes,) = torch.autograd.grad(nonedge(leaf).sum(), leaf)
    counts = torch.tensor(dense(graph)) if name == "poisson" else torch.ones(())
    chosen = positive | torch.eye(len(scores), dtype=torch.bool) & targets.self_pairs
    terms = torch.where(chosen, edge(leaf, counts), 0.0)
    (others,) = torch.autograd.grad(terms.sum(), leaf)
    share = targets.norm / graph.n_nodes**2
    return 2.0 * share * (slopes.abs() + targets.pos_weight * others.abs())


@pytest.mark.parametrize("name", RATES)
def test_a_rate_of_zero_on_an_edge_is_one_clear_line(name: str) -> None:
    targets = Targets.from_graph(Graph.from_edges([(0, 1), (1, 2)]), "none", self_pairs=False)
    factor = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    with pytest.raises(
        InputError, match="the rate of an edge is zero.*--offset constant"
    ) as caught:
        reconstruction(LIKELIHOODS[name](), (factor, None), targets, engine=choose_engine("auto"))
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="the rate of an edge is zero"):
        sampled_reconstruction(
            LIKELIHOODS[name](),
            lambda pairs: score_pairs(factor, factor, pairs),
            targets,
            torch.tensor([[0, 2]]),
        )


# --------------------------------------------------------------- a likelihood of one's own


def own_likelihood(name: str) -> Likelihood:
    """The likelihood of this name as people would write it, with no sum over all pairs."""
    nonedge, edge = FORMULAS[name]
    builtin = LIKELIHOODS[name]()

    class Own(Likelihood):
        rates, counts = builtin.rates, builtin.counts

        def nonedge(self, scores: Tensor) -> Tensor:
            return nonedge(scores)

        def edge(self, scores: Tensor, counts: Tensor | None) -> Tensor:
            return edge(scores, torch.ones(()) if counts is None else counts)

        def probability(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
            found: NDArray[np.float64] = builtin.probability(scores)
            return found

    return Own()


@pytest.mark.parametrize("offset", [False, True])
@pytest.mark.parametrize("self_pairs", [True, False])
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_a_likelihood_of_ones_own_has_the_same_loss(
    name: str, self_pairs: bool, offset: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vgae.model.likelihoods, "TILE", 7)
    graph = random_graph(30, 0.2, 0)
    if LIKELIHOODS[name].counts:
        counts = np.arange(1, graph.n_edges + 1)
        graph = Graph.from_edges(graph.edges, n_nodes=30, weights=counts)
        self_pairs = False
    counted = LIKELIHOODS[name].counts
    targets = Targets.from_graph(graph, "balanced", self_pairs=self_pairs, counts=counted)
    found = []
    for likelihood in (LIKELIHOODS[name](), own_likelihood(name)):
        vectors = torch.rand(30, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
        factors = Factors(vectors)
        if offset:
            factors = Offsets("node", n_nodes=30, initial=0.5, positive=True).added_to(factors)
        loss = reconstruction(likelihood, factors.joined(), targets, engine=choose_engine("auto"))
        loss.backward()  # type: ignore[no-untyped-call]
        found.append((loss.detach(), vectors.grad))
    torch.testing.assert_close(found[1][0], found[0][0], rtol=1e-6, atol=0.0)
    torch.testing.assert_close(found[1][1], found[0][1], rtol=1e-4, atol=1e-7)


def test_every_pair_is_summed_once_in_tiles_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, own = choose_engine("auto"), own_likelihood("bernoulli")
    vectors = torch.randn(23, 3, generator=torch.Generator().manual_seed(0))
    for right in (None, vectors.flip(1)):
        expected = Bernoulli().everywhere(vectors, right, engine)
        for tile in (1, 5, 23, 100):
            monkeypatch.setattr(vgae.model.likelihoods, "TILE", tile)
            found = own.everywhere(vectors, right, engine)
            torch.testing.assert_close(found.total, expected.total, rtol=1e-6, atol=0.0)
            torch.testing.assert_close(found.grad_left, expected.grad_left, rtol=1e-5, atol=1e-5)
            assert (found.grad_right is None) == (right is None)
            if found.grad_right is not None:
                torch.testing.assert_close(found.grad_right, expected.grad_right)
    empty = own.everywhere(torch.empty(0, 3), None, engine)
    assert empty.total.item() == 0.0
    assert empty.grad_left.shape == (0, 3)


# ------------------------------------------------------------- expected number of edges


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_expected_edges_are_the_sum_of_all_probabilities(
    name: str, right: bool, own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vgae.model.likelihoods, "TILE", 7)
    likelihood = own_likelihood(name) if own else LIKELIHOODS[name]()
    for n_nodes in (1, 2, 30):
        vectors = torch.rand(n_nodes, 3, generator=torch.Generator().manual_seed(0))
        factors = Factors(vectors)
        if right:
            factors = Offsets("node", n_nodes=n_nodes, initial=0.2, positive=True).added_to(factors)
        left, columns = factors.joined()
        scores = left.double() @ (left if columns is None else columns).double().T
        table = likelihood.probability(scores.detach().numpy())
        found = likelihood.expected_edges(*factors.joined(), choose_engine("auto"))
        assert found == pytest.approx(np.triu(table, k=1).sum(), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_expected_arcs_are_the_sum_over_all_ordered_pairs(
    name: str, own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vgae.model.likelihoods, "TILE", 7)
    likelihood = own_likelihood(name) if own else LIKELIHOODS[name]()
    for n_nodes in (1, 2, 30):
        generator = torch.Generator().manual_seed(0)
        left, right = (torch.rand(n_nodes, 3, generator=generator) for _ in range(2))
        table = likelihood.probability((left.double() @ right.double().T).numpy())
        found = likelihood.expected_edges(left, right, choose_engine("auto"), ordered=True)
        expected = table.sum() - np.trace(table)
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-5)
