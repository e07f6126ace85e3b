"""Closed sums over all pairs against a dense float64 evaluation of their definition."""

from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pair_sums import factors
from torch import Tensor

import vgae.model.kernels.closed as module
from vgae.model.kernels import closed_sum, with_gradients

Kind = Literal["rate", "square"]
KINDS: tuple[Kind, ...] = ("rate", "square")


def dense_closed_sum(kind: Kind, left: Tensor, right: Tensor) -> tuple[float, Tensor, Tensor]:
    scores = left @ right.T
    slopes = torch.ones_like(scores) if kind == "rate" else 2.0 * scores
    value = scores if kind == "rate" else scores**2
    return value.sum().item(), slopes @ right, slopes.T @ left


@settings(deadline=None)
@given(
    st.sampled_from(KINDS),
    st.integers(0, 300),
    st.integers(0, 300),
    st.sampled_from([0, 1, 7, 16, 65]),
    st.sampled_from([1e-12, 1.0, 1e4]),
    st.booleans(),
)
def test_value_and_gradient_are_the_definition(
    kind: Kind, n_left: int, n_right: int, dim: int, largest: float, symmetric: bool
) -> None:
    left, right = factors(n_left, dim, largest), factors(n_right, dim, largest, seed=1)
    others = left if symmetric else right
    total, by_left, by_right = dense_closed_sum(kind, left.double(), others.double())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK_ROWS", 64)
        found = closed_sum(kind, left, None if symmetric else right)
    most = largest * n_left * len(others) * (1.0 if kind == "rate" else largest)
    assert found.total.dtype == torch.float64
    assert found.total.item() == pytest.approx(total, rel=1e-9, abs=1e-12 * most)
    expected = by_left + by_right if symmetric else by_left
    assert found.grad_left.dtype == torch.float32
    scale = max(by_left.abs().max().item() if by_left.numel() else 0.0, 1e-30)
    torch.testing.assert_close(found.grad_left.double(), expected, rtol=1e-5, atol=1e-5 * scale)
    assert (found.grad_right is None) == symmetric
    if found.grad_right is not None:
        scale = max(by_right.abs().max().item() if by_right.numel() else 0.0, 1e-30)
        torch.testing.assert_close(
            found.grad_right.double(), by_right, rtol=1e-5, atol=1e-5 * scale
        )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("symmetric", [True, False])
def test_gradient_is_the_derivative(kind: Kind, symmetric: bool) -> None:
    left = factors(6, 3, 2.0).double().requires_grad_()
    right = factors(4, 3, 2.0, seed=1).double().requires_grad_()

    def total(*sides: Tensor) -> Tensor:
        found = closed_sum(kind, sides[0], None if symmetric else sides[1])
        gradients = (found.grad_left,) if symmetric else found[1:]
        return with_gradients(found.total, *zip(sides, gradients, strict=True))  # type: ignore[arg-type]

    assert torch.autograd.gradcheck(total, (left,) if symmetric else (left, right))


@pytest.mark.parametrize("kind", KINDS)
def test_bits_are_the_same_on_any_number_of_threads(kind: Kind) -> None:
    factor = factors(30_000, 33, 5.0)
    before, found = torch.get_num_threads(), []
    try:
        for n_threads in (1, 2):
            torch.set_num_threads(n_threads)
            found.append(closed_sum(kind, factor, None))
            assert torch.get_num_threads() == n_threads
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0].total, found[1].total)
    assert torch.equal(found[0].grad_left, found[1].grad_left)


@pytest.mark.parametrize("kind", KINDS)
def test_sums_are_taken_in_float64(kind: Kind) -> None:
    factor = torch.rand(100_000, 1, generator=torch.Generator().manual_seed(0))
    wide = factor.double().numpy()
    total = (wide.sum() if kind == "rate" else (wide**2).sum()) ** 2
    assert closed_sum(kind, factor, None).total.item() == pytest.approx(total, rel=1e-12)


def test_the_gradient_of_rates_takes_no_memory() -> None:
    gradient = closed_sum("rate", torch.ones(5, 3), None).grad_left
    assert gradient.stride() == (0, 1)
    np.testing.assert_array_equal(gradient, np.full((5, 3), 10.0))


def test_what_has_no_closed_sum_is_refused() -> None:
    with pytest.raises(ValueError, match="they must have as many columns"):
        closed_sum("rate", torch.ones(2, 3), torch.ones(2, 4))
    with pytest.raises(ValueError, match="no closed sum is called 'count': rate and square are"):
        closed_sum("count", torch.ones(2, 3), None)  # type: ignore[arg-type]
