"""Likelihoods: what a score says about a pair, and the sum over all pairs that follows from it.

Each is defined by two functions of a score: the loss of a pair without an edge and that of a pair
with one. The loss of a graph is then

    sum_all nonedge(s_ij)  +  sum_edges [ pos_weight * edge(s_ij) - nonedge(s_ij) ]

The second sum has one term per edge. The first is over all pairs, and no pair is ever sampled or
dropped. For a logit it takes an engine of `vgae.model.kernels`, in quadratic time and linear
memory. For rates and squares it is a closed form, in linear time: a sum of inner products is the
inner product of two sums, and a sum of their squares is that of two small matrices.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from vgae.model.kernels import (
    Engine,
    PairPattern,
    PairSum,
    PairTerm,
    closed_sum,
    pair_scores,
    pair_terms,
)
from vgae.model.kernels.pairs import TermKind
from vgae.model.settings import RateLink

__all__ = [
    "LIKELIHOODS",
    "Bernoulli",
    "BernoulliPoisson",
    "Gaussian",
    "Likelihood",
    "Poisson",
    "Squared",
]

TILE = 1024
"""Rows and columns of the tiles in which a likelihood of your own is summed over all pairs."""


class Likelihood(ABC):
    """What the score of a pair says about its edge.

    A likelihood of your own implements `nonedge`, `edge` and `probability`. Its sum over all pairs
    is then computed tile by tile, in quadratic time and linear memory; override `everywhere` where
    you know a closed form.

    Attributes
    ----------
    rates
        Whether scores are rates, which cannot be negative. Then `link` turns embeddings into
        factors that are not negative, and offsets are positive.
    counts, values
        Whether edges have counts, or values, which are the graph's weights.

    Examples
    --------
    >>> from vgae.model.kernels import choose_engine
    >>> likelihood: Likelihood = LIKELIHOODS["bernoulli"]()
    >>> zero = torch.zeros(1)
    >>> likelihood.nonedge(zero).item() == likelihood.edge(zero, None).item()
    True
    >>> likelihood.probability(np.array([0.0])).tolist(), likelihood.link(zero).tolist()
    ([0.5], [0.0])
    >>> likelihood.factors_of(torch.ones(1, 2), None).tolist(), likelihood.closed
    ([[1.0, 1.0]], None)
    >>> likelihood.expected_edges(torch.zeros(3, 1), None, choose_engine("auto"))
    1.5
    >>> likelihood.expected_between(torch.zeros(3, 1), torch.zeros(2, 1), choose_engine("auto"))
    3.0
    >>> all_pairs = likelihood.everywhere(torch.zeros(2, 1), None, choose_engine("auto"))
    >>> round(all_pairs.total.item(), 4)  # 4 log 2
    2.7726
    >>> edge = PairPattern(torch.tensor([0, 1, 2]), torch.tensor([1, 0]))
    >>> likelihood.at_edges(torch.zeros(2, 1), None, edge, pos_weight=1.0, counts=None).total.item()
    0.0
    """

    name: ClassVar[str]
    rates: ClassVar[bool] = False
    counts: ClassVar[bool] = False
    values: ClassVar[bool] = False
    term: ClassVar[TermKind | None] = None
    """What compiled code adds for an edge, where it can; see `vgae.model.kernels.PairTerm`."""
    closed: ClassVar[Literal["rate", "square"] | None] = None
    """The closed form of the sum over all pairs, where there is one; it takes linear time."""

    @abstractmethod
    def nonedge(self, scores: Tensor) -> Tensor:
        """Loss of each pair if it has no edge, in nats, elementwise and differentiable."""

    @abstractmethod
    def edge(self, scores: Tensor, counts: Tensor | None) -> Tensor:
        """Loss of each pair if it has an edge, elementwise and differentiable.

        Parameters
        ----------
        scores
            Shape (n_pairs,).
        counts
            The edges' counts or values, same shape; None if every one is 1.
        """

    @abstractmethod
    def probability(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """Probability of an edge for each score, which must not fall as the score rises."""

    def link(self, latent: Tensor) -> Tensor:
        """Turn embeddings into what the decoder gets; by default they stay as they are."""
        return latent

    def factors_of(self, mean: Tensor, std: Tensor | None) -> Tensor:  # noqa: ARG002 - not needed by all
        """What the decoder gets for a whole distribution: by default, the link of its mean."""
        return self.link(mean)

    def everywhere(self, left: Tensor, right: Tensor | None, engine: Engine) -> PairSum:  # noqa: ARG002
        """Sum `nonedge` over all ordered pairs, self pairs included, with the gradient.

        Parameters
        ----------
        left, right
            Matrices whose inner products are the scores, shape (n_nodes, dim) each; `right` is
            None where it equals `left`.
        engine
            Computes the sum where there is no closed form.
        """
        if self.closed is not None:
            return closed_sum(self.closed, left, right)
        return _tiled_sum(self, left, right)

    @torch.no_grad()
    def expected_edges(
        self,
        left: Tensor,
        right: Tensor | None,
        engine: Engine,  # noqa: ARG002
        *,
        ordered: bool = False,
    ) -> float:
        """Sum the probabilities of all pairs i < j, in linear memory and quadratic time.

        Parameters
        ----------
        left, right, engine
            As in `everywhere`.
        ordered
            Whether to sum over all ordered pairs i != j instead, as for arcs.
        """
        rows, columns = (part.double().numpy() for part in (left, left if right is None else right))
        total = 0.0
        for top in range(0, len(rows), TILE):
            for start in range(0 if ordered else top, len(columns), TILE):
                tile = self.probability(rows[top : top + TILE] @ columns[start : start + TILE].T)
                if start == top and ordered:
                    np.fill_diagonal(tile, 0.0)
                total += float((np.triu(tile, k=1) if start == top and not ordered else tile).sum())
        return total

    @torch.no_grad()
    def expected_between(self, left: Tensor, right: Tensor, engine: Engine) -> float:  # noqa: ARG002
        """Sum the probabilities of all pairs of a row of `left` and one of `right`.

        Parameters
        ----------
        left, right
            Factors of two groups of nodes, shape (n_left, dim) and (n_right, dim).
        engine
            Computes the sum where it can.
        """
        rows, columns = left.double().numpy(), right.double().numpy()
        total = 0.0
        for top in range(0, len(rows), TILE):
            for start in range(0, len(columns), TILE):
                tile = self.probability(rows[top : top + TILE] @ columns[start : start + TILE].T)
                total += float(tile.sum())
        return total

    def at_edges(
        self,
        left: Tensor,
        right: Tensor | None,
        pattern: PairPattern,
        *,
        pos_weight: float,
        counts: Tensor | None,
        emphasis: Tensor | None = None,
        left_only: bool = False,
    ) -> PairSum:
        """Sum pos_weight * emphasis * edge - nonedge over the pairs of a pattern, with gradient.

        `emphasis` has a factor for each pair; None where all are 1. Compiled code has no place for
        it. With `left_only`, the gradient of `right` is left out.
        """
        if self.term is not None and emphasis is None:
            targets = counts if self.counts else None
            term = PairTerm(self.term, pos_weight, targets)
            return pair_terms(left, right, pattern, term, left_only=left_only)
        own = left.detach().requires_grad_()
        other = None if right is None else right.detach().requires_grad_(not left_only)
        with torch.enable_grad():
            scores = pair_scores(own, other, pattern)
            factor = pos_weight if emphasis is None else pos_weight * emphasis
            terms = factor * self.edge(scores, counts) - self.nonedge(scores)
            total = terms.sum(dtype=torch.float64)
            learned = [own] if other is None or left_only else [own, other]
            gradients = torch.autograd.grad(total, learned)
        return PairSum(total.detach(), gradients[0], gradients[1] if len(learned) == 2 else None)


def _tiled_sum(likelihood: Likelihood, left: Tensor, right: Tensor | None) -> PairSum:
    """Sum `nonedge` over all pairs with torch's gradients, one tile of scores at a time."""
    columns = left if right is None else right
    total = torch.zeros((), dtype=torch.float64, device=left.device)
    grad_left, grad_right = torch.zeros_like(left), torch.zeros_like(columns)
    for top in range(0, len(left), TILE):
        for start in range(0, len(columns), TILE):
            rows, block = slice(top, top + TILE), slice(start, start + TILE)
            upper, lower = left[rows].detach(), columns[block].detach()
            scores = (upper @ lower.T).requires_grad_()
            with torch.enable_grad():
                part = likelihood.nonedge(scores).sum(dtype=torch.float64)
            (slope,) = torch.autograd.grad(part, scores)
            total += part.detach()
            grad_left[rows] += slope @ lower
            grad_right[block] += slope.T @ upper
    found = PairSum(total, grad_left, grad_right)
    return found.of_one() if right is None else found


@final
class Bernoulli(Likelihood):
    """An edge with probability sigmoid(s) (Kipf & Welling 2016, eq. 2).

    Examples
    --------
    >>> Bernoulli().edge(torch.tensor([0.0]), None)  # log 2
    tensor([0.6931])
    """

    name: ClassVar[str] = "bernoulli"
    term: ClassVar[TermKind | None] = "logistic"

    def nonedge(self, scores: Tensor) -> Tensor:
        """See `Likelihood.nonedge`."""
        return functional.softplus(scores, threshold=40.0)

    def edge(self, scores: Tensor, counts: Tensor | None) -> Tensor:  # noqa: ARG002 - an edge is one
        """See `Likelihood.edge`."""
        return functional.softplus(-scores, threshold=40.0)

    def probability(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """See `Likelihood.probability`."""
        # A copy: torch warns of arrays that cannot be written to.
        return torch.sigmoid(torch.tensor(scores, dtype=torch.float64)).numpy()

    def everywhere(self, left: Tensor, right: Tensor | None, engine: Engine) -> PairSum:
        """See `Likelihood.everywhere`: the engine's sum of softplus."""
        return engine.sweep(left.detach(), None if right is None else right.detach())

    @torch.no_grad()
    def expected_edges(
        self, left: Tensor, right: Tensor | None, engine: Engine, *, ordered: bool = False
    ) -> float:
        """See `Likelihood.expected_edges`."""
        right = left if right is None else right
        own = torch.sigmoid((left.double() * right.double()).sum(dim=1)).sum()
        total = self.expected_between(left, right, engine) - float(own)
        return total if ordered else total / 2.0

    @torch.no_grad()
    def expected_between(self, left: Tensor, right: Tensor, engine: Engine) -> float:
        """See `Likelihood.expected_between`: the derivative by a constant of the softplus sum."""
        with_one = torch.cat([left, torch.ones_like(left[:, :1])], 1)
        found = engine.sweep(with_one, torch.cat([right, torch.zeros_like(right[:, :1])], 1))
        return float(found.both[1][:, -1].sum(dtype=torch.float64))


class _Rates(Likelihood):
    """What both likelihoods of rates share.

    Parameters
    ----------
    link
        How embeddings become factors: "relu", "square" or "exp".
    """

    rates: ClassVar[bool] = True
    closed: ClassVar[Literal["rate", "square"] | None] = "rate"

    def __init__(self, link: RateLink = "relu") -> None:
        self._link = link

    def link(self, latent: Tensor) -> Tensor:
        """Turn embeddings into factors that are not negative."""
        match self._link:
            case "relu":
                return torch.relu(latent)
            case "square":
                return latent**2
            case _:
                return torch.exp(latent)

    def factors_of(self, mean: Tensor, std: Tensor | None) -> Tensor:
        """Expected factors: exp(mean + std^2 / 2) and mean^2 + std^2 in closed form.

        Factors of different nodes are independent, so that the expected rate of a pair is the
        inner product of expected factors.
        """
        if std is None or self._link == "relu":
            return self.link(mean)
        variance = std**2
        return torch.exp(mean + 0.5 * variance) if self._link == "exp" else mean**2 + variance

    def nonedge(self, scores: Tensor) -> Tensor:
        """The rate itself: the negative logarithm of exp(-rate)."""
        return scores

    def probability(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """1 - exp(-rate), the probability of at least one event."""
        found: NDArray[np.float64] = -np.expm1(-np.asarray(scores, np.float64))
        return found


@final
class BernoulliPoisson(_Rates):
    """An edge where a Poisson count is not zero: 1 - exp(-s) (Zhou 2015, sec. 2).

    Examples
    --------
    >>> likelihood = BernoulliPoisson("exp")
    >>> likelihood.probability(np.array([0.0, np.log(2.0)])).round(4).tolist()
    [0.0, 0.5]
    >>> likelihood.link(torch.zeros(1)).tolist()
    [1.0]
    """

    name: ClassVar[str] = "bernoulli-poisson"
    term: ClassVar[TermKind | None] = "rate"

    def edge(self, scores: Tensor, counts: Tensor | None) -> Tensor:  # noqa: ARG002 - an edge is one
        """See `Likelihood.edge`."""
        return -torch.log(-torch.expm1(-scores))


@final
class Poisson(_Rates):
    """A Poisson count with rate s: the weight of an edge, and zero without one.

    The term log(count!) does not depend on the model and is left out.

    Examples
    --------
    >>> Poisson().edge(torch.tensor([2.0]), torch.tensor([3.0]))  # 2 - 3 log 2
    tensor([-0.0794])
    """

    name: ClassVar[str] = "poisson"
    term: ClassVar[TermKind | None] = "count"
    counts: ClassVar[bool] = True

    def edge(self, scores: Tensor, counts: Tensor | None) -> Tensor:
        """See `Likelihood.edge`."""
        logs = torch.log(scores)
        return scores - (logs if counts is None else counts * logs)


@final
class Squared(Likelihood):
    """The square of what the score misses of 1 or 0, as in iALS (Hu, Koren & Volinsky 2008).

    Examples
    --------
    >>> Squared().edge(torch.tensor([0.5]), None), Squared().probability(np.array([-1.0, 0.5]))
    (tensor([0.2500]), array([0. , 0.5]))
    """

    name: ClassVar[str] = "squared"
    term: ClassVar[TermKind | None] = "square"
    closed: ClassVar[Literal["rate", "square"] | None] = "square"

    def nonedge(self, scores: Tensor) -> Tensor:
        """See `Likelihood.nonedge`."""
        return scores**2

    def edge(self, scores: Tensor, counts: Tensor | None) -> Tensor:  # noqa: ARG002 - an edge is one
        """See `Likelihood.edge`."""
        return (1.0 - scores) ** 2

    def probability(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """The score itself, between 0 and 1."""
        return np.clip(np.asarray(scores, np.float64), 0.0, 1.0)


@final
class Gaussian(Likelihood):
    """The value of an edge, normal around the score with variance 1; of other pairs, nothing.

    Values come with mean 0 and variance 1. Pairs without an edge have no value and no loss, so that
    a score says what an edge would be worth, and not whether there is one.

    Examples
    --------
    >>> Gaussian().edge(torch.tensor([0.5]), torch.tensor([1.5])), Gaussian().nonedge(torch.ones(1))
    (tensor([0.5000]), tensor([0.]))
    """

    name: ClassVar[str] = "gaussian"
    values: ClassVar[bool] = True

    def nonedge(self, scores: Tensor) -> Tensor:
        """Nothing."""
        return 0.0 * scores

    def edge(self, scores: Tensor, counts: Tensor | None) -> Tensor:
        """See `Likelihood.edge`."""
        return 0.5 * ((1.0 if counts is None else counts) - scores) ** 2

    def everywhere(self, left: Tensor, right: Tensor | None, engine: Engine) -> PairSum:  # noqa: ARG002
        """See `Likelihood.everywhere`: zero."""
        zeros = None if right is None else torch.zeros_like(right)
        nothing = torch.zeros((), dtype=torch.float64, device=left.device)
        return PairSum(nothing, torch.zeros_like(left), zeros)

    def probability(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """Only an order: sigmoid(s). How much an edge is worth tells nothing of its probability."""
        return torch.sigmoid(torch.tensor(scores, dtype=torch.float64)).numpy()


LIKELIHOODS: dict[str, Any] = {
    likelihood.name: likelihood
    for likelihood in (Bernoulli, BernoulliPoisson, Poisson, Squared, Gaussian)
}
"""The likelihoods by name, as in `ModelSettings.likelihood`."""
