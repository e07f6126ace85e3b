"""Products of parts of rows against NumPy."""

import numpy as np
import pytest
import torch

from vgae.model.kernels.hop_products import hop_products


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("n_pairs", "n_hops", "width"), [(0, 2, 3), (1, 1, 1), (500, 4, 33)])
def test_products_are_those_of_numpy(
    dtype: torch.dtype, n_pairs: int, n_hops: int, width: int
) -> None:
    random = np.random.default_rng(0)
    left, right = (
        torch.tensor(random.normal(size=(20, n_hops * width + 8)), dtype=dtype) for _ in range(2)
    )
    pairs = torch.tensor(random.integers(0, 20, (n_pairs, 2)))
    first, second = (
        side[:, : n_hops * width].double().numpy().reshape(20, n_hops, width)
        for side in (left, right)
    )
    expected = (first[pairs[:, 0].numpy()] * second[pairs[:, 1].numpy()]).sum(axis=2)
    found = hop_products(left, right, pairs, n_hops, width)
    np.testing.assert_allclose(found.numpy(), expected, rtol=2e-5, atol=2e-5)


def test_a_node_that_is_not_there_is_refused() -> None:
    with pytest.raises(IndexError, match="below 2"):
        hop_products(torch.zeros(2, 9), torch.zeros(2, 9), torch.tensor([[0, 2]]), 1, 1)


def test_large_numbers_stay_what_they_are() -> None:
    vectors = torch.tensor([[1e4, -1e4], [1e4, 1e4]])
    assert hop_products(vectors, vectors, torch.tensor([[0, 1]]), 2, 1).tolist() == [[1e8, -1e8]]
