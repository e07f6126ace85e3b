"""The engine for GPUs, without one: run by Triton's interpreter, and compiled."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
import torch
from pair_sums import Dense, dense_sum, factors
from torch import Tensor

from vgae.model.kernels import PairSum, softplus_sum
from vgae.model.kernels.engines import TileEngine

pytest.importorskip("triton", reason="triton, which the engine for GPUs needs, is not installed")

LARGEST = [1e-3, 1.0, 30.0, 1e4]


def exact(left: Tensor, right: Tensor) -> tuple[float, Dense, Dense]:
    """The definition, in float64."""
    return dense_sum(*(factor.numpy().astype(np.float64) for factor in (left, right)))


def error(ours: Tensor | None, expected: Dense) -> float:
    """Relative to the norm of what is expected."""
    assert ours is not None
    difference = float(np.linalg.norm(ours.numpy().astype(np.float64) - expected))
    return difference / max(float(np.linalg.norm(expected)), 1e-30)


def check(found: PairSum, left: Tensor, right: Tensor | None, digits: float = 1e-5) -> None:
    total, by_left, by_right = exact(left, left if right is None else right)
    assert found.total.dtype == torch.float64
    assert found.total.shape == ()
    assert found.total.item() == pytest.approx(total, rel=digits, abs=0.0)
    if right is None:
        assert found.grad_right is None
        assert error(found.grad_left, by_left + by_right) <= digits
    else:
        assert error(found.grad_left, by_left) <= digits
        assert error(found.grad_right, by_right) <= digits


@pytest.mark.parametrize("largest", LARGEST)
@pytest.mark.parametrize(
    ("n_nodes", "dim"), [(0, 3), (1, 1), (2, 3), (17, 16), (65, 33), (200, 16), (200, 64)]
)
def test_symmetric_sum_and_gradient(
    interpreted: Any, n_nodes: int, dim: int, largest: float
) -> None:
    vectors = factors(n_nodes, dim, largest)
    check(interpreted.TritonEngine().sweep(vectors, None), vectors, None)


@pytest.mark.parametrize("largest", LARGEST)
@pytest.mark.parametrize("sizes", [(1, 200), (200, 2), (65, 17), (0, 5), (5, 0)])
def test_rectangular_sum_and_gradients(
    interpreted: Any, sizes: tuple[int, int], largest: float
) -> None:
    left, right = (factors(n, 5, largest, seed) for seed, n in enumerate(sizes))
    check(interpreted.TritonEngine().sweep(left, right), left, right)


def test_long_rows_agree_with_parts_of_them(
    interpreted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several chunks of tiles and a last tile that is not full, in one program and in many."""
    left, right = factors(3, 4, 10.0), factors(2 * 512 + 75, 4, 10.0, seed=1)
    parts = interpreted.TritonEngine().sweep(left, right)
    monkeypatch.setattr(interpreted, "ENOUGH_PROGRAMS", 1)
    whole = interpreted.TritonEngine().sweep(left, right)
    for found in (parts, whole):
        check(found, left, right, digits=1e-6)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_extreme_logits_stay_finite_and_exact(interpreted: Any, sign: float) -> None:
    left = torch.tensor([[100.0]] * 3)
    found = interpreted.TritonEngine().sweep(left, sign * left)
    assert found.total.item() == pytest.approx(9e4 if sign > 0 else 0.0, rel=1e-6, abs=1e-30)
    expected = 300.0 if sign > 0 else 0.0
    for gradient in (found.grad_left, sign * found.grad_right):
        assert gradient.ravel().tolist() == pytest.approx([expected] * 3, rel=1e-6, abs=1e-30)


@pytest.mark.parametrize("logit", [-0.5, -2.0, -9.0, -27.0])
def test_totals_of_negative_logits_keep_their_digits(interpreted: Any, logit: float) -> None:
    """Down to 1e-9, which a float32 number near 1 could not hold."""
    left = torch.linspace(1.0, 1.1, 20)[:, None]
    right = logit * torch.linspace(1.0, 1.05, 33)[:, None]
    check(interpreted.TritonEngine().sweep(left, right), left, right)


def test_not_a_number_is_not_hidden(interpreted: Any) -> None:
    clean = factors(40, 3, 1.0)
    spoilt = clean.clone()
    spoilt[37, 1] = torch.nan
    for precision in ("float32", "tf32", "bf16"):
        engine = interpreted.TritonEngine(precision)
        for pair in ((spoilt, None), (spoilt, clean), (clean, spoilt)):
            assert engine.sweep(*pair).total.isnan()


def test_results_repeat_to_the_bit(interpreted: Any) -> None:
    vectors = factors(150, 16, 10.0)
    first, second = (interpreted.TritonEngine().sweep(vectors, None) for _ in range(2))
    assert torch.equal(first.total, second.total)
    assert torch.equal(first.grad_left, second.grad_left)


def test_strided_factors_are_read_as_they_are(interpreted: Any) -> None:
    vectors = factors(32, 64, 10.0).T[:, ::2]
    check(interpreted.TritonEngine().sweep(vectors, None), vectors, None)


@pytest.mark.parametrize("scale", [1.0, -2.0])
def test_gradient_reaches_the_factors(interpreted: Any, scale: float) -> None:
    left, right = factors(6, 3, 2.0).requires_grad_(), factors(4, 3, 2.0, seed=1).requires_grad_()
    total = scale * softplus_sum(left, right, engine=interpreted.TritonEngine())
    gradients = torch.autograd.grad(total, (left, right))
    _, *expected = exact(left.detach(), right.detach())
    for ours, theirs in zip(gradients, expected, strict=True):
        assert error(ours, scale * theirs) <= 1e-5


def test_what_is_not_float32_or_too_wide_is_left_to_tiles(interpreted: Any) -> None:
    for vectors in (factors(20, 4, 5.0).double(), factors(20, 129, 5.0)):
        for right in (None, vectors[:7]):
            ours = interpreted.TritonEngine().sweep(vectors, right)
            theirs = TileEngine().sweep(vectors, right)
            assert ours.grad_left.dtype == vectors.dtype
            assert torch.equal(ours.total, theirs.total)
            assert torch.equal(ours.grad_left, theirs.grad_left)


# What the docstring of the engine promises, of totals and gradients.
PROMISED = {"tf32": (2e-5, 3e-3), "bf16": (1e-4, 1e-2)}


@pytest.mark.parametrize("precision", sorted(PROMISED))
@pytest.mark.parametrize("largest", [1e-3, 1.0, 30.0, 1e3])
def test_low_precision_is_as_good_as_promised(
    interpreted: Any, precision: str, largest: float
) -> None:
    """The interpreter rounds both factors as the engine does; of tf32, not the probabilities."""
    vectors = factors(200, 16, largest)
    found = interpreted.TritonEngine(precision).sweep(vectors, None)
    total, by_left, by_right = exact(vectors, vectors)
    of_total, of_gradient = PROMISED[precision]
    assert found.total.item() == pytest.approx(total, rel=of_total)
    assert 1e-5 < error(found.grad_left, by_left + by_right) < of_gradient


@pytest.mark.parametrize("largest", [1e-3, 1.0, 30.0, 1e3])
def test_tensor_cores_that_drop_bits_keep_the_promise(interpreted: Any, largest: float) -> None:
    """Probabilities in tf32 as tensor cores take them: 13 bits dropped, and not rounded away."""
    vectors = factors(200, 16, largest)
    engine = interpreted.TritonEngine("tf32")
    rows, columns = (
        engine._operand(factor, 16, 1).double().numpy()
        for factor in (vectors * np.log2(np.e), vectors)
    )
    bits = (1.0 / (1.0 + np.exp2(-rows @ columns.T))).astype(np.float32).view(np.int32)
    probabilities = (bits & -(2**13)).view(np.float32).astype(np.float64)
    _, by_left, _ = exact(vectors, vectors)
    assert error(torch.from_numpy(probabilities @ columns), by_left) < PROMISED["tf32"][1]


def test_where_it_can_run(interpreted: Any, compiled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    processor, gpu = torch.device("cpu"), torch.device("cuda")
    assert interpreted.TritonEngine().unavailable(processor, 16) is None
    assert "at most 128" in interpreted.TritonEngine().unavailable(processor, 129)
    assert "interpreter" in interpreted.TritonEngine().unavailable(gpu, 16)
    assert "GPU alone" in compiled.TritonEngine().unavailable(processor, 16)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "no GPU" in compiled.TritonEngine().unavailable(gpu, 16)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 5))
    assert "8.0" in compiled.TritonEngine().unavailable(gpu, 16)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    assert compiled.TritonEngine().unavailable(gpu, 16) is None


def machine_code(module: Any, precision: str, dim: int) -> Any:
    """The kernel as compiled for Hopper, for which no GPU is needed."""
    triton: Any = importlib.import_module("triton")
    compiler: Any = importlib.import_module("triton.backends.compiler")
    kernel = module._row_pass
    if not isinstance(triton.language.sum, triton.JITFunction):
        pytest.skip("TRITON_INTERPRET was set when triton was imported: it cannot compile now")
    row_block, n_warps = module._shape(precision, dim)
    constants = {
        "dim": dim,
        "row_block": row_block,
        "column_block": module.COLUMN_BLOCK,
        "tiles_a_chunk": module.TILES_A_CHUNK,
        "input_precision": module._input_precision(precision),
        "rounded": triton.language.bfloat16 if precision == "bf16" else triton.language.float32,
    }
    operand = "*bf16" if precision == "bf16" else "*fp32"
    types = {"rows": operand, "columns": operand, "gradient": "*fp32", "totals": "*fp64"}
    types |= dict.fromkeys(["n_columns", "part", "n_rows"], "i32")
    types |= dict.fromkeys(constants, "constexpr")
    aligned = ["rows", "columns", "gradient", "totals", "part", "n_rows"]
    places = {name: (place,) for place, name in enumerate(kernel.arg_names)}
    source = triton.compiler.ASTSource(
        fn=kernel,
        signature={name: types[name] for name in kernel.arg_names},
        constexprs={places[name]: constant for name, constant in constants.items()},
        attrs={places[name]: [["tt.divisibility", 16]] for name in aligned},
    )
    options = {
        "num_warps": n_warps,
        "num_stages": module.N_STAGES,
        "enable_fp_fusion": True,
    }
    return triton.compile(source, target=compiler.GPUTarget("cuda", 90, 32), options=options)


@pytest.mark.parametrize("dim", [16, 128])
@pytest.mark.parametrize("precision", ["float32", "tf32", "bf16"])
def test_compiles_for_hopper(compiled: Any, precision: str, dim: int) -> None:
    """The compiler refuses what the interpreter runs; and every precision is for tensor cores."""
    code = machine_code(compiled, precision, dim)
    assert "mma" in code.asm["ptx"]
    assert "atom." not in code.asm["ptx"]
    # An A100 has more, the GPUs of desktops no more.
    assert code.metadata.shared <= 99 * 1024
