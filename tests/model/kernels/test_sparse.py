import numpy as np
import pytest
import torch
from graphs import random_graph
from hypothesis import given, settings
from hypothesis import strategies as st
from number import examples
from scipy import sparse

from vgae.model.kernels import SparseMatrix, pairs_of_product, rows_of_product


@settings(deadline=None, max_examples=examples(60))
@given(
    st.integers(0, 40),
    st.integers(1, 40),
    st.sampled_from([1, 7, 8, 16, 31, 32, 40, 75]),
    st.sampled_from([0.0, 0.1, 1.0]),
    st.integers(0, 99),
)
def test_products_are_those_of_the_dense_matrix(
    n_rows: int, n_columns: int, width: int, density: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(n_rows, n_columns)) * (
        random.random((n_rows, n_columns)) < density
    )
    left = SparseMatrix.from_scipy(sparse.csr_array(matrix.astype(np.float32)))
    right = torch.tensor(
        random.normal(size=(n_columns, width)), dtype=torch.float32, requires_grad=True
    )
    product = left @ right
    expected = matrix.astype(np.float32).astype(np.float64) @ right.detach().numpy()
    np.testing.assert_allclose(product.detach(), expected, rtol=1e-5, atol=1e-5)
    weight = torch.tensor(random.normal(size=(n_rows, width)), dtype=torch.float32)
    (product * weight).sum().backward()  # type: ignore[no-untyped-call]
    assert right.grad is not None
    np.testing.assert_allclose(right.grad, matrix.T @ weight.numpy(), rtol=1e-4, atol=1e-4)


def test_float64_products_have_the_derivative_as_gradient() -> None:
    matrix = sparse.random_array((7, 5), density=0.4, dtype=np.float64, rng=0).tocsr()
    ours = SparseMatrix.from_scipy(matrix)
    right = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator(), requires_grad=True)
    np.testing.assert_allclose((ours @ right).detach(), matrix @ right.detach().numpy())
    assert torch.autograd.gradcheck(lambda x: ours @ x, (right,))


def test_symmetric_matrices_are_stored_once() -> None:
    graph = random_graph(10, 0.4, 0)
    stored = SparseMatrix.from_scipy(graph.normalized_adjacency())
    assert stored.transposed is stored.forward
    moved = stored.to(torch.device("cpu"))
    assert moved.transposed is moved.forward


@pytest.mark.parametrize("order", ["C", "F"])
def test_any_memory_layout_is_taken(order: str) -> None:
    matrix = SparseMatrix.from_scipy(sparse.csr_array(np.eye(3, dtype=np.float32)))
    dense = torch.arange(6.0).reshape(3, 2) if order == "C" else torch.arange(6.0).reshape(2, 3).T
    assert torch.equal(matrix @ dense, dense)


def test_shapes_must_go_together() -> None:
    matrix = SparseMatrix.from_scipy(sparse.csr_array(np.eye(3, dtype=np.float32)))
    for wrong in (torch.zeros(4, 2), torch.zeros(2, 2), torch.zeros(3)):
        with pytest.raises(ValueError, match="3 columns cannot multiply shape"):
            matrix @ wrong


@pytest.mark.parametrize("change", ["none", "value", "missing", "unsorted"])
def test_a_symmetric_matrix_is_stored_once(change: str) -> None:
    random = np.random.default_rng(0)
    dense = random.random((40, 40)).astype(np.float32) * (random.random((40, 40)) < 0.2)
    dense += dense.T
    if change == "value":
        dense[3, 5] += 1.0
    if change == "missing":
        dense[:, 7], dense[7, 2] = 0.0, 1.0
    matrix = sparse.csr_array(dense)
    if change == "unsorted":
        matrix = matrix[:, ::-1][:, ::-1]
    made = SparseMatrix.from_scipy(matrix)
    assert change == "unsorted" or (made.transposed is made.forward) == (change == "none")
    vectors = torch.from_numpy(random.random((40, 3)).astype(np.float32))
    torch.testing.assert_close(made.T @ vectors, torch.from_numpy(dense.T @ vectors.numpy()))


@settings(deadline=None, max_examples=examples(60))
@given(
    st.integers(0, 30),
    st.integers(1, 20),
    st.integers(0, 300),
    st.sampled_from([0.0, 0.1, 1.0]),
    st.sampled_from([np.int32, np.int64]),
    st.integers(0, 99),
)
def test_rows_of_sparse_products_are_summed_as_scipy_sums_them(
    n_rows: int, n_inner: int, n_columns: int, density: float, index: type, seed: int
) -> None:
    random = np.random.default_rng(seed)
    left, right = (
        sparse.csr_array(random.normal(size=shape) * (random.random(shape) < density))
        for shape in ((n_rows, n_inner), (n_inner, n_columns))
    )
    for matrix in (left, right):
        matrix.indptr, matrix.indices = matrix.indptr.astype(index), matrix.indices.astype(index)
    rows = random.permutation(n_rows)[: n_rows // 2]
    found = rows_of_product(left, rows, right)
    assert np.array_equal(found, (left @ right).toarray()[rows].astype(np.float32))


def test_rows_of_products_on_several_threads_are_the_same() -> None:
    matrix = sparse.csr_array(sparse.random(3000, 400, 0.2, random_state=0))
    columns = sparse.csr_array(matrix.T)
    whole = rows_of_product(matrix, np.arange(3000), columns)
    assert np.array_equal(whole[7:8], rows_of_product(matrix, np.array([7]), columns))
    assert np.array_equal(whole[::100], rows_of_product(matrix, np.arange(0, 3000, 100), columns))


@settings(deadline=None, max_examples=examples(60))
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([0.0, 0.1, 1.0]),
    st.sampled_from([0, 1, 300, 1000]),
    st.integers(0, 99),
)
def test_pairs_of_sparse_products_are_those_of_the_dense_matrix(
    n_rows: int, n_columns: int, density: float, n_pairs: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    left, right = (
        sparse.csr_array(
            random.normal(size=(n_rows, n_columns)) * (random.random((n_rows, n_columns)) < density)
        )
        for _ in range(2)
    )
    pairs = random.integers(n_rows, size=(n_pairs, 2))
    expected = (left @ right.T).toarray()[pairs[:, 0], pairs[:, 1]]
    found = pairs_of_product(left, pairs, right)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
