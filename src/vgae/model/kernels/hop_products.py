"""Inner products of pairs of rows, part by part: what the decoders of hops sum."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from vgae.model.kernels.atomics import items
from vgae.model.kernels.compiled import compiled, rehearsal
from vgae.model.kernels.threads import run_items

__all__ = ["hop_products"]

EMITTED = "15ef875cb2a2"
"""State of the emitted instructions: numba looks for changes in this file alone."""

PAIRS_OF_AN_ITEM = 64
WORK_OF_A_PRODUCT = 0.3
"""Nanoseconds per product of two coordinates, on one thread."""


def hop_products(left: Tensor, right: Tensor, pairs: Tensor, n_hops: int, width: int) -> Tensor:
    """Inner products of the parts of two rows, without a gradient.

    Parameters
    ----------
    left, right
        Rows of the first and second nodes, shape (n_nodes, dim), float32; the first n_hops * width
        columns are the parts.
    pairs
        Rows, int64, shape (n_pairs, 2).
    n_hops, width
        Number and width of the parts.

    Returns
    -------
    Shape (n_pairs, n_hops), float32.

    Examples
    --------
    >>> vectors = torch.tensor([[1.0, 2.0, 9.0], [3.0, 4.0, 9.0]])
    >>> hop_products(vectors, vectors, torch.tensor([[0, 1]]), 2, 1).tolist()
    [[3.0, 8.0]]
    """
    if left.device.type != "cpu" or left.dtype != torch.float32:
        first, second = (
            side[:, : n_hops * width].reshape(len(side), n_hops, width) for side in (left, right)
        )
        products: Tensor = torch.linalg.vecdot(first[pairs[:, 0]], second[pairs[:, 1]])
        return products
    found = np.empty((len(pairs), n_hops), np.float32)
    if len(pairs) and not 0 <= int(pairs.min()) <= int(pairs.max()) < len(left):
        raise IndexError(f"pairs: not all of them are below {len(left)}")
    run_items(
        _multiply_parts,
        -(-len(pairs) // PAIRS_OF_AN_ITEM),
        *(side.detach().contiguous().numpy() for side in (left, right)),
        *(pairs.contiguous().numpy(), width, found),
        work=len(pairs) * n_hops * width * WORK_OF_A_PRODUCT,
    )
    return torch.from_numpy(found)


@compiled(fastmath={"reassoc", "contract"})
def _multiply_parts(
    turn: Any, size: Any, first: Any, second: Any, pairs: Any, width: Any, found: Any
) -> None:
    """Products of the parts, one pair after the other."""
    n_items = (len(pairs) + PAIRS_OF_AN_ITEM - 1) // PAIRS_OF_AN_ITEM
    for item in items(turn, size, n_items):
        for pair in range(item * PAIRS_OF_AN_ITEM, min((item + 1) * PAIRS_OF_AN_ITEM, len(pairs))):
            left, right = first[pairs[pair, 0]], second[pairs[pair, 1]]
            for hop in range(found.shape[1]):
                total = np.float32(0.0)
                for place in range(hop * width, (hop + 1) * width):
                    total += left[place] * right[place]
                found[pair, hop] = total


@rehearsal
def _rehearse() -> None:
    hop_products(torch.ones(2, 2), torch.ones(2, 2), torch.tensor([[0, 1]]), 2, 1)
