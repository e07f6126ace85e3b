"""Tensors become arrays, whatever their layout, or are refused in one line."""

import numpy as np
import pytest
import torch

from vgae.data.interop.tensors import array, is_sparse, matrix, pair_rows
from vgae.ground.errors import InputError


def test_dense_tensors_and_lists_become_arrays() -> None:
    values = torch.tensor([[1.0, 0.0], [0.0, 2.0]], requires_grad=True)
    np.testing.assert_array_equal(array(values), [[1, 0], [0, 2]])
    np.testing.assert_array_equal(matrix([[1, 0], [0, 2]]), [[1, 0], [0, 2]])
    with pytest.raises(InputError, match="a tensor of torch.bfloat16 cannot be read; convert it"):
        array(torch.ones(2, dtype=torch.bfloat16))


# Torch says so once per process, to whichever test comes first.
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta state")
def test_sparse_tensors_become_sparse_matrices() -> None:
    values = torch.tensor([[1.0, 0.0], [3.0, 2.0]])
    places = torch.tensor([[1, 1], [0, 0]])
    twice = torch.sparse_coo_tensor(places, torch.ones(2), (2, 2), check_invariants=True)
    assert is_sparse(twice)
    assert not is_sparse(values)
    assert matrix(twice).toarray().tolist() == [[0, 0], [2, 0]]
    for made in (values.to_sparse(), values.to_sparse_csr()):
        assert is_sparse(made)
        np.testing.assert_array_equal(matrix(made).toarray(), values)


def test_edge_indices_are_turned_and_checked() -> None:
    assert pair_rows(torch.tensor([[0, 1], [1, 2]]), "e").tolist() == [[0, 1], [1, 2]]
    assert pair_rows(torch.empty((2, 0)), "e").shape == (0, 2)
    for wrong, said in (
        (torch.zeros((3, 2), dtype=torch.int64), r"e: shape \(3, 2\) is not .*; transpose it"),
        (torch.zeros(4), r"e: shape \(4,\) is not \(2, n_edges\)$"),
        (torch.zeros((2, 1)), "e: float32 is no type of node indices"),
    ):
        with pytest.raises(InputError, match=said):
            pair_rows(wrong, "e")
