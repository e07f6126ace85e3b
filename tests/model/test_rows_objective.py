"""Parts of the loss: they add up to the whole, and so do their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from together import in_threads
from torch import Tensor

from vgae.data.graph import Graph
from vgae.ground.errors import InputError
from vgae.ground.launch import Launch
from vgae.model.kernels import choose_engine
from vgae.model.likelihoods import LIKELIHOODS, BernoulliPoisson
from vgae.model.objective import Targets, reconstruction
from vgae.model.ranks import Ranks, Rows
from vgae.model.rows_objective import reconstruction_of_rows, share_of_all_pairs

ENGINE = choose_engine("reference")


def graphs() -> dict[str, Graph]:
    random = np.random.default_rng(0)
    pairs = np.unique(random.integers(11, size=(30, 2)), axis=0)
    pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    weights = random.integers(1, 5, size=len(pairs)).astype(np.float32)
    plain = Graph.from_edges(pairs, n_nodes=11, weights=weights)
    across = pairs[(pairs[:, 0] < 5) & (pairs[:, 1] >= 5)]
    types = np.array(["user"] * 5 + ["item"] * 6)
    return {
        "plain": plain,
        "bipartite": Graph.from_edges(across, n_nodes=11).with_types(types),
        "confidence": plain.with_weight_means("confidence"),
    }


GRAPHS = graphs()


def drawn(seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.2 + torch.rand(11, 3, dtype=torch.float64, generator=generator)


def loss_of(
    name: str,
    graph: Graph,
    factors: list[Tensor],
    rows: Rows | None,
    expects: bool,
    self_pairs: bool,
) -> Tensor:
    likelihood = LIKELIHOODS[name]()
    targets = Targets.from_graph(
        graph,
        "balanced",
        self_pairs=self_pairs,
        counts=likelihood.counts,
        values=likelihood.values,
        confidence=2.0 if graph.weight_means == "confidence" else None,
        rows=rows,
    )
    expected = (factors[-1], None) if expects else None
    right = factors[1] if len(factors) > 1 + expects else None
    given: dict[str, Any] = {"engine": ENGINE, "expected": expected}
    summed = reconstruction if rows is None else reconstruction_of_rows
    return summed(likelihood, (factors[0], right), targets, **given)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("graph", sorted(GRAPHS))
@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_parts_add_up_to_the_loss_and_its_gradient(name: str, graph: str, size: int) -> None:
    """In float64, with symmetric factors, with scores that two matrices make, and with rates."""
    rates = LIKELIHOODS[name]().rates
    left, other = drawn(0), drawn(1)
    # Scores of two matrices are the same in both directions, as every decoder's are.
    two = [torch.cat([left, other], 1), torch.cat([other, left], 1)]
    plain = name == "bernoulli" and graph == "plain"
    cases = [([left], False, plain), (two, False, False)]
    cases += [([left, other], True, False)] if rates else []
    for factors, expects, self_pairs in cases:
        whole = [part.clone().requires_grad_() for part in factors]
        total = loss_of(name, GRAPHS[graph], whole, None, expects, self_pairs)
        total.backward()  # type: ignore[no-untyped-call]

        def work(
            ranks: Ranks,
            factors: list[Tensor] = factors,
            expects: bool = expects,
            self_pairs: bool = self_pairs,
        ) -> tuple[float, list[Tensor]]:
            rows = Rows.balanced(ranks, GRAPHS[graph].adjacency.indptr)
            own = [part[rows.own].clone().requires_grad_() for part in factors]
            part = loss_of(name, GRAPHS[graph], own, rows, expects, self_pairs)
            part.backward()  # type: ignore[no-untyped-call]
            return part.item(), [torch.zeros(0) if one.grad is None else one.grad for one in own]

        found = in_threads(size, work)
        assert sum(part for part, _ in found) == pytest.approx(total.item(), rel=1e-12)
        for place, one in enumerate(whole):
            assert one.grad is not None
            gradients = torch.cat([grads[place] for _, grads in found])
            torch.testing.assert_close(gradients, one.grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("number", [1, 2, 9])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_shares_of_all_pairs_add_up_even_where_some_are_empty(size: int, number: int) -> None:
    generator = torch.Generator().manual_seed(0)
    left, right = torch.randn(2, number, 2, dtype=torch.float64, generator=generator)
    likelihood = LIKELIHOODS["bernoulli"]()
    for other in (None, right):
        whole = likelihood.everywhere(left, other, ENGINE)
        shares = [
            share_of_all_pairs(likelihood, left, other, Rows(ranks, (0,)), ENGINE)
            for ranks in (Ranks(Launch(rank, size, rank, size)) for rank in range(size))
        ]
        assert sum(share.total.item() for share in shares) == pytest.approx(whole.total.item())
        torch.testing.assert_close(sum(share.grad_left for share in shares), whole.grad_left)
        if whole.grad_right is not None:
            found = [share.grad_right for share in shares if share.grad_right is not None]
            torch.testing.assert_close(torch.stack(found).sum(dim=0), whole.grad_right)


def test_an_impossible_edge_is_refused_by_every_rank() -> None:
    graph = Graph.from_edges([(0, 1), (2, 3)])

    def work(ranks: Ranks) -> str:
        rows = Rows.balanced(ranks, graph.adjacency.indptr)
        factors = torch.tensor([[0.0], [1.0], [1.0], [1.0]])[rows.own]
        targets = Targets.from_graph(graph, "none", self_pairs=False, rows=rows)
        with pytest.raises(InputError) as caught:
            reconstruction_of_rows(BernoulliPoisson(), (factors, None), targets, engine=ENGINE)
        return str(caught.value)

    assert all("rate of an edge is zero" in line for line in in_threads(2, work))


def test_targets_of_all_nodes_have_no_parts() -> None:
    targets = Targets.from_graph(Graph.from_edges([(0, 1)]), "none", self_pairs=False)
    with pytest.raises(ValueError, match="those of all nodes"):
        reconstruction_of_rows(BernoulliPoisson(), (torch.ones(2, 1), None), targets, engine=ENGINE)
