"""The differentiable sum over all pairs, and the choice of the engine that computes it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from vgae.ground.errors import InputError, unknown_name
from vgae.model.kernels.engines import Engine, ReferenceEngine, TileEngine
from vgae.model.kernels.numba_engine import NumbaEngine

__all__ = ["ENGINES", "check_engine", "choose_engine", "softplus_sum", "with_gradients"]


def _triton(precision: Literal["float32", "tf32", "bf16"]) -> Callable[[], Engine]:
    def make() -> Engine:
        from vgae.model.kernels.triton_engine import TritonEngine

        return TritonEngine(precision)

    return make


ENGINES: dict[str, Callable[[], Engine]] = {
    "numba": NumbaEngine,
    "triton": _triton("float32"),
    "triton-tf32": _triton("tf32"),
    "triton-bf16": _triton("bf16"),
    "tiles": TileEngine,
    "reference": ReferenceEngine,
}
"""Constructors of engines by the name that settings and run records use."""

CPU = torch.device("cpu")


def check_engine(name: str) -> None:
    """Refuse the name of an engine that does not exist.

    Raises
    ------
    InputError
        The name is neither in `ENGINES` nor "auto".

    Examples
    --------
    >>> check_engine("tiles")
    >>> check_engine("tile")
    Traceback (most recent call last):
    vgae.InputError: unknown engine 'tile': did you mean 'tiles'? ...
    """
    if name != "auto" and name not in ENGINES:
        raise unknown_name("engine", name, [*ENGINES, "auto"])


def choose_engine(name: str, device: torch.device = CPU, *, dim: int = 1) -> Engine:
    """Return an engine by name; "auto" is the fastest exact engine that runs on the device.

    Parameters
    ----------
    name
        A name in `ENGINES`, or "auto".
    device
        The device of the factors.
    dim
        The dimension of the factors.

    Raises
    ------
    InputError
        The engine does not exist, or cannot run here.

    Examples
    --------
    >>> choose_engine("auto").name
    'numba'
    """
    check_engine(name)
    if name == "auto":
        usable = (best for best in ("numba", "triton") if _obstacle(best, device, dim) is None)
        name = next(usable, "tiles")
    reason = _obstacle(name, device, dim)
    if reason is not None:
        raise InputError(f"engine {name}: {reason}; choose another, or auto")
    return ENGINES[name]()


def _obstacle(name: str, device: torch.device, dim: int) -> str | None:
    if name.startswith("triton") and importlib.util.find_spec("triton") is None:
        return "the package triton is not installed (extra gpu)"
    try:
        return ENGINES[name]().unavailable(device, dim)
    except ImportError as error:
        return f"the package triton cannot be imported ({error})"


def softplus_sum(left: Tensor, right: Tensor | None = None, *, engine: Engine) -> Tensor:
    """Sum softplus(left_i . right_j) over all i, j, differentiably and in linear memory.

    Parameters
    ----------
    left
        Shape (n_left, dim).
    right
        Shape (n_right, dim); None means `left`, the symmetric case of an undirected graph.
    engine
        The engine that computes the sum.

    Returns
    -------
    A float64 scalar.

    Examples
    --------
    >>> round(float(softplus_sum(torch.zeros(10, 4), engine=choose_engine("auto"))), 3)
    69.315
    """
    total, grad_left, grad_right = engine.sweep(
        left.detach(), None if right is None else right.detach()
    )
    if right is None or grad_right is None:
        return with_gradients(total, (left, grad_left))
    return with_gradients(total, (left, grad_left), (right, grad_right))


def with_gradients(total: Tensor, *parts: tuple[Tensor, Tensor]) -> Tensor:
    """Attach to a number the gradients that were computed along with it.

    Parameters
    ----------
    total
        A float64 scalar.
    *parts
        The tensors that it depends on, each with its gradient.

    Returns
    -------
    The scalar, differentiable once.

    Examples
    --------
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> with_gradients((x.detach() ** 2).double(), (x, 2 * x.detach())).backward()
    >>> x.grad.item()
    6.0
    """
    tensors, gradients = zip(*parts, strict=True)
    result: Tensor = _WithGradients.apply(total, gradients, *tensors)  # type: ignore[no-untyped-call]
    return result


class _WithGradients(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        total: Tensor,
        gradients: tuple[Tensor, ...],
        *tensors: Tensor,  # noqa: ARG004 - torch notes that the total depends on them
    ) -> Tensor:
        ctx.save_for_backward(*gradients)
        return total

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_total: Tensor) -> tuple[Tensor | None, ...]:
        scaled = (gradient * grad_total.to(gradient.dtype) for gradient in ctx.saved_tensors)
        return None, None, *scaled
