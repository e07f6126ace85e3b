"""Estimates of the loss of all pairs, against the exact loss and its gradient."""

from typing import Any

import numpy as np
import pytest
import torch
from graphs import graph_of, random_graph
from torch import Tensor

from vgae.data.graph import Graph
from vgae.learning.batches import batches
from vgae.model.kernels import choose_engine
from vgae.model.likelihoods import LIKELIHOODS, Bernoulli, Likelihood, Squared
from vgae.model.network import GraphAutoEncoder
from vgae.model.noise import CounterNoise
from vgae.model.settings import ModelSettings
from vgae.model.subsets import subset_sum

ENGINE = choose_engine("auto")
CPU = torch.device("cpu")


def vectors(n_nodes: int, dim: int, *, scale: float = 1.0, shift: float = 0.0) -> Tensor:
    random = np.random.default_rng(n_nodes)
    return torch.tensor(random.normal(shift, scale, size=(n_nodes, dim)), dtype=torch.float32)


def drawn(
    left: Tensor, right: Tensor | None, n_drawn: int, *, times: int, likelihood: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """Totals and gradients of estimates, those of both ends side by side."""
    noise, totals, gradients = CounterNoise(0, CPU), [], []
    for step in range(1, times + 1):
        noise.begin(step)
        how: dict[str, Any] = {"n_drawn": n_drawn, "noise": noise, "engine": ENGINE}
        found = subset_sum(likelihood or Bernoulli(), left, right, **how)
        totals.append(found.total.item())
        gradients.append(flat(found[1:]))
    return np.array(totals), np.array(gradients, dtype=np.float64)


def flat(parts: Any) -> np.ndarray:
    return np.concatenate([part.numpy().ravel() for part in parts if part is not None])


def check_without_bias(draws: np.ndarray, exact: np.ndarray) -> None:
    """Means are as far from the exact values as their standard errors say, and no farther."""
    error = draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
    moves = error > 1e-9 * np.abs(exact).max()
    distance = np.abs(draws.mean(axis=0) - exact)
    assert (distance[~moves] <= 1e-4 * np.abs(exact).max()).all()
    standard = distance[moves] / error[moves]
    assert np.sqrt(np.mean(standard**2)) < 3.0
    assert standard.max(initial=0.0) < 3.0 + np.sqrt(2 * np.log(max(moves.sum(), 1)))


@pytest.mark.parametrize("n_drawn", [1, 3, 7])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize(("scale", "shift"), [(0.5, 0.0), (1.5, 0.0), (0.4, 1.0)])
def test_the_mean_of_estimates_is_the_sum(
    scale: float, shift: float, symmetric: bool, n_drawn: int
) -> None:
    left = vectors(12, 3, scale=scale, shift=shift)
    right = None if symmetric else vectors(9, 3, scale=scale, shift=-shift)
    exact = ENGINE.sweep(left, right)
    totals, gradients = drawn(left, right, n_drawn, times=400)
    check_without_bias(totals[:, None], np.array([exact.total.item()]))
    check_without_bias(gradients, flat(exact[1:]))


def test_as_many_nodes_as_there_are_make_it_exact() -> None:
    left, right = vectors(12, 3), vectors(9, 3)
    for other in (None, right):
        exact = ENGINE.sweep(left, other)
        how: dict[str, Any] = {"noise": CounterNoise(0, CPU), "engine": ENGINE}
        found = subset_sum(Bernoulli(), left, other, n_drawn=12, **how)
        assert found.total.item() == exact.total.item()
        # Of the larger side alone a part, of the smaller one every node.
        some, _ = drawn(left, other, 11, times=2)
        assert some[0] != some[1]


def test_a_quadratic_loss_has_no_variance() -> None:
    left, right = vectors(30, 4), vectors(20, 4)

    class Quadratic(Likelihood):
        name = "quadratic"

        def nonedge(self, scores: Tensor) -> Tensor:
            return 3.0 - 2.0 * scores + 0.5 * scores**2

        def edge(self, scores: Tensor, counts: Tensor | None) -> Tensor:  # noqa: ARG002
            return scores

        def probability(self, scores: Any) -> Any:
            return scores

    exact = Quadratic().everywhere(left, right, ENGINE)
    totals, gradients = drawn(left, right, 5, times=4, likelihood=Quadratic())
    np.testing.assert_allclose(totals, exact.total.item(), rtol=1e-5)
    np.testing.assert_allclose(gradients, np.tile(flat(exact[1:]), (4, 1)), rtol=2e-3, atol=2e-3)


def test_the_quadratic_takes_away_most_of_the_variance() -> None:
    """Next to the same pairs scaled up, without a control variate."""
    left = vectors(400, 8, scale=0.6)
    exact = ENGINE.sweep(left, None).total.item()
    totals, _ = drawn(left, None, 40, times=60)
    random = np.random.default_rng(0)
    plain = []
    for _ in range(60):
        rows, columns = (random.permutation(400)[:40] for _ in range(2))
        plain.append(ENGINE.sweep(left[rows], left[columns]).total.item() * 100.0)
    assert np.var(totals - exact) < 0.2 * np.var(np.array(plain) - exact)


@pytest.mark.parametrize("largest", [0.0, 1.0, 1e4])
def test_extreme_scores_stay_finite(largest: float) -> None:
    left = vectors(50, 2)
    left = left * (largest / float((left @ left.T).abs().max())) ** 0.5
    totals, gradients = drawn(left, None, 10, times=20)
    assert np.isfinite(totals).all()
    assert np.isfinite(gradients).all()
    if largest == 0.0:
        np.testing.assert_allclose(totals, 2500 * np.log(2.0), rtol=1e-6)


@pytest.mark.parametrize("n_nodes", [0, 1])
def test_of_no_or_one_node_the_sum_is_exact(n_nodes: int) -> None:
    totals, _ = drawn(vectors(n_nodes, 2), None, 1, times=1)
    assert totals[0] == ENGINE.sweep(vectors(n_nodes, 2), None).total.item()


# ------------------------------------------------------------ the whole objective

GRAPHS = {
    **{f"random {seed}": random_graph(10 + seed, 0.3, seed=seed) for seed in range(14)},
    **{
        f"{kind} {seed}": graph_of(kind, seed, n_nodes=12, n_rows=25)
        for kind in ("bipartite", "typed")
        for seed in (1, 2, 3)
    },
}
"""Twenty graphs."""


def losses(
    graph: Graph, likelihood: str, *, times: int, class_weight: str = "none", sampling: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """The exact loss and its gradient, and those of sampled steps, as rows of one table each.

    Offsets and embedding are those of one fixed model without randomness of its own.
    """
    given: dict[str, Any] = {"likelihood": likelihood, "latent": "point", "latent_dim": 3}
    given |= {"encoder": "linear", "offset": "node", "class_weight": class_weight}
    given |= {"batch_nodes": 4, "batch_edges": max(1, graph.n_edges // 3)}
    if likelihood in ("bernoulli-poisson", "poisson"):
        given["rate_link"] = "exp"
    tables = []
    for objective in ("exact", "sampled"):
        how = {"sampling": sampling} if objective == "sampled" else {}
        settings = ModelSettings.parse(given | {"objective": objective} | how)
        network = GraphAutoEncoder(
            settings, n_inputs=graph.n_nodes, n_nodes=graph.n_nodes, density=0.3, seed=1
        )
        prepared = network.prepare(graph, None)
        batch_of = batches(network, graph, prepared, seed=0)
        noise, rows = CounterNoise(0, CPU), []
        for step in range(1, (times if objective == "sampled" else 1) + 1):
            noise.begin(step)
            network.zero_grad()
            batch = batch_of(step)
            loss = network.loss(batch.prepared, batch.targets, noise=noise, engine=ENGINE)
            loss.total.backward()  # type: ignore[no-untyped-call]
            gradient = flat(weight.grad for weight in network.parameters())
            rows.append(np.concatenate([[loss.total.item()], gradient]))
        tables.append(np.array(rows, dtype=np.float64))
    return tables[0], tables[1]


@pytest.mark.parametrize("likelihood", sorted(LIKELIHOODS))
@pytest.mark.parametrize("name", ["random 5", "bipartite 1", "typed 2"])
def test_sampled_losses_and_gradients_have_no_bias(name: str, likelihood: str) -> None:
    exact, sampled = losses(GRAPHS[name], likelihood, times=200)
    assert sampled.std(axis=0).max() > 0.0
    check_without_bias(sampled, exact[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("class_weight", "sampling"), [("balanced", "nodes"), ("none", "nodes"), ("none", "pairs")]
)
@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_ten_thousand_draws_have_no_bias(name: str, class_weight: str, sampling: str) -> None:
    how: dict[str, Any] = {"class_weight": class_weight, "sampling": sampling}
    exact, sampled = losses(GRAPHS[name], "bernoulli", times=10_000, **how)
    check_without_bias(sampled, exact[0])


def test_a_closed_sum_is_kept_exact() -> None:
    """With a batch of all edges, no step of a likelihood with a closed form is random."""
    graph = random_graph(12, 0.3, seed=0)
    for likelihood in ("squared", "bernoulli-poisson"):
        exact, sampled = losses(graph, likelihood, times=40)
        given: dict[str, Any] = {"likelihood": likelihood, "objective": "sampled"}
        network = GraphAutoEncoder(
            ModelSettings.parse(given | {"batch_nodes": 2}), n_inputs=12, seed=0
        )
        whole = batches(network, graph, network.prepare(graph, None), seed=0)
        assert whole(1) is whole(2)
        assert len(exact) == 1
        assert len(np.unique(sampled[:, 0])) > 1
    assert Squared.closed == "square"
