"""Which engine computes the sum, and that torch's gradients pass through it."""

import importlib.util
import sys

import pytest
import torch
from pair_sums import factors
from torch.nn import functional

from vgae.ground.errors import InputError
from vgae.model.kernels import ENGINES, check_engine, choose_engine, softplus_sum, with_gradients

GPU = torch.device("cuda")


def test_auto_is_the_fastest_exact_engine_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_engine("auto").name == "numba"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_engine("auto", GPU).name == "tiles"


@pytest.mark.parametrize("name", [*ENGINES, "auto"])
def test_names_are_known(name: str) -> None:
    check_engine(name)


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(InputError, match="unknown engine 'numbra': did you mean 'numba'"):
        choose_engine("numbra")


def test_what_cannot_run_here_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="engine numba: it runs on the CPU only"):
        choose_engine("numba", GPU)
    monkeypatch.setitem(sys.modules, "vgae.model.kernels.triton_engine", None)  # its import fails
    if importlib.util.find_spec("triton") is not None:
        with pytest.raises(InputError, match="triton cannot be imported"):
            choose_engine("triton", GPU)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"triton is not installed \(extra gpu\)"):
        choose_engine("triton", GPU)


@pytest.mark.parametrize("engine", ["numba", "tiles", "reference"])
@pytest.mark.parametrize("symmetric", [True, False])
def test_gradients_are_those_of_the_definition(engine: str, symmetric: bool) -> None:
    left = factors(12, 3, 2.0).requires_grad_()
    right = None if symmetric else factors(7, 3, 2.0, seed=1).requires_grad_()
    parts = [left] if right is None else [left, right]
    expected = functional.softplus(left @ (left if right is None else right).T).sum()
    ours = softplus_sum(left, right, engine=choose_engine(engine))
    assert ours.dtype == torch.float64
    assert ours.item() == pytest.approx(expected.item(), rel=1e-6)
    # What comes after the sum scales its gradient.
    gradients = torch.autograd.grad(3.0 * ours, parts)
    for found, exact in zip(gradients, torch.autograd.grad(3.0 * expected, parts), strict=True):
        assert torch.allclose(found, exact, rtol=1e-5, atol=1e-5)


def test_given_gradients_can_be_taken_once() -> None:
    x, y = (torch.tensor(value, requires_grad=True) for value in (3.0, 5.0))
    product = with_gradients((x * y).detach().double(), (x, y.detach()), (y, x.detach()))
    by_x, by_y = torch.autograd.grad(product**2, (x, y), create_graph=True)
    assert (by_x.item(), by_y.item()) == (150.0, 90.0)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        by_x.backward()  # type: ignore[no-untyped-call]
