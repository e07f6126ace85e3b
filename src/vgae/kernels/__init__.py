"""Sums and searches over all pairs of nodes, in memory linear in the nodes.

`softplus_sum` is the door of the exact objective: a differentiable sum over all pairs, computed by
one of several engines. An engine is a class with `sweep`; add it to `ENGINES` and the contract
test in tests/kernels runs over it.
"""

from vgae.kernels.engines import ENGINES, Engine, PairSum, choose_engine, softplus_sum
from vgae.kernels.ranking import top_pairs, top_partners
from vgae.kernels.sparse import SparseMatrix, csr_tensor

__all__ = [
    "ENGINES",
    "Engine",
    "PairSum",
    "SparseMatrix",
    "choose_engine",
    "csr_tensor",
    "softplus_sum",
    "top_pairs",
    "top_partners",
]
