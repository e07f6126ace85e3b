"""Objectives: scores and targets -> one loss with its named terms, over all pairs of nodes.

The paper's objective is the class-weighted cross-entropy, and any likelihood has such an objective.
With s_ij the score of a pair and P the positive targets, the sum over all N^2 ordered pairs splits
into one part that needs no graph and one part over P alone:

    sum_ij nonedge(s_ij)  +  sum_P [ pos_weight * edge(s_ij) - nonedge(s_ij) ]

For the likelihood of the paper, `bernoulli`, these are

    sum_ij softplus(s_ij)  +  sum_P [ pos_weight * softplus(-s_ij) - softplus(s_ij) ]

The likelihood computes both parts exactly (see `vgae.model.likelihoods`). No pair is sampled or
dropped, unless the settings say so.

Where types of nodes rule pairs out, as in a bipartite graph, the sum is over the pairs that can be
edges, and their number takes the place of N^2. No node is then a positive pair with itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from vgae.data.graph import Graph
from vgae.data.pair_space import PairSpace
from vgae.ground.errors import InputError
from vgae.model.kernels import Engine, PairPattern, PairSum, with_gradients
from vgae.model.likelihoods import Likelihood
from vgae.model.ranks import Rows
from vgae.model.settings import ClassWeight
from vgae.model.signs import SignTargets
from vgae.model.typed_pairs import TypedPairs

__all__ = [
    "Everywhere",
    "Loss",
    "Targets",
    "attached",
    "check_possible",
    "expected_edges",
    "reconstruction",
    "sampled_reconstruction",
    "value_scale",
]


Everywhere = Callable[[Tensor, Tensor | None], PairSum]
"""From two matrices of factors to the sum over all pairs, with its gradients."""


@dataclass(frozen=True)
class Loss:
    """A loss as the sum of its named terms, each a float64 scalar.

    Examples
    --------
    >>> terms = torch.tensor([0.5, 0.25], dtype=torch.float64)
    >>> Loss({"reconstruction": terms[0], "kl": terms[1]}).total.item()
    0.75
    """

    terms: Mapping[str, Tensor]

    @property
    def total(self) -> Tensor:
        """The sum of the terms, in their order."""
        first, *others = self.terms.values()
        return sum(others, start=first)


@dataclass(frozen=True)
class Targets:
    """The pairs that the decoder should call edges, and their weight.

    Attributes
    ----------
    positive
        The positive pairs: the pattern of A, or of A + I.
    n_nodes
        Number of nodes.
    pos_weight
        Weight of a positive pair relative to a negative pair.
    norm
        Factor of the mean over all pairs.
    self_pairs
        Whether a node and itself are a positive pair, as in the published program. Otherwise such
        pairs are omitted from the loss.
    counts
        The count or the value of each positive pair, shape (n_pairs,); None if every one is 1.
    emphasis
        What the loss of each positive pair is multiplied by, shape (n_pairs,); None for 1.
    typed
        The pairs that can be edges, where types rule others out.
    ordered
        Whether the pairs are arcs. Otherwise every edge is there in both directions.
    signs
        The signs of the edges of a signed graph.
    rows
        The nodes of this process, where they are shared out to several: the pairs are those of
        these nodes with all.
    share
        The chance of each positive pair to be among these, where they are a random part: sums over
        them are divided by it.

    Examples
    --------
    >>> targets = Targets.from_graph(Graph.from_edges([(0, 1), (1, 2)]), "balanced")
    >>> targets.pos_weight, targets.norm
    (1.25, 0.9)
    >>> targets.to(torch.device("cpu")).n_nodes
    3
    >>> targets.pairs().tolist(), targets.pair_counts(), targets.pair_emphasis()
    ([[0, 1], [1, 2]], None, 1.0)
    >>> targets.n_cells, targets.typed
    (9, None)
    >>> from vgae.model.likelihoods import Squared
    >>> targets.at_edges(Squared(), torch.zeros(3, 1), None).total.item()  # 7 pairs of weight 1.25
    8.75
    """

    positive: PairPattern
    n_nodes: int
    pos_weight: float
    norm: float
    self_pairs: bool = True
    counts: Tensor | None = None
    emphasis: Tensor | None = None
    typed: TypedPairs | None = None
    ordered: bool = False
    signs: SignTargets | None = None
    rows: Rows | None = None
    share: float = 1.0

    @classmethod
    def from_graph(
        cls,
        graph: Graph,
        class_weight: ClassWeight,
        *,
        self_pairs: bool = True,
        counts: bool = False,
        values: bool = False,
        confidence: float | None = None,
        rows: Rows | None = None,
        scale: tuple[float, float] | None = None,
    ) -> Targets:
        """Make the targets of a training graph.

        Parameters
        ----------
        graph
            The training graph: held-out edges are not in it and count as negatives.
        class_weight
            "balanced", the class-weighted loss: positives are weighted by (N^2 - S) / S and the
            mean by N^2 / (2 (N^2 - S)), where S counts the edges in both directions, as in the
            published program, or the arcs of a directed graph. "none": both weights are 1, so that
            the loss is the negative evidence lower bound (Kipf & Welling 2016, eq. 3) divided by
            N^2. Where types rule pairs out, N^2 is the number of ordered pairs that can be edges.
        self_pairs
            Whether every node is also a positive pair with itself; never where types rule pairs
            out.
        counts, values
            Whether the weights of edges are counts, or values, which get mean 0 and variance 1.
            Otherwise every edge has target 1.
        confidence
            Where it is given, the loss of an edge is multiplied by 1 + confidence * its weight
            relative to the mean weight (Hu, Koren & Volinsky 2008).
        rows
            The nodes of this process, whose pairs alone are copied; None for all nodes.
        scale
            The `value_scale` that values and confidence are relative to, where the graph has only
            those edges of the training graph that a step hides; by default that of the graph.

        Raises
        ------
        InputError
            The graph has no edges, a weight is no count, or every pair is an edge and "balanced"
            has no other pairs to weigh them against.
        """
        n_positive = int(graph.adjacency.nnz)
        if n_positive == 0:
            raise InputError("the training graph has no edges to learn from")
        typed = TypedPairs.of(graph.pair_space)
        n_pairs = graph.n_nodes**2 if typed is None else typed.n_cells
        if n_pairs == n_positive and class_weight == "balanced":
            raise InputError(
                "every pair that can be an edge is one: weighted classes need pairs without an "
                "edge; use the same weight for all (--class-weight none)"
            )
        self_pairs = self_pairs and typed is None
        pattern = graph.adjacency if rows is None else graph.adjacency[rows.own]
        weights = pattern.data
        if confidence is not None:
            mean, _ = scale or value_scale(graph)
            factors = (1.0 + confidence * pattern.data / mean).astype(np.float32)
            pattern = sparse.csr_array(
                (factors, pattern.indices, pattern.indptr), shape=pattern.shape
            )
        if self_pairs:
            pattern = sparse.csr_array(
                pattern
                + sparse.eye_array(
                    *pattern.shape,
                    k=0 if rows is None else rows.own.start,
                    dtype=np.float32,
                    format="csr",
                )
            )
            pattern.sort_indices()
        told = None
        if counts:
            told = _counts(graph, weights)
        elif values:
            told = _values(graph, weights, scale)
        weighted = class_weight == "balanced"
        return cls(
            positive=PairPattern(
                torch.from_numpy(pattern.indptr.copy()),
                torch.from_numpy(pattern.indices.copy()),
                None if rows is None else graph.n_nodes,
            ),
            n_nodes=graph.n_nodes,
            pos_weight=(n_pairs - n_positive) / n_positive if weighted else 1.0,
            norm=n_pairs / (2.0 * (n_pairs - n_positive)) if weighted else 1.0,
            self_pairs=self_pairs,
            counts=told,
            emphasis=None if confidence is None else torch.from_numpy(pattern.data.copy()),
            typed=typed,
            ordered=graph.directed,
            signs=SignTargets.from_graph(graph) if graph.kind == "signed" else None,
            rows=rows,
        )

    @property
    def n_cells(self) -> int:
        """Number of ordered pairs that the loss is a mean over: N^2, or those that can be edges."""
        return self.n_nodes**2 if self.typed is None else self.typed.n_cells

    def to(self, device: torch.device) -> Targets:
        """Copy the pairs to a device."""
        counts, emphasis = (
            None if part is None else part.to(device) for part in (self.counts, self.emphasis)
        )
        typed = None if self.typed is None else self.typed.to(device)
        signs = None if self.signs is None else self.signs.to(device)
        moved = replace(self, positive=self.positive.to(device), typed=typed)
        return replace(moved, counts=counts, emphasis=emphasis, signs=signs)

    def pairs(self) -> Tensor:
        """The edges i < j, or the arcs (i, j), as node indices, shape (n_edges, 2), int64."""
        upper = self._once()
        return torch.stack([self._rows()[upper], self.positive.columns[upper].long()], dim=1)

    def pair_counts(self) -> Tensor | None:
        """The counts of `pairs`, or None."""
        return None if self.counts is None else self.counts[self._once()]

    def pair_emphasis(self) -> Tensor | float:
        """What the losses of `pairs` are multiplied by."""
        return 1.0 if self.emphasis is None else self.emphasis[self._once()]

    def part(self, spans: NDArray[np.int64], share: float) -> Targets:
        """The targets with some of the positive pairs only.

        Parameters
        ----------
        spans
            First and last place (exclusive) of consecutive positive pairs, ascending and disjoint,
            shape (n_spans, 2).
        share
            The chance of each pair to be in such a part.

        Examples
        --------
        >>> targets = Targets.from_graph(Graph.from_edges([(0, 1), (1, 2)]), "none")
        >>> targets.positive.columns.tolist()
        [0, 1, 0, 1, 2, 1, 2]
        >>> part = targets.part(np.array([[1, 3], [5, 6]]), share=3 / 7)
        >>> part.positive.row_starts.tolist(), part.positive.columns.tolist()
        ([0, 1, 2, 3], [1, 0, 1])
        """
        starts, columns = self.positive.row_starts.numpy(), self.positive.columns
        taken = np.concatenate([np.arange(first, last) for first, last in spans])
        rows = np.searchsorted(starts, taken, side="right") - 1
        row_starts = np.zeros(self.n_nodes + 1, starts.dtype)
        np.cumsum(np.bincount(rows, minlength=self.n_nodes), out=row_starts[1:])
        chosen = torch.from_numpy(taken)
        counts, emphasis = (
            None if values is None else values[chosen] for values in (self.counts, self.emphasis)
        )
        pattern = PairPattern(torch.from_numpy(row_starts), columns[chosen])
        return replace(self, positive=pattern, counts=counts, emphasis=emphasis, share=share)

    def at_edges(
        self, likelihood: Likelihood, left: Tensor, right: Tensor | None, **how: Any
    ) -> PairSum:
        """Sum what these pairs change in a sum in which each counts as one without an edge.

        Parameters
        ----------
        likelihood
            What a score says about a pair.
        left, right, **how
            As in `Likelihood.at_edges`.
        """
        # A likelihood of your own need not know of emphasis.
        emphasised = {} if self.emphasis is None else {"emphasis": self.emphasis}
        given: dict[str, Any] = emphasised | how
        return likelihood.at_edges(
            left,
            right,
            self.positive,
            pos_weight=self.pos_weight,
            counts=self.counts,
            **given,
        )

    def _rows(self) -> Tensor:
        nodes = torch.arange(self.n_nodes, device=self.positive.columns.device)
        return torch.repeat_interleave(nodes, self.positive.row_starts.diff())

    def _once(self) -> Tensor:
        """Which of the positive pairs, self pairs omitted, stand for an edge or an arc."""
        rows, columns = self._rows(), self.positive.columns
        return rows != columns if self.ordered else rows < columns


def _counts(graph: Graph, weights: NDArray[np.float32]) -> Tensor | None:
    """The weights of positive pairs; those of all edges must be whole numbers."""
    if graph.weights is None:
        return None
    wrong = np.flatnonzero((graph.weights < 1) | (graph.weights != np.round(graph.weights)))
    if wrong.size:
        a, b = (graph.ids[node] for node in graph.edges[wrong[0]])
        raise InputError(
            f"the edge ('{a}', '{b}') has weight {graph.weights[wrong[0]]:g}: poisson takes counts "
            "(1, 2, 3, ...); round the weights, drop them, or use the likelihood bernoulli-poisson"
        )
    return torch.from_numpy(weights.astype(np.float32))


def _values(
    graph: Graph, weights: NDArray[np.float32], scale: tuple[float, float] | None
) -> Tensor | None:
    """The weights of positive pairs; those of the training graph get mean 0 and variance 1."""
    if scale is None and graph.weights is None:
        return None
    mean, deviation = scale or value_scale(graph)
    return torch.from_numpy(((weights - mean) / deviation).astype(np.float32))


def value_scale(graph: Graph) -> tuple[float, float]:
    """Mean and standard deviation of the weights of edges; 1 in place of no deviation.

    Examples
    --------
    >>> value_scale(Graph.from_edges([(0, 1), (1, 2)], weights=[2, 6]))
    (4.0, 2.0)
    """
    weights = np.ones(1) if graph.weights is None else graph.weights.astype(np.float64)
    return float(weights.mean()), float(weights.std()) or 1.0


def reconstruction(
    likelihood: Likelihood,
    factors: tuple[Tensor, Tensor | None],
    targets: Targets,
    *,
    engine: Engine,
    expected: tuple[Tensor, Tensor | None] | None = None,
    estimated: Everywhere | None = None,
) -> Tensor:
    """The loss of all pairs, divided by their number: float64, differentiable once.

    It is exact, unless the sum over all pairs is estimated or the targets are a random part.

    Parameters
    ----------
    likelihood
        What a score says about a pair.
    factors
        Two matrices whose inner products are the scores of a sample; see `Factors.joined`.
    targets
        The positive pairs and the weights.
    engine
        Computes the sum over all pairs where there is no closed form.
    expected
        Factors whose inner products are the expected scores of pairs, where the loss of a pair
        without an edge is linear in the score. They replace the sample in the sum over all pairs,
        which then has no noise.
    estimated
        From factors to an estimate of the sum over all pairs, in the place of the sum.

    Raises
    ------
    InputError
        A rate of an edge is zero, so that the edge is impossible.

    Examples
    --------
    >>> from vgae.model.kernels import choose_engine
    >>> from vgae.model.likelihoods import Bernoulli
    >>> targets = Targets.from_graph(Graph.from_pairs([("a", "b"), ("b", "c")]), "none")
    >>> zero = torch.zeros(3, 2)
    >>> loss = reconstruction(Bernoulli(), (zero, None), targets, engine=choose_engine("auto"))
    >>> round(loss.item(), 4)  # log 2: zero logits give every pair probability 1/2
    0.6931
    """
    at_edges = _at_edges(likelihood, factors, targets)
    check_possible(likelihood, at_edges.total)
    all_pairs = factors if expected is None else expected

    def everywhere(left: Tensor, right: Tensor | None) -> PairSum:
        if estimated is not None:
            return estimated(left, right)
        return likelihood.everywhere(left, right, engine)

    if expected is None and targets.typed is None:
        total = attached(_added(everywhere(*factors), at_edges), factors)
    else:
        total = _everywhere(everywhere, all_pairs, targets) + attached(at_edges, factors)
    if not targets.self_pairs:
        left, right = all_pairs
        own = (left * (left if right is None else right)).sum(dim=1)
        own = own if targets.typed is None else own[targets.typed.own]
        total = total - likelihood.nonedge(own).sum(dtype=torch.float64)
    return targets.norm / targets.n_cells * total


def _at_edges(
    likelihood: Likelihood, factors: tuple[Tensor, Tensor | None], targets: Targets
) -> PairSum:
    """What the positive pairs change; scaled up where they are a random part of those."""
    left, right = factors
    if targets.share == 1.0:
        return targets.at_edges(likelihood, left, right)
    # A part is not symmetric, and so each end has a gradient of its own.
    found = targets.at_edges(likelihood, left, left if right is None else right)
    scaled = PairSum(*(part / targets.share for part in (found.total, *found.both)))
    return scaled.of_one() if right is None else scaled


def _everywhere(
    everywhere: Everywhere, factors: tuple[Tensor, Tensor | None], targets: Targets
) -> Tensor:
    """The sum over all pairs that can be edges, those of a node with itself included."""

    def summed(left: Tensor, right: Tensor | None) -> Tensor:
        return attached(everywhere(left, right), (left, right))

    return summed(*factors) if targets.typed is None else targets.typed.total(factors, summed)


def expected_edges(
    likelihood: Likelihood,
    factors: tuple[Tensor, Tensor | None],
    space: PairSpace,
    engine: Engine,
) -> float:
    """Sum the probabilities of all pairs that can be edges, each pair once.

    Parameters
    ----------
    likelihood
        What a score says about a pair.
    factors
        Two matrices whose inner products are the scores; see `Factors.joined`.
    space
        Which pairs can be edges.
    engine
        Computes the sum where it can.

    Examples
    --------
    >>> from vgae.model.kernels import choose_engine
    >>> from vgae.model.likelihoods import Bernoulli
    >>> space = PairSpace(5, False, np.array([0, 0, 1, 1, 1]), np.array([[0, 1]]))
    >>> expected_edges(Bernoulli(), (torch.zeros(5, 1), None), space, choose_engine("auto"))
    3.0
    """
    typed = TypedPairs.of(space)
    if typed is None:
        return likelihood.expected_edges(*factors, engine, ordered=space.ordered)

    def summed(left: Tensor, right: Tensor | None) -> Tensor:
        found = likelihood.expected_between(left, left if right is None else right, engine)
        return torch.tensor(found, dtype=torch.float64)

    left, right = (
        part.detach()[typed.own].double()
        for part in (factors[0], factors[0] if factors[1] is None else factors[1])
    )
    own = likelihood.probability((left * right).sum(dim=1).numpy()).sum()
    return float(typed.total(factors, summed) - own) / (1.0 if space.ordered else 2.0)


def check_possible(likelihood: Likelihood, at_edges: Tensor) -> None:
    """Refuse a loss of edges that is not finite because one of them cannot be.

    Raises
    ------
    InputError
        It is not finite, and scores are rates.

    Examples
    --------
    >>> from vgae.model.likelihoods import Bernoulli
    >>> check_possible(Bernoulli(), torch.tensor(1.0))
    """
    if likelihood.rates and not torch.isfinite(at_edges):
        raise InputError(
            "the rate of an edge is zero, which makes the edge impossible; add an offset (--offset "
            "constant), or use factors that are never zero (--rate-link exp)"
        )


def _added(everywhere: PairSum, at_edges: PairSum) -> PairSum:
    # Into the gradient at the edges: that of a closed form may be one row, seen many times.
    grad_right = None
    if everywhere.grad_right is not None and at_edges.grad_right is not None:
        grad_right = at_edges.grad_right.add_(everywhere.grad_right)
    grad_left = at_edges.grad_left.add_(everywhere.grad_left)
    return PairSum(everywhere.total + at_edges.total, grad_left, grad_right)


def attached(found: PairSum, factors: tuple[Tensor, Tensor | None]) -> Tensor:
    """A sum over pairs as a scalar that is differentiable in the factors.

    Examples
    --------
    >>> one = torch.ones(1, 1, requires_grad=True)
    >>> attached(PairSum(torch.tensor(3.0), torch.ones(1, 1), None), (one, None)).backward()
    >>> one.grad.item()
    1.0
    """
    left, right = factors
    if right is None or found.grad_right is None:
        return with_gradients(found.total, (left, found.grad_left))
    return with_gradients(found.total, (left, found.grad_left), (right, found.grad_right))


def sampled_reconstruction(
    likelihood: Likelihood,
    scores: Callable[[Tensor], Tensor],
    targets: Targets,
    drawn: Tensor,
) -> Tensor:
    """An estimate without bias of the loss of all pairs, from edges and some random pairs.

    Parameters
    ----------
    likelihood
        What a score says about a pair.
    scores
        Scores of pairs of node indices, differentiable.
    targets
        The positive pairs, or a random part of them, without self pairs; and the weights.
    drawn
        Pairs drawn uniformly from all pairs i != j that can be edges, shape (n_drawn, 2).

    Raises
    ------
    InputError
        A rate of an edge is zero, so that the edge is impossible.

    Examples
    --------
    >>> from vgae.model.likelihoods import Bernoulli
    >>> graph = Graph.from_pairs([("a", "b"), ("b", "c")])
    >>> targets = Targets.from_graph(graph, "none", self_pairs=False)
    >>> loss = sampled_reconstruction(
    ...     Bernoulli(), lambda pairs: torch.zeros(len(pairs)), targets, torch.tensor([[0, 2]])
    ... )
    >>> round(loss.item(), 4)  # 6 log 2 / 9
    0.4621
    """
    n_own = targets.n_nodes if targets.typed is None else len(targets.typed.own)
    n_pairs = targets.n_cells - n_own
    found = scores(torch.cat([drawn, targets.pairs()]))
    elsewhere, at_edges = found[: len(drawn)], found[len(drawn) :]
    everywhere = likelihood.nonedge(elsewhere).mean(dtype=torch.float64) * n_pairs
    losses = likelihood.edge(at_edges, targets.pair_counts())
    terms = targets.pos_weight * targets.pair_emphasis() * losses
    directions = 1.0 if targets.ordered else 2.0
    edges = directions * (terms - likelihood.nonedge(at_edges)).sum(dtype=torch.float64)
    check_possible(likelihood, edges)
    return targets.norm / targets.n_cells * (everywhere + edges / targets.share)
