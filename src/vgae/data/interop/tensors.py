"""Tensors of other libraries as arrays of NumPy and SciPy; no library is imported for that."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vgae.ground.errors import InputError

__all__ = ["array", "is_sparse", "matrix", "pair_rows"]


def array(values: Any) -> NDArray[Any]:
    """NumPy array of a dense tensor on any device, or of a list.

    Raises
    ------
    InputError
        The tensor is of a type that NumPy does not have.

    Examples
    --------
    >>> array([1, 2]).tolist()
    [1, 2]
    """
    if not hasattr(values, "detach"):
        return np.asarray(values)
    try:
        read: NDArray[Any] = values.detach().cpu().numpy()
    except TypeError:
        raise InputError(f"a tensor of {values.dtype} cannot be read; convert it") from None
    return read


def pair_rows(edge_index: Any, name: str) -> NDArray[np.int64]:
    """An edge_index, shape (2, n_edges), as pairs of node indices, shape (n_edges, 2).

    Raises
    ------
    InputError
        It has another shape, or does not hold integers; the line begins with the name.

    Examples
    --------
    >>> pair_rows([[0, 1], [1, 2]], "edge_index").tolist()
    [[0, 1], [1, 2]]
    """
    ends = array(edge_index)
    if ends.ndim != 2 or ends.shape[0] != 2:
        hint = "; transpose it" if ends.ndim == 2 and ends.shape[1] == 2 else ""
        raise InputError(f"{name}: shape {tuple(ends.shape)} is not (2, n_edges){hint}")
    if ends.dtype.kind not in "iu" and ends.size:
        raise InputError(f"{name}: {ends.dtype} is no type of node indices; they are integers")
    pairs: NDArray[np.int64] = ends.T.astype(np.int64)
    return pairs


def is_sparse(tensor: Any) -> bool:
    """Whether it is a sparse tensor of torch.

    Examples
    --------
    >>> is_sparse(np.eye(2))
    False
    """
    return str(getattr(tensor, "layout", "torch.strided")) != "torch.strided"


def matrix(tensor: Any) -> Any:
    """SciPy's form of a sparse tensor, NumPy's of a dense one or of a list.

    Examples
    --------
    >>> matrix([[1.0, 2.0]]).shape
    (1, 2)
    """
    if not is_sparse(tensor):
        return array(tensor)
    entries = tensor.detach().cpu().to_sparse_coo().coalesce()
    places = tuple(entries.indices().numpy())
    return sparse.csr_array(
        sparse.coo_array((array(entries.values()), places), shape=tuple(entries.shape))
    )
