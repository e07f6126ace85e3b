"""Estimates of sums over all pairs from the pairs between two random sets of nodes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vgae.model.kernels import Engine, PairSum, closed_sum
from vgae.model.likelihoods import Likelihood
from vgae.model.noise import Noise

__all__ = ["subset_sum"]

POINTS = 32
"""Points of the quadrature that fits the quadratic: exact for polynomials of degree 63."""


def subset_sum(
    likelihood: Likelihood,
    left: Tensor,
    right: Tensor | None,
    *,
    n_drawn: int,
    noise: Noise,
    engine: Engine,
) -> PairSum:
    """Estimate the sum of `nonedge` over all ordered pairs, and its gradient, without bias.

    Two sets of nodes are drawn, uniformly and without replacement, and the sum over the pairs
    between them is scaled up, as FastGAE does with one set (Salha et al. 2021, "FastGAE"). With two
    independent sets every pair has the same chance, a node with itself too.

    A control variate takes away most of the variance: the quadratic function of the score that is
    closest to `nonedge` in least squares, were scores normal with the mean and variance that those
    of all pairs have. Its sum over all pairs has a closed form, so that only the difference is
    estimated. It beats the second-order Taylor series about the mean, which is close for small
    variances only. It introduces no bias, as no quadratic would that does not depend on the drawn
    sets.

    Parameters
    ----------
    likelihood
        What a score says about a pair without an edge.
    left, right
        Matrices whose inner products are the scores, shape (n_left, dim) and (n_right, dim);
        `right` is None where it equals `left`.
    n_drawn
        Nodes of each set. Where there are no more nodes than that, the sum is exact.
    noise
        Random numbers of this step.
    engine
        Computes the sum over the drawn pairs.

    Returns
    -------
    The estimate and its gradient, as `Likelihood.everywhere` returns the sum.

    Examples
    --------
    >>> from vgae.model.kernels import choose_engine
    >>> from vgae.model.likelihoods import Bernoulli
    >>> from vgae.model.noise import CounterNoise
    >>> noise = CounterNoise(0, torch.device("cpu"))
    >>> drawn = {"n_drawn": 3, "noise": noise, "engine": choose_engine("auto")}
    >>> zero = torch.zeros(10, 2)
    >>> round(subset_sum(Bernoulli(), zero, None, **drawn).total.item(), 3)  # 100 log 2
    69.315
    """
    columns = left if right is None else right
    if max(len(left), len(columns)) <= n_drawn:
        return likelihood.everywhere(left, right, engine)
    left, columns = left.detach(), columns.detach()
    rows, others = (_drawn(len(part), n_drawn, noise) for part in (left, columns))
    some_left, some_columns = left[rows], columns[others]
    n_pairs, n_some = len(left) * len(columns), len(rows) * len(others)
    sums = _moments(left, columns)
    quadratic = _nearest_quadratic(likelihood, *(part.total.item() / n_pairs for part in sums))
    whole = _quadratic_sum(quadratic, n_pairs, sums)
    found = likelihood.everywhere(some_left, some_columns, engine)
    close = _quadratic_sum(quadratic, n_some, _moments(some_left, some_columns))
    scale = n_pairs / n_some
    total = whole.total + scale * (found.total - close.total)
    for gradient, places, drawn, approximate in zip(
        whole.both, (rows, others), found.both, close.both, strict=True
    ):
        gradient.index_add_(0, places, scale * (drawn - approximate))
    estimate = PairSum(total, *whole.both)
    return estimate.of_one() if right is None else estimate


def _drawn(n_nodes: int, n_drawn: int, noise: Noise) -> Tensor:
    """Different nodes, every set of them equally likely, in ascending order."""
    if n_nodes <= n_drawn:
        return torch.arange(n_nodes, device=noise.device)
    # Twice 24 bits, so that there are no ties.
    coarse, fine = noise.uniform(n_nodes, 2).double().unbind(dim=1)
    return torch.topk(coarse + 2.0**-24 * fine, n_drawn, largest=False).indices.sort().values


def _moments(left: Tensor, columns: Tensor) -> tuple[PairSum, PairSum]:
    """The sums of s and of s^2."""
    return closed_sum("rate", left, columns), closed_sum("square", left, columns)


def _nearest_quadratic(
    likelihood: Likelihood, mean: float, mean_square: float
) -> tuple[float, float, float]:
    """The a, b, c for which a + b s + c s^2 is closest to `nonedge` for normal scores s."""
    variance = mean_square - mean**2
    points, weights = np.polynomial.hermite_e.hermegauss(POINTS)
    weights = weights / weights.sum()
    # Also where all scores are equal; then the quadratic is a constant.
    deviation = max(variance, 1e-12 * (1.0 + mean_square)) ** 0.5
    losses = likelihood.nonedge(torch.from_numpy(mean + deviation * points)).numpy()
    # Hermite polynomials 1, x and x^2 - 1 are orthogonal, with squared norms 1, 1 and 2.
    level, slope, bend = (
        float(weights @ (losses * basis)) for basis in (1.0, points, (points**2 - 1.0) / 2.0)
    )
    slope, bend = slope / deviation, bend / deviation**2
    return (
        level - slope * mean + bend * (mean**2 - deviation**2),
        slope - 2.0 * bend * mean,
        bend,
    )


def _quadratic_sum(
    quadratic: tuple[float, float, float], n_pairs: int, sums: tuple[PairSum, PairSum]
) -> PairSum:
    """Sum a + b s + c s^2 over pairs, from the sums of s and of s^2."""
    constant, slope, bend = quadratic
    linear, square = sums
    gradients = zip(linear.both, square.both, strict=True)
    return PairSum(
        constant * n_pairs + slope * linear.total + bend * square.total,
        *(bend * curve + slope * line for line, curve in gradients),
    )
