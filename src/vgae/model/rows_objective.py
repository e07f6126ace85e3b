"""The loss of all pairs, shared out to several processes that each have some rows of the graph.

Each process computes a part of the loss, and the parts of all add up to it. The gradients that it
attaches to the factors of its own nodes are those of the whole loss.

- The edges of its own nodes. Every edge of an undirected graph is there in both directions, so that
  the gradient at a node follows from its own row, given the vectors of all.
- Its share of the sum over all pairs: every pair of nodes once, where the likelihood needs them one
  by one. A closed form needs the sums of all processes alone.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vgae.model.kernels import Engine, PairSum, closed_sum
from vgae.model.likelihoods import Gaussian, Likelihood
from vgae.model.objective import Targets, attached, check_possible
from vgae.model.ranks import Rows

__all__ = ["reconstruction_of_rows", "share_of_all_pairs"]

FactorPair = tuple[Tensor, Tensor | None]


def reconstruction_of_rows(
    likelihood: Likelihood,
    factors: FactorPair,
    targets: Targets,
    *,
    engine: Engine,
    expected: FactorPair | None = None,
) -> Tensor:
    """The part of this process in `vgae.model.objective.reconstruction`; all parts add up to it.

    Parameters
    ----------
    likelihood, engine
        As there.
    factors, expected
        As there, those of the nodes of this process.
    targets
        The positive pairs of these nodes.

    Raises
    ------
    InputError
        A rate of an edge is zero, in any process.

    Examples
    --------
    >>> import numpy as np
    >>> from vgae.data.graph import Graph
    >>> from vgae.ground.launch import Launch
    >>> from vgae.model.kernels import choose_engine
    >>> from vgae.model.likelihoods import Bernoulli
    >>> from vgae.model.ranks import Ranks
    >>> graph = Graph.from_pairs([("a", "b"), ("b", "c")])
    >>> alone = Ranks(Launch(rank=0, size=1, local_rank=0, local_size=1))
    >>> rows = Rows.balanced(alone, graph.adjacency.indptr)
    >>> targets, zero = Targets.from_graph(graph, "none", rows=rows), torch.zeros(3, 2)
    >>> engine = choose_engine("auto")
    >>> loss = reconstruction_of_rows(Bernoulli(), (zero, None), targets, engine=engine)
    >>> round(loss.item(), 4)
    0.6931
    """
    if targets.rows is None:
        raise ValueError("these targets are those of all nodes")
    rows, all_pairs = targets.rows, factors if expected is None else expected
    in_closed_form = likelihood.closed is not None and targets.typed is None
    # Of pairs without an edge, the likelihood of values says nothing.
    one_by_one = not in_closed_form and not isinstance(likelihood, Gaussian)
    everyone = _gathered(factors, rows, differentiably=one_by_one and expected is None)
    at_edges = _at_edges(likelihood, factors, everyone, targets)
    if likelihood.rates:  # so that all processes refuse it
        check_possible(likelihood, rows.ranks.summed(at_edges.total))
    total = attached(at_edges, factors)
    if in_closed_form and likelihood.closed is not None:
        found = closed_sum(likelihood.closed, *all_pairs, add_up=rows.ranks.summed)
        total = total + attached(found, all_pairs)
    elif one_by_one:

        def summed(left: Tensor, right: Tensor | None) -> Tensor:
            found = share_of_all_pairs(likelihood, left, right, rows, engine)
            return attached(found, (left, right))

        if expected is not None:
            everyone = _gathered(expected, rows, differentiably=True)
        typed = targets.typed
        total = total + (summed(*everyone) if typed is None else typed.total(everyone, summed))
    if not targets.self_pairs:
        total = total - _with_themselves(likelihood, all_pairs, targets, rows.own)
    return targets.norm / targets.n_cells * total


def _gathered(factors: FactorPair, rows: Rows, *, differentiably: bool) -> FactorPair:
    left, right = (
        None
        if part is None
        else rows.gathered(part)
        if differentiably
        else rows.ranks.gathered(part, rows.bounds)
        for part in factors
    )
    if left is None:
        raise AssertionError("there are always factors on the left")
    return left, right


def _at_edges(
    likelihood: Likelihood, factors: FactorPair, everyone: FactorPair, targets: Targets
) -> PairSum:
    """The edges of the nodes of this process, with the whole gradients of their factors."""

    def pulled(own: Tensor, others: Tensor) -> PairSum:
        return targets.at_edges(likelihood, own.detach(), others.detach(), left_only=True)

    (left, right), (every_left, every_right) = factors, everyone
    if right is None or every_right is None:
        found = pulled(left, every_left)
        return PairSum(found.total, 2.0 * found.grad_left, None)
    # The score of a pair is the same in both directions.
    found = pulled(left, every_right)
    return PairSum(found.total, found.grad_left, pulled(right, every_left).grad_left)


def _with_themselves(
    likelihood: Likelihood, factors: FactorPair, targets: Targets, block: slice
) -> Tensor:
    """The loss of the pairs of a node and itself, of the nodes of this process."""
    left, right = factors
    own = (left * (left if right is None else right)).sum(dim=1)
    if targets.typed is not None:
        nodes = targets.typed.own
        own = own[nodes[(nodes >= block.start) & (nodes < block.stop)] - block.start]
    return likelihood.nonedge(own).sum(dtype=torch.float64)


def share_of_all_pairs(
    likelihood: Likelihood, left: Tensor, right: Tensor | None, rows: Rows, engine: Engine
) -> PairSum:
    """The share of this process in the sum over all pairs, with the gradient of that share.

    Parameters
    ----------
    likelihood
        Sums the loss of pairs without an edge.
    left, right
        Factors of all nodes of the pairs; `right` is None where it equals `left`.
    rows
        The processes; the share does not depend on which nodes are whose.
    engine
        Computes the sum where there is no closed form.

    Examples
    --------
    >>> import numpy as np
    >>> from vgae.ground.launch import Launch
    >>> from vgae.model.kernels import choose_engine
    >>> from vgae.model.likelihoods import Bernoulli
    >>> from vgae.model.ranks import Ranks
    >>> def part(rank):
    ...     ranks = Ranks(Launch(rank=rank, size=2, local_rank=rank, local_size=2))
    ...     rows = Rows.balanced(ranks, np.array([0, 1, 2, 3]))
    ...     args = Bernoulli(), torch.zeros(3, 1), None, rows, choose_engine("auto")
    ...     return round(share_of_all_pairs(*args).total.item() / float(np.log(2)), 3)
    >>> [part(rank) for rank in range(2)]  # of nine pairs
    [1.0, 8.0]
    """
    left = left.detach()
    grad_left = torch.zeros_like(left)
    total = torch.zeros((), dtype=torch.float64, device=left.device)
    if right is not None:
        own, columns = rows.share(len(left)), right.detach()
        if own.start == own.stop:
            return PairSum(total, grad_left, torch.zeros_like(columns))
        found = likelihood.everywhere(left[own], columns, engine)
        grad_left[own] = found.grad_left
        return PairSum(found.total, grad_left, found.grad_right)
    for own, others in rows.parts(len(left)):
        if own.start == own.stop or (others is not None and others.start == others.stop):
            continue
        if others is None:
            found = likelihood.everywhere(left[own], None, engine)
            total, grad_left[own] = total + found.total, grad_left[own] + found.grad_left
            continue
        found = likelihood.everywhere(left[own], left[others], engine)
        total = total + 2.0 * found.total
        for nodes, gradient in zip((own, others), found.both, strict=True):
            grad_left[nodes] += 2.0 * gradient
    return PairSum(total, grad_left, None)
