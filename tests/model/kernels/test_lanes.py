"""Eight numbers at a time give what NumPy gives for each of them."""

import operator
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from vgae.model.kernels.lanes import (
    N_LANES,
    add_exponent,
    exponential_parts,
    lane_sum,
    load,
    minus_magnitude,
    multiply_add,
    not_negative,
    positive_part,
    splat,
    splat_at,
    store,
)

Floats = NDArray[np.float32]
SPECIAL = np.array([-np.inf, -2.5, -0.0, 0.0, 1e-40, 7.0, np.inf, np.nan], np.float32)


def random(seed: int) -> Floats:
    return np.random.default_rng(seed).normal(size=N_LANES).astype(np.float32)


def of_three(function: Any) -> Callable[[Floats, Floats, Floats], Floats]:
    """Call a compiled function of lanes with three arrays of eight numbers."""

    @numba.njit
    def apply(a: Any, b: Any, c: Any, result: Any) -> None:
        store(result, 0, function(load(a, 0), load(b, 0), load(c, 0)))

    def call(a: Floats, b: Floats, c: Floats) -> Floats:
        result = np.empty(N_LANES, np.float32)
        apply(a, b, c, result)
        return result

    return call


@pytest.mark.parametrize("sign", [operator.add, operator.sub, operator.mul, operator.truediv])
def test_arithmetic_is_that_of_each_lane(sign: Any) -> None:
    a, b = random(0), random(1)
    ours = of_three(numba.njit(lambda x, y, _: sign(x, y)))(a, b, b)
    np.testing.assert_array_equal(ours, sign(a, b))


def test_loads_and_stores_need_no_alignment_and_leave_neighbours_alone() -> None:
    @numba.njit
    def copy(source: Any, first: Any, target: Any, place: Any) -> None:
        store(target, place, load(source, first))

    source, target = np.arange(20, dtype=np.float32), np.full(20, -1.0, np.float32)
    copy(source, 3, target, 5)
    assert target.tolist() == [-1.0] * 5 + list(range(3, 11)) + [-1.0] * 7


def test_one_number_fills_all_lanes() -> None:
    @numba.njit
    def fill(numbers: Any, result: Any) -> None:
        store(result, 0, splat(numbers[2]))
        store(result, 8, splat_at(numbers, 1))

    result = np.empty(16, np.float32)
    fill(np.array([4, 5, 6], np.float32), result)
    assert result.tolist() == [6.0] * 8 + [5.0] * 8


def test_multiply_add_is_exact_to_one_rounding_or_two() -> None:
    a, b, c = random(0), random(1), random(2)
    ours = of_three(multiply_add_of_lanes)(a, b, c)
    exact = a.astype(np.float64) * b + c
    np.testing.assert_allclose(ours, exact, rtol=0, atol=2e-7 * float(np.abs(a * b).max() + 1))


@numba.njit
def multiply_add_of_lanes(a: Any, b: Any, c: Any) -> Any:
    return multiply_add(a, b, c)


def test_positive_parts_keep_what_is_no_number() -> None:
    ours = of_three(numba.njit(lambda x, _, __: positive_part(x)))(SPECIAL, SPECIAL, SPECIAL)
    np.testing.assert_array_equal(ours, np.maximum(SPECIAL, 0.0))
    assert np.isnan(ours[-1])


def test_choices_are_made_lane_by_lane() -> None:
    yes, no = random(0), random(1)
    ours = of_three(numba.njit(lambda x, y, z: not_negative(x, y, z)))(SPECIAL, yes, no)
    np.testing.assert_array_equal(ours, np.where(SPECIAL >= 0.0, yes, no))


def test_magnitudes_are_bounded_below() -> None:
    lowest = np.full(N_LANES, -3.0, np.float32)
    numbers = SPECIAL[:-1].tolist()
    values = np.array([*numbers, 2.0], np.float32)
    ours = of_three(numba.njit(lambda x, y, _: minus_magnitude(x, y)))(values, lowest, lowest)
    np.testing.assert_array_equal(ours, np.maximum(-np.abs(values), lowest))


@pytest.mark.parametrize("exponent", [-100, -1, 0, 1, 100])
def test_exponents_are_added_exactly(exponent: int) -> None:
    values = random(0)
    shifted = np.full(N_LANES, 1.5 * 2.0**23 + exponent, np.float32)
    ours = of_three(numba.njit(lambda x, y, _: add_exponent(x, y)))(values, shifted, shifted)
    np.testing.assert_array_equal(ours, np.ldexp(values, exponent))


def test_the_parts_of_the_exponential_are_exact_to_float32() -> None:
    @numba.njit
    def exponentials(values: Any, results: Any, less_one: Any) -> None:
        one = splat(np.float32(1.0))
        for place in range(0, values.size, N_LANES):
            f, slope, n = exponential_parts(load(values, place))
            store(results, place, add_exponent(multiply_add(slope, f, one), n))
            store(less_one, place, slope * f)

    values = np.linspace(-80.0, 0.0, 2**16, dtype=np.float32)
    results, less_one = np.empty_like(values), np.empty_like(values)
    exponentials(values, results, less_one)
    exact = np.exp(values.astype(np.float64))
    # 9.2e-8 of the polynomial and the rounding of the result; log2(e) is off by 1.3e-8 of itself.
    assert (np.abs(results / exact - 1.0) < 2e-7 + 1.5e-8 * np.abs(values)).all()
    assert results[-1] == 1.0
    # Near 0, exp(x) - 1 keeps its digits.
    values = -np.geomspace(1e-12, 0.34, 2**10).astype(np.float32)
    exponentials(values, results, less_one)
    assert (np.abs(less_one[: 2**10] / np.expm1(values.astype(np.float64)) - 1.0) < 1e-6).all()


def test_sums_of_lanes() -> None:
    add_up = numba.njit(lambda array: lane_sum(load(array, 0)))
    assert add_up(2.0 ** np.arange(8, dtype=np.float32)) == 255.0
    values = random(0)
    assert add_up(values) == pytest.approx(values.astype(np.float64).sum(), abs=1e-6)
    assert add_up(values) == add_up(values.copy())
