"""The terms of the objective for positive pairs: value and gradient in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from vgae.model.kernels.atomics import items
from vgae.model.kernels.compiled import compiled, rehearsal
from vgae.model.kernels.sparse import csr_tensor
from vgae.model.kernels.threads import run_items

__all__ = ["PairPattern", "PositiveTerms", "positive_terms"]

EMITTED = "a6773573b223"
"""State of the emitted instructions: numba looks for changes in this file alone."""

CHUNK_PAIRS = 2**16

WORK_OF_A_PAIR, WORK_OF_A_PRODUCT = 15.0, 0.8
"""Nanoseconds per pair, and per dimension of a pair."""


@dataclass(frozen=True)
class PairPattern:
    """The ordered pairs that are positive: a symmetric pattern of n_nodes x n_nodes in CSR form.

    Attributes
    ----------
    row_starts
        Where the columns of each row start, shape (n_nodes + 1,).
    columns
        The second node of each pair, ascending within a row, shape (n_pairs,), of the same type.

    Examples
    --------
    An edge between two nodes, in both directions:

    >>> pattern = PairPattern(torch.tensor([0, 1, 2]), torch.tensor([1, 0]))
    >>> pattern.to(torch.device("cpu")).columns.tolist()
    [1, 0]
    """

    row_starts: Tensor
    columns: Tensor

    def to(self, device: torch.device) -> PairPattern:
        """Copy the pattern to a device."""
        return PairPattern(self.row_starts.to(device), self.columns.to(device))


class PositiveTerms(NamedTuple):
    """A sum over positive pairs, a float64 scalar, and its gradient with respect to the factor.

    Examples
    --------
    >>> itself = PairPattern(torch.tensor([0, 1]), torch.tensor([0]))
    >>> terms = positive_terms(torch.zeros(1, 2), itself, 3.0)
    >>> isinstance(terms, PositiveTerms), terms.gradient.tolist()
    (True, [[0.0, 0.0]])
    """

    total: Tensor
    gradient: Tensor


def positive_terms(factor: Tensor, pattern: PairPattern, pos_weight: float) -> PositiveTerms:
    """Sum pos_weight * softplus(-s) - softplus(s) over positive pairs, with the gradient.

    Both ends of a pair contribute the same gradient, so that it is a sum over the neighbours of
    each node. Unlike the gradient of a gather, this is deterministic on any number of threads.
    Logits are computed in float64, so that they cancel as exactly as possible against the sum over
    all pairs.

    Parameters
    ----------
    factor
        Vectors whose inner products are the logits, shape (n_nodes, dim).
    pattern
        The positive pairs.
    pos_weight
        Weight of a positive pair relative to a negative one.

    Examples
    --------
    >>> itself = PairPattern(torch.tensor([0, 1]), torch.tensor([0]))
    >>> round(float(positive_terms(torch.zeros(1, 2), itself, 3.0).total), 4)  # 2 log 2
    1.3863
    """
    if len(factor) + 1 != len(pattern.row_starts):
        raise ValueError(f"{len(factor)} vectors, but pairs of {len(pattern.row_starts) - 1} nodes")
    fit = factor.device.type == "cpu" and factor.dtype in (torch.float32, torch.float64)
    compute = _on_processor if fit else _on_device
    return compute(factor.detach(), pattern, pos_weight)


def _on_processor(factor: Tensor, pattern: PairPattern, pos_weight: float) -> PositiveTerms:
    vectors = factor.contiguous().numpy()
    gradient, totals = np.empty_like(vectors), np.empty(len(vectors))
    run_items(
        _walk_rows,
        len(vectors),
        pattern.row_starts.numpy(),
        pattern.columns.numpy(),
        vectors,
        pos_weight,
        gradient,
        totals,
        work=len(pattern.columns) * (WORK_OF_A_PAIR + vectors.shape[1] * WORK_OF_A_PRODUCT),
    )
    total = torch.tensor(totals.sum(), dtype=torch.float64)
    return PositiveTerms(total, torch.from_numpy(gradient))


# Reassociation lets the inner products be taken several terms at a time.
@compiled(fastmath={"reassoc", "contract"})
def _walk_rows(
    turn: Any,
    size: Any,
    row_starts: Any,
    columns: Any,
    vectors: Any,
    pos_weight: Any,
    gradient: Any,
    totals: Any,
) -> None:
    """Compute the total and the gradient of each row.

    pos_weight * softplus(-s) - softplus(s) is pos_weight * max(-s, 0) - max(s, 0), and
    (pos_weight - 1) log(1 + e) with e = exp(-|s|); a row takes the logarithms of products.
    """
    n_nodes, dim = vectors.shape
    slopes = np.empty(dim)
    for row in items(turn, size, n_nodes):
        own = vectors[row]
        for d in range(dim):
            slopes[d] = 0.0
        linear = logarithms = product = 0.0  # product: prod (1 + e) - 1, of at most 512 factors
        for place in range(row_starts[row], row_starts[row + 1]):
            other = vectors[columns[place]]
            logit = 0.0
            for d in range(dim):
                logit += np.float64(own[d]) * np.float64(other[d])
            e = math.exp(-abs(logit))
            product = product * (1.0 + e) + e
            if (place - row_starts[row]) % 512 == 511:
                logarithms += math.log1p(product)
                product = 0.0
            smaller = e / (1.0 + e)
            if logit > 0.0:
                linear -= logit
                slope = -pos_weight * smaller - (1.0 - smaller)
            else:
                linear -= pos_weight * logit
                slope = -pos_weight * (1.0 - smaller) - smaller
            for d in range(dim):
                slopes[d] += slope * other[d]
        for d in range(dim):
            gradient[row, d] = 2.0 * slopes[d]
        totals[row] = linear + (pos_weight - 1.0) * (logarithms + math.log1p(product))


@rehearsal
def _rehearse() -> None:
    starts, columns = torch.arange(2, dtype=torch.int32), torch.zeros(1, dtype=torch.int32)
    positive_terms(torch.ones(1, 1), PairPattern(starts, columns), 1.0)


def _on_device(factor: Tensor, pattern: PairPattern, pos_weight: float) -> PositiveTerms:
    """Compute the same with torch's operations, in chunks of pairs, on any device."""
    n_nodes = len(factor)
    counts = pattern.row_starts.diff()
    rows = torch.repeat_interleave(torch.arange(n_nodes, device=factor.device), counts)
    total = torch.zeros((), dtype=torch.float64, device=factor.device)
    slopes = torch.empty(len(rows), dtype=factor.dtype, device=factor.device)
    for start in range(0, len(rows), CHUNK_PAIRS):
        chunk = slice(start, start + CHUNK_PAIRS)
        left, right = factor[rows[chunk]], factor[pattern.columns[chunk]]
        logits = (left.double() * right.double()).sum(dim=1)
        negative = functional.softplus(-logits, threshold=40.0)
        total += (pos_weight * negative - functional.softplus(logits, threshold=40.0)).sum()
        slopes[chunk] = -pos_weight * torch.sigmoid(-logits) - torch.sigmoid(logits)
    shape = (n_nodes, n_nodes)
    coefficients = csr_tensor(pattern.row_starts, pattern.columns, slopes, shape)
    return PositiveTerms(total, 2.0 * (coefficients @ factor))
