"""What only this engine does: its blocks, and what it leaves to others."""

import math

import numpy as np
import pytest
import torch
from pair_sums import dense_sum, factors

from vgae.model.kernels import numba_engine as module
from vgae.model.kernels.engines import TileEngine
from vgae.model.kernels.numba_engine import LARGEST_BLOCK, NEVER, NumbaEngine


@pytest.mark.parametrize(("n_nodes", "dim"), [(1, 1), (16, 4), (17, 5), (400, 16), (5000, 3)])
def test_blocks_hold_a_factor_and_padding_that_counts_for_nothing(n_nodes: int, dim: int) -> None:
    factor = factors(n_nodes, dim, 5.0)
    packed = module._Packed.of(factor)
    n_blocks, block, padded = packed.rows.shape
    assert block <= LARGEST_BLOCK
    assert block % module.N_COLUMNS == padded % 4 == 0
    assert n_blocks == -(-n_nodes // block)
    assert torch.equal(packed.unpacked(packed.rows), factor)
    np.testing.assert_array_equal(packed.columns, packed.rows.swapaxes(1, 2))
    flat = packed.bias.ravel()
    assert (flat[:n_nodes] == 0).all()
    assert (flat[n_nodes:] == NEVER).all()
    assert np.abs(packed.rows.reshape(-1, padded)[n_nodes:]).sum() == 0


@pytest.mark.parametrize(("n_left", "n_right"), [(700, 30), (30, 700), (1, 1), (193, 385)])
def test_gradients_belong_to_their_factors_whichever_is_larger(n_left: int, n_right: int) -> None:
    left, right = factors(n_left, 6, 5.0), factors(n_right, 6, 5.0, seed=1)
    total, by_left, by_right = dense_sum(left.double().numpy(), right.double().numpy())
    found = NumbaEngine().sweep(left, right)
    assert found.total.item() == pytest.approx(total, rel=1e-6)
    assert found.grad_right is not None
    np.testing.assert_allclose(found.grad_left, by_left, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.grad_right, by_right, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("n_left", "n_right", "dim"), [(0, 5, 3), (5, 0, 3), (4, 5, 0)])
def test_without_pairs_or_dimensions_every_logit_is_zero(
    n_left: int, n_right: int, dim: int
) -> None:
    found = NumbaEngine().sweep(torch.zeros(n_left, dim), torch.zeros(n_right, dim))
    assert found.total.item() == pytest.approx(n_left * n_right * math.log(2.0))
    assert found.grad_left.shape == (n_left, dim)


def test_other_types_are_left_to_tiles() -> None:
    left = factors(20, 3, 5.0).double()
    ours, tiles = NumbaEngine().sweep(left, None), TileEngine().sweep(left, None)
    assert torch.equal(ours.total, tiles.total)
    assert torch.equal(ours.grad_left, tiles.grad_left)


def test_it_works_on_processors_only() -> None:
    assert NumbaEngine().unavailable(torch.device("cpu"), 10_000) is None
    assert "CPU" in (NumbaEngine().unavailable(torch.device("cuda"), 16) or "")
