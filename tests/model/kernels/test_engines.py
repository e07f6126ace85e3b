"""One contract for every engine, against a dense float64 evaluation."""

import os

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from number import examples
from pair_sums import Dense, dense_sum, factors
from torch import Tensor

from vgae.ground.errors import InputError
from vgae.model.kernels import ENGINES, Engine, choose_engine, numba_engine, softplus_sum
from vgae.model.kernels.engines import TileEngine

TINY = 1e-30  # softplus(-100) is nothing in float32


def rounding(left: Dense, right: Dense) -> tuple[float, Dense, Dense]:
    """What float32 cannot tell of `dense_sum`: rounded logits and rounded terms, 3e-7 of each.

    It exceeds five digits only where products of large vectors nearly cancel in a logit, or
    terms nearly cancel in a gradient.
    """
    logits = left @ right.T
    probabilities = np.exp(-np.logaddexp(0.0, -logits))
    logit_error = np.abs(left) @ np.abs(right).T
    slopes = probabilities * (1.0 + (1.0 - probabilities) * logit_error)
    by_left, by_right = slopes @ np.abs(right), slopes.T @ np.abs(left)
    return 3e-7 * (probabilities * logit_error).sum(), 3e-7 * by_left, 3e-7 * by_right


def close(ours: Tensor | None, expected: Dense, allowed: Dense | None = None) -> None:
    """Relative error of at most 1e-5, or what float32 cannot tell."""
    assert ours is not None
    error = np.linalg.norm(ours.numpy().astype(np.float64) - expected)
    allowance = 0.0 if allowed is None else float(np.linalg.norm(allowed))
    assert error <= max(1e-5 * float(np.linalg.norm(expected)), allowance, TINY)


# Triton's interpreter is too slow for the hundreds of cases that are made up for the others; it
# takes all that the fixture is for, and those of test_triton_engine.py.
NAMES = sorted(name for name in ENGINES if not name.startswith("triton"))


@pytest.fixture(params=[*NAMES, "triton"])
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "triton":
        made: Engine = request.getfixturevalue("interpreted").TritonEngine()
        return made
    return choose_engine(request.param)


LARGEST = st.sampled_from([1e-3, 1.0, 30.0, 1e4])


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=examples(600))
@given(st.integers(1, 300), st.integers(1, 33), LARGEST, st.integers(0, 2**16))
def test_symmetric_sum_and_gradient(name: str, n: int, dim: int, largest: float, seed: int) -> None:
    vectors = factors(n, dim, largest, seed)
    wide = vectors.numpy().astype(np.float64)
    total, by_left, by_right = dense_sum(wide, wide)
    found = choose_engine(name).sweep(vectors, None)
    assert found.total.dtype == torch.float64
    allowed, allowed_left, allowed_right = rounding(wide, wide)
    assert found.total.item() == pytest.approx(total, rel=1e-5, abs=allowed + TINY)
    close(found.grad_left, by_left + by_right, allowed_left + allowed_right)
    assert found.grad_right is None


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=examples(60))
@given(st.integers(1, 90), st.integers(1, 90), LARGEST, st.integers(0, 2**16))
def test_rectangular_sum_and_gradients(
    name: str, n: int, m: int, largest: float, seed: int
) -> None:
    left, right = factors(n, 5, largest, seed), factors(m, 5, largest, seed + 1)
    wide_left, wide_right = (factor.numpy().astype(np.float64) for factor in (left, right))
    total, by_left, by_right = dense_sum(wide_left, wide_right)
    allowed, allowed_left, allowed_right = rounding(wide_left, wide_right)
    found = choose_engine(name).sweep(left, right)
    assert found.total.item() == pytest.approx(total, rel=1e-5, abs=allowed + TINY)
    close(found.grad_left, by_left, allowed_left)
    close(found.grad_right, by_right, allowed_right)


def test_gradients_have_five_digits_on_plain_vectors(engine: Engine) -> None:
    """The bar without any allowance."""
    for seed in range(10):
        for largest in (1.0, 1e2, 1e4):
            vectors = factors(200, 16, largest, seed)
            wide = vectors.numpy().astype(np.float64)
            _, by_left, by_right = dense_sum(wide, wide)
            close(engine.sweep(vectors, None).grad_left, by_left + by_right)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_extreme_logits_stay_finite_and_exact(engine: Engine, sign: float) -> None:
    left = torch.tensor([[100.0]] * 3)
    found = engine.sweep(left, sign * left)
    assert found.total.item() == pytest.approx(9e4 if sign > 0 else 0.0, rel=1e-6, abs=1e-30)
    assert found.grad_right is not None
    expected = 300.0 if sign > 0 else 0.0
    assert found.grad_right.ravel().tolist() == pytest.approx([expected] * 3, rel=1e-6, abs=1e-30)


def test_no_nodes_and_one_node(engine: Engine) -> None:
    assert engine.sweep(torch.zeros(0, 4), None).total.item() == 0.0
    assert engine.sweep(torch.zeros(1, 4), None).total.item() == pytest.approx(np.log(2.0))


def test_many_tiles_agree_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = factors(101, 6, 20.0, seed=3)
    whole = TileEngine().sweep(vectors, None)
    both = TileEngine().sweep(vectors, vectors[:57])
    monkeypatch.setattr(TileEngine, "tile_size", 8)
    tiled = TileEngine().sweep(vectors, None)
    assert tiled.total.item() == pytest.approx(whole.total.item(), rel=1e-7)
    close(tiled.grad_left, whole.grad_left.numpy().astype(np.float64))
    tiled_both = TileEngine().sweep(vectors, vectors[:57])
    assert tiled_both.grad_right is not None
    assert both.grad_right is not None
    close(tiled_both.grad_right, both.grad_right.numpy().astype(np.float64))


def test_gradient_is_the_derivative(engine: Engine) -> None:
    generator = torch.Generator().manual_seed(0)
    left, right = (
        torch.randn(n, 3, dtype=torch.float64, generator=generator, requires_grad=True)
        for n in (6, 4)
    )
    assert torch.autograd.gradcheck(lambda a: softplus_sum(a, engine=engine), (left,))
    assert torch.autograd.gradcheck(lambda a, b: softplus_sum(a, b, engine=engine), (left, right))


def test_results_repeat_to_the_bit(engine: Engine) -> None:
    vectors = factors(300, 16, 10.0, seed=0)
    first, second = (engine.sweep(vectors, None) for _ in range(2))
    assert torch.equal(first.total, second.total)
    assert torch.equal(first.grad_left, second.grad_left)


def test_what_is_not_a_number_is_not_hidden(engine: Engine) -> None:
    vectors = factors(40, 3, 1.0, seed=0)
    vectors[7, 1] = torch.nan
    assert engine.sweep(vectors, None).total.isnan()
    assert engine.sweep(vectors, vectors[:5]).total.isnan()


def test_tiny_totals_keep_their_digits(engine: Engine) -> None:
    """All logits at -20: softplus is 2e-9, and 1 + 2e-9 would be 1 in float32."""
    left = torch.full((70, 1), -4.0)
    found = engine.sweep(left, torch.full((33, 1), 5.0))
    assert found.total.item() == pytest.approx(70 * 33 * np.log1p(np.exp(-20.0)), rel=1e-5)


def test_any_strides_are_taken(engine: Engine) -> None:
    vectors = factors(6, 40, 3.0, seed=0)
    plain, strided = engine.sweep(vectors.T.contiguous(), None), engine.sweep(vectors.T, None)
    assert plain.total.item() == pytest.approx(strided.total.item(), rel=1e-7)
    close(strided.grad_left, plain.grad_left.numpy().astype(np.float64))


# 256 rows are 16 blocks, 257 are 9, 700 are 15: the shorter side may have more of them.
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="there is one core here")
@pytest.mark.parametrize("sizes", [(700, None), (700, 250), (250, 700), (256, 257), (257, 256)])
def test_numba_gives_the_same_bits_on_any_number_of_threads(
    sizes: tuple[int, int | None],
) -> None:
    left = factors(sizes[0], 16, 20.0, seed=0)
    right = None if sizes[1] is None else factors(sizes[1], 16, 20.0, seed=1)
    before = torch.get_num_threads()
    found = []
    try:
        for n_threads in (1, 2):
            torch.set_num_threads(n_threads)
            found.append(choose_engine("numba").sweep(left, right))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0].total, found[1].total)
    assert torch.equal(found[0].grad_left, found[1].grad_left)
    wide = [
        factor.numpy().astype(np.float64) for factor in (left, left if right is None else right)
    ]
    total, by_left, by_right = dense_sum(*wide)
    assert found[1].total.item() == pytest.approx(total, rel=1e-7)
    close(found[1].grad_left, by_left + by_right if right is None else by_left)
    if found[0].grad_right is not None and found[1].grad_right is not None:
        assert torch.equal(found[0].grad_right, found[1].grad_right)


@pytest.mark.parametrize("n_nodes", [3 * numba_engine.LARGEST_BLOCK, 16 * 192 + 1, 4000])
def test_blocks_of_full_size_meet_once(n_nodes: int) -> None:
    """Odd and even numbers of blocks, full and almost empty ones."""
    vectors = factors(n_nodes, 3, 5.0, seed=0)
    wide = vectors.numpy().astype(np.float64)
    total, by_left, by_right = dense_sum(wide, wide)
    found = choose_engine("numba").sweep(vectors, None)
    assert found.total.item() == pytest.approx(total, rel=1e-7)
    close(found.grad_left, by_left + by_right)


def test_engines_are_chosen_by_name_and_device() -> None:
    assert choose_engine("reference").name == "reference"
    assert choose_engine("auto").name == "numba"
    assert choose_engine("auto", torch.device("meta")).name == "tiles"
    with pytest.raises(InputError, match="did you mean 'tiles'"):
        choose_engine("tile")
    with pytest.raises(InputError, match="engine numba: it runs on the CPU only"):
        choose_engine("numba", torch.device("meta"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_an_engine_that_cannot_run_here_says_why() -> None:
    with pytest.raises(InputError, match=r"engine triton: .*; choose another, or auto"):
        choose_engine("triton")


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"the package triton is not installed \(extra gpu\)"):
        choose_engine("triton-bf16")


def test_factors_must_go_together(engine: Engine) -> None:
    for dims in ((8, 4), (4, 8)):
        with pytest.raises((ValueError, RuntimeError)):
            engine.sweep(torch.zeros(30, dims[0]), torch.zeros(30, dims[1]))


def test_wide_vectors_are_not_for_the_gpu_kernel() -> None:
    with pytest.raises(InputError, match="at most 128 dimensions"):
        choose_engine("triton", dim=129)
    assert choose_engine("auto", torch.device("meta"), dim=129).name == "tiles"
