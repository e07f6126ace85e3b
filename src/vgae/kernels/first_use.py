"""All loops that training and answering take, compiled at once."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse

from vgae.kernels.edges import PairPattern, positive_terms
from vgae.kernels.numba_engine import NumbaEngine
from vgae.kernels.ranking import count_reaching, top_pairs, top_partners
from vgae.kernels.sparse import SparseMatrix

__all__ = ["LOOPS", "compile_all"]

LOOPS = tuple(
    f"vgae.kernels.{room}" for room in ("edges", "numba_engine", "ranking", "sparse", "threads")
)
"""Modules whose loops `compile_all` compiles."""


def compile_all() -> None:
    """Call every loop once, on a graph of two nodes, with the types that a fit calls it with."""
    known = sparse.csr_array(np.ones((2, 2), np.float32) - np.eye(2, dtype=np.float32))
    for part in (known.indptr, known.indices, known.data):
        part.flags.writeable = False  # as a graph's are, which is another type to the compiler
    factor = torch.ones(2, 1)
    NumbaEngine().sweep(factor, None)
    starts, columns = (torch.from_numpy(part.copy()) for part in (known.indptr, known.indices))
    positive_terms(factor, PairPattern(starts, columns), 1.0)
    _ = SparseMatrix.from_scipy(known) @ factor
    top_pairs(factor, 1, known=known)
    top_partners(factor, np.zeros(1, np.int64), 1, known=known)
    count_reaching(factor, np.zeros(1, np.float32), known=known)
